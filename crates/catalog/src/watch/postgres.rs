//! Watching PostgreSQL: a connection that listens. What is notified while nobody listens is lost, so each new
//! connection begins with an empty memory, and a connection counts only while it answers.

use std::sync::Weak;
use std::time::{Duration, Instant};

use domain::Secret;
use sqlx::postgres::{PgListener, PgNotification, PgPoolOptions};
use tokio::time::timeout;

use crate::catalog::Inner;
use crate::changes::{CHANNEL, Change};
use crate::database::{Database, connect_options, overdue};
use crate::memory::Memory;

/// How long it is tried to get a connection, also from a PostgreSQL that has none left.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the connection is asked whether it is alive.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it takes until a lost connection is tried again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// A connection that listens.
pub(crate) struct Line {
    listener: PgListener,
}

impl Line {
    /// Connects and listens. What changes after this is heard.
    pub(crate) async fn connect(url: &Secret) -> Result<Line, sqlx::Error> {
        let options = connect_options(url)?;
        let connect = async {
            let alone = PgPoolOptions::new()
                .max_connections(1)
                .acquire_timeout(CONNECT_TIMEOUT)
                .max_lifetime(None)
                .idle_timeout(None)
                .connect_with(options)
                .await?;
            let mut listener = PgListener::connect_with(&alone).await?;
            // A new connection has to be seen by us: what was notified in between is lost.
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok(Line { listener })
        };
        timeout(PATIENCE, connect).await.unwrap_or_else(|_| Err(overdue()))
    }

    /// Waits for changes, at most a heartbeat long, and has memory obey them. Memory is fresh when this returns.
    async fn obey(&mut self, memory: &Memory) -> Result<(), sqlx::Error> {
        let wait = async {
            match self.listener.try_recv().await? {
                Some(change) => Ok(change),
                None => Err(lost()),
            }
        };
        if let Ok(heard) = timeout(HEARTBEAT, wait).await {
            forget(memory, &heard?);
        }
        self.prove(memory).await
    }

    /// Has the connection answer, and memory obey what came before the answer: every change that was made before the
    /// question is obeyed then.
    async fn prove(&mut self, memory: &Memory) -> Result<(), sqlx::Error> {
        let began = Instant::now();
        let answer = sqlx::query("select 1").execute(&mut self.listener);
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err(overdue()))?;
        while let Some(change) = self.listener.next_buffered() {
            forget(memory, &change);
        }
        memory.saw_feed(began);
        Ok(())
    }
}

/// Watches for as long as the catalog lives, first by a connection that was made before memory held anything.
pub(super) async fn watch(catalog: Weak<Inner>, url: Secret, first: Line) {
    let mut line = Some(first);
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(catalog) = catalog.upgrade() else { return };
        match step(&catalog, &url, &mut line).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::warn!(%error, "changes of other processes cannot be seen");
                line = None;
                drop(catalog);
                tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn step(catalog: &Inner, url: &Secret, line: &mut Option<Line>) -> Result<(), sqlx::Error> {
    let memory = &catalog.memory;
    if let Some(line) = line {
        return line.obey(memory).await;
    }
    let mut fresh = match Line::connect(url).await {
        // Our own connections may be the ones that leave no room: without this one all of them are of no use soon.
        Err(error) if is_out_of_connections(&error) => {
            if let Database::Postgres { pool, .. } = &catalog.database {
                pool.give_one_up().await?;
            }
            Line::connect(url).await?
        }
        connected => connected?,
    };
    memory.forget(&Change::Everything);
    fresh.prove(memory).await?;
    tracing::info!("changes of other processes are seen again");
    *line = Some(fresh);
    Ok(())
}

/// Whether PostgreSQL has no further connection. A pool of one tells it by its own time being over.
fn is_out_of_connections(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "53300"),
        sqlx::Error::PoolTimedOut => true,
        _ => false,
    }
}

fn forget(memory: &Memory, heard: &PgNotification) {
    memory.forget(&Change::from_payload(heard.payload()));
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "the connection is lost"))
}
