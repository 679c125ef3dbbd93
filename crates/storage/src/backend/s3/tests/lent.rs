//! What is lent from the bucket itself, and for how long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::config::{Credentials, Region};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::*;

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn until(until_s: i64) -> crate::Lent<'static> {
    crate::Lent {
        now_s: now_s(),
        until_s,
        content_type: "image/png",
        content_disposition: "inline",
        cache_control: "private, max-age=9",
    }
}

/// Seconds for which a URL lives.
fn lifetime_s(url: &str) -> i64 {
    let lifetime = url.split("X-Amz-Expires=").nth(1).unwrap().split('&').next().unwrap();
    lifetime.parse().unwrap()
}

#[tokio::test]
async fn who_has_the_url_gets_the_object_and_no_other() {
    let (lent, prefix, bytes) = (InProcess::start().await.storage().await, prefix(), picture(7, 5_000));
    lent.storage.put(&prefix.original(), bytes.clone()).await.unwrap();
    let end_s = now_s() + 60;
    let url = lent.storage.presigned_get(&prefix.original(), &until(end_s)).await.unwrap().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let got = client.get(url.parse().unwrap()).await.unwrap();
    assert_eq!(got.status(), 200);
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "inline"),
        ("cache-control", "private, max-age=9"),
    ] {
        assert_eq!(got.headers().get(name).unwrap(), value, "{name}");
    }
    assert_eq!(got.into_body().collect().await.unwrap().to_bytes(), bytes);
    let other = url.replace("original", "origin-l");
    assert_ne!(other, url);
    assert_eq!(client.get(other.parse().unwrap()).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_url_ends_before_the_second_that_is_named() {
    let (lent, key) = (InProcess::start().await.storage().await, prefix().original());
    let check = async |seconds: i64, expected: Option<i64>| {
        let lent_for = until(now_s() + seconds);
        let url = lent.storage.presigned_get(&key, &lent_for).await.unwrap();
        let expected = expected.map(|_| lent_for.until_s - lent_for.now_s - 1).map(|life| life.min(604_800));
        assert_eq!(url.as_deref().map(lifetime_s), expected, "{seconds}");
    };
    check(60, Some(59)).await;
    check(2_000_000, Some(604_800)).await;
    for seconds in [-5, 0] {
        check(seconds, None).await;
    }
    let memory = Storage::memory();
    assert_eq!(memory.presigned_get(&key, &until(now_s() + 60)).await.unwrap(), None);
}

#[tokio::test]
async fn a_url_ends_with_the_credentials_that_sign_it() {
    let server = InProcess::start().await;
    let end = SystemTime::now() + Duration::from_secs(100);
    let credentials = Credentials::new("key", "secret", None, Some(end), "a role");
    let chain = connect::chain(None)
        .endpoint_url(&server.access.endpoint)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials);
    let storage = open_patiently("s3://images/under", chain, Patience::default()).await.unwrap();
    let lent = until(now_s() + 3_600);
    let url = storage.presigned_get(&prefix().original(), &lent).await.unwrap().unwrap();
    assert!(
        (lent.now_s + lifetime_s(&url)) < end.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64,
        "{url}"
    );
    assert!(lifetime_s(&url) > 90, "{url}");
    let short = until(now_s() + 30);
    let url = storage.presigned_get(&prefix().original(), &short).await.unwrap().unwrap();
    assert!(lifetime_s(&url) < 30, "{url}");
}
