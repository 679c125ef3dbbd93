//! Bodies on their way in: bounded in length and in time.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use upload::{Incoming, Pace, Paced};

use crate::csrf;
use crate::error::Failure;
use crate::fields::Fields;
use crate::visit::Visit;

/// The longest form without files, in bytes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Pieces of a body that wait between the connection and whoever reads it.
const PIECES_AHEAD: usize = 4;

/// The fields of a form whose token fits the session. Before sign-in the check of its origin stands alone.
pub(crate) struct Posted(pub(crate) Fields);

impl FromRequest for Posted {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Posted, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let visit = Visit::extract(&request).await?;
            if request.content_type() != "application/x-www-form-urlencoded" {
                let sentence = "This is no form that the page sends.";
                return Err(Failure::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "form", sentence));
            }
            let fields = Fields::parse(&read(&visit, payload).await?);
            check_token(&visit, &request, fields.find("csrf"))?;
            Ok(Posted(fields))
        })
    }
}

/// Refuses a form whose token, in its field or its header, is not the session's.
pub(crate) fn check_token(visit: &Visit, request: &HttpRequest, field: Option<&str>) -> Result<(), Failure> {
    let Some(signed_in) = &visit.signed_in else { return Ok(()) };
    let header = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    match header.or(field) {
        Some(token) if csrf::fits(token, &signed_in.session.csrf) => Ok(()),
        _ => Err(Failure::StaleForm),
    }
}

/// A form with one file, still on its way.
pub(crate) fn incoming(
    visit: &Visit,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Incoming, upload::Error> {
    let (media_type, length) = heads(request);
    let limits = visit.dashboard.uploads().config().form.clone();
    Incoming::new(media_type, length, paced(visit, payload), limits)
}

/// The same with several files.
pub(crate) fn incoming_many(
    visit: &Visit,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Incoming, upload::Error> {
    let (media_type, length) = heads(request);
    let limits = visit.dashboard.uploads().config().form.clone();
    Incoming::of_many(media_type, length, paced(visit, payload), limits)
}

fn heads(request: &HttpRequest) -> (Option<&str>, Option<u64>) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    (header(CONTENT_TYPE), header(CONTENT_LENGTH).and_then(|text| text.parse().ok()))
}

async fn read(visit: &Visit, payload: Payload) -> Result<String, Failure> {
    let mut body = paced(visit, payload);
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| {
            Failure::refused(StatusCode::REQUEST_TIMEOUT, "slow", "The form did not come whole. Try again.")
        })?;
        if bytes.len() + piece.len() > MAX_FORM_BYTES {
            return Err(Failure::refused(StatusCode::PAYLOAD_TOO_LARGE, "size", "This form is too long."));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A body that keeps the pace and may be read by another thread than the connection's.
fn paced(
    visit: &Visit,
    payload: Payload,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send + Unpin + 'static {
    let config = visit.dashboard.config();
    let pace = Pace { grace_s: config.body_grace_s, min_bytes_per_s: config.min_body_bytes_per_s };
    Paced::new(Box::pin(pumped(payload)), pace)
}

/// Carries a body over from the connection, whose own stream may not leave its thread.
fn pumped(mut payload: Payload) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
    actix_web::rt::spawn(async move {
        // It ends as soon as nobody reads any more: a client that fell silent holds no connection.
        loop {
            let piece = tokio::select! {
                piece = payload.next() => piece,
                () = sender.closed() => return,
            };
            let Some(piece) = piece else { return };
            let piece = piece.map_err(|_| std::io::Error::other("the connection broke"));
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    futures_util::stream::poll_fn(move |context| receiver.poll_recv(context))
}
