//! `POST` of a form from a browser's page, under a policy that somebody with a signing key has signed.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{StorageFetch, StorageRights};
use signing::{PostForm, StorageAddress};
use upload::{Incoming, NewUpload, Paced, Posted};

use super::asked::Asked;
use super::outcome::Outcome;
use super::put::free_id;
use super::refused::{Refused, noted};
use super::wishes::{Place, Wishes};
use crate::body;

/// Accepts the file of a form. Whoever posts one or is refused is noted where the account is known.
pub(super) async fn post(
    asked: &Asked<'_>,
    address: &StorageAddress,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let rights = asked.api.catalog.storage_rights(address.account()).await?;
    let mut upload = StorageFetch::upload(asked.address());
    let stored = store(asked, &rights, address, payload, &mut upload).await;
    noted(stored, &rights, upload, asked.api.clock.now())
}

/// The fields come first; where they are not signed the file is not read.
async fn store(
    asked: &Asked<'_>,
    rights: &StorageRights,
    address: &StorageAddress,
    payload: Payload,
    upload: &mut StorageFetch,
) -> Result<HttpResponse, Refused> {
    let now = asked.api.clock.now();
    let posted = fields(asked, payload).await?;
    let mut judge = |posted: &PostForm<'_>| rights.admit_form(posted, upload, now);
    // How long the file is only the end tells: until then a condition may seem to fail that will hold.
    let early = match judge(&form(&posted, 1)) {
        Err(catalog::Error::Signature(signing::Error::PolicyConditionFailed)) => None,
        judged => Some(judged?),
    };
    let key = form(&posted, 1).object_key().map(Cow::into_owned).ok_or(signing::Error::MalformedParam)?;
    if let Some(leave) = early {
        // Only whom the policy lets put there learns what is there.
        free_id(asked, &leave.account, &key).await?;
    }
    let outcome = Outcome::read(&posted.fields);
    let mut wishes = wishes(&posted.fields)?;
    let (fields, filename, kept) = (posted.fields.clone(), posted.filename.clone(), posted.kept_filename());
    let file = posted.read_file(asked.api.uploads.storage(), |piece| wishes.checks.see(piece)).await?;
    let whole = PostForm { fields: &fields, file_name: filename.as_deref(), file_bytes: file.len() };
    let leave = judge(&whole)?;
    let id = free_id(asked, &leave.account, &key).await?;
    wishes.checks.check_length(file.len())?;
    wishes.checks.finish()?;
    let new = NewUpload {
        account: leave.account,
        id: Some(id),
        filename: kept,
        metadata: wishes.metadata,
        creator: None,
        private: wishes.private,
        idempotency_key: None,
        file,
    };
    let accepted = asked.api.uploads.accept(new, &asked.actor(&leave)).await?;
    upload.image = Some((accepted.image.id.clone(), accepted.image.object));
    Ok(outcome.answer(asked, address.account(), &accepted.image))
}

async fn fields(asked: &Asked<'_>, payload: Payload) -> Result<Posted, Refused> {
    let body = Paced::new(body::pump(payload), asked.api.pace());
    let limits = asked.api.uploads.config().form.clone();
    let incoming = Incoming::new(asked.header("content-type"), asked.content_length(), body, limits)?;
    Ok(incoming.read_fields().await?)
}

fn form(posted: &Posted, file_bytes: u64) -> PostForm<'_> {
    PostForm { fields: &posted.fields, file_name: posted.filename.as_deref(), file_bytes }
}

fn wishes(fields: &[(String, String)]) -> Result<Wishes, Refused> {
    let mut wishes = Wishes::none();
    for (name, value) in fields {
        wishes.take(name, value, Place::Field)?;
    }
    Ok(wishes)
}
