//! Signing schemes of an account: which are switched on, their settings, and what report mode found.

use actix_web::HttpResponse;
use actix_web::web::Payload;
use catalog::{SchemeChange, SchemeEntry, SchemeMode};
use domain::{Problem, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use signing::{Scheme, SchemeSettings};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, body, envelope, fields};

/// The most days that a report covers.
const MAX_DAYS: u32 = 366;

/// What a change of a scheme says; what is absent stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    mode: Option<String>,
    settings: Map<String, Value>,
}

/// Of which days a report is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReportAsked {
    days: Option<String>,
}

/// `GET /schemes`: every scheme that is served.
pub(crate) async fn list(api: &Api, caller: &Authenticated) -> Result<HttpResponse, Failure> {
    let schemes = api.catalog.schemes(caller.account()).await?;
    let schemes: Vec<Value> = schemes.iter().map(words_of).collect();
    Ok(envelope::done(json!({ "schemes": schemes })))
}

/// `PATCH /schemes/{scheme}`
pub(crate) async fn update(
    api: &Api,
    caller: &Authenticated,
    name: &str,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let scheme = named(name)?;
    let change = change(fields::read(body::json(api, payload).await?)?)?;
    let entry = api.catalog.set_scheme(caller.account(), scheme, change, &caller.actor).await?;
    Ok(envelope::done(words_of(&entry)))
}

/// `GET /schemes/{scheme}/report`
pub(crate) async fn report(
    api: &Api,
    caller: &Authenticated,
    name: &str,
    query: &str,
) -> Result<HttpResponse, Failure> {
    let scheme = named(name)?;
    let asked: ReportAsked = fields::read(fields::of_query(query)?)?;
    let days = asked.days()?;
    let found = api.catalog.scheme_report(caller.account(), scheme, days).await?;
    let verdicts: Vec<Value> = found
        .iter()
        .map(|found| {
            let last_at = found.last_at.to_rfc3339();
            json!({"verdict": found.verdict, "requests": found.requests, "last_at": last_at})
        })
        .collect();
    Ok(envelope::done(json!({"scheme": scheme.name(), "days": days, "verdicts": verdicts})))
}

/// The scheme of a name in a path.
pub(crate) fn named(name: &str) -> Result<Scheme, Failure> {
    Scheme::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Scheme::SERVED.iter().map(Scheme::name).collect();
        Failure::new(
            Problem::RouteMissing,
            format!("there is no such scheme; there are {}", names.join(", ")),
        )
    })
}

/// The scheme of a name in a body.
pub(crate) fn of_field(name: &str) -> Result<Scheme, Failure> {
    named(name).map_err(|failure| Failure::bad_request(format!("scheme: {}", failure.message())))
}

impl ReportAsked {
    fn days(self) -> Result<u32, Failure> {
        let days = self.days.as_deref().unwrap_or("7").parse().ok();
        let days = days.filter(|days| (1..=MAX_DAYS).contains(days));
        days.ok_or_else(|| Failure::bad_request(format!("days: 1 to {MAX_DAYS}")))
    }
}

fn change(change: Change) -> Result<SchemeChange, Failure> {
    let mode = |word: String| {
        let modes = "off, report or enforce";
        SchemeMode::from_word(&word).ok_or_else(|| Failure::bad_request(format!("mode: {modes}")))
    };
    let settings = change.settings.into_iter().map(|(name, value)| {
        let text = text_of(&value);
        text.map(|text| (name.clone(), text)).ok_or_else(|| {
            Failure::bad_request(format!(
                "settings.{name}: a text, a number, true or false, or null is needed"
            ))
        })
    });
    Ok(SchemeChange {
        mode: change.mode.map(mode).transpose()?,
        settings: settings.collect::<Result<_, _>>()?,
    })
}

/// A setting as its text; null takes back what was set.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(on) => Some(on.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn words_of(entry: &SchemeEntry) -> Value {
    let is_secret = |name: &str| SchemeSettings::is_secret(entry.scheme, name);
    let shown: Map<String, Value> = entry
        .settings
        .iter()
        .filter(|(name, _)| !is_secret(name))
        .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
        .collect();
    // Of a secret setting only that it is set.
    let hidden: Vec<&str> = entry
        .settings
        .iter()
        .filter(|(name, value)| is_secret(name) && !value.is_empty())
        .map(|(name, _)| *name)
        .collect();
    let kinds: Vec<&str> = entry.scheme.key_kinds().iter().map(|kind| kind.name()).collect();
    json!({
        "scheme": entry.scheme.name(),
        "mode": entry.mode.word(),
        "settings": shown,
        "secret_settings": hidden,
        "keys": entry.keys,
        "key_kinds": kinds,
        "names_keys": entry.scheme.names_keys(),
        "changed_at": entry.changed_at.map(Timestamp::to_rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<SchemeChange, String> {
        let Value::Object(body) = body else { panic!("an object") };
        fields::read(body).and_then(change).map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn a_change_names_a_mode_and_settings_as_text() {
        let found = read(json!({
            "mode": "report",
            "settings": {"min_signature_chars": 18, "allow_legacy": true, "salt": null, "hash": "sha1"},
        }));
        let found = found.unwrap();
        assert_eq!(found.mode, Some(SchemeMode::Report));
        let expected =
            [("allow_legacy", "true"), ("hash", "sha1"), ("min_signature_chars", "18"), ("salt", "")];
        let mut settings = found.settings;
        settings.sort();
        assert!(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
        assert_eq!(read(json!({})).unwrap(), SchemeChange::default());
    }

    #[test]
    fn what_a_change_does_not_take_is_named() {
        for (body, words) in [
            (json!({"mode": "on"}), "mode: off, report or enforce"),
            (json!({"settings": {"salt": []}}), "settings.salt: "),
            (json!({"settings": []}), "settings: invalid type"),
            (json!({"modus": "off"}), "unknown field `modus`"),
        ] {
            let told = read(body.clone()).unwrap_err();
            assert!(told.contains(words), "{body}: {told}");
        }
        let days = |text: Option<&str>| ReportAsked { days: text.map(String::from) }.days().ok();
        assert_eq!(
            [None, Some("366"), Some("367"), Some("0"), Some("x")].map(days),
            [Some(7), Some(366), None, None, None]
        );
        assert!(named("cloudfront").is_ok() && named("CloudFront").is_err());
        assert!(of_field("nosuch").unwrap_err().message().starts_with("scheme: "));
    }

    #[test]
    fn a_secret_setting_is_told_by_name_only() {
        let mut settings = SchemeSettings::default();
        settings.set(Scheme::EdgeAuth, "salt", "a pinch").unwrap();
        let entry = SchemeEntry {
            scheme: Scheme::EdgeAuth,
            mode: SchemeMode::Off,
            settings: settings.of(Scheme::EdgeAuth),
            keys: 0,
            changed_at: None,
        };
        let words = words_of(&entry);
        assert_eq!(words["secret_settings"], json!(["salt"]));
        assert!(!words.to_string().contains("a pinch"));
        assert_eq!(words["settings"]["hash"], "sha256");
    }
}
