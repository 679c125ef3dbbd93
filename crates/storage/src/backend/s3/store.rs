//! A bucket and the way to it: what every request to it needs to know, and those that are one request.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::credentials::CredentialsEnd;
use super::digests::{Digests, Sums};
use super::wire::{Kind, Wire};
use crate::error::Refusal;
use crate::storage_url::Encryption;
use crate::{Bucket, Error, ObjectKey};

/// A bucket and the way to it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) wire: Wire,
    pub(super) bucket: Bucket,
    /// When the credentials end.
    pub(super) credentials_end: CredentialsEnd,
}

impl Store {
    /// Puts an object with its digests.
    pub(super) async fn put(&self, key: &ObjectKey, body: &SdkBody, sums: &Sums) -> Result<(), Error> {
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
    pub(super) async fn head(&self, key: &ObjectKey) -> Result<(u64, Result<Digests, Error>), Error> {
        let key = self.key(key);
        let request = |client: Client| client.head_object().bucket(self.bucket.name()).key(&key).send();
        let facts = self.wire.ask(Kind::Head, 0, request).await?;
        let len = facts.content_length().and_then(|len| u64::try_from(len).ok()).ok_or(Error::Damaged)?;
        Ok((len, Digests::read(len, facts.metadata())))
    }

    /// The key of an object in the bucket.
    pub(super) fn key(&self, key: &ObjectKey) -> String {
        self.place(key.as_str())
    }

    /// What stands before all keys of ours, and behind it a place.
    pub(super) fn place(&self, below: &str) -> String {
        match self.bucket.prefix() {
            "" => below.to_owned(),
            prefix => format!("{prefix}/{below}"),
        }
    }

    /// How the server is asked to encrypt, and with which key.
    pub(super) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match self.bucket.encryption() {
            None => (None, None),
            Some(Encryption::Aes256) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }
}

/// Where a put or a listing finds nothing there, it is the bucket that is not.
pub(super) fn at_put(error: Error) -> Error {
    match error {
        Error::Missing => Error::Refused { why: Refusal::NoBucket, cause: None },
        error => error,
    }
}

/// As headers carry bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
