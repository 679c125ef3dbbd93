//! Objects in a bucket of an S3 server, whichever it is. Every object is put with its digests and read against them.
//! Nothing relies on conditional puts, which some servers ignore: a key is never used for two different things.

use std::ops::Range;
use std::sync::Arc;

use aws_config::ConfigLoader;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::SdkBody;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use self::circuit::{Circuit, Patience};
use self::digests::Sums;
use self::multipart::PART_BYTES;
use self::store::Store;
use self::wire::{Kind, Wire};
use crate::backend::{Backend, Lent, Listed};
use crate::blocking::blocking;
use crate::{Access, Bucket, Error, Object, ObjectKey, Prefix, Sealed};

mod budget;
mod circuit;
mod connect;
mod credentials;
mod digests;
mod failure;
mod list;
mod multipart;
mod presign;
mod read;
mod store;
#[cfg(test)]
mod tests;
mod wire;

/// Bytes from which on a file goes in parts.
const MULTIPART_BYTES: u64 = 16 * 1024 * 1024;

/// Objects in a bucket.
#[derive(Debug)]
pub(crate) struct S3(Arc<Store>);

impl S3 {
    /// The bucket, found by the AWS chain or as it is given. Asks nothing of it yet.
    pub(crate) async fn open(bucket: Bucket, access: Option<&Access>) -> Result<S3, Error> {
        S3::open_by(bucket, connect::chain(access), Patience::default()).await
    }

    async fn open_by(bucket: Bucket, chain: ConfigLoader, patience: Patience) -> Result<S3, Error> {
        let (client, credentials_end, question) = connect::connect(&bucket, chain, &patience).await?;
        let circuit = Circuit::new(patience.clone(), question);
        Ok(S3(Arc::new(Store { wire: Wire::new(client, circuit, patience), bucket, credentials_end })))
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

    async fn presigned_get(&self, key: &ObjectKey, lent: &Lent<'_>) -> Result<Option<String>, Error> {
        presign::presigned_get(&self.0, key, lent).await
    }

    async fn remove_unfinished(&self, before_s: i64) -> Result<u64, Error> {
        multipart::remove_unfinished(&self.0, before_s).await
    }
}
