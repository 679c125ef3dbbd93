//! Signing keys. Every answer lists them all; their values only for a token that may read them (contract R-35).

use actix_web::HttpResponse;
use catalog::{KeyEntry, Scope};
use domain::SigningKeyId;
use serde_json::{Value, json};
use signing::KeyState;

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::words;
use crate::{Api, envelope};

/// `GET /v1/keys`
pub(crate) async fn list(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    all(api, caller).await
}

/// `PUT /v1/keys/{name}`: makes the key, or gives it another value at once (contract R-36).
pub(crate) async fn put(api: &Api, caller: &Authenticated, name: &str) -> Result<HttpResponse, Failure> {
    let id: SigningKeyId =
        name.parse().map_err(|invalid: domain::Invalid| Failure::bad_request(invalid.0))?;
    api.catalog.put_signing_key(caller.account(), &id, &caller.actor).await?;
    all(api, caller).await
}

/// `DELETE /v1/keys/{name}`: it verifies nothing from now on.
pub(crate) async fn revoke(api: &Api, caller: &Authenticated, name: &str) -> Result<HttpResponse, Failure> {
    let id: SigningKeyId = words::named(name, catalog::Error::SigningKeyMissing)?;
    api.catalog.revoke_signing_key(caller.account(), &id, &caller.actor).await?;
    all(api, caller).await
}

async fn all(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    let reveals = caller.may(Scope::KeysRead);
    let keys = api.catalog.signing_keys(caller.account()).await?;
    let keys: Vec<Value> =
        keys.iter().filter(|key| verifies(key)).map(|key| words_of(key, reveals)).collect();
    if reveals {
        api.catalog.record(Some(caller.account()), &caller.actor, "key.reveal", "keys:all", "done").await?;
    }
    Ok(envelope::done(json!({"keys": keys})))
}

fn verifies(key: &KeyEntry) -> bool {
    !matches!(key.state, KeyState::Retired | KeyState::Revoked)
}

fn words_of(key: &KeyEntry, reveals: bool) -> Value {
    if reveals {
        json!({"name": key.id.as_str(), "value": key.secret.reveal()})
    } else {
        json!({"name": key.id.as_str()})
    }
}
