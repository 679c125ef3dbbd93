//! Every committed vector of the native token against the public functions: the verdict, the reason, and the signed
//! text.

#![expect(clippy::unwrap_used, reason = "a vector that does not read is a failed test")]

use std::collections::BTreeMap;

use domain::{Fault as _, Secret, Timestamp};
use serde_json::Value;
use signing::{
    DeliveryUrl, Error, KeyState, Policy, Request, Scheme, SchemeSet, SigningKey, Target, Verified, Verifier,
    explain_request, sign, verify, verify_request,
};

struct Case<'v> {
    id: &'v str,
    value: &'v Value,
    keys: Vec<SigningKey>,
}

impl Case<'_> {
    fn target(&self) -> &str {
        text(&self.value["request"]["target"])
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.value["request"]["now"].as_i64().unwrap())
    }

    fn policy(&self) -> Policy {
        let given = &self.value["policy"];
        let list = |value: &Value| {
            value.as_array().into_iter().flatten().map(|name| text(name).to_owned()).collect()
        };
        let mut policy = Policy {
            require_exp: given["require_exp"].as_bool().unwrap_or(true),
            ignore_params: list(&given["ignore_params"]),
            moved_urls: given["moved_urls"].as_bool().unwrap_or(false),
            leeway_s: given["leeway_s"].as_u64().unwrap_or(0) as u32,
            max_lifetime_s: given["max_lifetime_s"].as_i64(),
            min_prefix_segments: given["min_prefix_depth"].as_u64().unwrap_or(1) as u8,
            ..Policy::default()
        };
        policy.revoked.token_ids.extend(list(&given["revoked"]["jti"]));
        policy.revoked.subjects.extend(list(&given["revoked"]["sub"]));
        policy.revoked.issued_before_s = given["revoked"]["issued_before"].as_i64();
        policy
    }

    fn headers(&self) -> BTreeMap<String, String> {
        let headers = self.value["request"]["headers"].as_object().into_iter().flatten();
        headers.map(|(name, value)| (name.to_lowercase(), text(value).to_owned())).collect()
    }

    /// What the case asks for: nothing, or the reason of the refusal.
    fn expected(&self) -> Option<&str> {
        (self.value["verdict"] == "reject").then(|| text(&self.value["reason"]))
    }

    /// What the public function says, having made sure that the explanation says the same, and that it is the same whether
    /// the door has read the URL or not.
    fn found(&self, schemes: SchemeSet) -> Option<&'static str> {
        let (policy, headers, now) = (self.policy(), self.headers(), self.now());
        let verifier = Verifier { schemes, counts_uses: true, ..Verifier::native(&self.keys, &policy) };
        let request = Request {
            host: text(&self.value["request"]["host"]),
            headers: &headers,
            client_ip: self.value["request"]["client_ip"].as_str().map(|address| address.parse().unwrap()),
            ..Request::get(Target::Raw(self.target()))
        };
        let verdict = verify_request(&request, &verifier, now);
        self.check_explanation(&verdict, &request, &verifier);
        match DeliveryUrl::parse(self.target()) {
            Ok(url) => {
                let request = Request { target: Target::Delivery(&url), ..request };
                assert_eq!(verify_request(&request, &verifier, now), verdict, "{}", self.id);
                self.check_explanation(&verdict, &request, &verifier);
                if headers.is_empty() && schemes == SchemeSet::NATIVE {
                    self.check_without_request(&url, &policy, &verdict);
                }
            }
            Err(error) => assert_eq!(verdict, Err(error), "{}", self.id),
        }
        verdict.and_then(|verified| self.after_uses(&verified)).err().and_then(|error| error.reason())
    }

    /// A caller who knows nothing of the request refuses what depends on it, and says the same of all else.
    fn check_without_request(&self, url: &DeliveryUrl, policy: &Policy, verdict: &Result<Verified, Error>) {
        let alone = verify(url, &self.keys, policy, self.now());
        assert!(alone == *verdict || alone == Err(Error::UnknownConstraint), "{}: {alone:?}", self.id);
    }

    fn check_explanation(
        &self,
        verdict: &Result<Verified, Error>,
        request: &Request<'_>,
        verifier: &Verifier<'_>,
    ) {
        let explanation = explain_request(request, verifier, self.now());
        assert_eq!(&explanation.verdict, verdict, "{}", self.id);
        assert_eq!(explanation.advice.is_none(), verdict.is_ok(), "{}", self.id);
        let (last, before) = explanation.checks.split_last().unwrap();
        assert!(before.iter().all(|check| check.passed), "{}", self.id);
        assert_eq!(last.passed, verdict.is_ok(), "{}", self.id);
        if verdict.is_ok() {
            for signed in self.value["explain"]["strings_to_sign"].as_array().into_iter().flatten() {
                assert!(explanation.signed_texts.contains(&text(signed).to_owned()), "{}", self.id);
            }
        }
    }

    /// The caller's part: so many uses were made before.
    fn after_uses(&self, verified: &Verified) -> Result<(), Error> {
        let Some(before) = self.value["context"]["uses_before"].as_u64() else {
            assert!(verified.uses.is_empty(), "{}", self.id);
            return Ok(());
        };
        assert_eq!(verified.uses.len(), 1, "{}", self.id);
        verified.uses.iter().try_for_each(|uses| uses.admit(before))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is due where {value} stands"))
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases(vectors: &Value) -> Vec<Case<'_>> {
    let secret = |name: &str| Secret::new(text(&vectors["keys"][name]["secret"]));
    let read = |value| {
        let case: &Value = value;
        let revoked = case["policy"]["revoked_keys"].as_array().cloned().unwrap_or_default();
        let keys = case["verifier_keys"].as_array().unwrap().iter().map(|name| {
            let state = if revoked.contains(name) { KeyState::Revoked } else { KeyState::Active };
            SigningKey::new(text(name).parse().unwrap(), secret(text(name)), state)
        });
        Case { id: text(&case["id"]), value: case, keys: keys.collect() }
    };
    vectors["cases"].as_array().unwrap().iter().map(read).collect()
}

fn check(name: &str, schemes: &[Scheme], count: usize) {
    let vectors = vectors(name);
    let cases = cases(&vectors);
    for case in &cases {
        assert_eq!(
            case.found(SchemeSet::of(schemes)),
            case.expected(),
            "{}: {}",
            case.id,
            case.value["title"]
        );
    }
    assert_eq!(cases.len(), count);
}

#[test]
fn every_cloudflare_case_gets_its_verdict_and_reason() {
    check("cloudflare_images", &[Scheme::Native], 88);
    check("cloudflare_images", &[Scheme::Native, Scheme::Generic, Scheme::CloudFront, Scheme::S3], 88);
}

#[test]
fn every_native_case_gets_its_verdict_and_reason() {
    check("native", &[Scheme::Native], 99);
    check("native_stock", &[Scheme::Native], 46);
}

#[test]
fn every_generic_case_gets_its_verdict_and_reason() {
    check("generic_hmac", &[Scheme::Generic], 17);
}

#[test]
fn signing_gives_what_the_documented_javascript_gave() {
    let mut compared = 0;
    for name in ["cloudflare_images", "native_stock"] {
        let vectors = vectors(name);
        for case in cases(&vectors) {
            let (Some(url), Some(output)) =
                (case.value["sign"]["url"].as_str(), case.value["output"]["url"].as_str())
            else {
                continue;
            };
            let key_name = text(&case.value["key"]);
            let secret = Secret::new(text(&vectors["keys"][key_name]["secret"]));
            let key = SigningKey::new(key_name.parse().unwrap(), secret, KeyState::Active);
            let exp = output.split("exp=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
            match sign(url, &key, Some(exp.parse().unwrap())) {
                Ok(signed) if is_written_as_sent(url, output) => {
                    assert_eq!(signed, output, "{}", case.id);
                    compared += 1;
                }
                Ok(signed) => assert_ne!(signed, output, "{} is written as sent after all", case.id),
                Err(error) => println!("{} is not signed as it stands: {error}", case.id),
            }
        }
    }
    println!("{compared} outputs are the same byte for byte");
    assert!(compared >= 20);
}

/// Whether the JavaScript left the bytes of the URL as they were, but for `exp`. An old `sig` it signs, to the URL's harm.
fn is_written_as_sent(url: &str, output: &str) -> bool {
    let kept = |url: &str| {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.starts_with("exp=") && !pair.starts_with("sig="))
            .map(str::to_owned)
            .collect();
        (path.to_owned(), pairs)
    };
    !url.contains("sig=") && kept(url) == kept(output)
}
