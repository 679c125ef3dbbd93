//! What is taken back is refused at once, while a client fetches all the while: nothing that was cached outlives the
//! right to see it.

use std::time::Duration;

use catalog::Role;

use crate::harness::{Session, TestServer, eventually, while_fetching};

#[tokio::test]
async fn a_signing_key_that_the_api_deletes_verifies_nothing_more() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    account.api("PUT", "/v1/keys/second").await.expect(200);
    let path = cat.signed("public").await;
    let reply = while_fetching(&server, &path, 403, async {
        account.api("DELETE", "/v1/keys/default").await.expect(200);
    });
    assert_eq!(reply.await.as_deref(), Some("bad_signature"));
}

#[tokio::test]
async fn a_signing_key_whose_value_the_api_replaces_verifies_nothing_old() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    let path = cat.signed("public").await;
    while_fetching(&server, &path, 403, async {
        account.api("PUT", "/v1/keys/default").await.expect(200);
    })
    .await;
    server.get(&cat.signed("public").await).await.expect(200);
}

#[tokio::test]
async fn a_signing_key_that_the_command_line_revokes_beside_the_server_verifies_nothing_more() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    let path = cat.signed("public").await;
    while_fetching(&server, &path, 403, async {
        server.cli(["key", "revoke", "default", "--account", "default"]).ok().await;
    })
    .await;
}

#[tokio::test]
async fn a_signing_key_that_the_command_line_rotates_verifies_beside_the_new_one() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    let old = cat.signed("public").await;
    let in_nine_days = server.clock.now().as_seconds() + 9 * 86_400;
    let late = account.sign_until(&cat.path("public"), in_nine_days).await;
    server.cli(["key", "rotate", "default", "--account", "default", "--overlap", "7d"]).ok().await;
    let path = cat.path("public");
    let new = server.cli(["sign", &path, "--expires", "1h"]).ok().await;
    eventually("the new key verifies", Duration::from_secs(1), || async {
        server.get(&new).await.status == 200
    })
    .await;
    server.get(&old).await.expect(200);
    server.get(&late).await.expect(200);
    server.clock.advance(Duration::from_secs(8 * 86_400));
    server.get(&late).await.expect(403);
}

#[tokio::test]
async fn an_image_that_the_api_deletes_is_gone() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    while_fetching(&server, &cat.path("public"), 404, async {
        account.api("DELETE", &cat.api_path()).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn an_image_that_the_api_makes_private_is_refused() {
    let server = TestServer::start().await;
    let cat = server.account().with_image("cat.jpg").await;
    while_fetching(&server, &cat.path("public"), 403, cat.set_private(true)).await;
    let signed = cat.signed("public").await;
    server.get(&signed).await.expect(200);
    cat.set_private(false).await;
    cat.get("public").await.expect(200);
}

#[tokio::test]
async fn what_a_person_takes_back_on_the_dashboard_is_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let ada = Session::begin(&account, "ada@example.org", Role::Owner).await;
    let (cat, dog) = (account.with_image("cat.jpg").await, account.with_image("dog.jpg").await);

    while_fetching(&server, &cat.path("public"), 403, async {
        ada.submit(&format!("image/privacy?id={}", cat.id), &[("private", "true")]).await;
    })
    .await;
    let signed = cat.signed("public").await;
    while_fetching(&server, &signed, 403, async {
        ada.submit("keys/default/revoke", &[("confirm", "default")]).await;
    })
    .await;
    while_fetching(&server, &dog.path("public"), 404, async {
        ada.submit(&format!("image/delete?id={}", dog.id), &[]).await;
    })
    .await;
}

#[tokio::test]
async fn a_variant_that_the_api_deletes_is_gone() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    account.with_variant("thumb", "w=60").await;
    while_fetching(&server, &cat.path("thumb"), 403, async {
        account.api("DELETE", "/v1/variants/thumb").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_the_command_line_revokes_opens_nothing_more() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let token = server.cli(["token", "issue", "--account", "default", "--label", "short-lived"]).ok().await;
    let path = account.api_path("/v1/keys");
    let bearer = format!("Bearer {token}");
    let ask = async || server.get_with(&path, &[("authorization", &bearer)]).await.status;
    eventually("the token opens the door", Duration::from_secs(1), || async { ask().await == 200 }).await;
    let listed = server.catalog().tokens(&account.account.id).await.unwrap();
    let issued = listed.iter().find(|listed| listed.label == "short-lived").unwrap();
    server.cli(["token", "revoke", &issued.id, "--account", "default"]).ok().await;
    eventually("the token is refused", Duration::from_secs(1), || async { ask().await == 401 }).await;
}
