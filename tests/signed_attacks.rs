//! Attacks on a signed URL (T20), as the shared collection lists them: each spelling of each is refused, in one body for
//! all refusals of a status, or gives the very bytes of the URL that was signed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::{Reply, TestAccount, TestServer, python, shared};

/// How many attacks the collection has.
const ATTACKS: usize = 110;

/// What a refusal may say.
const REFUSALS: [u16; 4] = [400, 403, 404, 414];

#[tokio::test]
async fn every_attack_on_a_private_image_is_refused() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let other = cat.account.with_image("dog.jpg").private().await;
    check_attacks(&cat.account, &cat.path("public"), &other.path("public"), expected).await;
}

#[tokio::test]
async fn every_attack_on_a_private_image_with_an_id_of_its_own_is_refused() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").with_id("cat-2026.jpg").private().await;
    let other = cat.account.with_image("dog.jpg").with_id("dog-2026.jpg").private().await;
    check_attacks(&cat.account, &cat.path("public"), &other.path("public"), expected).await;
}

/// A public variant needs no signature: what is attacked there is the path alone.
#[tokio::test]
async fn no_attack_on_a_public_variant_of_a_private_image_opens_more_than_it() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").private().await;
    let other = cat.account.with_image("dog.jpg").private().await;
    cat.account.with_public_variant("small", "w=40").await;
    let path = cat.path("small");
    let is_it = |case: &Value| {
        let target = text(&case["target"]).split('?').next();
        Some(target == Some(&path) || text(&case["name"]).starts_with("path-encoded-letter"))
    };
    check_attacks(&cat.account, &path, &other.path("public"), is_it).await;
}

/// Whether a case is to be let through, by the collection's own word; none where the account's policy may say either.
fn expected(case: &Value) -> Option<bool> {
    match text(&case["expect"]) {
        "either" => None,
        word => Some(word == "allow"),
    }
}

async fn check_attacks(
    account: &TestAccount<'_>,
    path: &str,
    other: &str,
    allowed: impl Fn(&Value) -> Option<bool>,
) {
    let Some(tool) = shared::path("bad-inputs/tools/sig_cases.py") else { return };
    let tool = python(tool.to_str().expect("a path")).arg("--key").arg(account.secret("default").await);
    let cases = tool.arg("--path").arg(path).arg("--other-path").arg(other).ok().await;
    let cases: Vec<Value> = serde_json::from_str(&cases).expect("a list of cases");
    assert_eq!(cases.len(), ATTACKS);
    let control = account.server.get(&account.sign(path).await).await.expect(200);
    let (mut bodies, mut statuses) = (BTreeMap::<u16, BTreeSet<String>>::new(), BTreeSet::new());
    for case in &cases {
        let reply = account.server.get_raw(text(&case["target"])).await;
        match allowed(case) {
            Some(true) => assert!(reply.status == 200 && reply.body == control.body, "{case}: {reply}"),
            None if reply.status == 200 => assert_eq!(reply.body, control.body, "{case}"),
            _ => {
                check_refused(&reply, case);
                statuses.insert(reply.status);
                // What is refused for its signature. Behind a right one, and before any, the contract's own words tell of
                // variants and options that there are none of.
                if reply.header("x-image-auth").is_some() {
                    bodies.entry(reply.status).or_default().insert(reply.text());
                }
            }
        }
    }
    for (status, bodies) in bodies {
        assert_eq!(bodies.len(), 1, "refusals of {status} say {bodies:#?}");
    }
    println!("{} attacks, refused by {statuses:?}", cases.len());
}

#[track_caller]
fn check_refused(reply: &Reply, case: &Value) {
    assert!(REFUSALS.contains(&reply.status), "{case}: {reply}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{case}: {reply}");
    assert!(image::guess_format(&reply.body).is_err(), "{case}: {reply}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is due where {value} stands"))
}
