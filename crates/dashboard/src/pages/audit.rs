//! The audit log of an account: what people and programs did, newest first. What was fetched stands in `fetches.rs`.

mod act_words;
pub(crate) mod filters;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{AuditEntry, AuditFilter, Role};

pub(crate) use self::act_words::KNOWN_ACTS;
use self::act_words::act_words;
use self::filters::Filters;
use crate::csv;
use crate::member::Member;
use crate::reply::{self, Outcome};
use crate::shell::Shell;
use crate::words::Moment;

/// Lines of a page.
const PAGE_LINES: u32 = 60;

/// Lines that a file reads at once.
pub(crate) const CSV_AT_ONCE: u32 = 1_000;

/// What the list can be filtered by.
const FILTERS: [&str; 4] = ["act", "actor", "from", "to"];

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    filters: Filters,
    acts: &'static [(&'static str, &'static str)],
    lines: Vec<Line>,
    newer: Option<String>,
    older: Option<String>,
    csv: String,
}

/// An act as the list shows it.
struct Line {
    at: Moment,
    /// Who, without the kind: `ada@example.org`.
    actor: String,
    /// `Person`, `API token` …; empty where the name says it.
    kind: &'static str,
    told: String,
    act: String,
    target: String,
    refused: bool,
    address: String,
    request_id: String,
}

/// `GET …/audit?act&actor&from&to&after`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Admin)?;
    let filters = Filters::of(request.query_string(), &FILTERS);
    let after = crate::fields::Fields::parse(request.query_string()).find("after").map(str::to_owned);
    let path = member.path("audit");
    let wanted = wanted(&filters, after.clone().filter(|after| !after.is_empty()), PAGE_LINES);
    let page = match member.visit.dashboard.catalog().audit_page(&member.account.id, &wanted).await {
        // An old or foreign cursor leads to the beginning.
        Err(catalog::Error::Invalid(_)) if wanted.after.is_some() => {
            return Ok(reply::see_other(&filters.address(&path, None)));
        }
        page => page?,
    };
    let shown = AuditPage {
        shell: Shell::inside(&member, "audit", "Audit log"),
        acts: KNOWN_ACTS,
        lines: page.items.iter().map(Line::of).collect(),
        newer: page.previous.as_ref().map(|cursor| filters.address(&path, Some(cursor.as_str()))),
        older: page.next.as_ref().map(|cursor| filters.address(&path, Some(cursor.as_str()))),
        csv: filters.address(&member.path("audit.csv"), None),
        filters,
    };
    reply::page(&member.visit, StatusCode::OK, &shown)
}

/// `GET …/audit.csv`, with the same filters.
pub(crate) async fn export(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Admin)?;
    let filters = Filters::of(request.query_string(), &FILTERS);
    let heads = ["time", "actor", "act", "object", "result", "address", "request"];
    let (catalog, account) = (member.visit.dashboard.catalog().clone(), member.account.id);
    let read = move |after| {
        let (catalog, wanted) = (catalog.clone(), wanted(&filters, after, CSV_AT_ONCE));
        async move { catalog.audit_page(&account, &wanted).await }
    };
    let lines = csv::pages(read, csv_line);
    Ok(csv::file("audit", &heads, lines))
}

fn wanted(filters: &Filters, after: Option<String>, limit: u32) -> AuditFilter {
    AuditFilter {
        act: filters.text("act"),
        actor: filters.text("actor"),
        from: filters.from(),
        to: filters.to(),
        after,
        limit,
        ..AuditFilter::default()
    }
}

fn csv_line(entry: &AuditEntry) -> String {
    csv::line(&[
        entry.at.to_rfc3339(),
        entry.actor.name.clone(),
        entry.act.clone(),
        entry.target.clone(),
        entry.result.clone(),
        entry.actor.address.map(|address| address.to_string()).unwrap_or_default(),
        entry.actor.request_id.clone().unwrap_or_default(),
    ])
}

impl Line {
    fn of(entry: &AuditEntry) -> Line {
        let (kind, actor) = who(&entry.actor.name);
        Line {
            at: Moment::new(entry.at),
            actor: actor.to_owned(),
            kind,
            told: act_words(&entry.act).to_owned(),
            act: entry.act.clone(),
            target: entry.target.clone(),
            refused: entry.result != "done",
            address: entry.actor.address.map(|address| address.to_string()).unwrap_or_default(),
            request_id: entry.actor.request_id.clone().unwrap_or_default(),
        }
    }
}

/// Who acted: a kind, and a name.
fn who(actor: &str) -> (&'static str, &str) {
    if let Some(email) = actor.strip_prefix("person:") {
        ("Person", email)
    } else if let Some(token) = actor.strip_prefix("token:") {
        ("API token", token.split_once(' ').map_or(token, |(_, name)| name))
    } else {
        match actor {
            "command" => ("", "Command line"),
            "" => ("", "Somebody who is not signed in"),
            other => ("", other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_a_kind_and_a_name() {
        let check = |actor, kind, name| assert_eq!(who(actor), (kind, name));
        check("person:ada@example.org", "Person", "ada@example.org");
        check("token:0af1 ci-upload", "API token", "ci-upload");
        check("token:0af1", "API token", "0af1");
        check("command", "", "Command line");
        check("setup", "", "setup");
        check("", "", "Somebody who is not signed in");
    }
}
