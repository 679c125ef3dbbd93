//! `PUT` of an original: the body is the file, the address its id.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Payload;
use domain::{AccountId, ImageId};
use signing::StorageAddress;
use upload::{NewUpload, Paced};

use super::asked::Asked;
use super::refused::Refused;
use super::wishes::Wishes;
use super::{entity, query};
use crate::body;

/// Accepts an original. Everything that can be refused before the body is read is.
pub(super) async fn put(
    asked: &Asked<'_>,
    address: &StorageAddress,
    image: &str,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let rights = asked.api.catalog.storage_rights(address.account()).await?;
    let leave = rights.admit(&asked.signed(signing::Payload::Unread), asked.api.clock.now());
    let leave = leave.map_err(|error| Refused::of(&error).collapsed(rights.collapses()))?;
    query::check(&leave.query)?;
    let mut wishes = Wishes::of(asked, &leave)?;
    let length = asked.content_length();
    if let Some(length) = length {
        wishes.checks.check_length(length)?;
    }
    asked.api.uploads.check_length(length)?;
    let id = free_id(asked, &leave.account, image).await?;
    let body = Paced::new(body::pump(payload), asked.api.pace());
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
    Ok(HttpResponse::Ok().insert_header((header::ETAG, entity::tag(&accepted.image.sha256))).finish())
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
