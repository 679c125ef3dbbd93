//! What both servers must do beyond the suite: refuse what is wrong with one clear sentence each, keep large originals,
//! delete more than a page.

use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use futures_util::{StreamExt as _, stream};

use super::*;
use crate::Refusal;

/// Bytes of an original that goes in three parts.
const IN_PARTS_BYTES: usize = 17 * 1024 * 1024 + 5;

fn why(opened: Result<Storage, Error>) -> Refusal {
    match opened {
        Err(Error::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

async fn a_wrong_secret_is_told(url: &str, access: &Access) {
    let wrong = Access { secret_key: Secret::new("not the secret"), ..access.clone() };
    let refused = open(url, &wrong).await.unwrap_err();
    assert_eq!(refused.to_string(), "the storage refuses the server: the secret key is wrong");
    assert!(refused.advice().unwrap().contains("AWS_SECRET_ACCESS_KEY"));
}

async fn an_unknown_key_is_told(url: &str, access: &Access) {
    let wrong = Access { access_key: "nobody".into(), ..access.clone() };
    assert_eq!(why(open(url, &wrong).await), Refusal::UnknownKey);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_the_server_in_process() {
    let server = InProcess::start().await;
    a_wrong_secret_is_told("s3://images", &server.access).await;
    an_unknown_key_is_told("s3://images", &server.access).await;
}

#[tokio::test]
async fn what_is_wrong_is_told_by_ceph() {
    let bucket = CephBucket::make().await;
    a_wrong_secret_is_told(&bucket.url(), &bucket.access).await;
    an_unknown_key_is_told(&bucket.url(), &bucket.access).await;
    // The server in process makes a bucket that is not there.
    assert_eq!(why(open("s3://no-such-bucket-here/a", &bucket.access).await), Refusal::NoBucket);
}

async fn a_large_original_goes_in_parts(storage: &Storage) {
    let (key, bytes) = (prefix().original(), picture(1, IN_PARTS_BYTES));
    storage.put_file(&key, seal(storage, &bytes).await).await.unwrap();
    assert_eq!(storage.head(&key).await.unwrap(), bytes.len() as u64);
    assert!(read(storage, &key).await.unwrap() == bytes);
    let range = 9_000_000..9_100_000;
    let part = storage.get_range(&key, range.clone()).await.unwrap().into_bytes().await.unwrap();
    assert!(part == bytes[range.start as usize..range.end as usize]);
}

#[tokio::test]
async fn a_large_original_goes_in_parts_to_the_server_in_process() {
    let lent = InProcess::start().await.storage().await;
    a_large_original_goes_in_parts(&lent.storage).await;
}

#[tokio::test]
async fn a_large_original_goes_in_parts_to_ceph() {
    let lent = ceph().await;
    a_large_original_goes_in_parts(&lent.storage).await;
}

async fn more_than_a_page_is_listed_and_deleted(storage: &Storage) {
    let (crowded, beside) = (prefix(), prefix());
    let puts = (0..1003_u128).map(|number| {
        let key = crowded.rendition(&number.to_be_bytes());
        async move { storage.put(&key, Bytes::from_static(b"one of many")).await.unwrap() }
    });
    stream::iter(puts).buffer_unordered(16).count().await;
    storage.put(&beside.original(), Bytes::from_static(b"beside")).await.unwrap();
    let listed = || async {
        let listed: Vec<_> =
            storage.list().await.unwrap().map(|listed| listed.unwrap().prefix).collect().await;
        listed
    };
    let mut both = vec![crowded.clone(), beside.clone()];
    both.sort();
    assert_eq!(listed().await, both);
    storage.delete_prefix(&crowded).await.unwrap();
    assert_eq!(listed().await, [beside]);
    assert!(matches!(storage.head(&crowded.rendition(&1002_u128.to_be_bytes())).await, Err(Error::Missing)));
}

#[tokio::test]
async fn more_than_a_page_is_listed_and_deleted_in_process() {
    let lent = InProcess::start().await.storage().await;
    more_than_a_page_is_listed_and_deleted(&lent.storage).await;
}

#[tokio::test]
async fn more_than_a_page_is_listed_and_deleted_on_ceph() {
    let lent = ceph().await;
    more_than_a_page_is_listed_and_deleted(&lent.storage).await;
}

#[tokio::test]
async fn two_prefixes_in_one_bucket_do_not_see_each_other() {
    let server = InProcess::start().await;
    let one = open("s3://images/one", &server.access).await.unwrap();
    let two = open("s3://images/one-more", &server.access).await.unwrap();
    let key = prefix().original();
    one.put(&key, Bytes::from_static(b"mine")).await.unwrap();
    assert!(matches!(two.get(&key).await, Err(Error::Missing)));
    assert_eq!(two.list().await.unwrap().count().await, 0);
    assert_eq!(one.list().await.unwrap().count().await, 1);
}

/// A clock that is so many seconds off.
#[derive(Debug)]
struct Off(i64);

impl TimeSource for Off {
    fn now(&self) -> SystemTime {
        let now = SystemTime::now();
        let by = Duration::from_secs(self.0.unsigned_abs());
        if self.0 < 0 { now - by } else { now + by }
    }
}

#[tokio::test]
async fn a_clock_that_is_twenty_minutes_off_is_set_right_by_cephs() {
    let bucket = CephBucket::make().await;
    for off_s in [1200, -1200] {
        let chain = connect::chain(Some(&bucket.access)).time_source(Off(off_s));
        let storage = open_patiently(&bucket.url(), chain, Patience::default()).await.unwrap();
        let key = prefix().original();
        storage.put_file(&key, seal(&storage, &picture(3, 100_000)).await).await.unwrap();
        assert!(read(&storage, &key).await.unwrap() == picture(3, 100_000));
    }
}

#[tokio::test]
async fn an_object_that_another_tool_has_put_back_without_its_digests_is_read() {
    let bucket = CephBucket::make().await;
    let storage = open(&bucket.url(), &bucket.access).await.unwrap();
    let (key, bytes) = (prefix().original(), picture(2, 3_000_000));
    let client = bucket.client().await;
    let foreign = client.put_object().bucket(&bucket.name).key(key.as_str());
    foreign.body(bytes.clone().into()).send().await.unwrap();
    assert!(read(&storage, &key).await.unwrap() == bytes);
    let range = storage.get_range(&key, 1_500_000..2_500_000).await.unwrap().into_bytes().await.unwrap();
    assert!(range == bytes[1_500_000..2_500_000]);
}

#[tokio::test]
async fn parts_that_a_crash_left_are_removed_when_they_are_old_enough() {
    let bucket = CephBucket::make().await;
    let storage = open(&format!("{}/ours", bucket.url()), &bucket.access).await.unwrap();
    let whole = open(&bucket.url(), &bucket.access).await.unwrap();
    let client = bucket.client().await;
    let key = prefix().original().as_str().to_owned();
    for key in [&format!("ours/{key}"), &key, "theirs/original", "ours/theirs", "a-dump"] {
        client.create_multipart_upload().bucket(&bucket.name).key(key).send().await.unwrap();
    }
    let now_s = domain::Clock::system().now().as_seconds();
    assert_eq!(storage.remove_unfinished(now_s - 3600).await.unwrap(), 0);
    assert_eq!(storage.remove_unfinished(now_s + 3600).await.unwrap(), 1);
    assert_eq!(storage.remove_unfinished(now_s + 3600).await.unwrap(), 0);
    // Without a prefix the bucket's other uploads are nobody's but their own.
    assert_eq!(whole.remove_unfinished(now_s + 3600).await.unwrap(), 1);
    let left = client.list_multipart_uploads().bucket(&bucket.name).send().await.unwrap();
    let mut left: Vec<_> = left.uploads().iter().filter_map(|upload| upload.key()).collect();
    left.sort_unstable();
    assert_eq!(left, ["a-dump", "ours/theirs", "theirs/original"]);
    // The server in process cannot tell which there are.
    let lent = InProcess::start().await.storage().await;
    assert_eq!(lent.storage.remove_unfinished(now_s).await.unwrap(), 0);
}
