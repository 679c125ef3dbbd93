//! Signature version 2 in a query, of Amazon and of Google (signing-schemes 5.4 and 6.3): still what `boto3`, the AWS SDK
//! for JavaScript v2 and `google-cloud-storage` make when nobody asks them for another. Verified, never made.
//!
//! Most of the query is **not** signed by it: what is not a sub-resource must have no effect.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use subtle::Choice;

use super::foreign::{Life, signed_by};
use super::v4::has_session;
use crate::Error;
use crate::Scheme;
use crate::canonical::header_value;
use crate::escape::decoded;
use crate::key_material::{KeyMaterial, VerifyingKey};
use crate::pairs::Pair;
use crate::public_key::{PublicKey, SignedDigest};
use crate::request::Request;
use crate::syntax::{base64_bytes, integer, same};
use crate::verdict::{Verified, Witness};
use crate::verifier::{Verifier, signer};

/// The words in which Amazon and Google differ.
pub(super) struct Words {
    scheme: Scheme,
    id: &'static str,
    prefix: &'static str,
    /// The parameters that are signed, sorted.
    sub_resources: &'static [&'static str],
    /// The parameter that may stand for the header of the same name: a temporary key's session token.
    session: Option<&'static str>,
}

/// Amazon's.
pub(super) const AMAZON: Words = Words {
    scheme: Scheme::S3,
    id: "AWSAccessKeyId",
    prefix: "x-amz-",
    sub_resources: &[
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    ],
    session: Some("x-amz-security-token"),
};

/// Google's.
pub(super) const GOOGLE: Words =
    Words { scheme: Scheme::Gcs, id: "GoogleAccessId", prefix: "x-goog-", sub_resources: &[], session: None };

/// Whether a parameter is one that Amazon's version 2 signs.
pub(super) fn is_sub_resource(name: &str) -> bool {
    AMAZON.sub_resources.binary_search(&name).is_ok()
}

/// The headers of a request, names in lower case.
type HeaderList<'r> = [(Cow<'r, str>, Cow<'r, str>)];

/// Judges a URL.
pub(super) fn judge(
    words: &'static Words,
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    witness.step("path", check_path(request), |()| "The path can be read in one way only.".into())?;
    let headers = request.headers.all();
    let found = Found::walk(words, verifier.pairs(request), &headers);
    let mark =
        witness.step("signature present", found.signature(), |_| "The URL carries one signature.".into())?;
    let mark = witness
        .step("signature syntax", read_mark(words, mark), |_| "It is base64 of the right length.".into())?;
    let token =
        witness.step("parameters", found.token(), |_| "Each is well formed and there once.".into())?;
    let expires_s = witness.step("expiry present", token.expires_s.ok_or(Error::MissingExp), |seconds| {
        format!("The URL ends at {}.", Timestamp::from_seconds(*seconds).to_rfc3339())
    })?;
    let keys = candidates(words, &token, verifier, now);
    let keys = witness.step("signing key", keys, |_| format!("{} is known.", token.id))?;
    let signed = Text::of(words, (request, &headers), verifier, &token).ok_or(Error::MalformedParam)?;
    witness.text(|| signed.written());
    let signer = signer(keys, |key| is_signed(key, &signed, &mark) & has_session(key, token.session));
    let key = signed_by(signer, witness)?;
    let life = Life { expires_s: Some(expires_s), ..Life::default() };
    life.check(verifier.policy, now, witness)?;
    let verified = Verified::of(key.scheme(), key.shared_name());
    Ok(Verified { shareable: false, expires_s: Some(expires_s), ..verified })
}

/// The parameters as they were found.
#[derive(Default)]
struct Found<'r> {
    id: Once<'r>,
    expires: Once<'r>,
    signature: Once<'r>,
    session: Once<'r>,
    /// The name of a parameter of the signature is written with escapes, so that others would read it.
    disguised: bool,
}

/// What stands beside the signature.
struct Token<'f> {
    id: &'f str,
    expires: &'f str,
    expires_s: Option<i64>,
    session: Option<&'f str>,
}

/// A parameter that may occur once. A missing value is an empty one.
#[derive(Default)]
struct Once<'r> {
    value: Option<Cow<'r, str>>,
    again: bool,
}

impl<'r> Found<'r> {
    fn walk(words: &Words, pairs: impl Iterator<Item = Pair<'r>>, headers: &'r HeaderList<'r>) -> Self {
        let mut found = Found::default();
        for (_, value) in headers.iter().filter(|(name, _)| Some(name.as_ref()) == words.session) {
            found.session.push(Some(value.trim().into()));
        }
        for pair in pairs {
            if let Some(part) = found.part(words, pair.name) {
                part.push(decoded(pair.value.unwrap_or_default()));
            } else if pair.name.contains('%') {
                let plain = decoded(pair.name);
                found.disguised |= plain.is_some_and(|name| found.part(words, &name).is_some());
            }
        }
        found
    }

    fn part(&mut self, words: &Words, name: &str) -> Option<&mut Once<'r>> {
        Some(match name {
            "Expires" => &mut self.expires,
            "Signature" => &mut self.signature,
            _ if name == words.id => &mut self.id,
            _ if Some(name) == words.session => &mut self.session,
            _ => return None,
        })
    }

    /// The signature's text: there, and once.
    fn signature(&self) -> Result<&str, Error> {
        match (self.signature.text(), self.signature.again) {
            (None, _) => Err(Error::MissingSignature),
            (Some(_), true) => Err(Error::DuplicateParam),
            (Some(text), false) => Ok(text),
        }
    }

    /// The parameters beside the signature: first their syntax, then that none occurs twice.
    fn token(&self) -> Result<Token<'_>, Error> {
        let id =
            self.id.text().filter(|id| !id.is_empty() && !self.disguised).ok_or(Error::MalformedParam)?;
        let expires = self.expires.text().unwrap_or_default();
        let expires_s =
            self.expires.text().map(|text| integer(text).ok_or(Error::MalformedParam)).transpose()?;
        if [&self.id, &self.expires, &self.session].iter().any(|once| once.again) {
            return Err(Error::DuplicateParam);
        }
        Ok(Token { id, expires, expires_s, session: self.session.text() })
    }
}

impl<'r> Once<'r> {
    /// Takes a value in; one that cannot be decoded is read as empty, which none may be.
    fn push(&mut self, value: Option<Cow<'r, str>>) {
        self.again |= self.value.is_some();
        self.value.get_or_insert(value.unwrap_or_default());
    }

    fn text(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

fn check_path(request: &Request<'_>) -> Result<(), Error> {
    request.check_size()?;
    decoded(request.path()).map(drop).ok_or(Error::BadPath)
}

/// The bytes of a signature.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    /// HMAC-SHA1.
    Mac([u8; 20]),
    /// RSA.
    Rsa(Vec<u8>),
}

/// Reads base64 as it is ordinarily written, so that each signature has one spelling only.
fn read_mark(words: &Words, text: &str) -> Result<Mark, Error> {
    let lengths = PublicKey::MIN_RSA_BITS / 8..=PublicKey::MAX_RSA_BITS / 8;
    let mark = if words.scheme == Scheme::S3 {
        base64_bytes(&STANDARD, text).map(Mark::Mac)
    } else {
        STANDARD.decode(text).ok().filter(|bytes| lengths.contains(&bytes.len())).map(Mark::Rsa)
    };
    mark.ok_or(Error::MalformedSignature)
}

/// The keys of the id that can make such a signature and belong to the session token, or to none.
fn candidates<'a>(
    words: &'static Words,
    token: &Token<'a>,
    verifier: &Verifier<'a>,
    now: Timestamp,
) -> Result<impl Iterator<Item = &'a VerifyingKey>, Error> {
    let has_session = token.session.is_some();
    let fits = move |key: &&VerifyingKey| match key.material() {
        KeyMaterial::Text(_) => words.scheme == Scheme::S3 && !has_session,
        KeyMaterial::TextWithSession { .. } => words.scheme == Scheme::S3 && has_session,
        KeyMaterial::PublicKey(_) => words.scheme == Scheme::Gcs,
        KeyMaterial::KeyAndSalt { .. } => false,
    };
    let mut keys = verifier.named(words.scheme, token.id, now)?.filter(fits);
    let first = keys.next().ok_or(Error::UnknownKey)?;
    Ok(std::iter::once(first).chain(keys))
}

fn is_signed(key: &VerifyingKey, text: &Text<'_>, mark: &Mark) -> Choice {
    match (key.material(), mark) {
        (KeyMaterial::PublicKey(public), Mark::Rsa(signature)) => {
            u8::from(public.is_signed(SignedDigest::Sha256, text.written().as_bytes(), signature)).into()
        }
        (_, Mark::Mac(mark)) => key.mac_sha1().map_or(Choice::from(0), |mac| {
            let mut maker = mac.begin();
            text.each_piece(|piece| maker.take(piece));
            same(&maker.finish(), mark)
        }),
        _ => Choice::from(0),
    }
}

/// The text that a signature stands for. It is hashed as it is made; most requests have nothing in either list.
struct Text<'t> {
    method: &'t str,
    md5: Cow<'t, str>,
    content_type: Cow<'t, str>,
    expires: &'t str,
    /// The signed headers in their order, with their values.
    headers: Vec<(&'t str, Cow<'t, str>)>,
    bucket: Option<&'t str>,
    path: &'t str,
    sub_resources: SubResources<'t>,
}

/// The parameters that are signed, in their order, with their values, decoded.
struct SubResources<'t>(Vec<(&'t str, Option<Cow<'t, str>>)>);

impl<'t> Text<'t> {
    /// None where a signed value cannot be decoded.
    fn of(
        words: &Words,
        (request, headers): (&Request<'t>, &'t HeaderList<'t>),
        verifier: &Verifier<'t>,
        token: &Token<'t>,
    ) -> Option<Self> {
        let value = |name: &str| {
            header_value(headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_ref()))
        };
        let own = headers.iter().map(|(name, _)| name.as_ref()).filter(|name| name.starts_with(words.prefix));
        let mut names: Vec<&str> = own.chain(words.session.filter(|_| token.session.is_some())).collect();
        names.sort_unstable();
        names.dedup();
        let given = |name| token.session.filter(|_| Some(name) == words.session).map(Cow::Borrowed);
        Some(Text {
            method: request.method,
            md5: value("content-md5"),
            content_type: value("content-type"),
            expires: token.expires,
            headers: names
                .into_iter()
                .map(|name| (name, given(name).unwrap_or_else(|| value(name))))
                .collect(),
            bucket: bucket(words, verifier),
            path: request.path(),
            sub_resources: SubResources::of(words, verifier.pairs(request))?,
        })
    }

    fn each_piece(&self, mut take: impl FnMut(&str)) {
        let start = [self.method, "\n", &self.md5, "\n", &self.content_type, "\n", self.expires, "\n"];
        start.into_iter().for_each(&mut take);
        for (name, value) in &self.headers {
            [*name, ":", value, "\n"].into_iter().for_each(&mut take);
        }
        self.bucket.into_iter().flat_map(|bucket| ["/", bucket]).for_each(&mut take);
        take(self.path);
        self.sub_resources.each_piece(take);
    }

    fn written(&self) -> String {
        let mut written = String::with_capacity(128 + self.path.len());
        self.each_piece(|piece| written.push_str(piece));
        written
    }
}

/// The bucket that the host name stands for and that is signed before the path.
fn bucket<'a>(words: &Words, verifier: &Verifier<'a>) -> Option<&'a str> {
    verifier.settings.s3.virtual_host_bucket.as_deref().filter(|_| words.scheme == Scheme::S3)
}

impl<'t> SubResources<'t> {
    /// None where a value cannot be decoded.
    fn of(words: &Words, pairs: impl Iterator<Item = Pair<'t>>) -> Option<Self> {
        // Parameters of the signature itself begin with a capital: they are not looked for.
        let may_be = |name: &str| name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        let is_one = |name: &str| may_be(name) && words.sub_resources.binary_search(&name).is_ok();
        let signed = pairs.filter(|pair| is_one(pair.name));
        let plain = |value| decoded(value).map(Some);
        let signed = signed.map(|pair| Some((pair.name, pair.value.map_or(Some(None), plain)?)));
        let mut signed = signed.collect::<Option<Vec<_>>>()?;
        signed.sort_by_key(|&(name, _)| name);
        Some(SubResources(signed))
    }

    fn each_piece(&self, mut take: impl FnMut(&str)) {
        for (index, (name, value)) in self.0.iter().enumerate() {
            [if index == 0 { "?" } else { "&" }, *name].into_iter().for_each(&mut take);
            value.iter().flat_map(|value| ["=", &**value]).for_each(&mut take);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::pairs::pairs;
    use crate::request::Target;
    use crate::settings::SchemeSettings;
    use crate::verdict::{Listener, Nobody};
    use crate::{KeyState, Policy, SchemeSet};

    const NOW_S: i64 = 1_790_000_000;

    fn key(material: KeyMaterial) -> VerifyingKey {
        VerifyingKey::new(Scheme::S3, "a".parse().unwrap(), "AKID", KeyState::Active, material)
    }

    /// The signature of a text, escaped for a query.
    fn signature(text: &str) -> String {
        let mac = key(KeyMaterial::text("s3cret")).mac_sha1().unwrap().of([text]);
        let mut escaped = String::new();
        crate::escape::encode_into(&mut escaped, &STANDARD.encode(mac), b"");
        escaped
    }

    fn judged(
        target: &str,
        headers: &[(&str, &str)],
        material: KeyMaterial,
        bucket: Option<&str>,
        now_s: i64,
    ) -> Result<Verified, Error> {
        let headers: BTreeMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Request { headers: &headers, ..Request::get(Target::Raw(target)) };
        let (keys, policy, mut settings) = ([key(material)], Policy::default(), SchemeSettings::default());
        settings.s3.virtual_host_bucket = bucket.map(str::to_owned);
        let schemes = SchemeSet::of(&[Scheme::S3]);
        let verifier =
            Verifier { schemes, foreign_keys: &keys, settings: &settings, ..Verifier::native(&[], &policy) };
        let now = Timestamp::from_seconds(now_s);
        let heard = judge(&AMAZON, &request, &verifier, now, &mut Listener::default());
        assert_eq!(judge(&AMAZON, &request, &verifier, now, &mut Nobody), heard);
        assert!(judge(&GOOGLE, &request, &verifier, now, &mut Nobody).is_err());
        heard
    }

    fn reason(target: &str, headers: &[(&str, &str)]) -> Option<Error> {
        judged(target, headers, KeyMaterial::text("s3cret"), None, NOW_S).err()
    }

    const FIXED: &str = "AWSAccessKeyId=AKID&Expires=1790000600";

    #[test]
    fn a_url_is_good_until_its_end() {
        let target = format!("/b/k?{FIXED}&Signature={}", signature("GET\n\n\n1790000600\n/b/k"));
        let at = |now_s| judged(&target, &[], KeyMaterial::text("s3cret"), None, now_s);
        let verified = at(NOW_S + 599).unwrap();
        assert_eq!((verified.expires_s, verified.shareable), (Some(NOW_S + 600), false));
        assert_eq!(at(NOW_S + 600).err(), Some(Error::Expired));
        let check = |target: String, expected| assert_eq!(reason(&target, &[]), expected, "{target}");
        check(format!("{target}&x=1"), None);
        check(format!("{target}&acl"), Some(Error::BadSignature));
        check(format!("{target}&Expires=1790000600"), Some(Error::DuplicateParam));
        check(format!("{target}&%45xpires=1"), Some(Error::MalformedParam));
        check(target.replace("Expires=", "Expires=0"), Some(Error::MalformedParam));
        check(target.replace("Expires", "Expiry"), Some(Error::MissingExp));
        check(target.replace("AKID", "NO"), Some(Error::UnknownKey));
        check(target.replace("AKID", ""), Some(Error::MalformedParam));
        check(target.replace("/b/k", "/b/%ff"), Some(Error::BadPath));
        check(target.replace("Signature", "Sig"), Some(Error::MissingSignature));
    }

    #[test]
    fn headers_of_amazon_are_signed_and_a_bucket_in_the_host_too() {
        let text = "GET\nmd5\nimage/png\n1790000600\nx-amz-a:1\nx-amz-b:2 3\n/bucket/k";
        let target = format!("/k?{FIXED}&Signature={}", signature(text));
        let headers =
            [("content-md5", "md5"), ("content-type", " image/png"), ("x-amz-b", " 2  3"), ("x-amz-a", "1")];
        let judged = |headers: &[(&str, &str)], bucket| {
            judged(&target, headers, KeyMaterial::text("s3cret"), bucket, NOW_S).err()
        };
        assert_eq!(judged(&headers, Some("bucket")), None);
        assert_eq!(judged(&headers, None), Some(Error::BadSignature));
        assert_eq!(judged(&headers[1..], Some("bucket")), Some(Error::BadSignature));
        let more = [&headers[..], &[("x-amz-c", "")]].concat();
        assert_eq!(judged(&more, Some("bucket")), Some(Error::BadSignature));
    }

    #[test]
    fn a_session_token_counts_as_a_header_wherever_it_stands() {
        let text = "GET\n\n\n1790000600\nx-amz-security-token:t/1\n/b/k";
        let plain = format!("/b/k?{FIXED}&Signature={}", signature(text));
        let in_query = format!("{plain}&x-amz-security-token=t%2F1");
        let header = [("x-amz-security-token", "t/1")];
        let check = |target: &str, headers: &[(&str, &str)], token, expected| {
            let material = KeyMaterial::with_session("s3cret", token);
            assert_eq!(
                judged(target, headers, material, None, NOW_S).err(),
                expected,
                "{target} {headers:?}"
            );
        };
        check(&in_query, &[], "t/1", None);
        check(&plain, &header, "t/1", None);
        check(&in_query, &header, "t/1", Some(Error::DuplicateParam));
        check(&in_query, &[], "t/2", Some(Error::BadSignature));
        check(&plain, &[], "t/1", Some(Error::UnknownKey));
        assert_eq!(reason(&in_query, &[]), Some(Error::UnknownKey));
    }

    proptest! {
        #[test]
        fn any_query_gets_a_verdict(
            query in "((AWSAccessKeyId|Expires|Signature|x-amz-security-token|acl)(=|%3D)(AKID|1790000600|[A-Za-z0-9+/]{27}=|%3D|\\PC)&?){0,8}",
        ) {
            let target = format!("/a?{query}");
            prop_assert!(reason(&target, &[]).is_some(), "{target}");
        }
    }

    #[test]
    fn the_names_of_sub_resources_are_sorted_so_that_they_can_be_found() {
        assert!(AMAZON.sub_resources.is_sorted());
    }

    #[test]
    fn sub_resources_are_signed_sorted_and_decoded_and_nothing_else_is() {
        let check = |query, expected: Option<&str>| {
            let found = SubResources::of(&AMAZON, pairs(Some(query))).map(|found| {
                let mut text = String::new();
                found.each_piece(|piece| text.push_str(piece));
                text
            });
            assert_eq!(found.as_deref(), expected, "{query}");
        };
        check("x=1&Expires=2", Some(""));
        check(
            "versionId=3&acl&x=1&response-content-type=image%2Fpng",
            Some("?acl&response-content-type=image/png&versionId=3"),
        );
        check("acl=", Some("?acl="));
        check("acl=%zz", None);
    }

    #[test]
    fn base64_of_a_signature_has_one_spelling() {
        let good = STANDARD.encode([0xA5; 20]);
        assert_eq!(read_mark(&AMAZON, &good), Ok(Mark::Mac([0xA5; 20])));
        let bare = good.trim_end_matches('=');
        for bad in [
            "",
            "====",
            bare,
            &good.replace("U=", "V="),
            &format!("{good}\n"),
            &format!(" {good}"),
            &STANDARD.encode([0xA5; 19]),
            &STANDARD.encode([0xA5; 21]),
        ] {
            assert_eq!(read_mark(&AMAZON, bad), Err(Error::MalformedSignature), "{bad}");
        }
        assert!(read_mark(&GOOGLE, &good).is_err());
        assert!(read_mark(&GOOGLE, &STANDARD.encode([1; 256])).is_ok());
        assert!(read_mark(&GOOGLE, &STANDARD.encode([1; 513])).is_err());
    }
}
