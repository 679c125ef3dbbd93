//! Images: create, get, change, remove, and the original's bytes.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use catalog::{Image, ImageChange};
use domain::{IMAGE_POLICY, ImageId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use renditions::Original;
use serde_json::{Map, Value, json};
use upload::{Form, NewUpload, Source};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::words::{self, Addresses};
use crate::{Api, body, envelope};

/// The longest `Idempotency-Key`, in characters.
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

/// The fields that a change of an image knows.
const CHANGE_FIELDS: [&str; 3] = ["metadata", "requireSignedURLs", "creator"];

/// What RFC 5987 lets stand in a file name besides letters and digits.
const FILENAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// `POST /v1`
pub(crate) async fn create(
    api: &Api,
    caller: &Authenticated,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let idempotency_key = idempotency_key(request)?;
    let mut form = body::form(api, request, payload).await?;
    let file = match form.single_source()? {
        Source::File(file) => file,
        Source::Url(_) => {
            return Err(Failure::bad_request(
                "fetching an image from a URL is not built in this build; send its bytes in the part 'file'",
            ));
        }
    };
    let new = NewUpload {
        account: *caller.account(),
        id: form.id,
        file,
        filename: form.filename,
        metadata: form.metadata.unwrap_or_default(),
        creator: form.creator,
        private: form.require_signed_urls.unwrap_or(false),
        idempotency_key,
    };
    let accepted = api.uploads.accept(new, &caller.actor).await?;
    Ok(envelope::done(Addresses::of(api, caller).await?.image(accepted.image)))
}

/// `GET /v1/{image_id}`
pub(crate) async fn get(api: &Api, caller: &Authenticated, id: &str) -> Result<HttpResponse, Failure> {
    let image = find(api, caller, id).await?;
    Ok(envelope::done(Addresses::of(api, caller).await?.image(image)))
}

/// `PATCH /v1/{image_id}`, as JSON or as a form (contract R-30).
pub(crate) async fn update(
    api: &Api,
    caller: &Authenticated,
    id: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let id: ImageId = words::named(id, catalog::Error::ImageMissing)?;
    let change = if body::is_form(request) {
        change_of_form(body::form(api, request, payload).await?, &id)?
    } else {
        change_of_json(&body::json(api, payload).await?)?
    };
    let image = api.catalog.update_image(caller.account(), &id, change, &caller.actor).await?;
    Ok(envelope::done(Addresses::of(api, caller).await?.image(image)))
}

/// `DELETE /v1/{image_id}`
pub(crate) async fn remove(api: &Api, caller: &Authenticated, id: &str) -> Result<HttpResponse, Failure> {
    let id: ImageId = words::named(id, catalog::Error::ImageMissing)?;
    api.uploads.remove(caller.account(), &id, &caller.actor).await?;
    Ok(envelope::done(json!({})))
}

/// `GET /v1/{image_id}/blob`: the original as it came. Never shown by a browser: it is a stranger's bytes.
pub(crate) async fn blob(api: &Api, caller: &Authenticated, id: &str) -> Result<HttpResponse, Failure> {
    let image = find(api, caller, id).await?;
    let original = Original::of(&image).ok_or(catalog::Error::ImageMissing)?;
    let facts = Arc::clone(&original.facts);
    let object = api.renditions.original(&original).await?;
    let target = format!("image:{}", image.id);
    api.catalog.record(Some(caller.account()), &caller.actor, "image.download", &target, "done").await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, facts.format.media_type()))
        .insert_header((header::CONTENT_DISPOSITION, attachment(&image)))
        .insert_header((header::CONTENT_SECURITY_POLICY, IMAGE_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .body(SizedStream::new(object.len, object.body)))
}

async fn find(api: &Api, caller: &Authenticated, id: &str) -> Result<Image, Failure> {
    let id: ImageId = words::named(id, catalog::Error::ImageMissing)?;
    Ok(api.catalog.image(caller.account(), &id).await?)
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Failure> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if !(1..=MAX_IDEMPOTENCY_KEY_CHARS).contains(&text.len()) {
        let text = format!("Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} printable characters");
        return Err(Failure::bad_request(text));
    }
    Ok(Some(text.to_owned()))
}

fn change_of_json(fields: &Map<String, Value>) -> Result<ImageChange, Failure> {
    words::check_names(fields.keys(), &CHANGE_FIELDS)?;
    let mut change = ImageChange::default();
    if let Some(metadata) = fields.get("metadata") {
        let object =
            metadata.as_object().ok_or_else(|| Failure::bad_request("metadata must be a JSON object"))?;
        change.metadata = Some(object.clone());
    }
    if let Some(private) = fields.get("requireSignedURLs") {
        change.private = Some(words::switch("requireSignedURLs", private)?);
    }
    change.creator = match fields.get("creator") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(creator)) => Some(Some(creator.clone())),
        Some(_) => return Err(Failure::bad_request("creator must be a text or null")),
    };
    Ok(change)
}

/// One client repeats the id in the form; it must be that of the path.
fn change_of_form(form: Form, id: &ImageId) -> Result<ImageChange, Failure> {
    if form.file.is_some() || form.url.is_some() {
        return Err(Failure::bad_request("an image keeps its original; delete it and upload another one"));
    }
    if form.id.is_some_and(|named| named != *id) {
        return Err(Failure::bad_request("an image keeps its id"));
    }
    let (private, creator) = (form.require_signed_urls, form.creator.map(Some));
    Ok(ImageChange { metadata: form.metadata, private, creator, ..ImageChange::default() })
}

/// The file name for a download (RFC 6266): the image's own, else its id's last segment.
pub(crate) fn attachment(image: &Image) -> String {
    let last = image.id.as_str().rsplit('/').next().unwrap_or_default();
    let name = if image.filename.is_empty() { last } else { &image.filename };
    format!("attachment; filename*=UTF-8''{}", utf8_percent_encode(name, FILENAME))
}

#[cfg(test)]
mod tests {
    use domain::Problem;

    use super::*;

    fn change(body: Value) -> Result<ImageChange, Failure> {
        change_of_json(body.as_object().unwrap())
    }

    #[test]
    fn a_change_sets_what_it_names_and_nothing_else() {
        let all = change(json!({"metadata": {"k": 1}, "requireSignedURLs": "true", "creator": "u"})).unwrap();
        assert_eq!((all.private, all.creator), (Some(true), Some(Some("u".into()))));
        assert_eq!(all.metadata.unwrap()["k"], 1);
        let none = change(json!({"unknown": 1})).unwrap();
        assert!(none.metadata.is_none() && none.private.is_none() && none.creator.is_none());
        assert_eq!(change(json!({"creator": null})).unwrap().creator, Some(None));
    }

    #[test]
    fn a_change_of_a_wrong_type_or_spelling_is_refused() {
        for body in [
            json!({"metadata": "text"}),
            json!({"metadata": null}),
            json!({"metadata": []}),
            json!({"requireSignedURLs": 1}),
            json!({"requireSignedURLs": "yes"}),
            json!({"requireSignedURLs": null}),
            json!({"requireSignedUrls": true}),
            json!({"require_signed_urls": true}),
            json!({"Metadata": {}}),
            json!({"creator": 7}),
        ] {
            assert_eq!(
                change(body.clone()).err().map(|failure| failure.problem()),
                Some(Problem::BadRequest),
                "{body}"
            );
        }
    }
}
