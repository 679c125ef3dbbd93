//! The account's settings that the contract knows (3.9).

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{Account, Flexible};
use serde_json::{Map, Value, json};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, words};

const FIELDS: [&str; 3] = ["flexible_variants", "browser_ttl", "preserve_content_credentials"];

/// `GET /v1/config`
pub(crate) async fn get(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    Ok(envelope::done(words_of(&api.catalog.account(caller.account()).await?)))
}

/// `PATCH /v1/config`: sets only what it names.
pub(crate) async fn update(
    api: &Api,
    caller: &Authenticated,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(api, payload).await?;
    let account = api.catalog.account(caller.account()).await?;
    let settings = settings(&fields, account.policy.flexible_variants)?;
    if settings.is_empty() {
        return Ok(envelope::done(words_of(&account)));
    }
    let account = api.catalog.update_account(caller.account(), &settings, &caller.actor).await?;
    Ok(envelope::done(words_of(&account)))
}

fn words_of(account: &Account) -> Value {
    json!({
        "flexible_variants": account.policy.flexible_variants == Flexible::All,
        "browser_ttl": account.policy.browser_ttl_s,
        "preserve_content_credentials": false,
    })
}

/// The settings by the names of the command line. Ours has a third state between off and all: signed URLs only.
fn settings(fields: &Map<String, Value>, flexible: Flexible) -> Result<Vec<(String, String)>, Failure> {
    words::check_names(fields.keys(), &FIELDS)?;
    let mut settings = Vec::new();
    if let Some(value) = fields.get("flexible_variants") {
        let state = match words::switch("flexible_variants", value)? {
            true => Some("all"),
            false => Some("signed").filter(|_| flexible == Flexible::All),
        };
        settings.extend(state.map(|state| ("flexible_variants".to_owned(), state.to_owned())));
    }
    if let Some(value) = fields.get("browser_ttl") {
        settings.push(("browser_ttl".to_owned(), words::browser_ttl(value)?.to_string()));
    }
    if let Some(value) = fields.get("preserve_content_credentials")
        && words::switch("preserve_content_credentials", value)?
    {
        return Err(Failure::bad_request(
            "preserve_content_credentials is not built in this build: renditions carry no content credentials",
        ));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: Value, flexible: Flexible, expected: &[(&str, &str)]) {
        let found = settings(body.as_object().unwrap(), flexible).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn flexible_variants_has_three_states_behind_two_words() {
        check(json!({"flexible_variants": true}), Flexible::Off, &[("flexible_variants", "all")]);
        check(json!({"flexible_variants": false}), Flexible::All, &[("flexible_variants", "signed")]);
        check(json!({"flexible_variants": false}), Flexible::Off, &[]);
        check(json!({"flexible_variants": false}), Flexible::Signed, &[]);
        check(json!({"browser_ttl": 3600, "other": 1}), Flexible::Off, &[("browser_ttl", "3600")]);
        check(json!({"preserve_content_credentials": false}), Flexible::Off, &[]);
    }

    #[test]
    fn what_is_out_of_range_misspelt_or_not_built_is_refused() {
        for body in [
            json!({"browser_ttl": 3599}),
            json!({"browser_ttl": 31_536_001}),
            json!({"browser_ttl": "3600"}),
            json!({"browser_ttl": 3600.5}),
            json!({"flexible_variants": 1}),
            json!({"flexibleVariants": true}),
            json!({"preserve_content_credentials": true}),
        ] {
            assert!(settings(body.as_object().unwrap(), Flexible::Off).is_err(), "{body}");
        }
    }
}
