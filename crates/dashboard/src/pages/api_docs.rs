//! The document of the API, readable: for everybody, as the document itself is. It tells of no account.

use actix_web::http::StatusCode;
use askama::Template;

use crate::api_document::{ApiDocument, Piece};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "api_docs.html")]
struct ApiDocsPage<'d> {
    shell: Shell,
    document: &'d ApiDocument,
    /// Scheme and host that programs ask.
    url: &'d str,
}

/// `GET /api/docs`.
pub(crate) async fn show(visit: Visit) -> Outcome {
    let page = ApiDocsPage {
        shell: Shell::outside(&visit, "api-docs", "API"),
        document: visit.dashboard.api_document(),
        url: &visit.dashboard.config().public_url,
    };
    reply::page(&visit, StatusCode::OK, &page)
}
