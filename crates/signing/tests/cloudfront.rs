//! The vectors of CloudFront against the public functions: the verdict, the reason, and the signed text. They are read from
//! the folder that `TEST_SHARED` names; without it this is said aloud, and the tests beside the scheme stand alone.

#![expect(clippy::unwrap_used, reason = "a vector that does not read is a failed test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::{Fault, Timestamp};
use serde_json::Value;
use signing::{
    Carrier, Error, KeyMaterial, KeyState, Policy, Request, Scheme, SchemeSet, SchemeSettings, Target,
    Verified, Verifier, VerifyingKey, explain_request, verify_request,
};

#[test]
fn every_case_gets_its_verdict_and_reason() {
    let Some(shared) = std::env::var_os("TEST_SHARED") else {
        println!("TEST_SHARED is not set: the vectors of CloudFront are left out");
        return;
    };
    for (name, carrier, count) in
        [("cloudfront_url", Carrier::Url, 81), ("cloudfront_cookie", Carrier::Cookie, 30)]
    {
        let path = PathBuf::from(&shared).join("vectors").join(format!("{name}.json"));
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        for case in cases {
            let verdict = verdict(&vectors["keys"], case);
            let expected = case["reason"].as_str().filter(|_| case["verdict"] == "reject");
            let reason = verdict.as_ref().err().and_then(Fault::reason);
            assert_eq!(reason, expected, "{}: {}", case["id"], case["title"]);
            assert!(verdict.is_err() || verdict.unwrap().carrier == carrier, "{}", case["id"]);
        }
        assert_eq!(cases.len(), count, "{name}");
        println!("{name}: {count} cases");
    }
}

/// What the public function says, having made sure that the explanation says the same.
fn verdict(keys: &Value, case: &Value) -> Result<Verified, Error> {
    let keys: Vec<_> = case["verifier_keys"].as_array().unwrap().iter().map(|name| key(keys, name)).collect();
    let policy = Policy::default();
    let verifier = Verifier {
        schemes: SchemeSet::of(&[Scheme::Native, Scheme::CloudFront]),
        keys: &[],
        foreign_keys: &keys,
        settings: SchemeSettings::defaults(),
        policy: &policy,
        counts_uses: false,
    };
    let asked = &case["request"];
    let headers = asked["headers"].as_object().into_iter().flatten();
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_lowercase(), text(value).to_owned())).collect();
    let request = Request {
        is_https: asked["scheme"] == "https",
        host: text(&asked["host"]),
        headers: &headers,
        client_ip: asked["client_ip"].as_str().map(|address| address.parse().unwrap()),
        ..Request::get(Target::Raw(text(&asked["target"])))
    };
    let now = Timestamp::from_seconds(asked["now"].as_i64().unwrap());
    let verdict = verify_request(&request, &verifier, now);
    let explanation = explain_request(&request, &verifier, now);
    assert_eq!(explanation.verdict, verdict, "{}", case["id"]);
    if let Some(signed) = case["explain"]["signed_policy"].as_str() {
        assert_eq!(explanation.signed_texts, [signed], "{}", case["id"]);
    }
    verdict
}

/// A key by its name, or the material of one under the id of another.
fn key(keys: &Value, name: &Value) -> VerifyingKey {
    let (of_id, of_material) = match name.as_str() {
        Some(name) => (name, name),
        None => (text(&name["id_of"]), text(&name["material_of"])),
    };
    let material = KeyMaterial::public_key_pem(text(&keys[of_material]["public_pem"])).unwrap();
    let id = text(&keys[of_id]["key_pair_id"]);
    VerifyingKey::new(Scheme::CloudFront, of_id.parse().unwrap(), id, KeyState::Active, material)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is due where {value} stands"))
}
