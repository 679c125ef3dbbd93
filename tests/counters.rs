//! What is delivered is counted: by account, image and signing key, and nothing of it is lost when the server stops.

use std::sync::Arc;

use serde_json::Value;
use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::harness::{Place, TestServer};

/// The rows of a question with two texts and a number, from the database itself.
async fn rows(place: &Place, question: &'static str) -> Vec<(String, String, i64)> {
    match place.database_url() {
        Some(url) => {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let rows = sqlx::query(question).fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
        }
        None => {
            let url = format!("sqlite://{}", place.folder().join("darkroom.db").display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let rows = sqlx::query(question).fetch_all(&mut connection).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
        }
    }
}

#[tokio::test]
async fn every_delivery_is_counted_and_a_stop_loses_none() {
    let place = Arc::new(Place::new().await);
    let server = TestServer::start_on(&place, |_| {}).await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").private().await;
    let dog = account.with_image("dog.jpg").await;
    let signed = cat.signed("public").await;
    let first = server.get(&signed).await.expect(200);
    server.get(&signed).await.expect(200);
    let tag = first.header("etag").unwrap();
    server.get_with(&signed, &[("if-none-match", tag)]).await.expect(304);
    server.head(&signed).await.expect(200);
    cat.get("public").await.expect(403);
    dog.get("public").await.expect(200);
    dog.get("unknown").await.expect(403);
    server.get(&account.sign_until(&cat.path("public"), 1_000_000_000).await).await.expect(403);
    server.stop().await;

    let days = "select variant, result, requests from account_days order by variant, result";
    let counted = rows(&place, days).await;
    let counted: Vec<_> =
        counted.iter().map(|(variant, result, n)| (variant.as_str(), result.as_str(), *n)).collect();
    let expected = [
        ("?", "variant_missing", 1),
        ("public", "expired", 1),
        ("public", "hit", 2),
        ("public", "miss", 2),
        ("public", "missing_signature", 1),
        ("public", "not_modified", 1),
    ];
    assert_eq!(counted, expected);
    let images = "select 'each' as a, 'image' as b, requests from image_days order by requests";
    let counted: Vec<i64> = rows(&place, images).await.into_iter().map(|(_, _, requests)| requests).collect();
    assert_eq!(counted, [1, 4], "dog, cat");
    // HEAD sends no bytes, so three answers with a body were sent, and two of them are the same.
    let bytes = "select format, result, bytes from account_days where bytes > 0 order by result";
    let bytes = rows(&place, bytes).await;
    assert_eq!((bytes.len(), bytes[0].2), (2, first.body.len() as i64), "{bytes:?}");

    let listed = place.cli(&["key", "list", "--json"]).ok().await;
    let keys: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(keys[0]["requests_24h"], "4", "{keys}");
    assert!(keys[0]["last_used_at"].as_str().unwrap().starts_with("20"), "{keys}");
}

#[tokio::test]
async fn the_use_of_a_token_is_known_beside_the_server_within_a_flush() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.api("GET", "/v1/keys").await.expect(200);
    server.catalog().flush_tally().await.unwrap();
    let listed = server.cli(["token", "list", "--json"]).ok().await;
    let tokens: Value = serde_json::from_str(&listed).unwrap();
    assert!(tokens[0]["last_used_at"].as_str().unwrap().starts_with("20"), "{tokens}");
    assert_eq!(tokens[0]["requests_24h"], "1", "{tokens}");
}
