//! Signature version 4 of a request, in the dialects of Amazon and Google (signing-schemes 5.1 to 5.3, 6.1, 6.2): one
//! walk for presigned URLs and for the `Authorization` header. The texts themselves are made in [`crate::canonical`].

mod found;

use std::borrow::Cow;

use domain::Timestamp;
use subtle::Choice;

use self::found::{Claim, Found, Parts};
pub(super) use self::found::{Mark, read_mark};
use super::foreign::{Life, signed_by};
use crate::canonical::{
    self, CanonicalRequest, Credential, Dialect, Query, Standing, TextToSign, UNSIGNED_PAYLOAD,
};
use crate::hashing::{Mac, Sha256};
use crate::key_material::{KeyMaterial, VerifyingKey};
use crate::pairs::Pair;
use crate::public_key::SignedDigest;
use crate::request::{Payload, Request};
use crate::syntax::same;
use crate::verdict::{Carrier, Verified, Witness};
use crate::verifier::{Verifier, signer};
use crate::{Error, Scheme};

/// How far the clock of who signs may be away, in seconds.
const MAX_SKEW_S: i64 = 900;

/// The headers of a request, names in lower case.
type HeaderList<'r> = [(Cow<'r, str>, Cow<'r, str>)];

/// Judges a presigned URL.
pub(super) fn judge_query(
    dialect: &'static Dialect,
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let headers = request.headers.all();
    let found = Found::in_query(dialect, verifier.pairs(request));
    let walk = Walk { dialect, request, verifier, now, headers: &headers, standing: Some(&found.standing) };
    let (path, mark, parts) = walk.read(&found, witness)?;
    let lifetime = parts.lifetime_s.ok_or(Error::MissingExp);
    let lifetime_s =
        witness.step("expiry present", lifetime, |seconds| format!("The URL lives for {seconds} s."))?;
    let claim = walk.claim_of_query(&parts);
    let claim = witness.step("payload", claim, |_| "What it says about the body is understood.".into())?;
    let key = walk.signer(&path, &mark, &parts, &claim.1, witness)?;
    let signed_s = parts.signed_at.as_seconds();
    let (begins_s, expires_s) = (Some(signed_s - MAX_SKEW_S), Some(signed_s + lifetime_s));
    let life = Life { issued_s: Some(signed_s), begins_s, expires_s, ..Life::default() };
    life.check(verifier.policy, now, witness)?;
    let short = verifier.policy.max_lifetime_s.is_none_or(|most| lifetime_s <= most);
    let short = if short { Ok(()) } else { Err(Error::LifetimeTooLong) };
    witness
        .step("lifetime when signed", short, |()| "It was not signed for longer than is allowed.".into())?;
    let verified = Verified { carrier: Carrier::Url, expires_s, ..walk.verified(key) };
    walk.finish(key, &parts, claim.0, verified, witness)
}

/// Judges an `Authorization` header.
pub(super) fn judge_header(
    dialect: &'static Dialect,
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let headers = request.headers.all();
    let found = Found::in_headers(dialect, &headers);
    let walk = Walk { dialect, request, verifier, now, headers: &headers, standing: None };
    let (path, mark, parts) = walk.read(&found, witness)?;
    let claim = walk.claim_of_header(&parts);
    let claim = witness.step("payload", claim, |_| "What it says about the body is understood.".into())?;
    let key = walk.signer(&path, &mark, &parts, &claim.1, witness)?;
    let signed_s = parts.signed_at.as_seconds();
    let life = Life { issued_s: Some(signed_s), ..Life::default() };
    life.check_revocation(verifier.policy, witness)?;
    let skew = signed_s.abs_diff(now.as_seconds());
    let fresh = if skew <= MAX_SKEW_S.unsigned_abs() { Ok(()) } else { Err(Error::RequestTimeSkewed) };
    witness
        .step("clock", fresh, |()| format!("It was signed {skew} s from now; {MAX_SKEW_S} s are allowed."))?;
    let expires_s = Some(signed_s + MAX_SKEW_S + 1);
    let verified = Verified { carrier: Carrier::Header, expires_s, ..walk.verified(key) };
    walk.finish(key, &parts, claim.0, verified, witness)
}

/// What both ways share.
struct Walk<'w, 'r> {
    dialect: &'static Dialect,
    request: &'w Request<'r>,
    verifier: &'w Verifier<'w>,
    now: Timestamp,
    headers: &'w HeaderList<'w>,
    /// The pairs of the query that are signed, of a presigned URL.
    standing: Option<&'w Standing<'w>>,
}

impl<'w> Walk<'w, '_> {
    /// The checks of form: path, signature, parts, and that what must be signed is.
    fn read<'f>(
        &self,
        found: &'f Found<'_>,
        witness: &mut impl Witness,
    ) -> Result<(Cow<'w, str>, Mark, Parts<'f>), Error> {
        let path = self.request.check_size();
        let path = path.and_then(|()| canonical::path(self.request.path()).ok_or(Error::BadPath));
        let path = witness.step("path", path, |_| "The path can be read in one way only.".into())?;
        let text =
            witness.step("signature present", found.signature(), |_| "There is one signature.".into())?;
        let mark = witness.step("signature syntax", found.mark(self.dialect, text), |_| {
            "It is lower-case hex digits, as many as its algorithm makes.".into()
        })?;
        let parts = witness.step("parameters", found.parts(self.dialect), |_| {
            "Each is well formed and there once.".into()
        })?;
        witness.step("signed headers", self.all_signed(&parts), |()| {
            format!("The host and each {}… header are signed.", self.dialect.prefix)
        })?;
        Ok((path, mark, parts))
    }

    /// Refuses a request one of whose headers counts, and is not signed.
    fn all_signed(&self, parts: &Parts<'_>) -> Result<(), Error> {
        let counts = |name: &str| name.starts_with(self.dialect.prefix);
        let loose = self.headers.iter().any(|(name, _)| counts(name) && !parts.signs(name));
        if loose || !parts.signs("host") { Err(Error::UnsignedHeader) } else { Ok(()) }
    }

    /// The payload hash of a presigned URL: the signed header, else the parameter, else none is signed.
    fn claim_of_query<'p>(&'p self, parts: &Parts<'p>) -> Result<(Claim, Cow<'p, str>), Error> {
        let name = self.dialect.content_header;
        let header = parts.signs(name).then(|| self.header(name));
        let text = header.or(parts.content.map(Cow::Borrowed)).unwrap_or(UNSIGNED_PAYLOAD.into());
        Ok((Claim::lenient(&text)?, text))
    }

    /// The payload hash of a header signature. Google's may be left out; then it is that of the body.
    fn claim_of_header<'p>(&self, parts: &Parts<'p>) -> Result<(Claim, Cow<'p, str>), Error> {
        if let Some(text) = parts.content {
            return Ok((Claim::strict(text)?, text.into()));
        }
        match self.request.payload {
            _ if self.dialect.scheme == Scheme::S3 => Err(Error::MalformedParam),
            Payload::Unread => Err(Error::UnsupportedPayload),
            Payload::Sha256(digest) => Ok((Claim::Digest(digest), hex::encode(digest).into())),
        }
    }

    /// The key that signed, once it is known and the scope is one that it may sign.
    fn signer(
        &self,
        path: &str,
        mark: &Mark,
        parts: &Parts<'_>,
        payload_hash: &str,
        witness: &mut impl Witness,
    ) -> Result<&'w VerifyingKey, Error> {
        let keys =
            candidates(self.dialect, self.verifier, parts.credential.id, mark, parts.session, self.now);
        let keys = witness.step("signing key", keys, |_| format!("{} is known.", parts.credential.id))?;
        witness.step("scope", check_scope(self.dialect, &parts.credential, parts.date), |()| {
            format!("{} is of the day of its date.", parts.credential.scope)
        })?;
        let texts = self.texts(path, parts, payload_hash, witness)?;
        let texts = texts.iter().flatten().map(TextToSign::pieces);
        let signer = signer(keys, |key| {
            is_signed(self.dialect, key, &parts.credential, texts.clone(), mark)
                & has_session(key, parts.session)
        });
        signed_by(signer, witness)
    }

    /// The texts that the signature may stand for, one for each way to write the host.
    fn texts<'p>(
        &self,
        path: &str,
        parts: &Parts<'p>,
        payload_hash: &str,
        witness: &mut impl Witness,
    ) -> Result<[Option<TextToSign<'p>>; 2], Error> {
        let is_mark = |name: &str| self.dialect.is_named(name, self.dialect.signature_name);
        let counts = |pair: Pair<'_>| self.verifier.counts(&pair);
        let query = match (self.request.query(), self.standing) {
            (query, Some(standing)) => {
                Query::walked(query, standing, |pair| !is_mark(pair.name) && counts(pair))
            }
            (query, None) => Query::of(query, counts),
        };
        let query = query.ok_or(Error::MalformedParam)?;
        let mut text = |host| {
            let canonical = CanonicalRequest {
                method: self.request.method,
                path,
                query: &query,
                headers: parts.headers().map(|name| (name, self.signed_value(name, host))),
                signed_headers: parts.signed_headers,
                payload_hash,
            };
            witness.text(|| canonical.written());
            let text = canonical.text_to_sign(parts.algorithm, parts.date, parts.credential.scope);
            witness.text(|| text.pieces().concat());
            text
        };
        Ok(hosts(self.dialect, self.request).map(|host| host.map(&mut text)))
    }

    fn signed_value<'h>(&'h self, name: &str, host: &'h str) -> Cow<'h, str> {
        if name == "host" { Cow::Borrowed(host) } else { self.header(name) }
    }

    fn header(&self, name: &str) -> Cow<'_, str> {
        let values = self.headers.iter().filter(|(other, _)| other == name);
        canonical::header_value(values.map(|(_, value)| value.as_ref()))
    }

    fn verified(&self, key: &VerifyingKey) -> Verified {
        Verified { shareable: false, ..Verified::of(key.scheme(), key.shared_name()) }
    }

    /// The checks that only a holder of the key may learn of, beside the times.
    fn finish(
        &self,
        key: &VerifyingKey,
        parts: &Parts<'_>,
        claim: Claim,
        verified: Verified,
        witness: &mut impl Witness,
    ) -> Result<Verified, Error> {
        check_region(self.verifier, key, parts.credential.region, witness)?;
        let body = claim.check(self.request);
        witness.step("body", body, |()| "The body is not known to be another than the signed one.".into())?;
        Ok(Verified { body_sha256: claim.body_sha256(), ..verified })
    }
}

/// The keys that may have signed: those of the id that can make such a signature and belong to the session token, or
/// to none. Google's HMAC keys speak Amazon's dialect too, as its guide to migration has it.
pub(super) fn candidates<'a>(
    dialect: &Dialect,
    verifier: &Verifier<'a>,
    id: &str,
    mark: &Mark,
    session: Option<&str>,
    now: Timestamp,
) -> Result<impl Iterator<Item = &'a VerifyingKey>, Error> {
    let own = dialect.scheme;
    let keys =
        if verifier.schemes.contains(own) { verifier.named(own, id, now) } else { Err(Error::UnknownKey) };
    let keys = match keys {
        Err(Error::UnknownKey) if own == Scheme::S3 && verifier.schemes.contains(Scheme::Gcs) => {
            verifier.named(Scheme::Gcs, id, now)?
        }
        keys => keys?,
    };
    let mut keys = keys.filter(move |key| match (key.material(), mark) {
        (KeyMaterial::Text(_), Mark::Mac(_)) => session.is_none(),
        (KeyMaterial::TextWithSession { .. }, Mark::Mac(_)) => session.is_some(),
        (KeyMaterial::PublicKey(_), Mark::Rsa(_)) => session.is_none(),
        _ => false,
    });
    let first = keys.next().ok_or(Error::UnknownKey)?;
    Ok(std::iter::once(first).chain(keys))
}

/// Whether a scope is of the day of its date, and of the service that is served.
pub(super) fn check_scope(dialect: &Dialect, credential: &Credential<'_>, date: &str) -> Result<(), Error> {
    let same_day = date.strip_prefix(credential.day).is_some_and(|rest| rest.starts_with('T'));
    let same_service = credential.service == dialect.service && credential.terminator == dialect.terminator;
    if same_day && same_service { Ok(()) } else { Err(Error::ScopeMismatch) }
}

/// Whether the region is the one that is served. Google's keys may sign for any.
pub(super) fn check_region(
    verifier: &Verifier<'_>,
    key: &VerifyingKey,
    region: &str,
    witness: &mut impl Witness,
) -> Result<(), Error> {
    let served = verifier.settings.s3.region.as_deref().filter(|_| key.scheme() == Scheme::S3);
    let served =
        if served.is_none_or(|served| served == region) { Ok(()) } else { Err(Error::ScopeMismatch) };
    witness.step("region", served, |()| format!("It is signed for {region}, which is served."))
}

/// Whether a key made this signature of one of the texts, each given in pieces, in the scope of a credential. All are tried, in a time that
/// does not tell how nearly.
pub(super) fn is_signed<'t, const PIECES: usize>(
    dialect: &Dialect,
    key: &VerifyingKey,
    credential: &Credential<'_>,
    texts: impl Iterator<Item = [&'t str; PIECES]> + Clone,
    mark: &Mark,
) -> Choice {
    let none = Choice::from(0);
    match (key.material(), mark) {
        (KeyMaterial::Text(secret) | KeyMaterial::TextWithSession { secret, .. }, Mark::Mac(mac)) => {
            let is_right = |derived: &Mac<Sha256>| {
                texts.map(|text| same(&derived.of(text), mac)).fold(none, |all, one| all | one)
            };
            if let Some(right) = key.derived().with(credential.scope, is_right.clone()) {
                return right;
            }
            let derived = canonical::signing_key(dialect, secret, credential.day, credential.region);
            let right = is_right(&derived);
            if right.into() {
                key.derived().keep(credential.scope, derived);
            }
            right
        }
        (KeyMaterial::PublicKey(public), Mark::Rsa(signature)) => {
            let is_right =
                |text: &[&str]| public.is_signed(SignedDigest::Sha256, text.concat().as_bytes(), signature);
            texts.map(|text| u8::from(is_right(&text)).into()).fold(none, |all, one| all | one)
        }
        _ => none,
    }
}

/// Whether a temporary key's session token is the one that came. One that should not have come is no candidate's.
pub(super) fn has_session(key: &VerifyingKey, session: Option<&str>) -> Choice {
    match key.material() {
        KeyMaterial::TextWithSession { session_token, .. } => {
            same(session_token.reveal().as_bytes(), session.unwrap_or_default().as_bytes())
        }
        _ => Choice::from(1),
    }
}

/// The ways to write the host that may have been signed: as it was sent, and without its port, which Google's signers
/// leave out always and others where it is the usual one.
fn hosts<'r>(dialect: &Dialect, request: &Request<'r>) -> [Option<&'r str>; 2] {
    let usual = if request.is_https { "443" } else { "80" };
    let bare = request.host.rsplit_once(':').filter(|(_, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        is_port && (*port == usual || dialect.scheme != Scheme::S3)
    });
    [Some(request.host), bare.map(|(host, _)| host)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::Secret;
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;
    use crate::canonical::{AMAZON, GOOGLE};
    use crate::request::Target;
    use crate::settings::SchemeSettings;
    use crate::verdict::{Listener, Nobody};
    use crate::{KeyState, Outbound, OutboundBody, OutboundRequest, Policy, SchemeSet};

    const SIGNED_S: i64 = 1_790_000_000;
    const DATE: &str = "20260921T141320Z";
    const DAY: &str = "20260921";
    const SECRET: &str = "s3cret/KEY";

    /// A request and who judges it; tests change what they are about.
    struct Case {
        method: &'static str,
        host: String,
        target: String,
        headers: BTreeMap<String, String>,
        payload: Payload,
        keys: Vec<VerifyingKey>,
        schemes: SchemeSet,
        settings: SchemeSettings,
        policy: Policy,
        now_s: i64,
    }

    impl Case {
        fn new(target: impl Into<String>) -> Self {
            Case {
                method: "GET",
                host: "h.example".into(),
                target: target.into(),
                headers: BTreeMap::new(),
                payload: Payload::EMPTY,
                keys: vec![key(Scheme::S3, KeyMaterial::text(SECRET))],
                schemes: SchemeSet::of(&[Scheme::S3, Scheme::Gcs]),
                settings: SchemeSettings::default(),
                policy: Policy::default(),
                now_s: SIGNED_S,
            }
        }

        /// A request whose headers carry what `Outbound` made of it.
        fn sent(key: &Outbound, method: &'static str, target: &str, body: OutboundBody<'_>) -> Self {
            let url = format!("https://h.example{target}");
            let request = OutboundRequest { method, url: &url, headers: &[("range", "bytes=0-9")], body };
            let signed = key.sign(&request, Timestamp::from_seconds(SIGNED_S)).unwrap();
            let mut case = Case { method, ..Case::new(target) };
            case.headers = signed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            case.headers.insert("range".into(), "bytes=0-9".into());
            case
        }

        fn judge(&self, dialect: &'static Dialect) -> Result<Verified, Error> {
            let request = Request {
                method: self.method,
                host: &self.host,
                headers: &self.headers,
                payload: self.payload,
                ..Request::get(Target::Raw(&self.target))
            };
            let verifier = Verifier {
                schemes: self.schemes,
                foreign_keys: &self.keys,
                settings: &self.settings,
                ..Verifier::native(&[], &self.policy)
            };
            let now = Timestamp::from_seconds(self.now_s);
            if self.headers.contains_key("authorization") {
                let heard = judge_header(dialect, &request, &verifier, now, &mut Listener::default());
                assert_eq!(judge_header(dialect, &request, &verifier, now, &mut Nobody), heard);
                return heard;
            }
            let heard = judge_query(dialect, &request, &verifier, now, &mut Listener::default());
            assert_eq!(judge_query(dialect, &request, &verifier, now, &mut Nobody), heard);
            heard
        }

        fn reason(&self) -> Option<Error> {
            self.judge(&AMAZON).err()
        }
    }

    fn key(scheme: Scheme, material: KeyMaterial) -> VerifyingKey {
        VerifyingKey::new(scheme, "archive".parse().unwrap(), "AKID", KeyState::Active, material)
    }

    /// Presigns a path and query for a host, in the order of the parameters that are given.
    fn presign(
        path: &str,
        parameters: &[(&str, &str)],
        payload_hash: &str,
        headers: &[(&str, &str)],
    ) -> String {
        let query: Vec<String> = parameters
            .iter()
            .map(|(name, value)| {
                let mut pair = format!("{name}=");
                crate::escape::encode_into(&mut pair, value, b"");
                pair
            })
            .collect();
        let query = query.join("&");
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let headers = headers.iter().map(|(name, value)| (*name, Cow::Borrowed(*value)));
        let (path_signed, query_signed) =
            (canonical::path(path).unwrap(), Query::of(Some(&query), |_| true).unwrap());
        let canonical = CanonicalRequest {
            method: "GET",
            path: &path_signed,
            query: &query_signed,
            headers,
            signed_headers: &names,
            payload_hash,
        };
        let scope = format!("{DAY}/eu-central-1/s3/aws4_request");
        let text = canonical.text_to_sign("AWS4-HMAC-SHA256", DATE, &scope);
        let key = canonical::signing_key(&AMAZON, &Secret::new(SECRET), DAY, "eu-central-1");
        let signature = hex::encode(key.of(text.pieces()));
        format!("{path}?{query}&X-Amz-Signature={signature}")
    }

    /// The usual parameters, with some set otherwise or, by an empty value, left out.
    fn presigned_with(changes: &[(&'static str, &'static str)]) -> String {
        let mut parameters = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKID/20260921/eu-central-1/s3/aws4_request"),
            ("X-Amz-Date", DATE),
            ("X-Amz-Expires", "600"),
            ("X-Amz-SignedHeaders", "host"),
        ];
        for (name, value) in changes {
            parameters.retain(|(other, _)| other != name);
            parameters.extend(Some((*name, *value)).filter(|(_, value)| !value.is_empty()));
        }
        presign(
            "/b/k 1.jpg".replace(' ', "%20").as_str(),
            &parameters,
            "UNSIGNED-PAYLOAD",
            &[("host", "h.example")],
        )
    }

    #[test]
    fn a_presigned_url_is_good_from_a_quarter_of_an_hour_before_its_date_until_its_end() {
        let mut case = Case::new(presigned_with(&[]));
        let mut check = |now_s, expected| {
            case.now_s = now_s;
            assert_eq!(case.reason(), expected, "{now_s}");
        };
        check(SIGNED_S - 901, Some(Error::NotYetValid));
        check(SIGNED_S - 900, None);
        check(SIGNED_S + 599, None);
        check(SIGNED_S + 600, Some(Error::Expired));
        let verified = Case::new(presigned_with(&[])).judge(&AMAZON).unwrap();
        assert_eq!((verified.expires_s, verified.shareable), (Some(SIGNED_S + 600), false));
        assert_eq!((verified.carrier, verified.body_sha256), (Carrier::Url, None));
    }

    #[test]
    fn each_parameter_must_be_there_well_formed_and_once() {
        let check = |changes: &[(&'static str, &'static str)], expected| {
            assert_eq!(Case::new(presigned_with(changes)).reason(), expected, "{changes:?}");
        };
        check(&[("x-id", "GetObject")], None);
        check(&[("X-Amz-Expires", "604800")], None);
        check(&[("X-Amz-Expires", "604801")], Some(Error::MalformedParam));
        check(&[("X-Amz-Expires", "0")], Some(Error::MalformedParam));
        check(&[("X-Amz-Expires", "0600")], Some(Error::MalformedParam));
        check(&[("X-Amz-Expires", "")], Some(Error::MissingExp));
        check(&[("X-Amz-Date", "")], Some(Error::MalformedParam));
        check(&[("X-Amz-Date", "20260921")], Some(Error::MalformedParam));
        check(&[("X-Amz-Algorithm", "")], Some(Error::MalformedParam));
        check(&[("X-Amz-Algorithm", "AWS4-HMAC-SHA1")], Some(Error::MalformedParam));
        check(&[("X-Amz-Credential", "AKID")], Some(Error::MalformedParam));
        check(&[("X-Amz-SignedHeaders", "")], Some(Error::MalformedParam));
        check(&[("X-Amz-SignedHeaders", "date")], Some(Error::UnsignedHeader));
        check(&[("X-Amz-Credential", "NO/20260921/eu-central-1/s3/aws4_request")], Some(Error::UnknownKey));
        check(
            &[("X-Amz-Credential", "AKID/20260920/eu-central-1/s3/aws4_request")],
            Some(Error::ScopeMismatch),
        );
        check(
            &[("X-Amz-Credential", "AKID/20260921/eu-central-1/ec2/aws4_request")],
            Some(Error::ScopeMismatch),
        );
        check(&[("X-Amz-Credential", "AKID/20260921/eu-central-1/s3/aws4")], Some(Error::ScopeMismatch));
        check(
            &[("X-Amz-Credential", "AKID/2026092/eu-central-1/s3/aws4_request")],
            Some(Error::ScopeMismatch),
        );
        let good = presigned_with(&[]);
        let check = |target: String, expected| {
            assert_eq!(Case::new(&target).reason(), Some(expected), "{target}");
        };
        check(format!("{good}&X-Amz-Date={DATE}"), Error::DuplicateParam);
        check(format!("{good}&X-Amz-Signature=0"), Error::DuplicateParam);
        check(format!("{good}&X%2DAmz-Date={DATE}"), Error::MalformedParam);
        check(format!("{good}&x-amz-date={DATE}"), Error::BadSignature);
        check(format!("{good}&a=%zz"), Error::MalformedParam);
        check(format!("{good}0"), Error::MalformedSignature);
        check(good.replace("/b/", "/b/%zz"), Error::BadPath);
        check(good.replace("X-Amz-Signature", "X-Amz-Sig"), Error::MissingSignature);
    }

    #[test]
    fn every_header_of_the_dialect_must_be_signed() {
        let mut case = Case::new(presigned_with(&[]));
        case.headers.insert("x-goog-meta-a".into(), "1".into());
        case.headers.insert("range".into(), "bytes=0-9".into());
        assert_eq!(case.reason(), None);
        case.headers.insert("x-amz-meta-a".into(), "1".into());
        assert_eq!(case.reason(), Some(Error::UnsignedHeader));
    }

    #[test]
    fn a_signed_digest_is_held_against_the_body_or_handed_on() {
        let digest = hex::encode(sha2::Sha256::digest(b"body"));
        let with_hash = |hash: &str| {
            let parameters = [
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", "AKID/20260921/eu-central-1/s3/aws4_request"),
                ("X-Amz-Date", DATE),
                ("X-Amz-Expires", "600"),
                ("X-Amz-SignedHeaders", "host"),
                ("X-Amz-Content-Sha256", hash),
            ];
            Case::new(presign("/b/k", &parameters, hash, &[("host", "h.example")]))
        };
        let check = |hash: &str, payload, expected| {
            let case = Case { payload, ..with_hash(hash) };
            assert_eq!(case.judge(&AMAZON).map(|verified| verified.body_sha256), expected, "{hash}");
        };
        let bytes = sha2::Sha256::digest(b"body").into();
        check(&digest, Payload::of(b"body"), Ok(Some(bytes)));
        check(&digest, Payload::of(b"body "), Err(Error::PayloadMismatch));
        check(&digest, Payload::Unread, Ok(Some(bytes)));
        check("UNSIGNED-PAYLOAD", Payload::of(b"body"), Ok(None));
        check("no digest", Payload::Unread, Ok(Some([0; 32])));
        check("no digest", Payload::of(b"body"), Err(Error::PayloadMismatch));
        check("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Payload::Unread, Err(Error::UnsupportedPayload));
    }

    #[test]
    fn the_keys_of_an_id_are_those_of_its_kind_and_state() {
        let check = |material: KeyMaterial, state, expected| {
            let mut case = Case::new(presigned_with(&[]));
            case.keys = vec![VerifyingKey::new(Scheme::S3, "a".parse().unwrap(), "AKID", state, material)];
            assert_eq!(case.reason(), expected, "{state:?}");
        };
        check(KeyMaterial::text(SECRET), KeyState::Revoked, Some(Error::KeyRevoked));
        check(KeyMaterial::text(SECRET), KeyState::Retired, Some(Error::KeyRevoked));
        let verify_until = Timestamp::from_seconds(SIGNED_S + 1);
        check(KeyMaterial::text(SECRET), KeyState::Retiring { verify_until }, None);
        check(KeyMaterial::with_session(SECRET, "t"), KeyState::Active, Some(Error::UnknownKey));
        check(KeyMaterial::key_and_salt_hex("00", "00").unwrap(), KeyState::Active, Some(Error::UnknownKey));
        let mut case = Case::new(presigned_with(&[]));
        case.keys.insert(0, key(Scheme::S3, KeyMaterial::text("another secret")));
        assert_eq!(case.reason(), None);
    }

    #[test]
    fn a_session_token_belongs_to_its_key_and_to_no_other() {
        let check = |token: &'static str, material, expected| {
            let mut case = Case::new(presigned_with(&[("X-Amz-Security-Token", token)]));
            case.keys = vec![key(Scheme::S3, material)];
            assert_eq!(case.reason(), expected, "{token}");
        };
        check("t/1=", KeyMaterial::with_session(SECRET, "t/1="), None);
        check("t/2=", KeyMaterial::with_session(SECRET, "t/1="), Some(Error::BadSignature));
        check("", KeyMaterial::with_session(SECRET, "t/1="), Some(Error::UnknownKey));
        check("t/1=", KeyMaterial::text(SECRET), Some(Error::UnknownKey));
    }

    #[test]
    fn an_hmac_key_of_google_speaks_the_dialect_of_amazon_where_google_is_switched_on() {
        let mut case = Case::new(presigned_with(&[]));
        case.settings.s3.region = Some("us-east-1".into());
        assert_eq!(case.reason(), Some(Error::ScopeMismatch));
        case.keys = vec![key(Scheme::Gcs, KeyMaterial::text(SECRET))];
        assert_eq!(case.judge(&AMAZON).unwrap().scheme, Scheme::Gcs);
        case.schemes = SchemeSet::of(&[Scheme::S3]);
        assert_eq!(case.reason(), Some(Error::UnknownKey));
    }

    #[test]
    fn a_url_that_was_signed_for_longer_than_the_account_allows_is_refused() {
        let mut case = Case::new(presigned_with(&[]));
        case.policy.max_lifetime_s = Some(600);
        assert_eq!(case.reason(), None);
        case.policy.max_lifetime_s = Some(599);
        assert_eq!(case.reason(), Some(Error::LifetimeTooLong));
        case.now_s += 300;
        assert_eq!(case.reason(), Some(Error::LifetimeTooLong));
    }

    #[test]
    fn what_was_signed_before_a_mark_is_revoked() {
        let mark = |mut case: Case, issued_before_s| {
            case.policy.revoked.issued_before_s = Some(issued_before_s);
            case.reason()
        };
        let key = Outbound::sigv4("AKID", Secret::new(SECRET), "eu-central-1");
        let sent = || Case::sent(&key, "GET", "/b/k", OutboundBody::Unsigned);
        let presigned = || Case::new(presigned_with(&[]));
        assert_eq!((mark(sent(), SIGNED_S), mark(presigned(), SIGNED_S)), (None, None));
        let revoked = Some(Error::Revoked);
        assert_eq!((mark(sent(), SIGNED_S + 1), mark(presigned(), SIGNED_S + 1)), (revoked, revoked));
    }

    #[test]
    fn what_outbound_signs_is_accepted_for_a_quarter_of_an_hour() {
        let amazon = Outbound::sigv4("AKID", Secret::new(SECRET), "eu-central-1");
        let google = Outbound::goog4("AKID", Secret::new(SECRET), "auto");
        for (outbound, dialect, scheme) in [(amazon, &AMAZON, Scheme::S3), (google, &GOOGLE, Scheme::Gcs)] {
            let mut case = Case::sent(&outbound, "PUT", "/b/k%20%c3%a4?b=2&a", OutboundBody::Bytes(b"body"));
            case.keys = vec![key(scheme, KeyMaterial::text(SECRET))];
            case.payload = Payload::of(b"body");
            for (now_s, expected) in [
                (SIGNED_S - 901, Some(Error::RequestTimeSkewed)),
                (SIGNED_S - 900, None),
                (SIGNED_S + 900, None),
                (SIGNED_S + 901, Some(Error::RequestTimeSkewed)),
            ] {
                case.now_s = now_s;
                assert_eq!(case.judge(dialect).err(), expected, "{now_s}");
            }
            case.now_s = SIGNED_S;
            let verified = case.judge(dialect).unwrap();
            assert_eq!((verified.carrier, verified.expires_s), (Carrier::Header, Some(SIGNED_S + 901)));
            case.payload = Payload::of(b"another");
            let expected =
                if dialect.scheme == Scheme::S3 { Error::PayloadMismatch } else { Error::BadSignature };
            assert_eq!(case.judge(dialect).err(), Some(expected));
            case.payload = Payload::Unread;
            let expected = if dialect.scheme == Scheme::S3 { None } else { Some(Error::UnsupportedPayload) };
            assert_eq!(case.judge(dialect).err(), expected);
        }
    }

    #[test]
    fn an_authorization_that_is_not_whole_is_refused() {
        let key = Outbound::sigv4("AKID", Secret::new(SECRET), "eu-central-1");
        let good = Case::sent(&key, "GET", "/b/k", OutboundBody::Unsigned);
        let authorization = good.headers["authorization"].clone();
        let check = |authorization: String, expected: Option<Error>| {
            let mut case = Case::sent(&key, "GET", "/b/k", OutboundBody::Unsigned);
            case.headers.insert("authorization".into(), authorization.clone());
            assert_eq!(case.reason(), expected, "{authorization}");
        };
        check(authorization.clone(), None);
        check(authorization.replace(", ", ","), None);
        check(authorization.replace(" Cred", " Other=1, Cred"), Some(Error::MalformedParam));
        check(format!("{authorization},"), Some(Error::MalformedParam));
        check(authorization.replace("Signature=", "Signature=A"), Some(Error::MalformedSignature));
        check("AWS4-HMAC-SHA256".into(), Some(Error::MissingSignature));
        let signature = authorization.rsplit(' ').next().unwrap();
        check(format!("{authorization}, {signature}"), Some(Error::DuplicateParam));
        for (name, value, expected) in [
            ("x-amz-date", "yesterday", Error::MalformedParam),
            ("x-amz-content-sha256", "none", Error::MalformedParam),
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", Error::UnsupportedPayload),
        ] {
            let mut case = Case::sent(&key, "GET", "/b/k", OutboundBody::Unsigned);
            case.headers.insert(name.into(), value.into());
            assert_eq!(case.reason(), Some(expected), "{name}: {value}");
            case.headers.remove(name);
            assert_eq!(case.reason(), Some(Error::MalformedParam), "without {name}");
        }
    }

    #[test]
    fn a_host_is_tried_without_a_port_where_signers_leave_it_out() {
        let check = |dialect, host, is_https, expected: &[&str]| {
            let request = Request { host, is_https, ..Request::get(Target::Raw("/")) };
            assert_eq!(
                hosts(dialect, &request).into_iter().flatten().collect::<Vec<_>>(),
                expected,
                "{host}"
            );
        };
        check(&AMAZON, "h", true, &["h"]);
        check(&AMAZON, "h:9000", true, &["h:9000"]);
        check(&AMAZON, "h:443", true, &["h:443", "h"]);
        check(&AMAZON, "h:443", false, &["h:443"]);
        check(&GOOGLE, "h:9000", false, &["h:9000", "h"]);
        check(&GOOGLE, "[::1]", false, &["[::1]"]);
        check(&GOOGLE, "[::1]:80", false, &["[::1]:80", "[::1]"]);
    }

    proptest! {
        #[test]
        fn a_presigned_url_with_any_byte_changed_is_refused(
            path in "(/([A-Za-z0-9_.+=,:~-]|%20|%C3%A4){1,8}){1,4}",
            place in any::<prop::sample::Index>(),
            byte in 0x20_u8..=0x7F,
        ) {
            let parameters = [
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", "AKID/20260921/eu-central-1/s3/aws4_request"),
                ("X-Amz-Date", DATE),
                ("X-Amz-Expires", "600"),
                ("X-Amz-SignedHeaders", "host"),
            ];
            let signed = presign(&path, &parameters, "UNSIGNED-PAYLOAD", &[("host", "h.example")]);
            prop_assert_eq!(Case::new(&signed).reason(), None);
            let mut changed = signed.clone().into_bytes();
            let place = place.index(changed.len());
            prop_assume!(changed[place] != byte);
            changed[place] = byte;
            let changed = String::from_utf8(changed).unwrap();
            // What an escape spells may be spelled in capitals and in small letters: the text that is signed is the same.
            prop_assume!(!changed.eq_ignore_ascii_case(&signed));
            prop_assert!(Case::new(&changed).reason().is_some(), "{} became {}", signed, changed);
        }

        #[test]
        fn any_request_gets_a_verdict(
            query in "((X-Amz-|x-goog-)(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token)(=|%3D)(AWS4-HMAC-SHA256|AKID/20260921/a/s3/aws4_request|20260921T141320Z|600|host|[0-9a-f]{64}|\\PC)&?){0,8}",
            authorization in "(AWS4|GOOG4)-HMAC-SHA256 ?((Credential|SignedHeaders|Signature|\\PC)=?(AKID/20260921/a/s3/aws4_request|host|[0-9a-f]{64}|\\PC), ?){0,4}",
            date in "20260921T141320Z|\\PC{0,4}",
        ) {
            let mut case = Case::new(format!("/a?{query}"));
            for dialect in [&AMAZON, &GOOGLE] {
                prop_assert!(case.judge(dialect).is_err());
            }
            case.headers.insert("authorization".into(), authorization);
            case.headers.insert("x-amz-date".into(), date.clone());
            case.headers.insert("x-goog-date".into(), date);
            for dialect in [&AMAZON, &GOOGLE] {
                prop_assert!(case.judge(dialect).is_err());
            }
        }
    }
}
