//! What was fetched with which key, subject and token id, and with which verdict, newest first.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use askama::Template;
use catalog::{FetchEntry, FetchFilter, Role};

use crate::csv;
use crate::error::Failure;
use crate::fields::Fields;
use crate::member::Member;
use crate::pages::audit::CSV_AT_ONCE;
use crate::pages::audit::filters::Filters;
use crate::pages::delivery::schemes::verdict;
use crate::reply::{self, Outcome};
use crate::scheme_words::about;
use crate::shell::Shell;
use crate::words::{self, Moment, encoded};

/// Lines of a page.
const PAGE_LINES: u32 = 60;

/// What the list can be filtered by.
const FILTERS: [&str; 7] = ["key", "verdict", "subject", "token_id", "image", "from", "to"];

#[derive(Template)]
#[template(path = "fetches.html")]
struct FetchesPage {
    shell: Shell,
    filters: Filters,
    /// Names of signing keys and of keys of other services.
    keys: Vec<String>,
    /// Word and words.
    verdicts: Vec<(&'static str, String)>,
    lines: Vec<Line>,
    newer: Option<String>,
    older: Option<String>,
    csv: String,
}

/// Requests of one minute that are alike.
struct Line {
    at: Moment,
    /// Where it leads, and what it is called: the image's page, or this list with a filter.
    image: Option<(String, String)>,
    key: Option<(String, String)>,
    subject: Option<(String, String)>,
    token_id: Option<(String, String)>,
    variant: String,
    scheme: &'static str,
    accepted: bool,
    verdict: String,
    reason: String,
    requests: String,
    address: String,
}

/// `GET …/audit/fetches?key&verdict&subject&token_id&image&from&to&after`.
pub(crate) async fn show(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Admin)?;
    let filters = Filters::of(request.query_string(), &FILTERS);
    let after = Fields::parse(request.query_string()).find("after").map(str::to_owned);
    let path = member.path("audit/fetches");
    let wanted = wanted(&filters, after.filter(|after| !after.is_empty()), PAGE_LINES);
    let page = match member.visit.dashboard.catalog().fetches_page(&member.account.id, &wanted).await {
        // An old or foreign cursor leads to the beginning.
        Err(catalog::Error::Invalid(_)) if wanted.after.is_some() => {
            return Ok(reply::see_other(&filters.address(&path, None)));
        }
        page => page?,
    };
    let shown = FetchesPage {
        shell: Shell::inside(&member, "audit", "Fetches"),
        keys: key_names(&member).await?,
        verdicts: verdicts(),
        lines: page.items.iter().map(|entry| Line::of(&member, &filters, entry)).collect(),
        newer: page.previous.as_ref().map(|cursor| filters.address(&path, Some(cursor.as_str()))),
        older: page.next.as_ref().map(|cursor| filters.address(&path, Some(cursor.as_str()))),
        csv: filters.address(&member.path("audit/fetches.csv"), None),
        filters,
    };
    reply::page(&member.visit, StatusCode::OK, &shown)
}

/// `GET …/audit/fetches.csv`, with the same filters.
pub(crate) async fn export(member: Member, request: HttpRequest) -> Outcome {
    member.require(Role::Admin)?;
    let filters = Filters::of(request.query_string(), &FILTERS);
    let heads = [
        "last",
        "image",
        "variant",
        "scheme",
        "key",
        "subject",
        "token_id",
        "verdict",
        "requests",
        "last_address",
    ];
    let (catalog, account) = (member.visit.dashboard.catalog().clone(), member.account.id);
    let read = move |after| {
        let (catalog, wanted) = (catalog.clone(), wanted(&filters, after, CSV_AT_ONCE));
        async move { catalog.fetches_page(&account, &wanted).await }
    };
    let lines = csv::pages(read, csv_line);
    Ok(csv::file("fetches", &heads, lines))
}

fn wanted(filters: &Filters, after: Option<String>, limit: u32) -> FetchFilter {
    FetchFilter {
        from: filters.from(),
        to: filters.to(),
        image: filters.text("image"),
        key: filters.text("key"),
        subject: filters.text("subject"),
        token_id: filters.text("token_id"),
        verdict: filters.text("verdict"),
        after,
        limit,
    }
}

fn csv_line(entry: &FetchEntry) -> String {
    csv::line(&[
        entry.last_at.to_rfc3339(),
        entry.image.clone().unwrap_or_default(),
        entry.variant.clone(),
        entry.scheme.clone(),
        entry.key.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.subject.clone().unwrap_or_default(),
        entry.token_id.clone().unwrap_or_default(),
        entry.verdict.clone(),
        entry.requests.to_string(),
        entry.last_address.map(|address| address.to_string()).unwrap_or_default(),
    ])
}

async fn key_names(member: &Member) -> Result<Vec<String>, Failure> {
    let catalog = member.visit.dashboard.catalog();
    let own = catalog.signing_keys(&member.account.id).await?;
    let foreign = catalog.verifying_keys(&member.account.id).await?;
    let names = own.iter().map(|key| &key.id).chain(foreign.iter().map(|key| &key.name));
    Ok(names.map(ToString::to_string).collect())
}

fn verdicts() -> Vec<(&'static str, String)> {
    let fixed = [("", "Any verdict"), ("ok", "Accepted"), ("refused", "Any refusal")];
    let reasons = signing::Error::ALL.iter().filter_map(domain::Fault::reason);
    let reasons = reasons.map(|reason| (reason, reason.replace('_', " ")));
    fixed.into_iter().map(|(word, words)| (word, words.to_owned())).chain(reasons).collect()
}

impl Line {
    fn of(member: &Member, filters: &Filters, entry: &FetchEntry) -> Line {
        let path = member.path("audit/fetches");
        let filtered = |name, value: &str| (filters.with(&path, name, value), value.to_owned());
        let image = |id: &str| (member.path(&format!("image?id={}", encoded(id))), words::middle_cut(id, 36));
        Line {
            at: Moment::new(entry.last_at),
            image: entry.image.as_deref().map(image),
            key: entry.key.as_ref().map(|key| filtered("key", key.as_str())),
            subject: entry.subject.as_deref().map(|subject| filtered("subject", subject)),
            token_id: entry.token_id.as_deref().map(|id| filtered("token_id", id)),
            variant: match entry.variant.as_str() {
                catalog::FLEXIBLE => "options in the URL".to_owned(),
                catalog::UNKNOWN => "no variant".to_owned(),
                name => name.to_owned(),
            },
            scheme: signing::Scheme::from_name(&entry.scheme).map_or("", |scheme| about(scheme).title),
            accepted: entry.verdict == "ok",
            verdict: verdict(&entry.verdict),
            reason: entry.verdict.clone(),
            requests: words::number(entry.requests),
            address: entry.last_address.map(|address| address.to_string()).unwrap_or_default(),
        }
    }
}
