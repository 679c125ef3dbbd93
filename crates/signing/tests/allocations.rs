//! Accepting a native token takes no memory: a cached delivery pays for its signature with nothing but time.

#![expect(clippy::unwrap_used, reason = "a token that is not accepted is a failed test")]

use std::borrow::Cow;

use domain::{Secret, SigningKeyId, Timestamp};
use signing::{
    Constraints, DeliveryUrl, Headers, KeyState, Policy, Request, SigningKey, Target, Verifier, narrow,
    sign_with, verify, verify_request,
};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const PATH: &str = "/cheeW4oKsx5ljh8e8BoL2A/albums/2026/beach/mobile";

struct Page;

impl Headers for Page {
    fn get(&self, lower_case_name: &str) -> Option<Cow<'_, str>> {
        (lower_case_name == "referer").then_some("https://shop.example/".into())
    }

    fn all(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        Vec::new()
    }
}

fn check(what: &str, most: u64, signed: &str) {
    let secret = Secret::new("t3stSigningKey0123456789");
    let keys = [SigningKey::new(SigningKeyId::default_key(), secret, KeyState::Active)];
    let (policy, url) = (Policy::default(), DeliveryUrl::parse(signed).unwrap());
    let (verifier, address) = (Verifier::native(&keys, &policy), "203.0.113.7".parse().unwrap());
    let request =
        Request { headers: &Page, client_ip: Some(address), ..Request::get(Target::Delivery(&url)) };
    let made = allocation_counter::measure(|| drop(verify_request(&request, &verifier, NOW).unwrap()));
    assert!(made.count_total <= most, "{what}: {} allocations", made.count_total);
    if most == 0 {
        let made = allocation_counter::measure(|| drop(verify(&url, &keys, &policy, NOW)));
        assert_eq!(made.count_total, 0, "{what} without a request");
    }
}

#[test]
fn accepting_a_token_takes_no_memory() {
    let secret = Secret::new("t3stSigningKey0123456789");
    let key = SigningKey::new(SigningKeyId::default_key(), secret, KeyState::Active);
    let until = Constraints::until(Some(1_790_003_600));
    let plain = sign_with(PATH, &key, &until).unwrap();
    let all = Constraints {
        not_before_s: Some(1_789_999_999),
        issued_at_s: Some(1_789_999_999),
        key: Some("default".into()),
        prefix_segments: Some(3),
        variants: vec!["mobile".into(), "card".into()],
        networks: vec!["203.0.113.0/24".into(), "2001:db8::/32".into()],
        subject: Some("user-4711".into()),
        token_id: Some("01J9Z3K8QW".into()),
        ..until.clone()
    };
    let whole = sign_with(PATH, &key, &all).unwrap();
    let narrowed = (0..4).fold(whole.clone(), |url, _| narrow(&url, &until).unwrap());
    check("plain", 0, &plain);
    check("every constraint of a URL", 0, &whole);
    check("narrowed four times", 0, &narrowed);
    // The host of a page is written in lower case first.
    let page = Constraints { referers: vec!["shop.example".into()], ..until };
    check("a page", 1, &sign_with(PATH, &key, &page).unwrap());
}
