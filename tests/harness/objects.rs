//! The objects of a house, seen and damaged past the house: files of a folder, or objects below a prefix of a bucket.

use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;

/// The objects of one place. An object is named by its key, the same on both kinds of storage.
pub(crate) enum Objects {
    Disk(PathBuf),
    Bucket { client: Client, bucket: String, prefix: String },
}

impl Objects {
    /// Those of a folder.
    pub(super) fn on_disk(folder: PathBuf) -> Objects {
        Objects::Disk(folder)
    }

    /// Those of `s3://bucket/prefix`.
    pub(super) fn in_bucket(access: &storage::Access, url: &str) -> Objects {
        let rest = url.strip_prefix("s3://").expect("s3://bucket/prefix");
        let (bucket, prefix) = rest.split_once('/').expect("s3://bucket/prefix");
        let credentials =
            Credentials::new(&access.access_key, access.secret_key.reveal(), None, None, "tests");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&access.endpoint)
            .region(Region::new(access.region.clone()))
            .credentials_provider(credentials)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .force_path_style(true)
            .build();
        Objects::Bucket { client: Client::from_conf(config), bucket: bucket.into(), prefix: prefix.into() }
    }

    /// The key of every object, in order. Files that are still being written are none.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let mut keys = match self {
            Objects::Disk(folder) => files_below(folder, folder),
            Objects::Bucket { client, bucket, prefix } => {
                let below = format!("{prefix}/");
                let pages = client.list_objects_v2().bucket(bucket).prefix(&below).into_paginator().send();
                let pages = pages.collect::<Result<Vec<_>, _>>().await.expect("a listing");
                let listed = pages.iter().flat_map(ListObjectsV2Output::contents);
                let key = |object: &aws_sdk_s3::types::Object| {
                    object.key()?.strip_prefix(&below).map(str::to_owned)
                };
                listed.filter_map(key).collect()
            }
        };
        keys.sort_unstable();
        keys
    }

    /// The bytes of an object.
    pub(crate) async fn read(&self, key: &str) -> Vec<u8> {
        match self {
            Objects::Disk(folder) => std::fs::read(folder.join(key)).expect("the file of an object"),
            Objects::Bucket { client, bucket, prefix } => {
                let got = client.get_object().bucket(bucket).key(format!("{prefix}/{key}")).send().await;
                got.expect("the object").body.collect().await.expect("its body").to_vec()
            }
        }
    }

    /// Puts other bytes in an object's place and leaves what is noted beside them, as a worn disk does.
    pub(crate) async fn overwrite(&self, key: &str, bytes: Vec<u8>) {
        match self {
            Objects::Disk(folder) => std::fs::write(folder.join(key), bytes).expect("the file is written"),
            Objects::Bucket { client, bucket, prefix } => {
                let key = format!("{prefix}/{key}");
                let head = client.head_object().bucket(bucket).key(&key).send().await.expect("the object");
                let put = client.put_object().bucket(bucket).key(&key).set_metadata(head.metadata);
                put.body(ByteStream::from(bytes)).send().await.expect("the object is put");
            }
        }
    }

    /// Turns one bit of an object, in its middle.
    pub(crate) async fn damage(&self, key: &str) {
        let mut bytes = self.read(key).await;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        self.overwrite(key, bytes).await;
    }

    /// Removes an object.
    pub(crate) async fn remove(&self, key: &str) {
        match self {
            Objects::Disk(folder) => std::fs::remove_file(folder.join(key)).expect("the file of an object"),
            Objects::Bucket { client, bucket, prefix } => {
                let sent = client.delete_object().bucket(bucket).key(format!("{prefix}/{key}")).send().await;
                sent.expect("the object is removed");
            }
        }
    }

    /// Removes all of them.
    pub(crate) async fn remove_all(&self) {
        for key in self.keys().await {
            self.remove(&key).await;
        }
    }
}

fn files_below(root: &Path, folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    // Scratch files are no objects yet.
    let paths =
        paths.filter(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
    let below = paths.flat_map(|path| match path.is_dir() {
        true => files_below(root, &path),
        false => path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned).into_iter().collect(),
    });
    below.collect()
}
