//! Uploading: the plain form of several files, and the same address for the tray, which sends them one by one.

use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::Role;
use serde_json::json;
use upload::{Accepted, Form, ManyFiles, NewUpload};

use crate::body::{check_token, incoming, incoming_many};
use crate::error::Failure;
use crate::member::Member;
use crate::pages::images::{Tile, display_name, totals};
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words;

/// The longest idempotency key, in characters.
const MAX_KEY_CHARS: usize = 255;

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    shell: Shell,
    /// Files that were sent, with what became of them.
    rows: Vec<Row>,
    /// What is wrong with the form as a whole.
    error: String,
    done: usize,
}

/// One file of a form.
struct Row {
    name: String,
    /// The image's page, or why there is none.
    outcome: Result<String, String>,
}

/// `GET …/images/upload`.
pub(crate) async fn show(member: Member) -> Outcome {
    member.require(Role::Editor)?;
    page(&member, StatusCode::OK, Vec::new(), String::new())
}

/// `POST …/images/upload`.
pub(crate) async fn accept(member: Member, request: HttpRequest, payload: web::Payload) -> Outcome {
    member.require(Role::Editor)?;
    let payload = payload.into_inner();
    if member.visit.wants_json {
        let form = read_one(&member, &request, payload).await.map_err(refusal)?;
        return accept_one(&member, &request, form).await;
    }
    let form = match read_all(&member, &request, payload).await {
        Ok(form) => form,
        Err(error) => {
            let failure = refusal(error);
            return page(&member, failure.status_code(), Vec::new(), told(&failure));
        }
    };
    accept_all(&member, &request, form).await
}

async fn read_one(member: &Member, request: &HttpRequest, payload: Payload) -> Result<Form, upload::Error> {
    incoming(&member.visit, request, payload)?.read(member.visit.dashboard.uploads().storage()).await
}

async fn read_all(
    member: &Member,
    request: &HttpRequest,
    payload: Payload,
) -> Result<ManyFiles, upload::Error> {
    incoming_many(&member.visit, request, payload)?
        .read_many(member.visit.dashboard.uploads().storage())
        .await
}

/// One file of the tray.
async fn accept_one(member: &Member, request: &HttpRequest, mut form: Form) -> Outcome {
    let field = form.other.iter().find(|(name, _)| name == "csrf").map(|(_, value)| value.as_str());
    check_token(&member.visit, request, field)?;
    let file = form.file.take().ok_or_else(|| refused("The form holds no file."))?;
    let new = NewUpload {
        account: member.account.id,
        id: form.id,
        file,
        filename: form.filename,
        metadata: form.metadata.unwrap_or_default(),
        creator: form.creator,
        private: form.require_signed_urls.unwrap_or_default(),
        idempotency_key: idempotency_key(request)?,
    };
    let accepted = member.visit.dashboard.uploads().accept(new, &member.actor()).await.map_err(refusal)?;
    accepted_json(member, &accepted).await
}

/// All files of the plain form: each is accepted or refused by itself.
async fn accept_all(member: &Member, request: &HttpRequest, form: ManyFiles) -> Outcome {
    let field =
        |wanted: &str| form.other.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    check_token(&member.visit, request, field("csrf"))?;
    let private = field("private").is_some();
    if form.files.is_empty() {
        let error = "Choose at least one file.".to_owned();
        return page(member, StatusCode::UNPROCESSABLE_ENTITY, Vec::new(), error);
    }
    let mut rows = Vec::with_capacity(form.files.len());
    for (filename, file) in form.files {
        let outcome = match file {
            Ok(file) => {
                let new = NewUpload {
                    account: member.account.id,
                    id: None,
                    file,
                    filename: filename.clone(),
                    metadata: Default::default(),
                    creator: None,
                    private,
                    idempotency_key: None,
                };
                accept_file(member, new).await
            }
            Err(error) => Err(refusal(error)),
        };
        let outcome = outcome.map_err(|failure| told(&failure));
        rows.push(Row { name: filename, outcome });
    }
    let failed = rows.iter().any(|row| row.outcome.is_err());
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    // The account's totals have grown.
    let account = member.visit.dashboard.catalog().account(&member.account.id).await?;
    page(&Member { account: Rc::new(account), ..member.clone() }, status, rows, String::new())
}

async fn accept_file(member: &Member, new: NewUpload) -> Result<String, Failure> {
    let accepted = member.visit.dashboard.uploads().accept(new, &member.actor()).await?;
    Ok(member.image_path("image", &accepted.image.id))
}

/// Why a file is not taken, in the words of the pages.
fn refusal(error: upload::Error) -> Failure {
    let upload::Error::TooLarge { size_bytes, limit_bytes } = error else { return error.into() };
    let (size, limit) = (words::size(size_bytes), words::size(limit_bytes));
    if size == limit {
        return error.into();
    }
    catalog::count_refusal(&error);
    let sentence = format!("This file is {size}. The limit is {limit}.");
    Failure::refused(StatusCode::PAYLOAD_TOO_LARGE, "size", sentence)
}

/// What is said about a file; what only the log may see is written there.
fn told(failure: &Failure) -> String {
    if let Failure::Broken(error) = failure {
        tracing::error!(%error, "an upload failed");
    }
    failure.to_string()
}

async fn accepted_json(member: &Member, accepted: &Accepted) -> Outcome {
    let image = &accepted.image;
    let account = member.visit.dashboard.catalog().account(&member.account.id).await?;
    let first = member.account.totals.images == 0;
    let tile = Tile::of(member, image, false);
    let mut href = member.image_path("image", &image.id);
    if first {
        href.push_str("&first=1");
    }
    let facts = image.facts.as_ref();
    let body = json!({
        "ok": true,
        "replayed": accepted.replayed,
        "first": first,
        "image": {
            "id": image.id.as_str(),
            "name": display_name(image),
            "href": href,
            "tile": tile.src,
            "width": facts.map(|facts| facts.width),
            "height": facts.map(|facts| facts.height),
            "bytes": image.bytes,
            "private": image.private,
            "thumbhash": STANDARD.encode(&image.thumbhash),
        },
        "tile_html": tile.render().map_err(Failure::broken)?,
        "totals": totals(&account),
        "images": account.totals.images,
    });
    Ok(reply::json(StatusCode::OK, &body))
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Failure> {
    let Some(header) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = header.to_str().ok().filter(|key| (1..=MAX_KEY_CHARS).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| refused("An idempotency key has 1 to 255 characters."))
}

fn refused(sentence: &str) -> Failure {
    Failure::refused(StatusCode::BAD_REQUEST, "refused", sentence)
}

fn page(member: &Member, status: StatusCode, rows: Vec<Row>, error: String) -> Result<HttpResponse, Failure> {
    let done = rows.iter().filter(|row| row.outcome.is_ok()).count();
    let shell = Shell::inside(member, "upload", "Upload");
    reply::page(&member.visit, status, &UploadPage { shell, rows, error, done })
}

impl UploadPage {
    /// `2 of 3 uploaded`.
    fn summary(&self) -> String {
        format!("{} of {} uploaded", words::number(self.done as u64), words::number(self.rows.len() as u64))
    }
}
