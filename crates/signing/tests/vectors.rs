//! Every committed vector against the public functions: the verdict, the reason, and the signed text.
//! What is not built yet must be refused, and is counted aloud.

#![expect(clippy::unwrap_used, reason = "a vector that does not read is a failed test")]

use std::collections::BTreeMap;

use domain::{Fault as _, Secret, Timestamp};
use serde_json::Value;
use signing::{DeliveryUrl, Error, KeyState, Policy, SigningKey, explain, sign, verify};

/// Policies that are not built yet.
const LATER_POLICIES: [&str; 3] = ["max_lifetime_s", "min_prefix_depth", "revoked"];

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
        let names = given["ignore_params"].as_array().into_iter().flatten();
        Policy {
            require_exp: given["require_exp"].as_bool().unwrap_or(true),
            ignore_params: names.map(|name| text(name).to_owned()).collect(),
            moved_urls: given["moved_urls"].as_bool().unwrap_or(false),
            leeway_s: given["leeway_s"].as_u64().unwrap_or(0) as u32,
            ..Policy::default()
        }
    }

    /// What the case asks for: nothing, or the reason of the refusal.
    fn expected(&self) -> Option<&str> {
        (self.value["verdict"] == "reject").then(|| text(&self.value["reason"]))
    }

    /// What the public function says, having made sure that the explanation says the same.
    fn found(&self) -> Option<&'static str> {
        let url = match DeliveryUrl::parse(self.target()) {
            Ok(url) => url,
            Err(error) => return error.reason(),
        };
        let verdict = verify(&url, &self.keys, &self.policy(), self.now());
        let explanation = explain(&url, &self.keys, &self.policy(), self.now());
        assert_eq!(explanation.verdict, verdict, "{}", self.id);
        assert_eq!(explanation.advice.is_none(), verdict.is_ok(), "{}", self.id);
        let (last, before) = explanation.checks.split_last().unwrap();
        assert!(before.iter().all(|check| check.passed), "{}", self.id);
        assert_eq!(last.passed, verdict.is_ok(), "{}", self.id);
        if verdict.is_ok() {
            for signed in self.value["explain"]["strings_to_sign"].as_array().into_iter().flatten() {
                assert!(explanation.signed_texts.contains(&text(signed).to_owned()), "{}", self.id);
            }
        }
        verdict.err().and_then(|error: Error| error.reason())
    }

    /// Whether the case needs a constraint, a policy or a cookie that comes later.
    fn is_later(&self) -> bool {
        let query = self.target().split_once('?').map_or("", |(_, query)| query);
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap());
        let constraint =
            names.any(|name| name.starts_with("s-") && !["s-kid", "s-nbf", "s-iat"].contains(&name));
        let policy = LATER_POLICIES.iter().any(|name| !self.value["policy"][name].is_null());
        constraint || policy || self.value["request"]["headers"]["cookie"].is_string()
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

#[test]
fn every_cloudflare_case_gets_its_verdict_and_reason() {
    let vectors = vectors("cloudflare_images");
    let cases = cases(&vectors);
    for case in &cases {
        assert_eq!(case.found(), case.expected(), "{}: {}", case.id, case.value["title"]);
    }
    assert_eq!(cases.len(), 88);
    println!("{} cases", cases.len());
}

#[test]
fn every_native_case_gets_its_verdict_or_is_refused_until_its_feature_is_built() {
    for name in ["native_stock", "native"] {
        let vectors = vectors(name);
        let (mut built, mut later) = (0, BTreeMap::<&str, usize>::new());
        for case in cases(&vectors) {
            let found = case.found();
            if !case.is_later() || found == case.expected() {
                assert_eq!(found, case.expected(), "{}: {}", case.id, case.value["title"]);
                built += 1;
                continue;
            }
            // A policy that is not built cannot refuse; a constraint or a cookie that is not built never opens.
            let by_policy =
                case.expected() == Some("lifetime_too_long") || case.expected() == Some("revoked");
            let reason = found.unwrap_or("accepted: only a policy that is not built would refuse");
            assert!(
                by_policy || ["unknown_constraint", "missing_signature"].contains(&reason),
                "{}: {reason}",
                case.id
            );
            *later.entry(reason).or_default() += 1;
        }
        println!("{name}: {built} cases as they ask, not built yet: {later:?}");
        assert!(built > 0);
    }
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
