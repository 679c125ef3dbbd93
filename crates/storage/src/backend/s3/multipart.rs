//! A large original on its way out: in parts, each read from its file as it is sent. One that fails leaves nothing.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::digests::{Digests, Sums};
use super::store::{Store, at_put, base64};
use super::wire::Kind;
use crate::{Error, ObjectKey};

/// Bytes of a part. S3 takes parts of at least 5 MiB, and 10,000 of them.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Parts that are on their way at once.
const PARTS_AT_ONCE: usize = 3;

/// Bytes that are read from the file at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// An upload in parts that is not done. Dropped, it is given up.
struct Upload {
    store: Arc<Store>,
    key: String,
    id: String,
    done: bool,
}

/// Puts a file in parts.
pub(super) async fn put_in_parts(
    store: &Arc<Store>,
    key: &ObjectKey,
    file: &Path,
    sums: &Sums,
) -> Result<(), Error> {
    let mut upload = Upload::begin(store, key, &sums.digests).await?;
    let sent = match upload.send(file, sums).await {
        Ok(parts) => upload.complete(parts, key, &sums.digests).await,
        Err(error) => Err(error),
    };
    upload.done = true;
    if sent.is_err() {
        upload.abort().await;
    }
    sent
}

/// A part of a file as a body, read while it is sent.
pub(super) async fn body(file: &Path, start: u64, len: u64) -> Result<ByteStream, Error> {
    let body = ByteStream::read_from().path(file).offset(start).length(Length::Exact(len));
    body.buffer_size(BUFFER_BYTES).build().await.map_err(|error| Error::Io(error.into()))
}

/// Gives up every upload of ours that began before this time (unix seconds): its process is dead. Tells how many. Those
/// of other programs in the bucket are left alone.
pub(super) async fn remove_unfinished(store: &Arc<Store>, before_s: i64) -> Result<u64, Error> {
    let (below, mut removed, mut next) = (store.place(""), 0, Some((None, None)));
    while let Some((key, id)) = next.take() {
        let request = |client: Client| {
            let request = client.list_multipart_uploads().bucket(store.bucket.name()).prefix(&below);
            let request = request.set_key_marker(key.clone()).set_upload_id_marker(id.clone());
            async {
                match request.send().await {
                    // A server that cannot tell has to be cleared by a rule of its own.
                    Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 501) => {
                        Ok(None)
                    }
                    answer => answer.map(Some),
                }
            }
        };
        let Some(page) = store.wire.ask(Kind::List, 0, request).await? else { break };
        if page.is_truncated() == Some(true) && page.next_key_marker.is_some() {
            next = Some((page.next_key_marker, page.next_upload_id_marker));
        }
        for upload in page.uploads.unwrap_or_default() {
            let began_s = upload.initiated.map_or(i64::MAX, |time| time.secs());
            let (Some(key), Some(id)) = (upload.key, upload.upload_id) else { continue };
            if began_s < before_s && key.strip_prefix(&below).is_some_and(ObjectKey::is_key) {
                Upload { store: store.clone(), key, id, done: true }.abort().await;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

impl Upload {
    async fn begin(store: &Arc<Store>, key: &ObjectKey, digests: &Digests) -> Result<Upload, Error> {
        let key = store.key(key);
        let (encryption, kms_key) = store.encryption();
        let request = |client: Client| {
            let request = client.create_multipart_upload().bucket(store.bucket.name()).key(&key);
            let request = request.set_metadata(Some(digests.metadata()));
            request.set_server_side_encryption(encryption.clone()).set_ssekms_key_id(kms_key.clone()).send()
        };
        let begun = store.wire.ask(Kind::Multipart, 0, request).await.map_err(at_put)?;
        let id = begun.upload_id.ok_or(Error::io("an upload in parts was given no name"))?;
        Ok(Upload { store: store.clone(), key, id, done: false })
    }

    async fn send(&self, file: &Path, sums: &Sums) -> Result<Vec<CompletedPart>, Error> {
        let parts = (0..sums.md5.len()).map(|index| self.send_part(file, sums, index));
        stream::iter(parts).buffered(PARTS_AT_ONCE).try_collect().await
    }

    async fn send_part(&self, file: &Path, sums: &Sums, index: usize) -> Result<CompletedPart, Error> {
        let start = index as u64 * PART_BYTES;
        let len = PART_BYTES.min(sums.digests.len() - start);
        let number = i32::try_from(index + 1).map_err(|error| Error::Io(error.into()))?;
        let body = body(file, start, len).await?.into_inner();
        let request = |client: Client| {
            // A body from a file is read anew for each try.
            let body = body.try_clone().map(ByteStream::new).unwrap_or_default();
            let request =
                client.upload_part().bucket(self.store.bucket.name()).key(&self.key).upload_id(&self.id);
            let request = request.part_number(number).content_length(len as i64);
            request.content_md5(base64(&sums.md5[index])).body(body).send()
        };
        let sent = self.store.wire.ask(Kind::Multipart, len, request).await?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    /// Makes the object of its parts. Where the answer is lost the object tells whether it was made.
    async fn complete(
        &self,
        parts: Vec<CompletedPart>,
        key: &ObjectKey,
        digests: &Digests,
    ) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = |client: Client| {
            let request = client.complete_multipart_upload().bucket(self.store.bucket.name()).key(&self.key);
            request.upload_id(&self.id).multipart_upload(parts.clone()).send()
        };
        // The store joins the parts before it answers.
        let joined = self.store.wire.ask(Kind::Multipart, digests.len(), request).await;
        match joined {
            Ok(_) => Ok(()),
            Err(error) => match self.store.head(key).await {
                Ok((_, Ok(there))) if there == *digests => Ok(()),
                _ => Err(error),
            },
        }
    }

    async fn abort(&self) {
        let request = |client: Client| {
            let request = client.abort_multipart_upload().bucket(self.store.bucket.name());
            request.key(&self.key).upload_id(&self.id).send()
        };
        if let Err(error) = self.store.wire.ask(Kind::Multipart, 0, request).await
            && !matches!(error, Error::Missing)
        {
            tracing::warn!(object = self.key, ?error, "parts of an upload that failed stay in the storage");
        }
    }
}

impl Drop for Upload {
    /// Whoever waited for it went away: its parts go too.
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.done, tokio::runtime::Handle::try_current()) {
            let given_up =
                Upload { store: self.store.clone(), key: self.key.clone(), id: self.id.clone(), done: true };
            runtime.spawn(async move { given_up.abort().await });
        }
    }
}
