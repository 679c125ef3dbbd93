//! A signing scheme of an account: whether its signatures are looked at, its settings, its keys, and what report mode
//! found.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{Role, SchemeChange, SchemeEntry, SchemeMode};
use signing::{Scheme, SchemeSettings};

use crate::body::Posted;
use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::delivery::schemes::{Found, ModeTag, found, path};
use crate::pages::verifying_keys::{VerifyingRow, rows};
use crate::reply::{self, Outcome};
use crate::scheme_words::{about, weakness};
use crate::shell::Shell;
use crate::toast::Toast;

#[derive(Template)]
#[template(path = "scheme.html")]
struct SchemePage {
    shell: Shell,
    path: String,
    title: &'static str,
    marks: &'static str,
    text: &'static str,
    weakness: Option<&'static str>,
    mode: SchemeMode,
    tag: ModeTag,
    settings: Vec<Setting>,
    found: Vec<Found>,
    /// It verifies with keys of its own; others with the account's signing keys.
    has_keys: bool,
    keys: Vec<VerifyingRow>,
}

/// A setting as its field shows it.
struct Setting {
    name: &'static str,
    label: &'static str,
    /// What it takes.
    hint: String,
    value: String,
    input: Input,
    error: String,
}

/// How a setting is written in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// On or off.
    Switch,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A text.
    Text,
    /// A text that is not shown: an empty field leaves it.
    Secret { is_set: bool },
}

/// `GET …/delivery/schemes/{scheme}`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    let entry = find(&member, &request).await?;
    let settings = settings(&entry);
    page(&member, StatusCode::OK, &entry, settings).await
}

/// `POST …/delivery/schemes/{scheme}`: its settings.
pub(crate) async fn save(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let entry = find(&member, &request).await?;
    let mut typed = typed(&entry, &fields);
    let changes = changes(&entry, &mut typed);
    if typed.iter().any(|setting| !setting.error.is_empty()) {
        return page(&member, StatusCode::UNPROCESSABLE_ENTITY, &entry, typed).await;
    }
    let path = path(&member, entry.scheme);
    if changes.is_empty() {
        return Ok(reply::see_other(&path));
    }
    let change = SchemeChange { mode: None, settings: changes };
    let catalog = member.visit.dashboard.catalog();
    match catalog.set_scheme(&member.account.id, entry.scheme, change, &member.actor()).await {
        Ok(_) => reply::done(&member.visit, &path, Toast::SchemeSaved),
        Err(catalog::Error::Invalid(why)) => {
            if let Some(first) = typed.first_mut() {
                first.error = domain::sentence(&why);
            }
            page(&member, StatusCode::UNPROCESSABLE_ENTITY, &entry, typed).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The scheme that a path names, as this account has it.
pub(crate) async fn find(member: &Member, request: &HttpRequest) -> Result<SchemeEntry, Failure> {
    member.require(Role::Admin)?;
    let scheme = Scheme::from_name(request.match_info().query("scheme"));
    let schemes = member.visit.dashboard.catalog().schemes(&member.account.id).await?;
    let entry = schemes.into_iter().find(|entry| Some(entry.scheme) == scheme);
    entry.ok_or_else(|| Failure::Missing("There is no such signing scheme here.".into()))
}

async fn page(member: &Member, status: StatusCode, entry: &SchemeEntry, settings: Vec<Setting>) -> Outcome {
    let about = about(entry.scheme);
    let has_keys = !entry.scheme.key_kinds().is_empty();
    let page = SchemePage {
        shell: Shell::inside(member, "delivery", about.title),
        path: path(member, entry.scheme),
        title: about.title,
        marks: about.marks,
        text: about.text,
        weakness: weakness(entry.scheme, &entry.settings),
        mode: entry.mode,
        tag: ModeTag::of(entry.mode),
        settings,
        found: found(member, entry.scheme).await?,
        has_keys,
        keys: match has_keys {
            true => rows(member, Some(entry.scheme)).await?,
            false => Vec::new(),
        },
    };
    reply::page(&member.visit, status, &page)
}

impl SchemePage {
    /// Whether a setting was refused.
    fn has_errors(&self) -> bool {
        self.settings.iter().any(|setting| !setting.error.is_empty())
    }

    /// The modes: value, name, what it does, whether it is the one that is set.
    fn modes(&self) -> [(&'static str, &'static str, &'static str, bool); 3] {
        let mode = |mode, name, about| (SchemeMode::word(mode), name, about, self.mode == mode);
        [
            mode(SchemeMode::Off, "Off", "Its signatures are not looked at."),
            mode(SchemeMode::Report, "Report", "They are judged and counted. Nothing opens, nothing closes."),
            mode(SchemeMode::Enforce, "Enforce", "A right signature opens what it covers."),
        ]
    }
}

/// The settings as they are.
fn settings(entry: &SchemeEntry) -> Vec<Setting> {
    let value = |name| entry.settings.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    let takes = SchemeSettings::takes(entry.scheme).iter();
    takes
        .map(|&(name, takes)| {
            let (label, hint) = words(name, takes);
            let input = input(entry.scheme, name, !value(name).is_empty());
            // The values of a choice stand in it.
            let hint = if matches!(input, Input::Choice(_)) { String::new() } else { hint };
            let shown = if matches!(input, Input::Secret { .. }) { "" } else { value(name) };
            Setting { name, label, hint, value: shown.to_owned(), input, error: String::new() }
        })
        .collect()
}

/// The settings as they were typed.
fn typed(entry: &SchemeEntry, fields: &Fields) -> Vec<Setting> {
    let mut settings = settings(entry);
    for setting in &mut settings {
        setting.value = match setting.input {
            Input::Switch => (!fields.get(setting.name).is_empty()).to_string(),
            _ => fields.get(setting.name).trim().to_owned(),
        };
    }
    settings
}

/// The settings that differ from those of the account; what is wrong is noted beside each.
fn changes(entry: &SchemeEntry, typed: &mut [Setting]) -> Vec<(String, String)> {
    let mut changes = Vec::new();
    for setting in typed {
        let known = entry.settings.iter().find(|(known, _)| *known == setting.name);
        let is_kept = match setting.input {
            Input::Secret { .. } => setting.value.is_empty(),
            _ => known.is_some_and(|(_, known)| *known == setting.value),
        };
        if is_kept {
            continue;
        }
        let mut tried = SchemeSettings::default();
        match tried.set(entry.scheme, setting.name, &setting.value) {
            Ok(()) => changes.push((setting.name.to_owned(), setting.value.clone())),
            Err(why) => setting.error = domain::sentence(&why.to_string()),
        }
    }
    changes
}

fn input(scheme: Scheme, name: &str, is_set: bool) -> Input {
    match name {
        _ if SchemeSettings::is_secret(scheme, name) => Input::Secret { is_set },
        "allow_legacy" | "ip_validation" | "escape_early" | "escape_acl" => Input::Switch,
        "hash" => Input::Choice(&["sha256", "sha1"]),
        _ => Input::Text,
    }
}

/// The label of a setting, and what stands below it.
fn words(name: &'static str, takes: &str) -> (&'static str, String) {
    let label = match name {
        "min_signature_chars" => "Fewest characters of a signature",
        "region" => "Region",
        "signature_size" => "Bytes of a signature",
        "allow_legacy" => "Accept the older tokens",
        "ip_validation" => "Older tokens hold the visitor's address",
        "parameter" => "Name of the token",
        "hash" => "Hash",
        "escape_early" => "Escape early",
        "escape_acl" => "Patterns are percent-encoded",
        "salt" => "Salt",
        "endpoint_path" => "Path of the endpoint",
        other => other,
    };
    let plain = takes.strip_prefix("true or false: ").unwrap_or(takes);
    (label, domain::sentence(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(scheme: Scheme) -> SchemeEntry {
        let settings = SchemeSettings::default().of(scheme);
        SchemeEntry { scheme, mode: SchemeMode::Off, settings, keys: 0, changed_at: None }
    }

    #[test]
    fn only_changed_settings_are_written_and_a_wrong_one_is_named() {
        let entry = entry(Scheme::EdgeAuth);
        let form = "parameter=hdnts&hash=sha256&escape_early=1&salt=";
        let mut all = typed(&entry, &Fields::parse(form));
        let told: Vec<String> =
            changes(&entry, &mut all).iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(told, ["parameter=hdnts", "escape_early=true"]);
        let mut all = typed(&entry, &Fields::parse("parameter=a+b&hash=md5"));
        assert!(changes(&entry, &mut all).is_empty());
        let wrong: Vec<&str> =
            all.iter().filter(|setting| !setting.error.is_empty()).map(|setting| setting.name).collect();
        assert_eq!(wrong, ["parameter", "hash"]);
    }

    #[test]
    fn a_secret_setting_is_never_shown() {
        let mut entry = entry(Scheme::EdgeAuth);
        let mut set = SchemeSettings::default();
        set.set(Scheme::EdgeAuth, "salt", "a pinch").unwrap();
        entry.settings = set.of(Scheme::EdgeAuth);
        let shown = settings(&entry);
        let salt = shown.iter().find(|setting| setting.name == "salt").unwrap();
        assert!(salt.value.is_empty() && salt.input == Input::Secret { is_set: true });
    }

    #[test]
    fn every_setting_has_a_label_and_a_hint() {
        for &scheme in Scheme::ALL {
            for setting in settings(&entry(scheme)) {
                assert_ne!(setting.label, setting.name, "{scheme:?}");
                let is_choice = matches!(setting.input, Input::Choice(_));
                assert!(is_choice || setting.hint.ends_with('.'), "{}", setting.hint);
            }
        }
    }
}
