//! The feed of changes: each write tells, within its own transaction, what memories may hold of it. On SQLite it leaves
//! a row in a table, on PostgreSQL it notifies those who listen. Who watches stands in `watch.rs`.

use domain::AccountId;

use crate::database::{Connection, Kind, Row, query, query_scalar, restored};

/// Where PostgreSQL's notifications go.
pub(crate) const CHANNEL: &str = "darkroom_changes";

/// How many changes are kept for watchers that lag; one that lags more forgets everything.
const KEPT: i64 = 10_000;

/// After how many changes the old ones are removed.
const PRUNED_EVERY: i64 = 1_000;

/// Something that a memory may hold and that is not so any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Policy, schemes, keys, variants or mounts of an account.
    Account(AccountId),
    /// An image: account and id.
    Image(AccountId, String),
    /// An API token, by the digest of its value in hex.
    Token(String),
    /// Every secret is sealed under another master key.
    MasterKey,
    /// What changed is not known.
    Everything,
}

impl Change {
    /// The change as a notification tells it: at most some 2,100 bytes, of the 8,000 that one may have.
    fn payload(&self) -> String {
        match self {
            Change::Account(account) => format!("account:{account}"),
            Change::Image(account, id) => format!("image:{account}:{id}"),
            Change::Token(digest) => format!("token:{digest}"),
            Change::MasterKey => "master_key".into(),
            Change::Everything => "everything".into(),
        }
    }

    /// Reads a notification. One that is not understood may be about anything.
    pub(crate) fn from_payload(payload: &str) -> Change {
        let payload = restored(payload.to_owned());
        let (kind, rest) = payload.split_once(':').unwrap_or((&payload, ""));
        let read = match kind {
            "account" => rest.parse().ok().map(Change::Account),
            "image" => rest
                .split_once(':')
                .and_then(|(account, id)| Some(Change::Image(account.parse().ok()?, id.to_owned()))),
            "token" => Some(Change::Token(rest.to_owned())),
            "master_key" => Some(Change::MasterKey),
            _ => None,
        };
        read.unwrap_or(Change::Everything)
    }
}

/// Tells a change to whoever watches, once the transaction is so.
pub(crate) async fn announce(db: &mut Connection, change: &Change) -> Result<(), sqlx::Error> {
    match db.kind() {
        Kind::Sqlite => leave_row(db, change).await,
        Kind::Postgres => {
            let notify = query("select pg_notify($1, $2)").bind(CHANNEL).bind(change.payload());
            notify.execute(db).await.map(|_| ())
        }
    }
}

async fn leave_row(db: &mut Connection, change: &Change) -> Result<(), sqlx::Error> {
    let (kind, account, name) = match change {
        Change::Account(account) => ("account", Some(account), ""),
        Change::Image(account, id) => ("image", Some(account), id.as_str()),
        Change::Token(digest) => ("token", None, digest.as_str()),
        Change::MasterKey | Change::Everything => ("master_key", None, ""),
    };
    let id: i64 = query_scalar("insert into changes (kind, account, name) values ($1, $2, $3) returning id")
        .bind(kind)
        .bind(account.map(|account| account.as_bytes().to_vec()))
        .bind(name)
        .fetch_one(&mut *db)
        .await?;
    if id % PRUNED_EVERY == 0 {
        query("delete from changes where id <= $1").bind(id - KEPT).execute(db).await?;
    }
    Ok(())
}

/// The number of the newest change; 0 where there was none yet.
pub(crate) async fn newest(db: &mut Connection) -> Result<i64, sqlx::Error> {
    query_scalar("select coalesce(max(id), 0) from changes").fetch_one(db).await
}

/// The changes after a number, with the number of the newest. Where some are gone already, it is everything.
pub(crate) async fn since(db: &mut Connection, seen: i64) -> Result<(Vec<Change>, i64), sqlx::Error> {
    let rows = query("select id, kind, account, name from changes where id > $1 order by id")
        .bind(seen)
        .fetch_all(db)
        .await?;
    let Some(last) = rows.last() else { return Ok((Vec::new(), seen)) };
    let newest: i64 = last.try_get("id")?;
    if rows.len() as i64 != newest - seen {
        return Ok((vec![Change::Everything], newest));
    }
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, newest))
}

fn read(row: &Row) -> Result<Change, sqlx::Error> {
    let account = row.try_get::<Option<Vec<u8>>>("account")?.and_then(|bytes| bytes.try_into().ok());
    let name: String = row.try_get("name")?;
    Ok(match (row.try_get::<&str>("kind")?, account.map(AccountId::from_bytes)) {
        ("account", Some(account)) => Change::Account(account),
        ("image", Some(account)) => Change::Image(account, name),
        ("token", _) => Change::Token(name),
        ("master_key", _) => Change::MasterKey,
        _ => Change::Everything,
    })
}
