//! Originals in storage's form: `/storage/{account handle}/{image id}` by requests that are signed as for S3 or Google
//! Cloud Storage, in path style. Reading, putting and a browser's form; no listing, no deleting, no buckets to make.
//! An original always needs a signature, whether its image is public or private.
//!
//! The signature is judged before anything else is looked at, so that nobody without one learns what there is.

mod asked;
mod checks;
mod conditions;
mod cors;
mod entity;
mod form;
mod outcome;
mod put;
mod query;
mod read;
mod refused;
mod wishes;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use domain::Fault;
use signing::StorageAddress;

use self::asked::Asked;
use self::refused::Refused;
use crate::Api;

/// What an address takes that names an image.
const OF_IMAGE: &str = "GET, HEAD, PUT, OPTIONS";

/// What an address takes that names an account alone.
const OF_ACCOUNT: &str = "POST, OPTIONS";

/// Whether a path is one of these, so that what is refused before this door is told in its form.
pub(crate) fn answers(path: &str) -> bool {
    StorageAddress::without_mount(path).is_some() || path == StorageAddress::MOUNT
}

/// A refusal by whoever stands before the door, as this one tells its own.
pub(crate) fn refuse(path: &str, fault: &dyn Fault) -> HttpResponse {
    let refused = Refused::of(fault);
    refused.log();
    refused.respond(path, "-")
}

/// Answers one request.
pub(crate) async fn answer(api: Data<Api>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let asked = Asked::new(&api, &request);
    let mut response = serve(&asked, payload).await.unwrap_or_else(|refused| {
        refused.log();
        refused.respond(request.uri().path(), asked.request_id())
    });
    asked.finish(&mut response);
    response
}

async fn serve(asked: &Asked<'_>, payload: Payload) -> Result<HttpResponse, Refused> {
    let address = StorageAddress::parse(asked.request.uri().path())?;
    match (asked.request.method().as_str(), address.image()) {
        ("OPTIONS", _) => Ok(cors::preflight(asked.header("access-control-request-headers"))),
        ("GET" | "HEAD", Some(image)) => read::read(asked, &address, image).await,
        ("PUT", Some(image)) => put::put(asked, &address, image, payload).await,
        ("POST", None) => form::post(asked, &address, payload).await,
        ("GET" | "HEAD", None) => Err(Refused::not_built("listing what an account keeps")),
        ("POST", Some(_)) => Err(Refused::not_built("uploading in parts, restoring and selecting")),
        (_, Some(_)) => Err(Refused::wrong_method(OF_IMAGE)),
        (_, None) => Err(Refused::wrong_method(OF_ACCOUNT)),
    }
}
