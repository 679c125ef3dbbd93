//! The two logs of an account, page by page: who fetched which image by which key (`GET /fetches`), and who changed what
//! (`GET /audit`).

use actix_web::HttpResponse;
use catalog::{AuditEntry, AuditFilter, Cursor, FetchEntry, FetchFilter};
use domain::{SigningKeyId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::authenticated::Authenticated;
use crate::error::Failure;
use crate::{Api, envelope, fields};

/// Entries of a page, where nothing is asked for.
const LIMIT: u32 = 100;

/// The largest page.
const MAX_LIMIT: u32 = 1_000;

/// What is asked of the log of fetches.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FetchesAsked {
    from_s: Option<String>,
    to_s: Option<String>,
    image: Option<String>,
    key: Option<String>,
    subject: Option<String>,
    token_id: Option<String>,
    verdict: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// What is asked of the audit log.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuditAsked {
    from_s: Option<String>,
    to_s: Option<String>,
    act: Option<String>,
    actor: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// `GET /fetches`
pub(crate) async fn fetches(api: &Api, caller: &Authenticated, query: &str) -> Result<HttpResponse, Failure> {
    let asked: FetchesAsked = fields::read(fields::of_query(query)?)?;
    let page = api.catalog.fetches_page(caller.account(), &asked.filter()?).await?;
    let entries: Vec<Value> = page.items.iter().map(words_of_fetch).collect();
    Ok(envelope::done(json!({"fetches": entries, "cursor": page.next.as_ref().map(Cursor::as_str)})))
}

/// `GET /audit`
pub(crate) async fn audit(api: &Api, caller: &Authenticated, query: &str) -> Result<HttpResponse, Failure> {
    let asked: AuditAsked = fields::read(fields::of_query(query)?)?;
    let page = api.catalog.audit_page(caller.account(), &asked.filter()?).await?;
    let entries: Vec<Value> = page.items.iter().map(words_of_audit).collect();
    Ok(envelope::done(json!({"audit": entries, "cursor": page.next.as_ref().map(Cursor::as_str)})))
}

impl FetchesAsked {
    fn filter(self) -> Result<FetchFilter, Failure> {
        Ok(FetchFilter {
            from: time("from_s", self.from_s)?,
            to: time("to_s", self.to_s)?,
            image: self.image,
            key: self.key,
            subject: self.subject,
            token_id: self.token_id,
            verdict: self.verdict,
            after: self.cursor.filter(|cursor| !cursor.is_empty()),
            limit: limit(self.limit)?,
        })
    }
}

impl AuditAsked {
    fn filter(self) -> Result<AuditFilter, Failure> {
        Ok(AuditFilter {
            account: None,
            from: time("from_s", self.from_s)?,
            to: time("to_s", self.to_s)?,
            act: self.act,
            actor: self.actor,
            after: self.cursor.filter(|cursor| !cursor.is_empty()),
            limit: limit(self.limit)?,
        })
    }
}

fn time(name: &str, text: Option<String>) -> Result<Option<Timestamp>, Failure> {
    let seconds = text.map(|text| text.parse().map(Timestamp::from_seconds)).transpose();
    seconds.map_err(|_| Failure::bad_request(format!("{name}: unix seconds are needed")))
}

fn limit(text: Option<String>) -> Result<u32, Failure> {
    let Some(text) = text else { return Ok(LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| Failure::bad_request("limit: 1 to 1,000"))
}

fn words_of_fetch(entry: &FetchEntry) -> Value {
    json!({
        "minute": entry.minute.to_rfc3339(),
        "image": entry.image,
        "variant": entry.variant,
        "scheme": entry.scheme,
        "key": entry.key.as_ref().map(SigningKeyId::as_str),
        "subject": entry.subject,
        "token_id": entry.token_id,
        "verdict": entry.verdict,
        "requests": entry.requests,
        "last_at": entry.last_at.to_rfc3339(),
        "last_address": entry.last_address,
    })
}

fn words_of_audit(entry: &AuditEntry) -> Value {
    json!({
        "at": entry.at.to_rfc3339(),
        "actor": entry.actor.name,
        "address": entry.actor.address,
        "request_id": entry.actor.request_id,
        "act": entry.act,
        "target": entry.target,
        "result": entry.result,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Result<FetchFilter, String> {
        let asked: Result<FetchesAsked, Failure> = fields::of_query(query).and_then(fields::read);
        asked.and_then(FetchesAsked::filter).map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn a_query_names_what_is_looked_for() {
        let filter =
            read("from_s=60&to_s=120&image=a%2Fb+c&verdict=refused&subject=ada&limit=5&cursor=").unwrap();
        assert_eq!(
            (filter.from, filter.to),
            (Some(Timestamp::from_seconds(60)), Some(Timestamp::from_seconds(120)))
        );
        assert_eq!((filter.image.as_deref(), filter.verdict.as_deref()), (Some("a/b c"), Some("refused")));
        assert_eq!((filter.after, filter.limit, filter.key), (None, 5, None));
        assert_eq!(read("").unwrap().limit, LIMIT);
    }

    #[test]
    fn what_is_no_question_is_named() {
        for (query, words) in [
            ("from_s=yesterday", "from_s: unix seconds"),
            ("limit=0", "limit: 1 to 1,000"),
            ("limit=1001", "limit: 1 to 1,000"),
            ("images=a", "unknown field `images`"),
            ("image=a&image=b", "image is there twice"),
        ] {
            let told = read(query).unwrap_err();
            assert!(told.contains(words), "{query}: {told}");
        }
        let asked: Result<AuditAsked, Failure> =
            fields::of_query("act=key.add&image=a").and_then(fields::read);
        assert!(asked.is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "((from_s|to_s|limit|image|cursor)?(=|&|%|[0-9a-z]){0,6}){0,6}") {
            let _ = read(&query);
        }
    }
}
