//! The mounts that are given to an account. Giving and taking concerns the whole server, and is for its operators.

use actix_web::HttpResponse;
use serde_json::{Value, json};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, envelope};

/// `GET /mounts`: those of this account.
pub(crate) async fn list(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    let mounts = api.catalog.mounts().await?;
    let ours = mounts.iter().filter(|(_, account)| account.as_ref() == Some(caller.account()));
    let mounts: Vec<Value> = ours
        .map(|(mount, _)| {
            let url = format!("{}{}/", api.config.delivery_url, mount.path());
            json!({"mount": mount.word(), "url": url, "scheme": mount.scheme().name()})
        })
        .collect();
    Ok(envelope::done(json!({ "mounts": mounts })))
}
