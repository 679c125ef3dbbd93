//! Other services' URLs, signed here as the services' own libraries sign: what is signed passes, and with any byte
//! changed it is refused. Needs nothing beside the clone.

#![expect(clippy::unwrap_used, reason = "a key that does not read is a failed test")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::{SigningKeyId, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use proptest::prelude::*;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use signing::{
    Carrier, Covers, Error, Headers, KeyMaterial, KeyState, Policy, Request, Revoked, Scheme, SchemeSet,
    SchemeSettings, Target, Verified, Verifier, VerifyingKey, explain_request, verify_request,
};

const NOW_S: i64 = 1_790_000_000;
const EXPIRY: &str = "1790000600";
/// Hex digits, so that it is a key of every scheme.
const SECRET: &str = "74686973206973206e6f7420736563726574";
const SALT: &str = "70657070657221";

/// Every scheme and form that is verified for other services.
const FORMS: [Form; 12] = [
    Form::CloudimageSign,
    Form::CloudimageSeal,
    Form::Imgproxy,
    Form::Thumbor,
    Form::Imgix,
    Form::Bunny,
    Form::BunnyDirectory,
    Form::BunnyLegacy,
    Form::EdgeAuth,
    Form::ImageKit,
    Form::Cloudinary,
    Form::Fastly,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    CloudimageSign,
    CloudimageSeal,
    Imgproxy,
    Thumbor,
    Imgix,
    Bunny,
    BunnyDirectory,
    BunnyLegacy,
    EdgeAuth,
    ImageKit,
    Cloudinary,
    Fastly,
}

impl Form {
    fn scheme(self) -> Scheme {
        match self {
            Form::CloudimageSign | Form::CloudimageSeal => Scheme::Cloudimage,
            Form::Imgproxy => Scheme::Imgproxy,
            Form::Thumbor => Scheme::Thumbor,
            Form::Imgix => Scheme::Imgix,
            Form::Bunny | Form::BunnyDirectory | Form::BunnyLegacy => Scheme::Bunny,
            Form::EdgeAuth => Scheme::EdgeAuth,
            Form::ImageKit => Scheme::ImageKit,
            Form::Cloudinary => Scheme::Cloudinary,
            Form::Fastly => Scheme::Fastly,
        }
    }

    /// Whether what it signs ends.
    fn expires(self) -> bool {
        use Form::{CloudimageSeal, CloudimageSign, Cloudinary, Thumbor};
        !matches!(self, CloudimageSign | CloudimageSeal | Thumbor | Cloudinary)
    }

    /// Signs a path that begins with a slash, and a parameter that is due where the form has a query.
    fn sign(self, path: &str) -> String {
        let rest = &path[1..];
        match self {
            Form::CloudimageSign => {
                let sig = &hex(Sha1::digest(format!("{SECRET}{path}?w=4")))[..18];
                format!("/v7{path}?ci_sign={sig}&w=4")
            }
            Form::CloudimageSeal => {
                let eqs = URL_SAFE_NO_PAD.encode("w=4");
                format!("{path}?ci_eqs={eqs}&ci_seal={}", hex(Sha1::digest(format!("{path}{eqs}{SECRET}"))))
            }
            Form::Imgproxy => {
                let text = format!("/exp:{EXPIRY}/plain{path}");
                let salted = [&hex::decode(SALT).unwrap()[..], text.as_bytes()].concat();
                format!(
                    "/{}{text}",
                    URL_SAFE_NO_PAD.encode(sha256_mac(&hex::decode(SECRET).unwrap(), &salted))
                )
            }
            Form::Thumbor => format!("/{}{path}", URL_SAFE.encode(sha1_mac(SECRET.as_bytes(), rest))),
            Form::Imgix => {
                let text = format!("{path}?w=4&expires={EXPIRY}");
                format!("{text}&s={}", hex(Md5::digest(format!("{SECRET}{text}"))))
            }
            Form::Bunny => {
                let mac = sha256_mac(SECRET.as_bytes(), format!("{path}{EXPIRY}w=4").as_bytes());
                format!("{path}?token=HS256-{}&w=4&expires={EXPIRY}", URL_SAFE_NO_PAD.encode(mac))
            }
            Form::BunnyDirectory => {
                let mac = sha256_mac(SECRET.as_bytes(), format!("{path}{EXPIRY}w=4").as_bytes());
                format!("/bcdn_token=HS256-{}&w=4&expires={EXPIRY}{path}", URL_SAFE_NO_PAD.encode(mac))
            }
            Form::BunnyLegacy => {
                let hash = Sha256::digest(format!("{SECRET}{path}{EXPIRY}w=4"));
                format!("{path}?token={}&w=4&expires={EXPIRY}", URL_SAFE_NO_PAD.encode(hash))
            }
            Form::EdgeAuth => {
                let text = format!("exp={EXPIRY}~data=a~url={path}");
                let mac = sha256_mac(&hex::decode(SECRET).unwrap(), text.as_bytes());
                format!("{path}?__token__=exp={EXPIRY}~data=a~hmac={}", hex(mac))
            }
            Form::ImageKit => {
                let mac = sha1_mac(SECRET.as_bytes(), &format!("{rest}?w=4{EXPIRY}"));
                format!("{path}?w=4&ik-t={EXPIRY}&ik-s={}", hex(mac))
            }
            Form::Cloudinary => {
                let sig = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{rest}{SECRET}")));
                format!("/cloud/image/upload/s--{}--/v7{path}", &sig[..32])
            }
            Form::Fastly => {
                let mac = sha1_mac(&STANDARD.decode(SECRET).unwrap(), &format!("{path}{EXPIRY}"));
                format!("{path}?token={EXPIRY}_{}", hex(mac))
            }
        }
    }

    /// Where what is signed begins in what [`Form::sign`] gives.
    fn signed_from(self) -> usize {
        if self == Form::Cloudinary { "/cloud/image/upload/".len() } else { 0 }
    }

    /// Whether a changed byte leaves what was signed as it is, by the scheme's own rules: it stands in a version, which
    /// Cloudinary does not sign, or makes two of a seal of Cloudimage, whose first characters, as many as the account
    /// asks for, are a seal of their own and what follows is a free parameter.
    fn is_unsigned(self, target: &str, changed: &str) -> bool {
        match self {
            Form::Cloudinary => without_version(target) == without_version(changed),
            Form::CloudimageSeal => cut_seal_chars(target, changed).is_some_and(|chars| chars >= 18),
            _ => false,
        }
    }
}

/// What stands before and behind the version that follows a signature.
fn without_version(target: &str) -> Option<(&str, &str)> {
    let (signed, rest) = target.split_once("--/v")?;
    let (digits, rest) = rest.split_once('/')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some((signed, rest))
}

/// The characters of a seal that stand before an ampersand which another URL has not; none where they differ elsewhere.
fn cut_seal_chars(target: &str, changed: &str) -> Option<usize> {
    let (before, seal) = target.split_once("ci_seal=")?;
    let (kept, freed) = changed.strip_prefix(before)?.strip_prefix("ci_seal=")?.split_once('&')?;
    (seal.starts_with(kept) && seal.ends_with(freed)).then_some(kept.len())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(bytes)
}

fn sha1_mac(key: &[u8], text: &str) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn sha256_mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn key(scheme: Scheme, secret: &str, state: KeyState) -> VerifyingKey {
    let material = match scheme {
        Scheme::Imgproxy => KeyMaterial::key_and_salt_hex(secret, SALT).unwrap(),
        _ => KeyMaterial::text(secret),
    };
    VerifyingKey::new(scheme, SigningKeyId::default_key(), "", state, material)
}

/// The verdict under some keys and a policy, having made sure that the explanation says the same.
fn judged(
    form: Form,
    request: &Request<'_>,
    keys: &[VerifyingKey],
    policy: &Policy,
) -> Result<Verified, Error> {
    let mut settings = SchemeSettings::default();
    settings.bunny.allow_legacy = form == Form::BunnyLegacy;
    let verifier = Verifier {
        schemes: SchemeSet::of(&[form.scheme()]),
        keys: &[],
        foreign_keys: keys,
        settings: &settings,
        policy,
        counts_uses: false,
    };
    let now = Timestamp::from_seconds(NOW_S);
    let verdict = verify_request(request, &verifier, now);
    let explanation = explain_request(request, &verifier, now);
    assert_eq!(explanation.verdict, verdict);
    assert!(!format!("{explanation:?}").contains(SECRET), "{explanation:?}");
    verdict
}

fn verdict(form: Form, target: &str) -> Result<Verified, Error> {
    let keys = [key(form.scheme(), "00", KeyState::Active), key(form.scheme(), SECRET, KeyState::Active)];
    judged(form, &Request::get(Target::Raw(target)), &keys, &Policy::default())
}

#[test]
fn what_is_signed_says_when_it_ends() {
    for form in FORMS {
        let verified = verdict(form, &form.sign("/a/b.jpg")).unwrap();
        let expires_s = form.expires().then(|| EXPIRY.parse().unwrap());
        assert_eq!((verified.scheme, verified.expires_s), (form.scheme(), expires_s), "{form:?}");
        assert!(verified.shareable && verified.carrier == Carrier::Url && verified.covers == Covers::Path);
    }
}

#[test]
fn only_a_key_of_the_scheme_that_is_in_use_opens() {
    for form in FORMS {
        let target = form.sign("/a/b.jpg");
        let check = |keys: &[VerifyingKey], expected| {
            let verdict = judged(form, &Request::get(Target::Raw(&target)), keys, &Policy::default());
            assert_eq!(verdict.err(), expected, "{form:?}");
        };
        let scheme = form.scheme();
        let other = if scheme == Scheme::Imgix { Scheme::Thumbor } else { Scheme::Imgix };
        check(&[key(scheme, SECRET, KeyState::Active)], None);
        check(&[], Some(Error::BadSignature));
        check(&[key(scheme, SECRET, KeyState::Revoked)], Some(Error::BadSignature));
        check(&[key(scheme, SECRET, KeyState::Retired)], Some(Error::BadSignature));
        check(&[key(other, SECRET, KeyState::Active)], Some(Error::BadSignature));
        let later = key(scheme, SECRET, KeyState::Active).from(Timestamp::from_seconds(NOW_S + 1));
        check(&[later], Some(Error::BadSignature));
    }
}

#[test]
fn a_limit_on_lifetimes_and_a_mark_on_issue_hold_for_every_scheme() {
    for form in FORMS {
        let target = form.sign("/a/b.jpg");
        let keys = [key(form.scheme(), SECRET, KeyState::Active)];
        let check = |policy: Policy, expected| {
            let verdict = judged(form, &Request::get(Target::Raw(&target)), &keys, &policy);
            assert_eq!(verdict.err(), expected, "{form:?}");
        };
        let long = (!form.expires()).then_some(Error::LifetimeTooLong);
        check(Policy { max_lifetime_s: Some(600), ..Policy::default() }, long);
        check(Policy { max_lifetime_s: Some(599), ..Policy::default() }, Some(Error::LifetimeTooLong));
        let revoked = Revoked { issued_before_s: Some(1), ..Revoked::default() };
        check(Policy { revoked, ..Policy::default() }, Some(Error::Revoked));
    }
}

#[test]
fn a_target_that_no_server_should_take_is_refused_before_anything_else() {
    for form in FORMS {
        let target = form.sign("/a/b.jpg");
        assert_eq!(verdict(form, &format!("{target}\u{80}")), Err(Error::BadPath), "{form:?}");
        assert_eq!(
            verdict(form, &format!("{target}{}", "x".repeat(8_192))),
            Err(Error::TargetTooLong),
            "{form:?}"
        );
        let joint = if target.contains('?') { '&' } else { '?' };
        let pairs = format!("{target}{joint}{}", ["x"; 65].join("&"));
        assert_eq!(verdict(form, &pairs), Err(Error::MalformedParam), "{form:?}");
    }
}

#[test]
fn an_empty_secret_signs_nothing() {
    let sig = hex(Md5::digest("/a.jpg"));
    let target = format!("/a.jpg?s={sig}");
    let keys = [key(Scheme::Imgix, "", KeyState::Active)];
    let verdict = judged(Form::Imgix, &Request::get(Target::Raw(&target)), &keys, &Policy::default());
    assert_eq!(verdict, Err(Error::BadSignature));
}

/// One cookie or one other header.
struct Header(&'static str, String);

impl Headers for Header {
    fn get(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        (name == self.0).then(|| self.1.as_str().into())
    }

    fn all(&self) -> Vec<(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)> {
        vec![(self.0.into(), self.1.as_str().into())]
    }
}

#[test]
fn an_edge_auth_token_comes_by_cookie_or_header_too() {
    let text = "st=1789999999~exp=1790000600~acl=/a/*!/c/?~id=sess-1";
    let token = format!("{text}~hmac={}", hex(sha256_mac(&hex::decode(SECRET).unwrap(), text.as_bytes())));
    let keys = [key(Scheme::EdgeAuth, SECRET, KeyState::Active)];
    let check = |header: &Header, target, policy: &Policy| {
        let request = Request { headers: header, ..Request::get(Target::Raw(target)) };
        judged(Form::EdgeAuth, &request, &keys, policy)
    };
    let free = Policy::default();
    let cookie = Header("cookie", format!("a=b; __token__={token}"));
    let verified = check(&cookie, "/a/b.jpg", &free).unwrap();
    assert_eq!((verified.carrier, verified.covers), (Carrier::Cookie, Covers::Pattern));
    assert!(!verified.shareable && verified.subject.unwrap().as_str() == "sess-1");
    let header = Header("__token__", token);
    assert_eq!(check(&header, "/c/d", &free).unwrap().carrier, Carrier::Header);
    assert_eq!(check(&header, "/c/dd", &free), Err(Error::PathNotAllowed));
    // A token in the URL is not repaired by a good one elsewhere.
    assert_eq!(check(&cookie, "/a/b.jpg?__token__=", &free), Err(Error::MissingSignature));
    let revoked = Revoked { subjects: ["sess-1".to_owned()].into(), ..Revoked::default() };
    assert_eq!(check(&header, "/a/b", &Policy { revoked, ..Policy::default() }), Err(Error::Revoked));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_signed_passes_and_with_any_byte_changed_is_refused(
        form in prop::sample::select(&FORMS[..]),
        path in "(/[a-z0-9._-]{1,6}x){1,3}",
        place in any::<prop::sample::Index>(),
        byte in 0x20_u8..=0x7F,
    ) {
        let target = form.sign(&path);
        prop_assert!(verdict(form, &target).is_ok(), "{}", target);

        let mut changed = target.clone().into_bytes();
        let place = form.signed_from() + place.index(target.len() - form.signed_from());
        prop_assume!(changed[place] != byte);
        changed[place] = byte;
        let changed = String::from_utf8(changed).unwrap();
        let is_unsigned = form.is_unsigned(&target, &changed);
        prop_assert_eq!(verdict(form, &changed).is_ok(), is_unsigned, "{} became {}", target, changed);
    }

    #[test]
    fn any_target_gets_a_verdict_and_the_same_explanation(
        form in prop::sample::select(&FORMS[..]),
        target in "(/(bcdn_token=|s--|--|v7|plain|exp:|unsafe|[A-Za-z0-9_=-]{0,28}|https?:/?|%2F|\\.\\.)?){0,6}\\??((ci_sign|ci_seal|ci_eqs|s|token|expires|ik-[st]|__token__)?(=|&|~|%|exp=|hmac=|acl=\\*|HS256-|[0-9a-f]{0,40}|1790000600|\\PC)){0,10}",
    ) {
        prop_assert!(verdict(form, &target).is_err());
    }
}
