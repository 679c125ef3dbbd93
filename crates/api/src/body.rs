//! Bodies on their way in: held to a pace, bounded, and never left hanging.

use actix_web::web::Payload;
use actix_web::{HttpRequest, rt};
use bytes::Bytes;
use domain::{Problem, grouped};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use upload::{Form, Incoming, Paced};

use crate::Api;
use crate::error::Failure;

/// The longest usual JSON body, in bytes.
const MAX_JSON_BYTES: usize = 65_536;

/// Pieces of a body that wait between the HTTP thread and whoever reads.
const PIECES_AHEAD: usize = 2;

/// The client went away in the middle of its body.
pub(crate) struct Gone;

/// Reads a multipart form.
pub(crate) async fn form(api: &Api, request: &HttpRequest, payload: Payload) -> Result<Form, Failure> {
    let body = Paced::new(pump(payload), api.pace());
    let limits = api.uploads.config().form.clone();
    let incoming = Incoming::new(header(request, "content-type"), length(request), body, limits)?;
    Ok(incoming.read(api.uploads.storage()).await?)
}

/// Reads a JSON object of the usual size.
pub(crate) async fn json(api: &Api, payload: Payload) -> Result<Map<String, Value>, Failure> {
    json_within(api, payload, MAX_JSON_BYTES).await
}

/// Reads a JSON object of at most so many bytes.
pub(crate) async fn json_within(
    api: &Api,
    payload: Payload,
    max_bytes: usize,
) -> Result<Map<String, Value>, Failure> {
    let mut body = Paced::new(payload, api.pace());
    let mut text = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => Failure::from(upload::Error::TooSlow),
            _ => upload::Error::Aborted.into(),
        })?;
        if text.len() + piece.len() > max_bytes {
            let told = format!("this JSON body has at most {} bytes", grouped(max_bytes));
            return Err(Failure::new(Problem::TooLarge, told));
        }
        text.extend_from_slice(&piece);
    }
    match serde_json::from_slice(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::bad_request("the body must be a JSON object")),
        Err(_) if text.is_empty() => Err(Failure::bad_request("the body is empty; a JSON object is needed")),
        Err(error) => Err(Failure::bad_request(format!("the body is no valid JSON: {error}"))),
    }
}

/// Whether the client sends a form.
pub(crate) fn is_form(request: &HttpRequest) -> bool {
    header(request, "content-type").is_some_and(|text| text.to_ascii_lowercase().starts_with("multipart/"))
}

/// The text of a header, where it is there and is text.
pub(crate) fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn length(request: &HttpRequest) -> Option<u64> {
    header(request, "content-length").and_then(|text| text.parse().ok())
}

/// Carries a body from the HTTP thread, which alone may hold it, to whoever reads. Ends as soon as nobody reads any
/// more, so that the connection is not held by a client that has fallen silent.
pub(crate) fn pump(mut payload: Payload) -> impl Stream<Item = Result<Bytes, Gone>> + Send + Unpin {
    let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
    rt::spawn(async move {
        loop {
            let piece = tokio::select! {
                piece = payload.next() => piece,
                () = sender.closed() => return,
            };
            let Some(piece) = piece else { return };
            let ends = piece.is_err();
            if sender.send(piece.map_err(|_| Gone)).await.is_err() || ends {
                return;
            }
        }
    });
    stream::poll_fn(move |cx| receiver.poll_recv(cx))
}
