//! A bucket instead of the disk, as an operator meets it: by variables of the environment, through the real binary.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Secret;
use futures_util::TryStreamExt as _;
use storage::{Access, Storage};

use crate::harness::{Cli, Place, Setup, TestServer, drawn};

/// A variable that `scripts/services` brings.
fn named(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test` brings an S3 server"))
}

/// The environment of a house on Ceph, below a prefix of its own, with some variables changed; an empty one is left out.
fn on_ceph(changes: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    let url = format!("s3://{}/stores-{}", named("TEST_S3_BUCKET"), domain::ObjectId::random());
    let mut environment = BTreeMap::from([
        ("DARKROOM_STORAGE_URL", url),
        ("AWS_ENDPOINT_URL", named("TEST_S3_ENDPOINT")),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", named("TEST_S3_ACCESS_KEY")),
        ("AWS_SECRET_ACCESS_KEY", named("TEST_S3_SECRET_KEY")),
        // No file or machine outside of the test says anything.
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]);
    environment.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    environment.retain(|_, value| !value.is_empty());
    environment
}

fn cli(folder: &tempfile::TempDir, arguments: &[&str], environment: &BTreeMap<&'static str, String>) -> Cli {
    environment.iter().fold(Cli::new(folder.path(), arguments), |cli, (name, value)| cli.env(name, value))
}

/// Checks the configuration with these changes; what it says must hold all the words and no secret.
async fn check(changes: &[(&'static str, &str)], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let said = cli(&folder, &["config", "check"], &on_ceph(changes)).run().await;
    let text = format!("{}{}", said.out, said.err);
    assert_eq!(said.code, i32::from(text.contains("DARKROOM_STORAGE_URL")), "{said:?}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {said:?}");
    assert!(!text.contains(&named("TEST_S3_SECRET_KEY")), "{said:?}");
}

#[tokio::test]
async fn a_configuration_is_checked_against_the_bucket_itself() {
    check(&[], &["The configuration is fine."]).await;
    check(&[("AWS_SECRET_ACCESS_KEY", "wrong")], &["the secret key is wrong", "AWS_SECRET_ACCESS_KEY"]).await;
    check(&[("AWS_ACCESS_KEY_ID", "nobody")], &["the access key is unknown", "AWS_ACCESS_KEY_ID"]).await;
    check(&[("AWS_ACCESS_KEY_ID", "")], &["no credentials were found", "AWS_PROFILE"]).await;
    let elsewhere = [("DARKROOM_STORAGE_URL", "s3://no-such-bucket-anywhere")];
    check(&elsewhere, &["the bucket is not there", "AWS_ENDPOINT_URL"]).await;
    check(&[("AWS_ENDPOINT_URL", "localhost:9000")], &["the endpoint is no address", "https://host:port"])
        .await;
    check(&[("AWS_ENDPOINT_URL", ""), ("AWS_REGION", "")], &["no region was named", "set AWS_REGION"]).await;
    // The discard port, at which nobody listens.
    check(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")], &["cannot be reached", "AWS_ENDPOINT_URL"]).await;
    check(&[("DARKROOM_STORAGE_URL", "https://store/bucket")], &["s3://bucket/prefix"]).await;
}

#[tokio::test]
async fn a_server_does_not_start_on_a_bucket_that_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = on_ceph(&[("AWS_SECRET_ACCESS_KEY", "wrong"), ("DARKROOM_BIND", "127.0.0.1:0")]);
    let said = cli(&folder, &["serve"], &wrong).run().await;
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("the secret key is wrong") && said.err.contains("AWS_SECRET_ACCESS_KEY"),
        "{said:?}"
    );
}

/// The client's own lines are left out unless they are asked for by name.
const EVERYTHING: &str =
    "trace,aws_sdk_s3=trace,aws_runtime=trace,aws_sigv4=trace,aws_smithy_runtime=trace,aws_config=trace";

#[tokio::test]
async fn no_line_of_the_log_holds_the_secret_key_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = cli(&folder, &["serve"], &on_ceph(&[("DARKROOM_LOG", EVERYTHING)])).serve().await;
    assert_eq!(running.terminate().await, 0);
    let log = running.log().join("\n");
    assert!(log.contains("aws_sigv4"), "the client's own lines are not in it");
    assert!(!log.contains(&named("TEST_S3_SECRET_KEY")));
}

#[tokio::test]
async fn keys_and_endpoint_may_come_from_a_profile() {
    let folder = tempfile::tempdir().unwrap();
    let (config, keys) = (folder.path().join("config"), folder.path().join("keys"));
    let endpoint =
        format!("[profile images]\nregion = us-east-1\nendpoint_url = {}\n", named("TEST_S3_ENDPOINT"));
    std::fs::write(&config, endpoint).unwrap();
    let (key, secret) = (named("TEST_S3_ACCESS_KEY"), named("TEST_S3_SECRET_KEY"));
    let pair = format!("[images]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    std::fs::write(&keys, pair).unwrap();
    check(
        &[
            ("AWS_ENDPOINT_URL", ""),
            ("AWS_REGION", ""),
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_PROFILE", "images"),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
            ("AWS_SHARED_CREDENTIALS_FILE", keys.to_str().unwrap()),
        ],
        &["The configuration is fine."],
    )
    .await;
}

#[tokio::test]
async fn an_image_goes_to_the_bucket_and_comes_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let environment = on_ceph(&[]);
    let picture = folder.path().join("cat.jpg");
    std::fs::write(&picture, drawn::jpeg(&drawn::photo(64, 48), 80)).unwrap();
    let uploaded = cli(&folder, &["upload", picture.to_str().unwrap(), "--json"], &environment).ok().await;
    assert!(uploaded.contains("cat.jpg"), "{uploaded}");
    assert!(!folder.path().join("objects").exists(), "an original lies on the disk");

    let storage = beside(&environment, &folder).await;
    let listed: Vec<_> = storage.list().await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    let original = storage.get(&listed[0].prefix.original()).await.unwrap().into_bytes().await.unwrap();
    assert!(original == std::fs::read(&picture).unwrap());
    storage.delete_prefix(&listed[0].prefix).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_rendition_costs_one_request_for_the_original_and_one_for_the_result_and_a_hit_none() {
    let server = TestServer::start_on(&Arc::new(Place::on(Setup::PostgresS3).await), |_| {}).await;
    let cat = server.account().with_image("cat.jpg").await;
    let counts = || {
        let counts = server.storage_counts();
        (counts.gets, counts.puts, counts.heads)
    };
    let (gets, puts, heads) = counts();
    cat.get("public").await.expect(200);
    server.until_idle().await;
    assert_eq!(counts(), (gets + 1, puts + 1, heads));
    cat.get("public").await.expect(200);
    assert_eq!(counts(), (gets + 1, puts + 1, heads));
}

/// The same bucket, opened by the test.
async fn beside(environment: &BTreeMap<&'static str, String>, folder: &tempfile::TempDir) -> Storage {
    let access = Access {
        endpoint: environment["AWS_ENDPOINT_URL"].clone(),
        region: environment["AWS_REGION"].clone(),
        access_key: environment["AWS_ACCESS_KEY_ID"].clone(),
        secret_key: Secret::new(environment["AWS_SECRET_ACCESS_KEY"].clone()),
    };
    let config = storage::Config {
        url: environment["DARKROOM_STORAGE_URL"].parse().unwrap(),
        access: Some(access),
        scratch: folder.path().join("beside"),
        min_free_disk_bytes: 0,
    };
    Storage::open(config).await.unwrap()
}
