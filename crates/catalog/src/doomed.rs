//! Doomed places: where the objects of removed images lie until they are gone.

use domain::{AccountId, ObjectId};

use crate::Error;
use crate::catalog::Catalog;
use crate::database::{Connection, Row, query, query_scalar};
use crate::rows::{account_id, object_id};

/// The place of a removed image's objects, noted in the transaction that removed the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// The row's id in the table of doomed places.
    pub id: i64,
    /// Its account.
    pub account: AccountId,
    /// Its object.
    pub object: ObjectId,
    /// Its day.
    pub day: i64,
}

impl Catalog {
    /// Doomed places whose objects may still lie in storage, oldest first: those behind that id, or all behind 0.
    pub async fn doomed(&self, after: i64, limit: u32) -> Result<Vec<Doomed>, Error> {
        let rows = query("select * from doomed where id > $1 order by id limit $2").bind(after).bind(limit);
        rows.fetch_all(&self.inner.database).await?.iter().map(doomed).collect()
    }
}

/// Notes a place as doomed, in the transaction that takes away its row.
pub(crate) async fn insert(
    db: &mut Connection,
    account: &AccountId,
    object: &ObjectId,
    day: i64,
) -> Result<Doomed, Error> {
    let id = query_scalar("insert into doomed (account, object, day) values ($1, $2, $3) returning id")
        .bind(&account.as_bytes()[..])
        .bind(&object.as_bytes()[..])
        .bind(day)
        .fetch_one(db)
        .await?;
    Ok(Doomed { id, account: *account, object: *object, day })
}

fn doomed(row: &Row) -> Result<Doomed, Error> {
    Ok(Doomed {
        id: row.try_get("id")?,
        account: account_id(row, "account")?,
        object: object_id(row, "object")?,
        day: row.try_get("day")?,
    })
}
