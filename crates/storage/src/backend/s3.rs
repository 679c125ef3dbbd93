//! Objects in a bucket of an S3 server, whichever it is. Every object is put with its digests and read against them.
//! Nothing relies on conditional puts, which some servers ignore: a key is never used for two different things.

use std::ops::Range;
use std::sync::Arc;

use aws_config::ConfigLoader;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use self::circuit::{Circuit, Patience};
use self::digests::{Digests, Sums};
use self::multipart::PART_BYTES;
use self::wire::{Kind, Wire};
use crate::backend::{Backend, Listed};
use crate::blocking::blocking;
use crate::error::Refusal;
use crate::storage_url::Encryption;
use crate::{Access, Bucket, Error, Object, ObjectKey, Prefix, Sealed};

mod budget;
mod circuit;
mod connect;
mod digests;
mod failure;
mod list;
mod multipart;
mod read;
#[cfg(test)]
mod tests;
mod wire;

/// Bytes from which on a file goes in parts.
const MULTIPART_BYTES: u64 = 16 * 1024 * 1024;

/// Objects in a bucket.
#[derive(Debug)]
pub(crate) struct S3(Arc<Store>);

/// A bucket and the way to it.
#[derive(Debug)]
struct Store {
    wire: Wire,
    bucket: Bucket,
}

impl S3 {
    /// The bucket, found by the AWS chain or as it is given. Asks nothing of it yet.
    pub(crate) async fn open(bucket: Bucket, access: Option<&Access>) -> Result<S3, Error> {
        S3::open_by(bucket, connect::chain(access), Patience::default()).await
    }

    async fn open_by(bucket: Bucket, chain: ConfigLoader, patience: Patience) -> Result<S3, Error> {
        let (client, question) = connect::connect(&bucket, chain, &patience).await?;
        let circuit = Circuit::new(patience.clone(), question);
        Ok(S3(Arc::new(Store { wire: Wire::new(client, circuit, patience), bucket })))
    }
}

#[async_trait::async_trait]
impl Backend for S3 {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        let (summed, len) = (bytes.clone(), bytes.len() as u64);
        let sums = blocking(move || Ok(Sums::of(&summed[..], len, u64::MAX)?)).await?;
        self.0.put(key, &SdkBody::from(bytes), &sums).await
    }

    async fn put_file(&self, key: &ObjectKey, file: Sealed) -> Result<(), Error> {
        let (len, in_parts) = (file.len(), file.len() >= MULTIPART_BYTES);
        let (sums, file) = blocking(move || {
            let sums = Sums::of(file.reader()?, len, if in_parts { PART_BYTES } else { u64::MAX })?;
            Ok((sums, file))
        })
        .await?;
        if sums.digests.sha256() != file.sha256() {
            // The disk gave back other bytes than came in.
            return Err(Error::Damaged);
        }
        if in_parts {
            return multipart::put_in_parts(&self.0, key, file.path(), &sums).await;
        }
        let body = multipart::body(file.path(), 0, len).await?;
        self.0.put(key, &body.into_inner(), &sums).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Object, Error> {
        read::read(&self.0, self.0.key(key), 0..u64::MAX).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Object, Error> {
        if range.is_empty() {
            self.head(key).await?;
            return Ok(Object { len: 0, body: stream::empty().boxed() });
        }
        read::read(&self.0, self.0.key(key), range).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<u64, Error> {
        Ok(self.0.head(key).await?.0)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let key = self.0.key(key);
        let request = |client: Client| client.delete_object().bucket(self.0.bucket.name()).key(&key).send();
        match self.0.wire.ask(Kind::Delete, 0, request).await {
            Ok(_) | Err(Error::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn delete_prefix(&self, prefix: &Prefix) -> Result<(), Error> {
        list::delete_below(&self.0, prefix).await
    }

    async fn list(&self, from_day: i64) -> Result<BoxStream<'static, Result<Listed, Error>>, Error> {
        Ok(list::list(self.0.clone(), from_day))
    }

    fn is_near(&self) -> bool {
        false
    }

    async fn remove_unfinished(&self, before_s: i64) -> Result<u64, Error> {
        multipart::remove_unfinished(&self.0, before_s).await
    }
}

impl Store {
    async fn put(&self, key: &ObjectKey, body: &SdkBody, sums: &Sums) -> Result<(), Error> {
        let (key, (encryption, kms_key)) = (self.key(key), self.encryption());
        let md5 = sums.md5.first().map(|md5| base64(md5));
        let request = |client: Client| {
            // Bytes in memory and files are both there for every try.
            let body = body.try_clone().map(ByteStream::new).unwrap_or_default();
            let request = client.put_object().bucket(self.bucket.name()).key(&key).body(body);
            let request = request.content_length(sums.digests.len() as i64).set_content_md5(md5.clone());
            let request = request.set_metadata(Some(sums.digests.metadata()));
            request.set_server_side_encryption(encryption.clone()).set_ssekms_key_id(kms_key.clone()).send()
        };
        self.wire.ask(Kind::Put, sums.digests.len(), request).await.map_err(at_put)?;
        Ok(())
    }

    /// Length and digests of an object. Its metadata may be damaged though it is there.
    async fn head(&self, key: &ObjectKey) -> Result<(u64, Result<Digests, Error>), Error> {
        let key = self.key(key);
        let request = |client: Client| client.head_object().bucket(self.bucket.name()).key(&key).send();
        let facts = self.wire.ask(Kind::Head, 0, request).await?;
        let len = facts.content_length().and_then(|len| u64::try_from(len).ok()).ok_or(Error::Damaged)?;
        Ok((len, Digests::read(len, facts.metadata())))
    }

    /// The key of an object in the bucket.
    fn key(&self, key: &ObjectKey) -> String {
        self.place(key.as_str())
    }

    /// What stands before all keys of ours, and behind it a place.
    fn place(&self, below: &str) -> String {
        match self.bucket.prefix() {
            "" => below.to_owned(),
            prefix => format!("{prefix}/{below}"),
        }
    }

    /// How the server is asked to encrypt, and with which key.
    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match self.bucket.encryption() {
            None => (None, None),
            Some(Encryption::Aes256) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }
}

/// Where a put or a listing finds nothing there, it is the bucket that is not.
fn at_put(error: Error) -> Error {
    match error {
        Error::Missing => Error::Refused { why: Refusal::NoBucket, cause: None },
        error => error,
    }
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
