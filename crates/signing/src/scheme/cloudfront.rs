//! CloudFront's signed URLs and signed cookies, with a canned or a custom policy (signing-schemes 4). What is signed is the
//! whole URL as the outside sees it, or a policy that says which URLs it opens.

mod advice;
mod alphabet;
mod parameters;
mod policy;
mod resource;

use domain::Timestamp;

use self::advice::{about, why_bad};
use self::parameters::{Opened, Parameters};
use self::policy::CustomPolicy;
use self::resource::PublicUrl;
use super::foreign::{Life, query_parts, signed_by};
use crate::Error;
use crate::key_material::VerifyingKey;
use crate::pairs::Pair;
use crate::request::Request;
use crate::schemes::Scheme;
use crate::verdict::{Carrier, Covers, Verified, Witness};
use crate::verifier::{Verifier, signer};

/// What the names of cookies begin with; then come those of the parameters.
const COOKIE_PREFIX: &str = "CloudFront-";

/// Judges a signed URL. Cookies are not looked at: they repair no URL.
pub(super) fn judge(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let pairs: Vec<Pair<'_>> = verifier.pairs(request).collect();
    let own = pairs.iter().filter(|pair| !Scheme::CloudFront.controls(pair.name));
    let question = Question { request, url: public_url(request, own.copied()), carrier: Carrier::Url };
    question.judge(&pairs, verifier, now, witness)
}

/// Judges signed cookies. The query of the URL is all its own then.
pub(super) fn judge_cookie(
    request: &Request<'_>,
    verifier: &Verifier<'_>,
    now: Timestamp,
    witness: &mut impl Witness,
) -> Result<Verified, Error> {
    let cookies = request.cookies();
    let sent = cookies.iter().filter_map(|(cookie, value)| {
        cookie.strip_prefix(COOKIE_PREFIX).map(|name| Pair { start: 0, raw: value, name, value: Some(value) })
    });
    let url = public_url(request, verifier.pairs(request));
    let question = Question { request, url, carrier: Carrier::Cookie };
    question.judge(&sent.collect::<Vec<_>>(), verifier, now, witness)
}

/// What is asked for, and where the signature stands.
struct Question<'r> {
    request: &'r Request<'r>,
    url: PublicUrl<'r>,
    carrier: Carrier,
}

impl Question<'_> {
    fn judge(
        &self,
        sent: &[Pair<'_>],
        verifier: &Verifier<'_>,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<Verified, Error> {
        let verdict = self.checked(sent, verifier, now, witness);
        if let Some(advice) = verdict.as_ref().err().and_then(|&error| about(error)) {
            witness.advise(|| advice.into());
        }
        verdict
    }

    /// Makes every check in its order (signing-schemes 0). A policy is read once it is known who wrote it.
    fn checked(
        &self,
        sent: &[Pair<'_>],
        verifier: &Verifier<'_>,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<Verified, Error> {
        witness.step("path", self.request.check_path(), |()| "It can be read in one way only.".into())?;
        let parameters = Parameters::read(sent, witness)?;
        let key = self.signing_key(&parameters, verifier, now, witness)?;
        let opened = witness.step("policy", parameters.policy.opened(), |opened| match opened {
            Opened::Url { .. } => "It is a canned one: this URL until a time.".into(),
            Opened::ByPolicy(_) => "It is a custom one, of which each word is known.".into(),
        })?;
        let life =
            Life { begins_s: opened.begins_s(), expires_s: Some(opened.expires_s()), ..Life::default() };
        life.check(verifier.policy, now, witness)?;
        witness.step("path allowed", self.is_open(&opened), |()| "The policy opens this URL.".into())?;
        witness.step("address", self.admits_address(&opened), |()| match opened.is_bound() {
            true => "The policy names the address of the visitor.".into(),
            false => "Any address may ask.".into(),
        })?;
        Ok(Verified {
            expires_s: life.expires_s,
            shareable: self.carrier == Carrier::Url && !opened.is_bound(),
            covers: self.covers(&opened),
            carrier: self.carrier,
            ..Verified::of(Scheme::CloudFront, key.shared_name())
        })
    }

    /// The key that signed, among those that the parameters name.
    fn signing_key<'k>(
        &self,
        parameters: &Parameters<'_>,
        verifier: &Verifier<'k>,
        now: Timestamp,
        witness: &mut impl Witness,
    ) -> Result<&'k VerifyingKey, Error> {
        let keys =
            verifier.named(Scheme::CloudFront, parameters.key_id, now).map(Iterator::collect::<Vec<_>>);
        let keys = witness.step("signing key", keys, |_| {
            format!("The key pair id {} names one that verifies.", parameters.key_id)
        })?;
        let text = parameters.policy.signed_text(&self.url);
        witness.text(|| String::from_utf8_lossy(&text).into_owned());
        let right = |key: &VerifyingKey| parameters.is_signed(key, parameters.digest, &text);
        let key = signed_by(signer(keys.iter().copied(), right), witness);
        if key.is_err() {
            witness.advise(|| why_bad(parameters, &self.url, &keys, verifier.foreign_keys));
        }
        key
    }

    fn is_open(&self, opened: &Opened) -> Result<(), Error> {
        let is_open = match opened {
            Opened::Url { .. } => true,
            // CloudFront opens everything of the key where no resource is named; here nothing is.
            Opened::ByPolicy(policy) => {
                policy.resource.as_ref().is_some_and(|resource| resource.opens(&self.url))
            }
        };
        if is_open { Ok(()) } else { Err(Error::PathNotAllowed) }
    }

    fn admits_address(&self, opened: &Opened) -> Result<(), Error> {
        let Opened::ByPolicy(CustomPolicy { network: Some(network), .. }) = opened else { return Ok(()) };
        let is_within = self.request.address().is_some_and(|address| network.contains(address));
        if is_within { Ok(()) } else { Err(Error::IpMismatch) }
    }

    fn covers(&self, opened: &Opened) -> Covers {
        match opened {
            Opened::Url { .. } => Covers::Path,
            Opened::ByPolicy(policy) => match &policy.resource {
                Some(resource) if resource.names(&self.url) => Covers::Path,
                _ => Covers::Pattern,
            },
        }
    }
}

/// The URL of a request as the outside sees it, with these pairs for its query.
fn public_url<'r>(request: &Request<'r>, pairs: impl Iterator<Item = Pair<'r>>) -> PublicUrl<'r> {
    let query: String = query_parts(pairs).collect();
    PublicUrl {
        protocol: if request.is_https { "https" } else { "http" },
        host: request.host,
        path: request.path(),
        query: query.strip_prefix('?').map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use domain::SigningKeyId;
    use p256::ecdsa::signature::hazmat::PrehashSigner as _;
    use p256::ecdsa::{Signature, SigningKey};
    use proptest::prelude::*;
    use sha1::{Digest as _, Sha1};
    use sha2::Sha256;

    use super::*;
    use crate::{
        Explanation, KeyMaterial, KeyState, NoHeaders, Policy, SchemeSet, SchemeSettings, Target,
        explain_request, verify_request,
    };

    const NOW_S: i64 = 1_790_000_000;
    const UNTIL: &str = r#""DateLessThan":{"AWS:EpochTime":1790003600}"#;

    /// Someone who signs, with the public key that is registered as `K1`.
    struct Signer(SigningKey);

    impl Signer {
        fn number(number: u8) -> Self {
            Signer(SigningKey::from_slice(&[number; 32]).unwrap())
        }

        fn public_key(&self) -> KeyMaterial {
            const HEAD: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
            let mut info = hex::decode(HEAD).unwrap();
            info.extend_from_slice(self.0.verifying_key().to_sec1_point(false).as_bytes());
            let body = STANDARD.encode(info);
            KeyMaterial::public_key_pem(&format!(
                "-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"
            ))
            .unwrap()
        }

        fn key(&self, id: &str, state: KeyState) -> VerifyingKey {
            VerifyingKey::new(Scheme::CloudFront, SigningKeyId::default_key(), id, state, self.public_key())
        }

        fn signature(&self, text: &str) -> String {
            let signature: Signature = self.0.sign_prehash(&Sha1::digest(text)).unwrap();
            encoded(signature.to_der().as_bytes())
        }

        /// The parameters of a canned policy for a URL.
        fn canned(&self, url: &str, expires_s: i64) -> [(&'static str, String); 3] {
            let text = format!(
                r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires_s}}}}}}}]}}"#
            );
            [
                ("Expires", expires_s.to_string()),
                ("Signature", self.signature(&text)),
                ("Key-Pair-Id", "K1".into()),
            ]
        }

        /// The parameters of a custom policy.
        fn custom(&self, policy: &str) -> [(&'static str, String); 3] {
            [
                ("Policy", encoded(policy.as_bytes())),
                ("Signature", self.signature(policy)),
                ("Key-Pair-Id", "K1".into()),
            ]
        }
    }

    fn encoded(bytes: &[u8]) -> String {
        STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
    }

    fn query(parameters: &[(&str, String)]) -> String {
        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    fn cookie(parameters: &[(&str, String)]) -> String {
        let pairs: Vec<_> =
            parameters.iter().map(|(name, value)| format!("CloudFront-{name}={value}")).collect();
        pairs.join("; ")
    }

    /// A request and who judges it.
    struct Asked<'a> {
        target: &'a str,
        cookie: &'a str,
        client_ip: Option<&'a str>,
        policy: Policy,
        keys: Vec<VerifyingKey>,
        now_s: i64,
    }

    impl Asked<'_> {
        fn verdict(&self) -> Result<Verified, Error> {
            self.judged_by(|request, verifier, now| {
                let verdict = verify_request(request, verifier, now);
                assert_eq!(explain_request(request, verifier, now).verdict, verdict);
                verdict
            })
        }

        fn explained(&self) -> Explanation {
            self.judged_by(explain_request)
        }

        fn judged_by<T>(&self, judge: impl Fn(&Request<'_>, &Verifier<'_>, Timestamp) -> T) -> T {
            let verifier = Verifier {
                schemes: SchemeSet::of(&[Scheme::Native, Scheme::CloudFront]),
                keys: &[],
                foreign_keys: &self.keys,
                settings: SchemeSettings::defaults(),
                policy: &self.policy,
                counts_uses: false,
            };
            let headers: BTreeMap<String, String> = [("cookie".into(), self.cookie.into())].into();
            let request = Request {
                host: "h",
                headers: if self.cookie.is_empty() { &NoHeaders } else { &headers },
                client_ip: self.client_ip.map(|address| address.parse::<IpAddr>().unwrap()),
                ..Request::get(Target::Raw(self.target))
            };
            judge(&request, &verifier, Timestamp::from_seconds(self.now_s))
        }

        fn refusal(&self) -> Option<Error> {
            self.verdict().err()
        }
    }

    fn ask(target: &str) -> Asked<'_> {
        let keys = vec![Signer::number(1).key("K1", KeyState::Active)];
        Asked {
            target,
            cookie: "",
            client_ip: Some("192.0.2.1"),
            policy: Policy::default(),
            keys,
            now_s: NOW_S,
        }
    }

    fn statement(resource: &str, conditions: &str) -> String {
        format!(r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{{conditions}}}}}]}}"#)
    }

    #[test]
    fn a_canned_url_opens_itself_until_it_ends() {
        let sent = query(&Signer::number(1).canned("https://h/a/b.jpg?x=1&y", NOW_S + 60));
        let target = format!("/a/b.jpg?x=1&{sent}&y");
        let verified = ask(&target).verdict().unwrap();
        assert_eq!(verified.expires_s, Some(NOW_S + 60));
        assert_eq!(
            (verified.covers, verified.carrier, verified.shareable),
            (Covers::Path, Carrier::Url, true)
        );
        assert_eq!(Asked { now_s: NOW_S + 60, ..ask(&target) }.refusal(), Some(Error::Expired));
        for (from, to) in
            [("a/b", "a/c"), ("x=1", "x=2"), ("&y", ""), ("&y", "&y&z"), ("1790000060", "1790000061")]
        {
            let changed = target.replacen(from, to, 1);
            assert_eq!(ask(&changed).refusal(), Some(Error::BadSignature), "{changed}");
        }
    }

    #[test]
    fn a_custom_policy_opens_what_it_fits_for_whom_and_from_when_it_says() {
        let bound = format!(
            r#"{UNTIL},"IpAddress":{{"AWS:SourceIp":"192.0.2.0/24"}},"DateGreaterThan":{{"AWS:EpochTime":{NOW_S}}}"#
        );
        let sent = query(&Signer::number(1).custom(&statement("https://h/a/*", &bound)));
        let target = format!("/a/b/c.jpg?w=1&{sent}");
        let verified = ask(&target).verdict().unwrap();
        assert_eq!(verified.expires_s, Some(1_790_003_600));
        assert_eq!((verified.covers, verified.shareable), (Covers::Pattern, false));
        assert!(Asked { client_ip: Some("::ffff:192.0.2.9"), ..ask(&target) }.verdict().is_ok());
        for address in [None, Some("192.0.3.1"), Some("2001:db8::1")] {
            let asked = Asked { client_ip: address, ..ask(&target) };
            assert_eq!(asked.refusal(), Some(Error::IpMismatch), "{address:?}");
        }
        assert_eq!(Asked { now_s: NOW_S - 1, ..ask(&target) }.refusal(), Some(Error::NotYetValid));
        let leeway = Policy { leeway_s: 1, ..Policy::default() };
        assert!(Asked { now_s: NOW_S - 1, policy: leeway, ..ask(&target) }.verdict().is_ok());
        assert_eq!(ask(&target.replacen("/a/", "/b/", 1)).refusal(), Some(Error::PathNotAllowed));
    }

    #[test]
    fn a_policy_without_wildcards_covers_its_path_as_a_canned_one_does() {
        for (resource, covers) in [
            ("https://h/a/b", Covers::Path),
            ("https://h/a/*", Covers::Pattern),
            ("h/a/b", Covers::Pattern),
            ("*", Covers::Pattern),
        ] {
            let target = format!("/a/b?{}", query(&Signer::number(1).custom(&statement(resource, UNTIL))));
            let verified = ask(&target).verdict().unwrap();
            assert_eq!((verified.covers, verified.shareable), (covers, true), "{resource}");
        }
    }

    #[test]
    fn cookies_open_what_they_name_unless_the_url_is_signed() {
        let signer = Signer::number(1);
        let canned = cookie(&signer.canned("https://h/a/b?x", NOW_S + 60));
        let wide = format!("theme=dark; {}", cookie(&signer.custom(&statement("https://h/a/*", UNTIL))));
        let check = |target: &str, cookie: &str, expected: Option<Error>| {
            assert_eq!(Asked { cookie, ..ask(target) }.refusal(), expected, "{target} {cookie}");
        };
        check("/a/b?x", &canned, None);
        check("/a/b", &canned, Some(Error::BadSignature));
        check("/a/c?anything", &wide, None);
        check("/b/c", &wide, Some(Error::PathNotAllowed));
        let verified = Asked { cookie: &wide, ..ask("/a/b") }.verdict().unwrap();
        assert_eq!((verified.carrier, verified.shareable), (Carrier::Cookie, false));

        let ended = query(&signer.canned("https://h/a/b", NOW_S));
        check(&format!("/a/b?{ended}"), &wide, Some(Error::Expired));
        check("/a/b?Expires=1&Policy=x&Hash-Algorithm=x", &wide, None);
        check("/a/b", &wide.replace("; CloudFront-Key-Pair-Id=K1", ""), Some(Error::UnknownKey));
        check("/a/b", &format!("{wide}; CloudFront-Policy=eA__"), Some(Error::DuplicateParam));
        check("/a/b", &format!("{wide}; CloudFront-Expires=1790003600"), Some(Error::MalformedParam));
        check("/a/b", &wide.replace("CloudFront-", "cloudfront-"), Some(Error::MissingSignature));
    }

    #[test]
    fn the_first_fault_in_the_order_of_checks_is_the_reason() {
        let check = |query: &str, expected| {
            assert_eq!(ask(&format!("/a/b?{query}")).refusal(), Some(expected), "{query}");
        };
        assert_eq!(ask("/a//b?Signature=x&Key-Pair-Id=x").refusal(), Some(Error::BadPath));
        check("Expires=1&Key-Pair-Id=K1", Error::MissingSignature);
        check("Key-Pair-Id=x&Expires=x&Signature=x&Signature=x", Error::DuplicateParam);
        check("Key-Pair-Id=x&Expires=x&Signature=x", Error::MalformedSignature);
        check("Key-Pair-Id=x&Expires=x&Signature", Error::MalformedSignature);
        check("Key-Pair-Id=x&Signature=AAAA&Expires=01", Error::MalformedParam);
        check("Key-Pair-Id=x&Signature=AAAA&Expires=1790003600000", Error::MalformedParam);
        check("Key-Pair-Id=x&Signature=AAAA&Expires=1&Expires=1", Error::DuplicateParam);
        check("Key-Pair-Id=x&Signature=AAAA&Expires=1&Key-Pair-Id=x", Error::DuplicateParam);
        check("Key-Pair-Id=x&Signature=AAAA&Expires=1&Policy=AAAA", Error::MalformedParam);
        check("Key-Pair-Id=x&Signature=AAAA&Policy=A+AA", Error::MalformedPolicy);
        for hash in ["", "sha1", "SHA512", "SHA-1"] {
            check(&format!("Key-Pair-Id=x&Signature=AAAA&Hash-Algorithm={hash}"), Error::MalformedParam);
        }
        check("Key-Pair-Id=x&Signature=AAAA", Error::MissingExp);
        check("Key-Pair-Id=x&Signature=AAAA&Expires=1", Error::UnknownKey);
        check("Key-Pair-Id=&Signature=AAAA&Expires=1", Error::UnknownKey);
        check("Key-Pair-Id=K1&Signature=AAAA&Expires=1", Error::BadSignature);
        check("Key-Pair-Id=K1&Signature=AAAA&Policy=AAAA", Error::BadSignature);
        let signed = |policy: &str| query(&Signer::number(1).custom(policy));
        check(&signed("{}"), Error::MalformedPolicy);
        let ended = r#""DateLessThan":{"AWS:EpochTime":1},"IpAddress":{"AWS:SourceIp":"10.0.0.1"}"#;
        let ahead = format!(r#"{ended},"DateGreaterThan":{{"AWS:EpochTime":9790003600}}"#);
        check(&signed(&statement("https://other/*", &ahead)), Error::NotYetValid);
        check(&signed(&statement("https://other/*", ended)), Error::Expired);
        let bound = format!(r#"{UNTIL},"IpAddress":{{"AWS:SourceIp":"10.0.0.1"}}"#);
        check(&signed(&statement("https://other/*", &bound)), Error::PathNotAllowed);
        check(&signed(&statement("https://h/*", &bound)), Error::IpMismatch);
        check(&signed(&format!(r#"{{"Statement":{{"Condition":{{{UNTIL}}}}}}}"#)), Error::PathNotAllowed);
    }

    #[test]
    fn sha256_is_signed_where_it_is_named() {
        let text = statement("https://h/a/b", &UNTIL.replace("1790003600", "1790000060"));
        let signature: Signature = Signer::number(1).0.sign_prehash(&Sha256::digest(&text)).unwrap();
        let target = format!(
            "/a/b?Expires=1790000060&Hash-Algorithm=SHA256&Signature={}&Key-Pair-Id=K1",
            encoded(signature.to_der().as_bytes())
        );
        assert!(ask(&target).verdict().is_ok());
        assert_eq!(ask(&target.replace("SHA256", "SHA1")).refusal(), Some(Error::BadSignature));
        assert_eq!(ask(&target.replace("Hash-Algorithm=SHA256&", "")).refusal(), Some(Error::BadSignature));
    }

    #[test]
    fn every_key_of_an_id_is_tried_and_no_other() {
        let (first, second) = (Signer::number(1), Signer::number(2));
        let target = format!("/a/b?{}", query(&first.canned("https://h/a/b", NOW_S + 60)));
        let check = |keys: Vec<VerifyingKey>, expected| {
            assert_eq!(Asked { keys, ..ask(&target) }.refusal(), expected);
        };
        let active = KeyState::Active;
        check(vec![second.key("K1", active), first.key("K1", active)], None);
        check(vec![first.key("K1", active), second.key("K1", active)], None);
        check(vec![second.key("K1", active)], Some(Error::BadSignature));
        check(vec![second.key("K1", active), first.key("K2", active)], Some(Error::BadSignature));
        check(vec![first.key("K2", active)], Some(Error::UnknownKey));
        check(vec![first.key("K1", KeyState::Revoked)], Some(Error::KeyRevoked));
        check(vec![], Some(Error::UnknownKey));
        let name = SigningKeyId::default_key();
        let secret =
            VerifyingKey::new(Scheme::CloudFront, name.clone(), "K1", active, KeyMaterial::text("x"));
        check(vec![secret], Some(Error::BadSignature));
        let other = VerifyingKey::new(Scheme::Gcs, name, "K1", active, first.public_key());
        check(vec![other], Some(Error::UnknownKey));
    }

    #[test]
    fn the_account_decides_how_long_a_url_lives_and_what_is_ignored() {
        let sent = query(&Signer::number(1).canned("https://h/a/b", NOW_S + 60));
        let target = format!("/a/b?utm_a=1&{sent}");
        let with = |policy| Asked { policy, ..ask(&target) }.refusal();
        let ignoring = Policy { ignore_params: vec!["utm_*".into(), "Expires".into()], ..Policy::default() };
        assert_eq!(with(Policy::default()), Some(Error::BadSignature));
        assert_eq!(with(ignoring.clone()), None);
        assert_eq!(with(Policy { max_lifetime_s: Some(60), ..ignoring.clone() }), None);
        assert_eq!(
            with(Policy { max_lifetime_s: Some(59), ..ignoring.clone() }),
            Some(Error::LifetimeTooLong)
        );
        let mut marked = ignoring;
        marked.revoked.issued_before_s = Some(NOW_S);
        assert_eq!(with(marked), Some(Error::Revoked));
    }

    #[test]
    fn a_url_writes_no_conditions_of_its_own() {
        let bound = format!(r#""IpAddress":{{"AWS:SourceIp":"10.0.0.1"}},{UNTIL}"#);
        let [_, signature, key_id] = Signer::number(1).custom(&statement("https://h/a/*", &bound));
        let inside =
            r#"*","Condition":{"IpAddress":{"AWS:SourceIp":"10.0.0.1"},"DateLessThan":{"AWS:EpochTime":1"#;
        for path in ["/a/*", &format!("/a/{inside}")] {
            let target = format!("{path}?{}", query(&[signature.clone(), key_id.clone()]));
            let target = format!("{target}&Expires=1790003600");
            assert_eq!(ask(&target).refusal(), Some(Error::BadSignature), "{path}");
        }
        let quoted = query(&Signer::number(1).canned(r#"https://h/a\"b"#, NOW_S + 60));
        assert!(ask(&format!("/a\"b?{quoted}")).verdict().is_ok());
    }

    #[test]
    fn an_explanation_names_what_to_do_first() {
        let (first, second) = (Signer::number(1), Signer::number(2));
        let advice =
            |target: &str, keys: Vec<VerifyingKey>| Asked { keys, ..ask(target) }.explained().advice.unwrap();
        let active = || vec![first.key("K1", KeyState::Active), second.key("K2", KeyState::Active)];
        let check = |target: &str, word: &str| {
            let advice = advice(target, active());
            assert!(advice.contains(word), "{target}: {advice}");
        };
        let canned = |url: &str| query(&first.canned(url, NOW_S + 60));
        check(&format!("/a/b?{}", canned("http://h/a/b")), "signed for http,");
        check(&format!("/a/b?x=1&{}&utm=2", canned("https://h/a/b?x=1")), "parameter utm was added");
        check(&format!("/a/b?x=1&{}&y=2", canned("https://h/a/b")), "query was added");
        check(&format!("/a/c?{}", canned("https://h/a/b")), "byte for byte");
        check(&format!("/a/b?{}&Hash-Algorithm=SHA256", canned("https://h/a/b")), "Hash-Algorithm=SHA1");
        check(&format!("/a/b?{}", query(&second.canned("https://h/a/b", NOW_S + 60))), "key of K2 (Active)");
        let custom = query(&first.custom(&statement("https://h/*", UNTIL)));
        check(&format!("/a/b?{}", custom.replacen("Policy=ey", "Policy=fy", 1)), "white space included");
        check(&format!("/a/b?{custom}&Expires=1"), "either Expires");
        check(&format!("/a/b?{}", custom.replace("K1", "K3")), "under the id");
        check(
            &format!("/a/b?{}", query(&first.custom(&statement("http://h/*", UNTIL)))),
            "Resource that fits",
        );
        assert!(advice("/a/b", active()).contains("Sign the URL"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_signed_url_with_any_byte_changed_is_refused(
            is_custom: bool,
            place in any::<prop::sample::Index>(),
            byte in 0x20_u8..=0x7F,
        ) {
            let signer = Signer::number(1);
            let sent = match is_custom {
                true => signer.custom(&statement("https://h/a/b", UNTIL)),
                false => signer.canned("https://h/a/b", NOW_S + 60),
            };
            let mut target = format!("/a/b?{}", query(&sent)).into_bytes();
            let place = place.index(target.len());
            prop_assume!(target[place] != byte);
            target[place] = byte;
            let target = String::from_utf8(target).unwrap();
            prop_assert!(ask(&target).verdict().is_err(), "{}", target);
        }

        #[test]
        fn any_query_and_any_cookies_get_a_verdict(
            query in "((Expires|Policy|Signature|Key-Pair-Id|Hash-Algorithm|x)?(=|&|%|1790003600|AAAA|eA__|K1|SHA1|\\PC)){0,12}",
            cookie in "((CloudFront-)?(Expires|Policy|Signature|Key-Pair-Id|x)?(=|;|,| |1790003600|AAAA|eA__|K1)){0,12}",
        ) {
            let target = format!("/a/b?{query}");
            let refusal = Asked { cookie: &cookie, ..ask(&target) }.refusal();
            prop_assert!(refusal.is_some());
        }
    }
}
