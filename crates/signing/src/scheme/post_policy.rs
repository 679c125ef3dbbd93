//! Forms that a browser posts to a storage-style upload, with a signed policy of what they may hold, in the dialects of
//! Amazon and Google (signing-schemes 5.5 and 6.4).

mod document;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;

use self::document::{Condition, Document};
use super::foreign::{Life, signed_by};
use super::v4::{Mark, candidates, check_region, check_scope, has_session, is_signed, read_mark};
use crate::canonical::{Credential, Dialect};
use crate::request::PostForm;
use crate::stamp::parse_compact;
use crate::verdict::{Carrier, Verified, Witness};
use crate::verifier::{Verifier, signer};
use crate::{Error, Scheme};

/// Most fields of a form.
const MAX_FIELDS: usize = 100;

impl PostForm<'_> {
    /// The object key that the form asks for: its field `key`, in which `${filename}` stands for the name of the file
    /// without any folders. None where there is no such field, or more than one.
    pub fn object_key(&self) -> Option<Cow<'_, str>> {
        let mut keys = self.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("key"));
        let (Some((_, key)), None) = (keys.next(), keys.next()) else { return None };
        if !key.contains("${filename}") {
            return Some(Cow::Borrowed(key));
        }
        let name = self.file_name.and_then(|name| name.rsplit(['/', '\\']).next()).unwrap_or_default();
        Some(Cow::Owned(key.replace("${filename}", name)))
    }
}

/// Judges a form.
pub(super) fn judge(
    dialect: &'static Dialect,
    form: &PostForm<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let fields = Fields { dialect, form };
    let mark = fields.own("signature").ok_or(Error::MissingSignature);
    let mark = witness.step("signature present", mark, |_| "The form carries a signature.".into())?;
    let algorithm = fields.own("algorithm").unwrap_or_default();
    let mark = read_mark(dialect, algorithm, mark).ok_or(Error::MalformedSignature);
    let mark = witness.step("signature syntax", mark, |_| {
        "It is lower-case hex digits, as many as its algorithm makes.".into()
    })?;
    let parts =
        witness.step("parameters", fields.parts(), |_| "Each is well formed and there once.".into())?;
    let json = json(parts.policy);
    let document = json.as_deref().and_then(Document::parse).ok_or(Error::MalformedPolicy);
    let document = witness.step("policy", document, |document| {
        format!("It has {} conditions, each of a kind that is known.", document.conditions.len())
    })?;
    let key = fields.signer(&mark, &parts, verifier, now, witness)?;
    let expires_s = check_life(&document, &parts, verifier, now, witness)?;
    check_region(verifier, key, parts.credential.region, witness)?;
    let bucket = if dialect.scheme == Scheme::S3 {
        &verifier.settings.s3.bucket
    } else {
        &verifier.settings.gcs.bucket
    };
    let held = fields.hold(&document, bucket.as_deref());
    witness.step("conditions", held, |()| "Each holds, and covers each field.".into())?;
    let verified = Verified::of(key.scheme(), key.shared_name());
    Ok(Verified { carrier: Carrier::Form, shareable: false, expires_s: Some(expires_s), ..verified })
}

/// Whether a policy still runs, as `now < expiration` has it; returns its end in whole seconds, rounded up.
fn check_life(
    document: &Document<'_>,
    parts: &Parts<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<i64, Error> {
    let end = document.expiration;
    let running = if now < end { Ok(()) } else { Err(Error::Expired) };
    witness.step("expiration", running, |()| format!("The policy ends at {}.", end.to_rfc3339()))?;
    let expires_s = -(-end.as_micros()).div_euclid(1_000_000);
    let issued_s = Some(parts.signed_at.as_seconds());
    let life = Life { issued_s, expires_s: Some(expires_s), ..Life::default() };
    life.check(verifier.policy, now, witness)?;
    Ok(expires_s)
}

/// A form, with the words of its dialect.
struct Fields<'f> {
    dialect: &'static Dialect,
    form: &'f PostForm<'f>,
}

/// What stands in a form beside the signature.
struct Parts<'f> {
    credential: Credential<'f>,
    date: &'f str,
    signed_at: Timestamp,
    policy: &'f str,
    session: Option<&'f str>,
}

impl<'f> Fields<'f> {
    /// The first field of a name, in any letter case.
    fn get(&self, name: &str) -> Option<&'f str> {
        let mut fields = self.form.fields.iter();
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The field of the dialect: `x-amz-…` or `x-goog-…`.
    fn own(&self, name: &str) -> Option<&'f str> {
        let mut fields = self.form.fields.iter();
        fields.find(|(other, _)| self.is_own(other, name)).map(|(_, value)| value.as_str())
    }

    /// Whether a field is the dialect's own of a name, in any letter case.
    fn is_own(&self, field: &str, name: &str) -> bool {
        let (prefix, own) = field.split_at_checked(self.dialect.prefix.len()).unwrap_or_default();
        // Lengths tell most names apart, and all prefixes are of one.
        own.eq_ignore_ascii_case(name) && prefix.eq_ignore_ascii_case(self.dialect.prefix)
    }

    /// The fields of the signature; refuses a form one of whose fields occurs twice, for one could be checked and the
    /// other be used.
    fn parts(&self) -> Result<Parts<'f>, Error> {
        if self.form.fields.len() > MAX_FIELDS
            || !self.own("algorithm").is_some_and(|name| self.dialect.knows(name))
        {
            return Err(Error::MalformedParam);
        }
        let credential = self.own("credential").and_then(Credential::parse).ok_or(Error::MalformedParam)?;
        let date = self.own("date").ok_or(Error::MalformedParam)?;
        let signed_at = parse_compact(date).ok_or(Error::MalformedParam)?;
        // Of so few names each is compared with all before it: lengths tell most of them apart.
        let mut names = self.counted().map(|(name, _)| name).enumerate();
        let is_there_before = |(number, name): (usize, &String)| {
            self.counted().take(number).any(|(before, _)| before.eq_ignore_ascii_case(name))
        };
        if names.any(is_there_before) {
            return Err(Error::DuplicateParam);
        }
        let policy = self.get("policy").ok_or(Error::MalformedPolicy)?;
        Ok(Parts { credential, date, signed_at, policy, session: self.own("security-token") })
    }

    /// The fields that count: all but `x-ignore-…`.
    fn counted(&self) -> impl Iterator<Item = &'f (String, String)> {
        let ignored = |name: &str| name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("x-ignore-"));
        self.form.fields.iter().filter(move |(name, _)| !ignored(name))
    }

    /// The key that signed, once it is known and the scope is one that it may sign.
    fn signer<'a>(
        &self,
        mark: &Mark,
        parts: &Parts<'_>,
        verifier: &Verifier<'a>,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<&'a crate::VerifyingKey, Error> {
        let (id, session) = (parts.credential.id, parts.session);
        let keys = candidates(self.dialect, verifier, id, mark, session, now);
        let keys = witness.step("signing key", keys, |_| format!("{id} is known."))?;
        witness.step("scope", check_scope(self.dialect, &parts.credential, parts.date), |()| {
            format!("{} is of the day of its date.", parts.credential.scope)
        })?;
        witness.text(|| parts.policy.to_owned());
        let texts = std::iter::once([parts.policy]);
        let signer = signer(keys, |key| {
            is_signed(self.dialect, key, &parts.credential, texts.clone(), mark) & has_session(key, session)
        });
        signed_by(signer, witness)
    }

    /// Whether every condition holds, and every field is covered by one. The bucket is the endpoint's own, whatever a
    /// field says of it.
    fn hold(&self, document: &Document<'_>, bucket: Option<&str>) -> Result<(), Error> {
        let value = |name: &str| match name {
            "bucket" => bucket.map(Cow::Borrowed),
            "key" => self.form.object_key(),
            _ => self.get(name).map(Cow::Borrowed),
        };
        let holds = |condition: &Condition<'_>| match condition {
            Condition::Equal(name, wanted) => value(name).is_some_and(|value| value == *wanted),
            Condition::StartsWith(name, start) => {
                value(name).is_some_and(|value| value.starts_with(&**start))
            }
            Condition::FileBytes(least, most) => (*least..=*most).contains(&self.form.file_bytes),
        };
        let covered = |name: &str| {
            ["policy", "file"].iter().any(|free| name.eq_ignore_ascii_case(free))
                || self.is_own(name, "signature")
                || document.conditions.iter().any(|condition| condition.names(name))
        };
        let own_bucket = self.get("bucket").is_none_or(|field| bucket == Some(field));
        let all = own_bucket
            && document.conditions.iter().all(holds)
            && self.counted().all(|(name, _)| covered(name));
        if all { Ok(()) } else { Err(Error::PolicyConditionFailed) }
    }
}

impl Condition<'_> {
    fn names(&self, field: &str) -> bool {
        match self {
            Condition::Equal(name, _) | Condition::StartsWith(name, _) => name.eq_ignore_ascii_case(field),
            Condition::FileBytes(..) => false,
        }
    }
}

/// The JSON that a field `policy` holds, as ordinary base64.
fn json(policy: &str) -> Option<Vec<u8>> {
    let most = Document::MAX_BYTES.div_ceil(3) * 4;
    if policy.len() <= most { STANDARD.decode(policy).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use domain::Secret;
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::{AMAZON, GOOGLE, signing_key};
    use crate::settings::{S3Settings, SchemeSettings};
    use crate::verdict::{Listener, Nobody};
    use crate::{KeyMaterial, KeyState, Policy, Scheme, SchemeSet, VerifyingKey};

    const NOW_S: i64 = 1_790_000_000;
    const SECRET: &str = "s3cret/KEY";
    const CONDITIONS: &str = r#"{"bucket":"b"},["starts-with","$key","up/"],["content-length-range",1,10]"#;

    /// A form with a policy of these conditions, and with these fields beside the usual ones.
    fn form(conditions: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = r#"["starts-with","$x-amz-algorithm",""],["starts-with","$x-amz-credential",""],["starts-with","$x-amz-date",""]"#;
        signed(
            &format!(r#"{{"expiration":"2026-09-21T14:13:30.5Z","conditions":[{conditions},{own}]}}"#),
            fields,
        )
    }

    fn signed(document: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let policy = STANDARD.encode(document);
        let key = signing_key(&AMAZON, &Secret::new(SECRET), "20260921", "eu-central-1");
        let signature = hex::encode(key.of([&policy]));
        let usual = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", "AKID/20260921/eu-central-1/s3/aws4_request"),
            ("x-amz-date", "20260921T141320Z"),
            ("Policy", policy.as_str()),
            ("x-amz-signature", signature.as_str()),
        ];
        usual.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn judge_at(fields: &[(String, String)], file_bytes: u64, now: Timestamp) -> Result<Verified, Error> {
        let form = PostForm { fields, file_name: Some("C:\\pictures\\cat.png"), file_bytes };
        let material = KeyMaterial::text(SECRET);
        let keys = [VerifyingKey::new(Scheme::S3, "a".parse().unwrap(), "AKID", KeyState::Active, material)];
        let s3 = S3Settings { bucket: Some("b".into()), ..S3Settings::default() };
        let (settings, policy) = (SchemeSettings { s3, ..SchemeSettings::default() }, Policy::default());
        let schemes = SchemeSet::of(&[Scheme::S3]);
        let verifier =
            Verifier { schemes, foreign_keys: &keys, settings: &settings, ..Verifier::native(&[], &policy) };
        let heard = judge(&AMAZON, &form, &verifier, now, &mut Listener::default());
        assert_eq!(judge(&AMAZON, &form, &verifier, now, &mut Nobody), heard);
        assert!(judge(&GOOGLE, &form, &verifier, now, &mut Nobody).is_err());
        heard
    }

    fn reason(fields: &[(String, String)]) -> Option<Error> {
        judge_at(fields, 5, Timestamp::from_seconds(NOW_S)).err()
    }

    #[test]
    fn a_form_is_good_until_its_policy_ends() {
        let fields = form(CONDITIONS, &[("key", "up/a.png")]);
        let verified = judge_at(&fields, 5, Timestamp::from_seconds(NOW_S)).unwrap();
        assert_eq!((verified.carrier, verified.expires_s), (Carrier::Form, Some(NOW_S + 11)));
        let at = |micros| judge_at(&fields, 5, Timestamp::from_micros(NOW_S * 1_000_000 + micros)).err();
        assert_eq!((at(10_499_999), at(10_500_000)), (None, Some(Error::Expired)));
    }

    #[test]
    fn each_condition_must_hold_and_each_field_be_covered() {
        let check = |conditions: &str, fields: &[(&str, &str)], passes: bool| {
            let expected = (!passes).then_some(Error::PolicyConditionFailed);
            assert_eq!(reason(&form(conditions, fields)), expected, "{conditions} {fields:?}");
        };
        let key = ("key", "up/a.png");
        check(CONDITIONS, &[key], true);
        check(CONDITIONS, &[("KEY", "up/a.png")], true);
        check(CONDITIONS, &[], false);
        check(CONDITIONS, &[("key", "elsewhere/a.png")], false);
        check(CONDITIONS, &[key, ("bucket", "b")], true);
        check(CONDITIONS, &[key, ("bucket", "other")], false);
        check(CONDITIONS, &[key, ("acl", "private")], false);
        check(CONDITIONS, &[key, ("x-ignore-me", "1"), ("X-Ignore-Me", "2")], true);
        check(CONDITIONS, &[key, ("file", "")], true);
        check(r#"{"bucket":"other"},{"key":"up/a.png"}"#, &[key], false);
        check(r#"{"key":"up/a.png"},{"acl":"private"}"#, &[key, ("acl", "public")], false);
        check(r#"{"key":"up/a.png"},{"acl":"private"}"#, &[key], false);
        check(r#"{"key":"up/a.png"},["starts-with","$acl",""]"#, &[key], false);
        check(r#"{"key":"up/a.png"},["starts-with","$acl",""]"#, &[key, ("acl", "")], true);
        check(r#"{"key":"up/a.png"},["content-length-range",6,9]"#, &[key], false);
        check(r#"{"key":"up/a.png"},["content-length-range",5,5]"#, &[key], true);
        check(r#"{"key":"up/a.png"},["content-length-range",9,1]"#, &[key], false);
    }

    #[test]
    fn the_name_of_the_file_takes_its_place_before_the_check() {
        let fields = form(r#"{"key":"up/cat.png"}"#, &[("key", "up/${filename}")]);
        assert_eq!(reason(&fields), None);
        let key = |fields: &[(String, String)], file_name| {
            PostForm { fields, file_name, file_bytes: 0 }.object_key().map(Cow::into_owned)
        };
        assert_eq!(key(&fields, Some("../cat.png")).as_deref(), Some("up/cat.png"));
        assert_eq!(key(&fields, None).as_deref(), Some("up/"));
        let two = [("key".to_owned(), "a".to_owned()), ("Key".to_owned(), "b".to_owned())];
        assert_eq!((key(&two, None), key(&[], None)), (None, None));
    }

    #[test]
    fn what_is_not_whole_is_refused_in_the_order_of_checks() {
        let good = form(CONDITIONS, &[("key", "up/a.png")]);
        let check = |name: &str, value: Option<&str>, expected| {
            let mut fields = good.clone();
            fields.retain(|(other, _)| value.is_some() || !other.eq_ignore_ascii_case(name));
            for field in fields.iter_mut().filter(|(other, _)| other.eq_ignore_ascii_case(name)) {
                field.1 = value.unwrap_or_default().to_owned();
            }
            assert_eq!(reason(&fields), Some(expected), "{name} {value:?}");
        };
        check("x-amz-signature", None, Error::MissingSignature);
        check("x-amz-signature", Some("00"), Error::MalformedSignature);
        check("x-amz-signature", Some(&"0".repeat(64)), Error::BadSignature);
        check("x-amz-algorithm", None, Error::MalformedParam);
        check("x-amz-algorithm", Some("GOOG4-HMAC-SHA256"), Error::MalformedParam);
        check("x-amz-credential", None, Error::MalformedParam);
        check("x-amz-credential", Some("NO/20260921/r/s3/aws4_request"), Error::UnknownKey);
        check("x-amz-credential", Some("AKID/20260920/r/s3/aws4_request"), Error::ScopeMismatch);
        check("x-amz-date", None, Error::MalformedParam);
        check("x-amz-date", Some("2026"), Error::MalformedParam);
        check("policy", None, Error::MalformedPolicy);
        for broken in ["", "e30=", "e30", "e3 0=", "!!!!", "e30=\n", &"A".repeat(40_000)] {
            check("policy", Some(broken), Error::MalformedPolicy);
        }
        let mut twice = good.clone();
        twice.push(("Key".into(), "elsewhere/a.png".into()));
        assert_eq!(reason(&twice), Some(Error::DuplicateParam));
        let many: Vec<_> = (0..96).map(|n| (format!("x-ignore-{n}"), String::new())).collect();
        let with = |count: usize| good.iter().chain(&many[..count]).cloned().collect::<Vec<_>>();
        assert_eq!(reason(&with(MAX_FIELDS - good.len())), None);
        assert_eq!(reason(&with(MAX_FIELDS + 1 - good.len())), Some(Error::MalformedParam));
    }

    proptest! {
        #[test]
        fn any_form_gets_a_verdict(
            fields in proptest::collection::vec(
                ("(x-amz-|X-Goog-)?(algorithm|credential|date|signature|policy|key|bucket|\\PC{0,3})", "AWS4-HMAC-SHA256|AKID/20260921/r/s3/aws4_request|20260921T141320Z|[0-9a-f]{64}|e30=|\\PC{0,6}"),
                0..9,
            ),
        ) {
            prop_assert!(reason(&fields).is_some());
        }

        #[test]
        fn a_policy_with_any_byte_changed_is_refused(place in any::<prop::sample::Index>(), byte in 0x20_u8..=0x7F) {
            let mut fields = form(CONDITIONS, &[("key", "up/a.png")]);
            let policy = fields.iter_mut().find(|(name, _)| name == "Policy").unwrap();
            let mut bytes = policy.1.clone().into_bytes();
            let place = place.index(bytes.len());
            prop_assume!(bytes[place] != byte);
            bytes[place] = byte;
            policy.1 = String::from_utf8(bytes).unwrap();
            prop_assert!(reason(&fields).is_some());
        }
    }
}
