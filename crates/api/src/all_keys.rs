//! All keys of an account with their use: those that sign, and those that verify URLs of other systems, which are
//! registered here. No answer holds a secret. The contract's list of signing keys stands in `keys.rs`.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{Error, KeyEntry, KeyUsage, NewVerifyingKey, Rotation, VerifyingKeyEntry};
use domain::{SigningKeyId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use signing::{KeyMaterial, KeyState};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, fields, schemes, words};

/// How long a key verifies on where nothing is said, in seconds.
const OVERLAP_S: u64 = 604_800;

/// The longest overlap, in seconds: ten years.
const MAX_OVERLAP_S: u64 = 315_360_000;

/// A key to register.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewKey {
    name: String,
    scheme: String,
    id: String,
    secret: Option<String>,
    session_token: Option<String>,
    key_hex: Option<String>,
    salt_hex: Option<String>,
    public_key_pem: Option<String>,
    verify_from_s: Option<i64>,
}

/// How to retire a key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retirement {
    overlap_s: Option<u64>,
}

/// How to rotate a signing key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Turn {
    /// What the new key is called; `NAME-2` (and so on) where nothing is said.
    new_name: Option<String>,
    overlap_s: Option<u64>,
}

/// `GET /keys`
pub(crate) async fn list(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    let account = caller.account();
    let usage = api.catalog.signing_key_usage(account).await?;
    let signing = api.catalog.signing_keys(account).await?;
    let verifying = api.catalog.verifying_keys(account).await?;
    let keys: Vec<Value> = signing
        .iter()
        .map(|key| with_use(words_of_signing(key), usage.get(&key.id)))
        .chain(verifying.iter().map(|key| with_use(words_of(key), usage.get(&key.name))))
        .collect();
    Ok(envelope::done(json!({ "keys": keys })))
}

/// `POST /keys`
pub(crate) async fn add(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let new: NewKey = fields::read(body::json(api, payload).await?)?;
    let entry = api.catalog.add_verifying_key(caller.account(), new.read()?, &caller.actor).await?;
    Ok(envelope::done(words_of(&entry)))
}

/// `POST /keys/{name}/retire`
pub(crate) async fn retire(
    api: &Api,
    caller: &Authenticated,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let name: SigningKeyId = words::named(name, Error::VerifyingKeyMissing)?;
    let retirement: Retirement = fields::read(body::json(api, payload).await?)?;
    let overlap = overlap(retirement.overlap_s)?;
    api.catalog.retire_verifying_key(caller.account(), &name, overlap, &caller.actor).await?;
    Ok(envelope::done(json!({})))
}

/// `POST /keys/{name}/rotate`: a new signing key signs from now on, the old one verifies until the overlap ends. Its value
/// is read where the contract has it, by who may.
pub(crate) async fn rotate(
    api: &Api,
    caller: &Authenticated,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let name: SigningKeyId = words::named(name, Error::SigningKeyMissing)?;
    let turn: Turn = fields::read(body::json(api, payload).await?)?;
    let new_id = turn.new_name.map(|name| name.parse::<SigningKeyId>()).transpose();
    let new_id = new_id.map_err(|why: domain::Invalid| Failure::bad_request(format!("new_name: {why}")))?;
    let rotation = Rotation { new_id, overlap: overlap(turn.overlap_s)? };
    let key = api.catalog.rotate_signing_key(caller.account(), &name, rotation, &caller.actor).await?;
    Ok(envelope::done(words_of_signing(&key)))
}

/// `POST /keys/{name}/use`: the signing key that signs where none is named.
pub(crate) async fn choose(api: &Api, caller: &Authenticated, name: &str) -> Result<HttpResponse, Failure> {
    let name: SigningKeyId = words::named(name, Error::SigningKeyMissing)?;
    api.catalog.use_signing_key(caller.account(), &name, &caller.actor).await?;
    Ok(envelope::done(json!({})))
}

/// How long a key verifies on.
fn overlap(seconds: Option<u64>) -> Result<Duration, Failure> {
    let seconds = seconds.unwrap_or(OVERLAP_S);
    if seconds > MAX_OVERLAP_S {
        return Err(Failure::bad_request("overlap_s: at most 315,360,000 seconds, ten years"));
    }
    Ok(Duration::from_secs(seconds))
}

/// `DELETE /keys/{name}`: it verifies nothing from now on, whichever of the two kinds it is.
pub(crate) async fn revoke(api: &Api, caller: &Authenticated, name: &str) -> Result<HttpResponse, Failure> {
    let name: SigningKeyId = words::named(name, Error::SigningKeyMissing)?;
    match api.catalog.revoke_verifying_key(caller.account(), &name, &caller.actor).await {
        Err(Error::VerifyingKeyMissing) => {
            api.catalog.revoke_signing_key(caller.account(), &name, &caller.actor).await?;
        }
        revoked => revoked?,
    }
    Ok(envelope::done(json!({})))
}

impl NewKey {
    fn read(self) -> Result<NewVerifyingKey, Failure> {
        let name = self.name.parse();
        Ok(NewVerifyingKey {
            name: name.map_err(|why: domain::Invalid| Failure::bad_request(format!("name: {why}")))?,
            scheme: schemes::of_field(&self.scheme)?,
            material: self.material()?,
            verify_from: self.verify_from_s.map(Timestamp::from_seconds),
            id: self.id,
        })
    }

    fn material(&self) -> Result<KeyMaterial, Failure> {
        let texts = (&self.secret, &self.session_token, &self.key_hex, &self.salt_hex, &self.public_key_pem);
        let material = match texts {
            (Some(secret), None, None, None, None) => Ok(KeyMaterial::text(secret)),
            (Some(secret), Some(token), None, None, None) => Ok(KeyMaterial::with_session(secret, token)),
            (None, None, Some(key), Some(salt), None) => KeyMaterial::key_and_salt_hex(key, salt),
            (None, None, None, None, Some(pem)) => KeyMaterial::public_key_pem(pem),
            _ => {
                return Err(Failure::bad_request(
                    "a key is made of 'secret', of 'secret' and 'session_token', of 'key_hex' and 'salt_hex', or of \
                     'public_key_pem'",
                ));
            }
        };
        material.map_err(|why| Failure::bad_request(why.to_string()))
    }
}

fn words_of_signing(key: &KeyEntry) -> Value {
    let mut words = json!({
        "name": key.id.as_str(),
        "scheme": "native",
        "kind": "signing",
        "signs": key.signs,
        "created_at": key.created_at.to_rfc3339(),
    });
    add_state(&mut words, key.state);
    words
}

fn words_of(key: &VerifyingKeyEntry) -> Value {
    let mut words = json!({
        "name": key.name.as_str(),
        "scheme": key.scheme.name(),
        "kind": key.kind.name(),
        "signs": false,
        "created_at": key.created_at.to_rfc3339(),
    });
    let texts = [
        ("id", Some(&key.id).filter(|id| !id.is_empty()).cloned()),
        ("verify_from", key.verify_from.map(Timestamp::to_rfc3339)),
        ("public_key_pem", key.public_key_pem.clone()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            words[name] = text.into();
        }
    }
    add_state(&mut words, key.state);
    words
}

fn add_state(words: &mut Value, state: KeyState) {
    words["state"] = match state {
        KeyState::Active => "active",
        KeyState::Retiring { .. } => "retiring",
        KeyState::Retired => "retired",
        KeyState::Revoked => "revoked",
    }
    .into();
    if let KeyState::Retiring { verify_until } = state {
        words["verify_until"] = verify_until.to_rfc3339().into();
    }
}

/// How a key was used. The address that used it last is left to people.
fn with_use(mut words: Value, usage: Option<&KeyUsage>) -> Value {
    let usage = usage.cloned().unwrap_or_default();
    words["use"] = json!({
        "requests_24h": usage.requests_24h(),
        "requests_7d": usage.requests_7d(),
        "last_used_at": usage.last.as_ref().map(|last| last.at.to_rfc3339()),
        "last_variant": usage.last.as_ref().map(|last| &last.variant),
        "latest_expiry": usage.latest_exp_s.map(|end_s| Timestamp::from_seconds(end_s).to_rfc3339()),
    });
    words
}

#[cfg(test)]
mod tests {
    use signing::{KeyKind, Scheme};

    use super::*;

    fn read(body: Value) -> Result<NewVerifyingKey, String> {
        let Value::Object(body) = body else { panic!("an object") };
        fields::read(body).and_then(NewKey::read).map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn a_key_is_made_of_what_its_scheme_calls_for() {
        let kind = |mut body: Value| {
            body["name"] = "old".into();
            body["scheme"] = "s3".into();
            read(body).map(|new| new.material.kind())
        };
        assert_eq!(kind(json!({"secret": "a"})), Ok(KeyKind::Secret));
        assert_eq!(kind(json!({"secret": "a", "session_token": "b"})), Ok(KeyKind::SecretWithSession));
        assert_eq!(kind(json!({"key_hex": "00ff", "salt_hex": "A0"})), Ok(KeyKind::KeyAndSalt));
        for body in [
            json!({}),
            json!({"session_token": "b"}),
            json!({"key_hex": "00"}),
            json!({"secret": "a", "public_key_pem": "b"}),
            json!({"secret": "a", "key_hex": "00", "salt_hex": "00"}),
        ] {
            assert!(kind(body.clone()).unwrap_err().contains("is made of 'secret'"), "{body}");
        }
        assert!(kind(json!({"key_hex": "zz", "salt_hex": "00"})).unwrap_err().contains("hex digits"));
        assert!(kind(json!({"public_key_pem": "none"})).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_key_is_named_and_its_secret_is_not() {
        for (body, words) in [
            (json!({"scheme": "s3", "secret": "t0psecret"}), "name: "),
            (json!({"name": "a", "secret": "t0psecret"}), "scheme: "),
            (json!({"name": "a", "scheme": "s4", "secret": "t0psecret"}), "scheme: "),
            (json!({"name": "a", "scheme": "s3", "secret": ["t0psecret"]}), "secret: invalid type"),
            (json!({"name": "a", "scheme": "s3", "verify_from_s": "t0psecret"}), "verify_from_s: "),
            (json!({"name": "a", "scheme": "s3", "token": "t0psecret"}), "unknown field `token`"),
        ] {
            let told = read(body.clone()).unwrap_err();
            assert!(told.contains(words) && !told.contains("t0psecret"), "{body}: {told}");
        }
    }

    #[test]
    fn an_entry_shows_what_is_no_secret() {
        let entry = VerifyingKeyEntry {
            name: "old".parse().unwrap(),
            scheme: Scheme::Bunny,
            id: String::new(),
            kind: KeyKind::Secret,
            state: KeyState::Retiring { verify_until: Timestamp::from_seconds(60) },
            verify_from: Some(Timestamp::from_seconds(1)),
            public_key_pem: None,
            created_at: Timestamp::from_seconds(0),
        };
        let expected = json!({
            "name": "old", "scheme": "bunny", "kind": "secret", "signs": false,
            "created_at": "1970-01-01T00:00:00.000Z", "verify_from": "1970-01-01T00:00:01.000Z",
            "state": "retiring", "verify_until": "1970-01-01T00:01:00.000Z",
            "use": {"requests_24h": 0, "requests_7d": 0, "last_used_at": null, "last_variant": null,
                "latest_expiry": null},
        });
        assert_eq!(with_use(words_of(&entry), None), expected);
    }
}
