//! Very many images at once, for benchmarks: rows as uploads write them, but by a few statements.

use domain::AccountId;
use variant::{Facts, Format};

use crate::Catalog;
use crate::database::{Kind, Lock, query};
use crate::rows::json_text;

/// What every one of them is: a photograph of 12 megapixels.
pub const FACTS: Facts = Facts::new(Format::Jpeg, 4_000, 3_000);

/// Images that one statement writes.
const BATCH: u64 = 50_000;

/// Puts in the images `img-FROM` up to but without `img-TO`, a second apart in their order. Each has metadata: `shelf`,
/// a text that 20 images share, `kind`, a text that half of all share, and `rank`, its number.
pub async fn put_images(catalog: &Catalog, account: &AccountId, from: u64, to: u64) {
    for start in (from..to).step_by(BATCH as usize) {
        let end = to.min(start + BATCH);
        let mut writing = catalog.begin(Lock::Account(*account)).await.expect("a transaction");
        let db = writing.db();
        for text in [images(db.kind()), metadata(db.kind())] {
            let put = query(text).bind(start as i64).bind(end as i64 - 1).bind(&account.as_bytes()[..]);
            put.execute(&mut *db).await.expect("rows");
        }
        let count = (end - start) as i64;
        query("update accounts set images = images + $1, bytes = bytes + $1 * 200000 where id = $2")
            .bind(count)
            .bind(&account.as_bytes()[..])
            .execute(db)
            .await
            .expect("totals");
        catalog.commit(writing).await.expect("a commit");
    }
}

/// Has the database look at what it holds, as it does by itself after a while.
pub async fn settle(catalog: &Catalog) {
    let mut db = catalog.begin(Lock::House).await.expect("a transaction");
    query("analyze").execute(db.db()).await.expect("statistics");
    catalog.commit(db).await.expect("a commit");
}

/// Bytes that the database takes.
pub async fn database_bytes(catalog: &Catalog) -> u64 {
    let mut db = catalog.inner.database.acquire().await.expect("a connection");
    let text = match db.kind() {
        Kind::Sqlite => "select p.page_count * s.page_size from pragma_page_count() p, pragma_page_size() s",
        Kind::Postgres => "select pg_database_size(current_database())",
    };
    let bytes: i64 = query(text).scalar().fetch_one(&mut db).await.expect("a size");
    bytes as u64
}

/// The numbers from `$1` to `$2` as `n.i`.
fn numbers(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Sqlite => {
            ("with recursive n(i) as (select $1 union all select i + 1 from n where i < $2)", "n")
        }
        Kind::Postgres => ("", "generate_series($1::bigint, $2::bigint) n(i)"),
    }
}

fn images(kind: Kind) -> String {
    let (with, numbers) = numbers(kind);
    let (bytes, digest) = match kind {
        Kind::Sqlite => ("randomblob(16)", "randomblob(32)"),
        Kind::Postgres => ("uuid_send(gen_random_uuid())", "sha256(uuid_send(gen_random_uuid()))"),
    };
    let (facts, format) = (json_text(&FACTS), FACTS.format.extension());
    let no = if kind == Kind::Sqlite { "0" } else { "false" };
    format!(
        "insert into images (account, id, object, day, filename, metadata, creator, private, facts, format, bytes,
             sha256, thumbhash, uploaded_at, lower_id, lower_filename)
         {with} select $3, 'img-' || i, {bytes}, 20000, 'photograph-' || i || '.jpg',
             '{{\"kind\":\"' || case when i % 2 = 0 then 'even' else 'odd' end || '\",\"rank\":' || i
                 || ',\"shelf\":\"shelf-' || (i / 20) || '\"}}',
             null, {no}, '{facts}', '{format}', 200000, {digest}, {digest}, 1700000000000000 + i * 1000000, 'img-' || i,
             'photograph-' || i || '.jpg'
         from {numbers}"
    )
}

fn metadata(kind: Kind) -> String {
    let (with, numbers) = numbers(kind);
    format!(
        "insert into image_metadata (image, account, uploaded_at, path, kind, text, number)
         {with} select number, account, uploaded_at, path, kind, value, case when path = 'rank' then i end
         from (select images.number, images.account, images.uploaded_at, n.i, p.path, p.kind, case p.path
                   when 'shelf' then 'shelf-' || (i / 20)
                   when 'kind' then case when i % 2 = 0 then 'even' else 'odd' end
                   else '' || i end as value
               from {numbers}
               cross join (select 'shelf' as path, 'text' as kind union all select 'kind', 'text'
                           union all select 'rank', 'number') p
               join images on images.account = $3 and images.id = 'img-' || n.i) filled"
    )
}
