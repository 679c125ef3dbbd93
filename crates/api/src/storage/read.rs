//! `GET` and `HEAD` of an original: whole, one range of it, or the news that the client has it.

use std::convert::Infallible;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use catalog::{Image, StorageFetch, StorageLeave};
use domain::{ImageId, Timestamp};
use futures_util::stream;
use renditions::{Original, Terms};
use signing::{Carrier, Payload, StorageAddress};

use super::asked::Asked;
use super::conditions::{There, Wanted};
use super::refused::{Refused, noted};
use super::wishes::Wishes;
use super::{entity, query};
use crate::images;

/// Answers for an original. Whoever is let in or refused is noted where the account is known.
pub(super) async fn read(
    asked: &Asked<'_>,
    address: &StorageAddress,
    image: &str,
) -> Result<HttpResponse, Refused> {
    let rights = asked.api.catalog.storage_rights(address.account()).await?;
    let now = asked.api.clock.now();
    let mut fetch = StorageFetch::of_original(asked.address());
    let answered = match rights.admit(&asked.signed(Payload::EMPTY), &mut fetch, now) {
        Ok(leave) => deliver(asked, &leave, image, now, &mut fetch).await,
        Err(error) => Err(Refused::of(&error)),
    };
    noted(answered, &rights, fetch, now)
}

async fn deliver(
    asked: &Asked<'_>,
    leave: &StorageLeave,
    id: &str,
    now: Timestamp,
    fetch: &mut StorageFetch,
) -> Result<HttpResponse, Refused> {
    query::check(&leave.query)?;
    Wishes::of(asked, leave)?;
    let id: ImageId = id.parse().map_err(|_| catalog::Error::ImageMissing)?;
    let image = asked.api.catalog.image(&leave.account, &id).await?;
    let original = Original::of(&image).ok_or(catalog::Error::ImageMissing)?;
    (fetch.image, fetch.format) = (Some((image.id.clone(), image.object)), Some(original.facts.format));
    let tag = entity::tag(&image.sha256);
    let there = There { tag: &tag, modified: entity::modified(&image), len: image.bytes };
    let is_get = asked.request.method() == Method::GET;
    match there.wanted(is_get, |name| asked.header(name))? {
        Wanted::Nothing => {
            let mut response = HttpResponse::NotModified();
            entity::describe(&mut response, &image, leave, now);
            fetch.not_modified = true;
            Ok(response.finish())
        }
        Wanted::Whole => {
            let mut response = head(StatusCode::OK, &image, leave, now)?;
            if asked.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled")) {
                response.insert_header((SHA256, STANDARD.encode(image.sha256)));
            }
            if !is_get {
                // The HTTP layer tells the length and leaves the body out.
                let nothing = stream::empty::<Result<Bytes, Infallible>>();
                return Ok(response.body(SizedStream::new(image.bytes, nothing)));
            }
            if let Some(url) = lend(asked, leave, &image, &original, now).await {
                return Ok(elsewhere(&url));
            }
            let object = asked.api.renditions.original(&original).await?;
            fetch.sent_bytes = object.len;
            Ok(response.body(SizedStream::new(object.len, object.body)))
        }
        Wanted::Part(part) => {
            let mut response = head(StatusCode::PARTIAL_CONTENT, &image, leave, now)?;
            let range = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), image.bytes);
            response.insert_header((header::CONTENT_RANGE, range));
            let object = asked.api.renditions.original_range(&original, part).await?;
            fetch.sent_bytes = object.len;
            Ok(response.body(SizedStream::new(object.len, object.body)))
        }
    }
}

/// Where the client gets a large original from the bucket itself, if the account wants it so. Who signs by a header does
/// not follow with it, and who asks for another head gets it here.
async fn lend(
    asked: &Asked<'_>,
    leave: &StorageLeave,
    image: &Image,
    original: &Original,
    now: Timestamp,
) -> Option<String> {
    let large = leave.redirect_bytes.is_some_and(|least| image.bytes >= least);
    let plain = !leave.query.iter().any(|(name, _)| name.starts_with("response-"));
    if !large || !plain || leave.signed.carrier != Carrier::Url {
        return None;
    }
    let (disposition, cache) = (images::attachment(image), entity::cache_control(leave, Terms::latest(now)));
    let terms = Terms {
        now,
        until_s: leave.signed.expires_s,
        content_type: original.facts.format.media_type(),
        content_disposition: &disposition,
        cache_control: &cache,
    };
    asked.api.renditions.lend_original(original, &terms).await
}

/// 302: the bucket has it. Nobody keeps that, since where it leads ends soon.
fn elsewhere(url: &str) -> HttpResponse {
    let mut response = HttpResponse::Found();
    response.insert_header((header::LOCATION, url));
    response.insert_header((header::CACHE_CONTROL, "private, no-store"));
    response.finish()
}

/// The head of an answer that carries bytes, with what the signed query wishes of it.
fn head(
    status: StatusCode,
    image: &Image,
    leave: &StorageLeave,
    now: Timestamp,
) -> Result<HttpResponseBuilder, Refused> {
    let mut response = HttpResponseBuilder::new(status);
    let media_type =
        image.facts.as_ref().map_or("application/octet-stream", |facts| facts.format.media_type());
    response.insert_header((header::CONTENT_TYPE, media_type));
    response.insert_header((header::CONTENT_DISPOSITION, images::attachment(image)));
    entity::describe(&mut response, image, leave, now);
    query::override_head(&mut response, &leave.query, entity::left_s(leave, now))?;
    entity::guard(&mut response);
    Ok(response)
}

/// Clients that ask for it hold the bytes against it.
const SHA256: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
