//! Switching a signing scheme off, to report or to enforce. What that opens or breaks is said first, in numbers.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{SchemeChange, SchemeEntry, SchemeMode};

use crate::body::Posted;
use crate::error::Failure;
use crate::member::Member;
use crate::pages::delivery::schemes::{Found, found, path, signed_by};
use crate::pages::scheme::find;
use crate::reply::{self, Outcome};
use crate::scheme_words::{about, weakness};
use crate::shell::Shell;
use crate::toast::Toast;
use crate::words;

#[derive(Template)]
#[template(path = "scheme_mode.html")]
struct SchemeModePage {
    shell: Shell,
    path: String,
    /// The service whose URLs these are.
    service: &'static str,
    /// The scheme's word, which is typed to stop one that is in use.
    name: &'static str,
    to: &'static str,
    /// Its signatures begin to count; otherwise they cease to.
    opens: bool,
    weakness: Option<&'static str>,
    /// It has no key, so no signature can be right.
    keyless: bool,
    /// What report mode found.
    found: Vec<Found>,
    /// What will not work any more.
    damage: String,
    asks_name: bool,
    typed: String,
    error: String,
}

/// `POST …/delivery/schemes/{scheme}/mode` with `mode`, and with `sure` once the question was answered.
pub(crate) async fn change(member: Member, request: HttpRequest, Posted(fields): Posted) -> Outcome {
    let entry = find(&member, &request).await?;
    let to = SchemeMode::from_word(fields.get("mode")).ok_or_else(|| {
        Failure::refused(StatusCode::UNPROCESSABLE_ENTITY, "form", "Choose one of off, report and enforce.")
    })?;
    let back = path(&member, entry.scheme);
    if to == entry.mode {
        return Ok(reply::see_other(&back));
    }
    if is_asked(entry.mode, to) {
        let mut page = ask(&member, &entry, to).await?;
        if fields.get("sure").is_empty() {
            return reply::page(&member.visit, StatusCode::OK, &page);
        }
        page.typed = fields.get("confirm").trim().to_owned();
        if page.asks_name && page.typed != page.name {
            page.error = format!("Type {} to confirm.", page.name);
            return reply::page(&member.visit, StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    }
    let change = SchemeChange { mode: Some(to), settings: Vec::new() };
    let catalog = member.visit.dashboard.catalog();
    catalog.set_scheme(&member.account.id, entry.scheme, change, &member.actor()).await?;
    let toast = match to {
        SchemeMode::Off => Toast::SchemeOff,
        SchemeMode::Report => Toast::SchemeReport,
        SchemeMode::Enforce => Toast::SchemeEnforced,
    };
    reply::done(&member.visit, &back, toast)
}

/// Whether a change opens or breaks something: only what is enforced does either.
fn is_asked(now: SchemeMode, to: SchemeMode) -> bool {
    now == SchemeMode::Enforce || to == SchemeMode::Enforce
}

async fn ask(member: &Member, entry: &SchemeEntry, to: SchemeMode) -> Result<SchemeModePage, Failure> {
    let opens = to == SchemeMode::Enforce;
    let signed = if opens { 0 } else { signed_by(member, entry.scheme).await? };
    let title = about(entry.scheme).title;
    Ok(SchemeModePage {
        shell: Shell::inside(member, "delivery", format!("{title}: {}", to.word())),
        path: path(member, entry.scheme),
        service: title,
        name: entry.scheme.name(),
        to: to.word(),
        opens,
        weakness: weakness(entry.scheme, &entry.settings).filter(|_| opens),
        keyless: opens && entry.keys == 0 && !entry.scheme.key_kinds().is_empty(),
        found: if opens { found(member, entry.scheme).await? } else { Vec::new() },
        damage: damage(signed),
        asks_name: signed > 0,
        typed: String::new(),
        error: String::new(),
    })
}

fn damage(signed: u64) -> String {
    match signed {
        0 => "No requests in the last 24 hours carried such a signature.".to_owned(),
        _ => format!(
            "{} in the last 24 hours carried such a signature. They will answer 403.",
            words::count(signed, "request")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_opens_or_breaks_something_is_asked() {
        use SchemeMode::{Enforce, Off, Report};
        for (now, to, asked) in [
            (Off, Report, false),
            (Report, Off, false),
            (Off, Enforce, true),
            (Report, Enforce, true),
            (Enforce, Off, true),
            (Enforce, Report, true),
        ] {
            assert_eq!(is_asked(now, to), asked, "{now:?} {to:?}");
        }
    }

    #[test]
    fn what_breaks_is_told_in_numbers() {
        assert!(damage(0).starts_with("No requests"));
        assert!(damage(38_914).starts_with("38,914 requests in the last 24 hours"));
    }
}
