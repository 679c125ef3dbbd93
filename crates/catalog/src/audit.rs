//! The audit log: who did what to what. Append-only; the seals over it stand in `audit_seals.rs`.

use std::net::IpAddr;

use domain::{AccountId, Timestamp};

use crate::Error;
use crate::catalog::{Catalog, Writing};
use crate::database::{Connection, Lock, Query, Row, query};
use crate::page::{List, Page, Place};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// `person:ada@example.org`, `token:<id> ci-upload`, `command`, `setup`.
    pub name: String,
    /// From where, if over the network.
    pub address: Option<IpAddr>,
    /// The request's id, if there was one.
    pub request_id: Option<String>,
}

impl Actor {
    /// The operator on the command line.
    pub fn command() -> Self {
        Actor { name: "command".into(), ..Actor::default() }
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// In which account; none for what concerns the whole server.
    pub account: Option<AccountId>,
    /// Who.
    pub actor: Actor,
    /// What, e.g. `key.revoke`.
    pub act: String,
    /// To what, e.g. `key:web-2`; at most 64 characters of a name, control characters escaped.
    pub target: String,
    /// `done` or `refused`.
    pub result: String,
}

/// Which lines to read; all conditions hold at once.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this account.
    pub account: Option<AccountId>,
    /// Only this act.
    pub act: Option<String>,
    /// Only by who is called so, as [`Actor::name`] has it.
    pub actor: Option<String>,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Where a page begins: an earlier page's `next` or `previous` as text.
    pub after: Option<String>,
    /// At most so many, newest first: 1 to 1,000.
    pub limit: u32,
}

/// Characters of a name that a line keeps.
const MAX_TARGET_CHARS: usize = 64;

/// The most lines that one question reads.
const MAX_LINES: u32 = 1_000;

impl Catalog {
    /// Writes one line outside of any change: failures, reveals, sign-ins. Changes write theirs in their own
    /// transaction.
    pub async fn record(
        &self,
        account: Option<&AccountId>,
        actor: &Actor,
        act: &str,
        target: &str,
        result: &str,
    ) -> Result<(), Error> {
        let mut writing = self.begin(Lock::of(account)).await?;
        let now = writing.now;
        insert(writing.db(), now, account, actor, act, target, result).await?;
        self.commit(writing).await
    }

    /// Reads the log of the whole house, newest first, from its end on.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, Error> {
        let mut question = query("select * from audit where true");
        if let Some(account) = &filter.account {
            question.push(" and account = ").push_bind(account.as_bytes().to_vec());
        }
        filter.push(&mut question);
        question.push(" order by id desc limit ").push_bind(filter.limit.min(MAX_LINES));
        let rows = question.fetch_all(&self.inner.database).await?;
        rows.iter().map(entry).collect()
    }

    /// A page of the log of one account, whatever `filter.account` says; newest first. A foreign or altered `after` is
    /// `Invalid`.
    pub async fn audit_page(
        &self,
        account: &AccountId,
        filter: &AuditFilter,
    ) -> Result<Page<AuditEntry>, Error> {
        let after = filter.after.as_deref().map(|text| self.read_cursor(List::Audit, account, text));
        let (after, limit) = (after.transpose()?, filter.limit.clamp(1, MAX_LINES));
        let rows = page_question(account, filter, after, limit).fetch_all(&self.inner.database).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(((row.try_get("at")?, row.try_get("id")?), entry(row)?));
        }
        Ok(self.page(List::Audit, account, found, after, limit))
    }
}

impl AuditFilter {
    fn push(&self, question: &mut Query) {
        if let Some(act) = &self.act {
            question.push(" and act = ").push_bind(act);
        }
        if let Some(actor) = &self.actor {
            question.push(" and actor = ").push_bind(actor);
        }
        if let Some(from) = self.from {
            question.push(" and at >= ").push_bind(from.as_micros());
        }
        if let Some(to) = self.to {
            question.push(" and at < ").push_bind(to.as_micros());
        }
    }
}

/// The question for a page: one row more than it shows, to know whether there is a next.
fn page_question(account: &AccountId, filter: &AuditFilter, after: Option<Place>, limit: u32) -> Query {
    let backwards = after.is_some_and(|after| after.backwards);
    let (sign, direction) = if backwards { (">", "asc") } else { ("<", "desc") };
    let mut question = query("select * from audit where account = ");
    question.push_bind(&account.as_bytes()[..]);
    filter.push(&mut question);
    if let Some(Place { spot: (at, id), .. }) = after {
        question.push(&format!(" and (at, id) {sign} (")).push_bind(at).push(", ").push_bind(id).push(")");
    }
    question.push(&format!(" order by at {direction}, id {direction} limit ")).push_bind(limit + 1);
    question
}

/// The texts of the questions for pages, each way, for those who ask how they are answered.
#[cfg(test)]
pub(crate) fn questions(account: &AccountId, filter: &AuditFilter) -> Vec<String> {
    let place = |backwards| Some(Place { backwards, spot: (1, 1) });
    let places = [None, place(false), place(true)];
    places.map(|after| page_question(account, filter, after, 60).text().to_owned()).to_vec()
}

/// Writes the line of a change, within the change's transaction.
pub(crate) async fn note(
    writing: &mut Writing,
    account: Option<&AccountId>,
    actor: &Actor,
    act: &str,
    target: &str,
) -> Result<(), Error> {
    // Only so do the ids of an account's rows grow in the order in which they become visible; seals rely on that.
    debug_assert!(writing.is_alone_in(account), "{act} is noted under another lock");
    let now = writing.now;
    insert(writing.db(), now, account, actor, act, target, "done").await
}

async fn insert(
    db: &mut Connection,
    at: Timestamp,
    account: Option<&AccountId>,
    actor: &Actor,
    act: &str,
    target: &str,
    result: &str,
) -> Result<(), Error> {
    query(
        "insert into audit (at, account, actor, address, request_id, act, target, result)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(at.as_micros())
    .bind(account.map(|account| account.as_bytes().to_vec()))
    .bind(tidy(&actor.name))
    .bind(actor.address.map(|address| address.to_string()))
    .bind(actor.request_id.as_deref().map(tidy))
    .bind(act)
    .bind(tidy(target))
    .bind(result)
    .execute(db)
    .await?;
    Ok(())
}

/// Cuts a name and escapes what could forge a second line or turn the text around.
fn tidy(name: &str) -> String {
    let kept = name.chars().take(MAX_TARGET_CHARS);
    kept.flat_map(|c| if is_odd(c) { c.escape_unicode().collect() } else { vec![c] }).collect()
}

fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn entry(row: &Row) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        at: Timestamp::from_micros(row.try_get("at")?),
        account: row
            .try_get::<Option<Vec<u8>>>("account")?
            .and_then(|id| id.try_into().ok())
            .map(AccountId::from_bytes),
        actor: Actor {
            name: row.try_get("actor")?,
            address: row.try_get::<Option<String>>("address")?.and_then(|address| address.parse().ok()),
            request_id: row.try_get("request_id")?,
        },
        act: row.try_get("act")?,
        target: row.try_get("target")?,
        result: row.try_get("result")?,
    })
}
