//! Watching SQLite: the version of its data moves with every commit of anyone.

use std::sync::Weak;
use std::time::{Duration, Instant};

use crate::catalog::Inner;
use crate::changes;
use crate::database::{Connection, Database, query_scalar};

/// How often it is asked whether anyone has written. A poll takes some 12 µs.
const POLL: Duration = Duration::from_millis(200);

/// Watches for as long as the catalog lives. `seen` is the newest change that memory, empty as yet, knows of.
pub(super) async fn watch(catalog: Weak<Inner>, mut seen: i64) {
    let mut feed = None;
    loop {
        {
            let Some(catalog) = catalog.upgrade() else { return };
            if let Err(error) = read(&catalog, &mut feed, &mut seen).await {
                tracing::warn!(%error, "the feed of changes cannot be read");
                feed = None;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A connection, with the version of the data at which the feed was last read by it.
struct Feed {
    connection: Connection,
    version: i64,
}

async fn read(catalog: &Inner, feed: &mut Option<Feed>, seen: &mut i64) -> Result<(), sqlx::Error> {
    let Database::Sqlite { file, .. } = &catalog.database else { return Ok(()) };
    let began = Instant::now();
    let feed = match feed {
        Some(feed) => feed,
        // A version that no database has: a new connection reads the feed at once.
        None => feed.insert(Feed { connection: Database::watch(file).await?, version: i64::MIN }),
    };
    let version: i64 = query_scalar("pragma data_version").fetch_one(&mut feed.connection).await?;
    if version != feed.version {
        let (list, newest) = changes::since(&mut feed.connection, *seen).await?;
        list.iter().for_each(|change| catalog.memory.forget(change));
        (*seen, feed.version) = (newest, version);
    }
    catalog.memory.saw_feed(began);
    Ok(())
}
