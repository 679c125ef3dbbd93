//! The signing schemes, a file each. This list knows its members.

mod bunny;
mod cloudfront;
mod cloudimage;
mod cloudinary;
mod edge_auth;
mod fastly;
mod foreign;
mod foreign_advice;
mod form;
mod gcs;
mod image_kit;
mod imgix;
mod imgproxy;
mod native;
#[cfg(test)]
mod one_path;
mod post_policy;
mod s3;
mod signed_query;
mod storage_advice;
mod thumbor;
mod v2;
mod v4;

use domain::Timestamp;

pub use self::cloudimage::cloudimage_operations;
use self::form::{Form, PostedForm};
use self::native::Dialect;
pub use self::signed_query::signed_query;
use crate::constraints::Constraints;
use crate::request::{PostForm, Request, Target};
use crate::verdict::{Check, Clerk, Listener, Nobody, Refusal, Verified, Witness};
use crate::verifier::Verifier;
use crate::{DeliveryUrl, Error, Policy, Scheme, SigningKey};

/// What is said of a URL that is bound to an address, where a person has it judged who gave none.
const NO_ADDRESS: &str = "No address was given to judge it by: from one of those that it names it is let in.";

/// Everything about a verdict, for people who have the right to see it. Never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The scheme that the request is read by; native where it bears no mark.
    pub scheme: Scheme,
    /// The verdict.
    pub verdict: Result<Verified, Error>,
    /// The texts that a signature may stand for.
    pub signed_texts: Vec<String>,
    /// Each check that was made.
    pub checks: Vec<Check>,
    /// The first thing to do about a refusal; none where it was accepted.
    pub advice: Option<String>,
}

/// Signs a delivery URL or path (with or without a query; an old `sig` goes): returns path, query and `sig`,
/// or the whole URL where one was given. `expires_s` in unix seconds replaces an `exp`; constraints that stand in the
/// query already are signed as they are.
///
/// Path and query keep their bytes, so for one that is already encoded the result is what Cloudflare's documented
/// JavaScript makes of it. Without `exp` the text is the path and `?`, as there. Refused is what [`verify`] would
/// refuse for its form, and as [`Error::UnknownKey`] a URL whose `s-kid` names another key.
pub fn sign(url: &str, key: &SigningKey, expires_s: Option<i64>) -> Result<String, Error> {
    native::sign(url, key, &Constraints::until(expires_s))
}

/// As [`sign`], with any constraints; each replaces the one of its name in the query, and [`Error::MalformedParam`]
/// says that one is not as the grammar has it.
///
/// With `prefix_segments` the URL may also be that of a folder (`/account/album/`): its query, put after any URL below,
/// opens that. [`Error::PathNotAllowed`] says that the path is not so deep.
pub fn sign_with(url: &str, key: &SigningKey, constraints: &Constraints) -> Result<String, Error> {
    native::sign(url, key, constraints)
}

/// Narrows a signed URL without its key: the result demands all that it did, and these constraints too. It is bound to
/// the path that is given, or to a prefix of it. [`Error::MalformedParam`] where it was narrowed four times already,
/// or where a constraint is malformed or one that only the holder of the key may set.
pub fn narrow(url: &str, constraints: &Constraints) -> Result<String, Error> {
    native::narrow(url, constraints)
}

/// Verifies the signature of a delivery URL against an account's native keys: [`verify_request`] by a caller that
/// knows nothing of the request but its URL, and counts no uses. A URL that demands more is refused as
/// [`Error::UnknownConstraint`].
pub fn verify(
    url: &DeliveryUrl,
    keys: &[SigningKey],
    policy: &Policy,
    now: Timestamp,
) -> Result<Verified, Error> {
    native::judge_url(url, &Verifier::native(keys, policy), now, &mut Nobody)
}

/// Verifies and says how the verdict came about: the same walk as [`verify`], with someone who listens.
pub fn explain(url: &DeliveryUrl, keys: &[SigningKey], policy: &Policy, now: Timestamp) -> Explanation {
    let (verifier, mut listener) = (Verifier::native(keys, policy), Listener::default());
    let verdict = native::judge_url(url, &verifier, now, &mut listener);
    let advice = verdict.as_ref().err().map(|&error| native::advice(error, url, keys, policy, now));
    Explanation::of(Scheme::Native, verdict, listener, advice)
}

/// Verifies the right to a request, in the order of signing-schemes 0. The scheme is told by its marks, and no other is
/// tried.
///
/// The keys are all that the account has, retired and revoked ones too, so that a URL which names one of these is
/// told from one that names none. A native URL is accepted without an allocation where nothing is percent-encoded in
/// a control value and no uses are counted.
///
/// That the signature opens an image of the account which the keys belong to is for the caller to see to.
pub fn verify_request(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
) -> Result<Verified, Error> {
    if let Some(verified) = native::accept_stock(request, verifier, now) {
        return Ok(verified);
    }
    judge(Form::of(request, verifier)?, request, verifier, now, &mut Nobody)
}

/// As [`verify_request`], with who signed what is refused, where that is proved: for the log of whoever delivers.
pub fn judge_request(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    if let Some(verified) = native::accept_stock(request, verifier, now) {
        return Ok(verified);
    }
    let mut clerk = Clerk::default();
    let verdict =
        Form::of(request, verifier).and_then(|form| judge(form, request, verifier, now, &mut clerk));
    verdict.map_err(|error| Refusal { error, signer: clerk.signer.map(Box::new) })
}

/// Verifies a request and says how the verdict came about: the same walk as [`verify_request`].
pub fn explain_request(request: &Request<'_>, verifier: &Verifier<'_>, now: Timestamp) -> Explanation {
    let mut listener = Listener::default();
    let form = listener.step("scheme", Form::of(request, verifier), |form| {
        format!("The request is signed by the scheme {}.", form.scheme().name())
    });
    let scheme = form.map_or(Scheme::Native, Form::scheme);
    let verdict = form.and_then(|form| judge(form, request, verifier, now, &mut listener));
    foreign_advice::advise(scheme, &verdict, &mut listener);
    let advice = verdict.as_ref().err().map(|&error| match request.target {
        _ if error == Error::IpMismatch && request.client_ip.is_none() => NO_ADDRESS.to_owned(),
        Target::Delivery(url) if scheme == Scheme::Native => {
            native::advice(error, url, verifier.keys, verifier.policy, now)
        }
        _ => listener.advice.take().unwrap_or_else(|| error.advice().to_owned()),
    });
    Explanation::of(scheme, verdict, listener, advice)
}

/// Verifies a form that a browser posts.
pub fn verify_form(form: &PostForm<'_>, verifier: &Verifier<'_>, now: Timestamp) -> Result<Verified, Error> {
    judge_form(PostedForm::of(form, verifier.schemes)?, form, verifier, now, &mut Nobody)
}

/// As [`verify_form`], with who signed what is refused, where that is proved.
pub fn judge_posted(
    form: &PostForm<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let mut clerk = Clerk::default();
    let posted = PostedForm::of(form, verifier.schemes);
    let verdict = posted.and_then(|posted| judge_form(posted, form, verifier, now, &mut clerk));
    verdict.map_err(|error| Refusal { error, signer: clerk.signer.map(Box::new) })
}

/// Verifies a posted form and says how the verdict came about.
pub fn explain_form(form: &PostForm<'_>, verifier: &Verifier<'_>, now: Timestamp) -> Explanation {
    let mut listener = Listener::default();
    let posted = listener.step("scheme", PostedForm::of(form, verifier.schemes), |posted| {
        format!("The form is signed by the scheme {}.", posted.scheme().name())
    });
    let scheme = posted.map_or(Scheme::S3, PostedForm::scheme);
    let verdict = posted.and_then(|posted| judge_form(posted, form, verifier, now, &mut listener));
    let advice = verdict.as_ref().err().map(|error| {
        let own = listener.advice.take();
        own.unwrap_or_else(|| error.advice().to_owned())
    });
    Explanation::of(scheme, verdict, listener, advice)
}

impl Verifier<'_> {
    /// The scheme that a request is read by, told by its marks alone: nothing of it is verified.
    /// [`Error::MissingSignature`] where it bears no mark, [`Error::SchemeDisabled`] where only one of a scheme that is
    /// switched off.
    pub fn scheme_of(&self, request: &Request<'_>) -> Result<Scheme, Error> {
        Form::of(request, self).map(Form::scheme)
    }

    /// The same of a form that a browser posts.
    pub fn scheme_of_form(&self, form: &PostForm<'_>) -> Result<Scheme, Error> {
        PostedForm::of(form, self.schemes).map(PostedForm::scheme)
    }
}

/// The list: each form and who judges it.
fn judge(
    form: Form,
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    match form {
        Form::Native => native::judge(request, verifier, now, Dialect::Native, witness),
        Form::NativeCookie => native::judge_cookies(request, verifier, now, witness),
        Form::Generic => native::judge(request, verifier, now, Dialect::Generic, witness),
        Form::CloudimageSign => cloudimage::judge_sign(request, verifier, now, witness),
        Form::CloudimageSeal => cloudimage::judge_seal(request, verifier, now, witness),
        Form::CloudFront => cloudfront::judge(request, verifier, now, witness),
        Form::CloudFrontCookie => cloudfront::judge_cookie(request, verifier, now, witness),
        Form::S3Header => s3::judge_header(request, verifier, now, witness),
        Form::S3Presigned => s3::judge_presigned(request, verifier, now, witness),
        Form::S3V2 => s3::judge_v2(request, verifier, now, witness),
        Form::GcsHeader => gcs::judge_header(request, verifier, now, witness),
        Form::GcsV4 => gcs::judge_v4(request, verifier, now, witness),
        Form::GcsV2 => gcs::judge_v2(request, verifier, now, witness),
        Form::Imgproxy => imgproxy::judge(request, verifier, now, witness),
        Form::Thumbor => thumbor::judge(request, verifier, now, witness),
        Form::Imgix => imgix::judge(request, verifier, now, witness),
        Form::Bunny => bunny::judge(request, verifier, now, witness),
        Form::Fastly => fastly::judge(request, verifier, now, witness),
        Form::EdgeAuth => edge_auth::judge(request, verifier, now, witness),
        Form::ImageKit => image_kit::judge(request, verifier, now, witness),
        Form::Cloudinary => cloudinary::judge(request, verifier, now, witness),
    }
}

/// The list of posted forms.
fn judge_form(
    posted: PostedForm,
    form: &PostForm<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    match posted {
        PostedForm::S3 => s3::judge_post(form, verifier, now, witness),
        PostedForm::Gcs => gcs::judge_post(form, verifier, now, witness),
    }
}

impl Explanation {
    fn of(
        scheme: Scheme,
        verdict: Result<Verified, Error>,
        listener: Listener,
        advice: Option<String>,
    ) -> Self {
        Explanation { scheme, verdict, signed_texts: listener.texts, checks: listener.checks, advice }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::{Secret, SigningKeyId};
    use proptest::prelude::*;

    use super::*;
    use crate::KeyState;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn key(secret: &str) -> SigningKey {
        SigningKey::new(SigningKeyId::default_key(), Secret::new(secret), KeyState::Active)
    }

    fn verdict(target: &str, keys: &[SigningKey]) -> Result<Verified, Error> {
        verify(&DeliveryUrl::parse(target)?, keys, &Policy::default(), NOW)
    }

    /// Delivery URLs that a caller may want signed.
    fn signable() -> impl Strategy<Value = String> {
        "(/cdn-cgi/imagedelivery)?(/([A-Za-z0-9_.+=,:~-]|%20|%C3%A4){1,12}x){3,5}(\\?([a-d]=?[a-z0-9%+?=]{0,4}&?){0,6})?"
    }

    /// Constraints that hold for [`shown`].
    fn constraints() -> impl Strategy<Value = Constraints> {
        let list = |good: &'static str, others: &'static str| {
            prop::option::of(prop::collection::vec(others, 0..3)).prop_map(move |others| match others {
                Some(others) => others.into_iter().chain([good.to_owned()]).collect(),
                None => Vec::new(),
            })
        };
        let lists = (
            list("mobile", "[A-Za-z0-9_-]{1,9}"),
            list("203.0.113.0/24", "10\\.[0-9]\\.[1-9][0-9]\\.1"),
            list("*.shop.example", "[a-z]{1,9}\\.example|-"),
        );
        let texts = (prop::option::of("[A-Za-z0-9._@:-]{1,64}"), prop::option::of("[A-Za-z0-9._-]{8,64}"));
        (lists, texts, prop::option::of(-9_i64..=0), any::<bool>()).prop_map(
            |((variants, networks, referers), (subject, token_id), begin, is_bound)| Constraints {
                not_before_s: begin.map(|begin| NOW.as_seconds() + begin),
                variants,
                networks,
                referers,
                subject,
                session: is_bound.then(|| Constraints::session_of("a session")),
                token_id,
                ..Constraints::default()
            },
        )
    }

    /// The verdict on a request for a URL.
    fn shown(target: &str, keys: &[SigningKey]) -> Result<Verified, Error> {
        let headers = BTreeMap::from([
            ("referer".to_owned(), "https://www.shop.example/page".to_owned()),
            ("cookie".to_owned(), "imgsess=a session; a=b".to_owned()),
        ]);
        let client_ip = Some("203.0.113.7".parse().unwrap());
        let request = Request { headers: &headers, client_ip, ..Request::get(Target::Raw(target)) };
        let policy = Policy::default();
        verify_request(&request, &Verifier::native(keys, &policy), NOW)
    }

    #[test]
    fn a_refusal_names_who_signed_where_that_is_proved() {
        let (keys, policy) = ([key("t3stSigningKey0123456789")], Policy::default());
        let verifier = Verifier::native(&keys, &policy);
        let refusal = |target: &str| {
            judge_request(&Request::get(Target::Raw(target)), &verifier, NOW).expect_err("is refused")
        };
        let constraints = Constraints {
            subject: Some("ada".into()),
            token_id: Some("link-0001".into()),
            ..Constraints::until(Some(NOW.as_seconds() - 1))
        };
        let ended = sign_with("/a/b/c", &keys[0], &constraints).unwrap();
        let Refusal { error, signer } = refusal(&ended);
        let signer = signer.expect("the signature is right");
        let names = [signer.subject, signer.token_id].map(|text| text.unwrap().as_str().to_owned());
        assert_eq!(
            (error, signer.key.as_str(), names),
            (Error::Expired, "default", ["ada".into(), "link-0001".into()])
        );
        let forged = ended.replace("ada", "bob");
        assert_eq!(refusal(&forged), Refusal { error: Error::BadSignature, signer: None });
        assert_eq!(refusal("/a/b/c"), Refusal { error: Error::MissingSignature, signer: None });
    }

    proptest! {
        #[test]
        fn a_signed_url_passes_and_with_any_byte_changed_is_refused(
            url in signable(),
            place in any::<prop::sample::Index>(),
            byte in 0x20_u8..=0x7F,
            life_s in 1_i64..1_000_000,
        ) {
            let keys = [key("another key"), key("t3stSigningKey0123456789")];
            let exp = NOW.as_seconds() + life_s;
            let signed = sign(&url, &keys[1], Some(exp)).unwrap();
            prop_assert_eq!(verdict(&signed, &keys).unwrap().expires_s, Some(exp));
            prop_assert_eq!(sign(&signed, &keys[1], None).unwrap(), signed.as_str());

            let mut changed = signed.clone().into_bytes();
            let place = place.index(changed.len());
            prop_assume!(changed[place] != byte);
            changed[place] = byte;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert!(verdict(&changed, &keys).is_err(), "{} became {}", signed, changed);
        }

        #[test]
        fn any_query_gets_a_verdict_and_the_same_explanation(
            query in "((exp|sig|s-(kid|nbf|iat|at|pfx|var|ip|ref|sub|cnf|jti|uses|x)|utm_a|%73ig)?(=|&|%|,|1|0|::/0|17900036[0-9]{2}|[0-9a-f]{64}|default|\\PC)){0,12}",
            (require_exp, moved_urls) in any::<(bool, bool)>(),
        ) {
            let Ok(url) = DeliveryUrl::parse(&format!("/cdn-cgi/imagedelivery/a/b/c?{query}")) else { return Ok(()) };
            let policy = Policy { require_exp, moved_urls, ignore_params: vec!["utm_*".into()], leeway_s: 1, ..Policy::default() };
            let keys = [key("t3stSigningKey0123456789")];
            let explanation = explain(&url, &keys, &policy, NOW);
            prop_assert_eq!(&verify(&url, &keys, &policy, NOW), &explanation.verdict);
            prop_assert!(explanation.verdict.is_err() && explanation.advice.is_some());
        }

        #[test]
        fn a_token_passes_where_its_constraints_hold_and_with_any_byte_changed_is_refused(
            constraints in constraints(),
            blocks in prop::collection::vec(constraints(), 0..=4),
            place in any::<prop::sample::Index>(),
            edit in prop_oneof![Just(None), (0x20_u8..=0x7F).prop_map(Some)],
            is_doubled: bool,
        ) {
            let keys = [key("another key"), key("t3stSigningKey0123456789")];
            let ends = Constraints { expires_s: Some(NOW.as_seconds() + 9), ..constraints };
            let mut signed = sign_with("/acct/albums/beach/mobile", &keys[1], &ends).unwrap();
            for block in blocks {
                signed = narrow(&signed, &block).unwrap();
            }
            prop_assert!(shown(&signed, &keys).is_ok(), "{}: {:?}", signed, shown(&signed, &keys));

            let mut changed = signed.clone().into_bytes();
            let place = place.index(changed.len());
            match edit {
                Some(byte) => changed[place] = byte,
                None if is_doubled => changed.insert(place, changed[place]),
                None => drop(changed.remove(place)),
            }
            let changed = String::from_utf8(changed).unwrap();
            prop_assume!(changed != signed);
            prop_assert!(shown(&changed, &keys).is_err(), "{} became {}", signed, changed);
        }

        #[test]
        fn any_cookies_get_a_verdict(cookies in "(imgtoken(-[a-z])?|imgsess|;| |=|&|s-pfx=1|exp=9|sig=[0-9a-f]{64}|\\PC){0,12}") {
            let keys = [key("t3stSigningKey0123456789")];
            let headers = BTreeMap::from([("cookie".to_owned(), cookies)]);
            let request = Request { headers: &headers, ..Request::get(Target::Raw("/a/b/c")) };
            let policy = Policy::default();
            let verifier = Verifier::native(&keys, &policy);
            let explanation = explain_request(&request, &verifier, NOW);
            prop_assert_eq!(&verify_request(&request, &verifier, NOW), &explanation.verdict);
            prop_assert!(explanation.verdict.is_err() && explanation.advice.is_some());
        }
    }
}
