//! What an account decides about delivery, whole, by the names and texts of the command line. The two settings that the
//! contract knows stand in `config.rs`.

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{Account, AccountPolicy};
use serde_json::{Map, Value, json};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope};

/// `GET /settings`
pub(crate) async fn get(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    Ok(envelope::done(words_of(&api.catalog.account(caller.account()).await?)))
}

/// `PATCH /settings`: sets only what it names, all of it or nothing.
pub(crate) async fn update(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let settings = settings(&body::json(api, payload).await?)?;
    let account = match settings.is_empty() {
        true => api.catalog.account(caller.account()).await?,
        false => api.catalog.update_account(caller.account(), &settings, &caller.actor).await?,
    };
    Ok(envelope::done(words_of(&account)))
}

fn words_of(account: &Account) -> Value {
    let settings: Map<String, Value> =
        account.policy.settings().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({ "settings": settings })
}

/// The settings as texts. A number, a switch and a list of texts may be written as such.
fn settings(fields: &Map<String, Value>) -> Result<Vec<(String, String)>, Failure> {
    let known = |name: &str| AccountPolicy::SETTINGS.iter().find(|(known, _)| *known == name);
    let setting = |(name, value): (&String, &Value)| {
        let (name, takes) = known(name).ok_or_else(no_such_setting)?;
        let text = text_of(value).ok_or_else(|| Failure::bad_request(format!("{name} takes {takes}")))?;
        Ok(((*name).to_owned(), text))
    };
    fields.iter().map(setting).collect()
}

fn no_such_setting() -> Failure {
    let names: Vec<&str> = AccountPolicy::SETTINGS.iter().map(|(name, _)| *name).collect();
    Failure::bad_request(format!("there is a field that is no setting; there are {}", names.join(", ")))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(on) => Some(on.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(texts) => {
            let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
            // A comma inside of one would make two of it.
            texts.filter(|texts| texts.iter().all(|text| !text.contains(','))).map(|texts| texts.join(","))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Vec<(String, String)>, String> {
        settings(body.as_object().unwrap()).map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn settings_are_texts_and_may_be_written_as_what_they_are() {
        let found = read(json!({
            "require_exp": false, "max_lifetime": 3600, "hide_existence": "on", "ignore_params": ["utm_*", "a"],
            "revoked_subjects": [],
        }));
        let mut found = found.unwrap();
        found.sort();
        let expected = [
            ("hide_existence", "on"),
            ("ignore_params", "utm_*,a"),
            ("max_lifetime", "3600"),
            ("require_exp", "false"),
            ("revoked_subjects", ""),
        ];
        assert!(found.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{found:?}");
    }

    #[test]
    fn what_no_setting_takes_is_refused_in_words() {
        assert!(read(json!({"colour": "red"})).unwrap_err().contains("browser_ttl"));
        for value in [json!(null), json!({}), json!([1]), json!(["a,b"])] {
            assert!(read(json!({ "ignore_params": value })).unwrap_err().starts_with("ignore_params takes"));
        }
    }
}
