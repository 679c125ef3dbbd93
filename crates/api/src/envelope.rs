//! The envelope around every answer but an image's bytes (contract 1.4).

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Envelope<R> {
    result: R,
    success: bool,
    errors: Vec<Value>,
    messages: Vec<Value>,
    result_info: Option<ResultInfo>,
}

/// Where a page of a list stands.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct ResultInfo {
    pub(crate) count: usize,
    pub(crate) page: u64,
    pub(crate) per_page: u64,
    pub(crate) total_count: usize,
}

/// A success with a result.
pub(crate) fn done(result: impl Serialize) -> HttpResponse {
    respond(
        StatusCode::OK,
        &Envelope { result, success: true, errors: vec![], messages: vec![], result_info: None },
    )
}

/// A success that is a page of a list.
pub(crate) fn page(result: impl Serialize, info: ResultInfo) -> HttpResponse {
    let result_info = Some(info);
    respond(
        StatusCode::OK,
        &Envelope { result, success: true, errors: vec![], messages: vec![], result_info },
    )
}

/// A success with a message for people.
pub(crate) fn told(result: impl Serialize, code: u32, message: &str) -> HttpResponse {
    let messages = vec![json!({"code": code, "message": message})];
    respond(StatusCode::OK, &Envelope { result, success: true, errors: vec![], messages, result_info: None })
}

/// A failure with its entries.
pub(crate) fn failed(status: StatusCode, errors: Vec<Value>) -> HttpResponse {
    respond(
        status,
        &Envelope { result: Value::Null, success: false, errors, messages: vec![], result_info: None },
    )
}

fn respond(status: StatusCode, envelope: &Envelope<impl Serialize>) -> HttpResponse {
    HttpResponseBuilder::new(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .json(envelope)
}
