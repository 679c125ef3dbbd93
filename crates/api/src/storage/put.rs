//! `PUT` of an original: the body is the file, the address its id.

use std::future::ready;
use std::io;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use catalog::{StorageFetch, StorageLeave, StorageRights};
use domain::{AccountId, ImageId};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use signing::StorageAddress;
use upload::{NewUpload, Paced};

use super::asked::Asked;
use super::refused::{Refused, noted};
use super::wishes::Wishes;
use super::{entity, query};
use crate::body;

/// The longest body that is read before its signature can be judged, in bytes.
const MAX_UNPROVED_BYTES: u64 = 1_048_576;

/// A body on its way in.
type Body = BoxStream<'static, io::Result<Bytes>>;

/// What a client sends.
enum Sent {
    /// Nobody has read it.
    Unread(Payload),
    /// It had to be read for the verdict.
    Read(Bytes),
}

impl Sent {
    fn into_body(self, asked: &Asked<'_>) -> Body {
        match self {
            Sent::Unread(payload) => Paced::new(body::pump(payload), asked.api.pace()).boxed(),
            Sent::Read(bytes) => stream::once(ready(Ok(bytes))).boxed(),
        }
    }
}

/// Accepts an original. Whoever puts one or is refused is noted where the account is known.
pub(super) async fn put(
    asked: &Asked<'_>,
    address: &StorageAddress,
    image: &str,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let rights = asked.api.catalog.storage_rights(address.account()).await?;
    let mut upload = StorageFetch::upload(asked.address());
    let stored = store(asked, &rights, image, payload, &mut upload).await;
    noted(stored, &rights, upload, asked.api.clock.now())
}

/// Everything that can be refused before the body is read is.
async fn store(
    asked: &Asked<'_>,
    rights: &StorageRights,
    image: &str,
    payload: Payload,
    upload: &mut StorageFetch,
) -> Result<HttpResponse, Refused> {
    let (leave, sent) = admit(asked, rights, payload, upload).await?;
    query::check(&leave.query)?;
    if asked.header("if-match").is_some() {
        // What is there is never replaced, so there is nothing that could match.
        return Err(Refused::unmet());
    }
    let mut wishes = Wishes::of(asked, &leave)?;
    let length = asked.content_length();
    if let Some(length) = length {
        wishes.checks.check_length(length)?;
    }
    asked.api.uploads.check_length(length)?;
    let id = free_id(asked, &leave.account, image).await?;
    let body = sent.into_body(asked);
    let file = asked.api.uploads.receive(length, body, |piece| wishes.checks.see(piece)).await?;
    if leave.signed.body_sha256.is_some_and(|signed| signed != file.sha256()) {
        return Err(signing::Error::PayloadMismatch.into());
    }
    wishes.checks.check_length(file.len())?;
    wishes.checks.finish()?;
    let new = NewUpload {
        account: leave.account,
        filename: String::new(),
        metadata: wishes.metadata,
        creator: None,
        private: wishes.private,
        idempotency_key: None,
        id: Some(id),
        file,
    };
    let accepted = asked.api.uploads.accept(new, &asked.actor(&leave)).await?;
    upload.image = Some((accepted.image.id.clone(), accepted.image.object));
    Ok(HttpResponse::Ok().insert_header((header::ETAG, entity::tag(&accepted.image.sha256))).finish())
}

/// The leave to put, with what was sent. Google's header form may leave the digest of the body out, and then signs it all the same:
/// such a body is read first, where it is short and where somebody whose key is known says to have signed it.
async fn admit(
    asked: &Asked<'_>,
    rights: &StorageRights,
    payload: Payload,
    upload: &mut StorageFetch,
) -> Result<(StorageLeave, Sent), Refused> {
    let now = asked.api.clock.now();
    let mut judge = |payload| rights.admit(&asked.signed(payload), upload, now);
    match judge(signing::Payload::Unread) {
        Err(catalog::Error::Signature(signing::Error::UnsupportedPayload)) if has_no_digest(asked) => {}
        judged => return Ok((judged?, Sent::Unread(payload))),
    }
    match judge(signing::Payload::EMPTY) {
        Err(catalog::Error::Signature(signing::Error::BadSignature)) => {}
        judged => return Ok((judged?, Sent::Unread(payload))),
    }
    let bytes = gather(Sent::Unread(payload).into_body(asked)).await?;
    Ok((judge(signing::Payload::of(&bytes))?, Sent::Read(bytes)))
}

/// Whether it is Google's header form without a digest, of a body that is short.
fn has_no_digest(asked: &Asked<'_>) -> bool {
    let is_google = asked.header("authorization").is_some_and(|text| text.starts_with("GOOG4-HMAC-SHA256 "));
    let is_short = asked.content_length().is_some_and(|length| length <= MAX_UNPROVED_BYTES);
    is_google && is_short && asked.header("x-goog-content-sha256").is_none()
}

async fn gather(mut body: Body) -> Result<Bytes, Refused> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => upload::Error::TooSlow,
            _ => upload::Error::Aborted,
        })?;
        if (bytes.len() + piece.len()) as u64 > MAX_UNPROVED_BYTES {
            return Err(signing::Error::UnsupportedPayload.into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// The id that a new image shall have, if it is one and not taken. Whoever puts one later all the same is refused when the
/// row is written.
pub(super) async fn free_id(asked: &Asked<'_>, account: &AccountId, id: &str) -> Result<ImageId, Refused> {
    let id =
        ImageId::custom(id).map_err(|invalid| Refused::invalid(domain::sentence(&invalid.to_string())))?;
    match asked.api.catalog.image(account, &id).await {
        Ok(_) => Err(catalog::Error::Exists.into()),
        Err(catalog::Error::ImageMissing) => Ok(id),
        Err(error) => Err(error.into()),
    }
}
