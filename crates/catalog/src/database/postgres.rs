//! Opening PostgreSQL: its address, what is asked of it at the start, the pool.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::Secret;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::migrations::{self, Line};
use super::session::{Session, overdue};
use super::{Database, Writers};
use crate::Error;

/// Connections at once; the one that listens for changes comes on top.
const CONNECTIONS: u32 = 16;

/// Of those so many may write: writers wait for each other, and readers must not wait for them.
const WRITERS: usize = 12;

/// How long anyone waits for a connection: after this a write that cannot be done is refused, well within the 3
/// seconds that are promised even where it asks a second time.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(1_400);

/// How often one that came back is looked for while a further one is asked for.
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(20);

/// How long one that nobody uses is kept from others on the same server.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that lay idle for longer is asked before it is used: the server may have gone.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// The oldest version that is known to work (`server_version_num`), and how people call it.
const OLDEST: (i32, &str) = (130_000, "13");

/// What each session begins with. Statements, waits for locks and idle transactions end; who holds a lock and has gone
/// is noticed; a commit is durable when it is answered, also where the database's own default is quicker.
const SETTINGS: &str = "set statement_timeout = '30s';
    set lock_timeout = '2s';
    set idle_in_transaction_session_timeout = '15s';
    set tcp_keepalives_idle = 15;
    set tcp_keepalives_interval = 5;
    set tcp_keepalives_count = 3;
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// How a URL is connected to.
pub(crate) fn options(url: &Secret) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url.reveal())?;
    // PgBouncer refuses this parameter of a start. It is about numbers as text, and ours are sent as bytes.
    Ok(options.application_name("darkroom").extra_float_digits(None))
}

/// Opens the database: one connection first, for errors that say what is wrong and for migrations.
pub(super) async fn open(url: &Secret, migrate: bool) -> Result<Database, Error> {
    let options = options(url)?;
    let mut first = connect(&options).await?;
    check_server(&mut first).await?;
    migrations::bring_up_to_date(&mut Line::Postgres(&mut first), migrate).await?;
    let _ = first.close().await;
    let pool = Lender { pool: pool(options), home: Handle::current() };
    Ok(Database::Postgres { pool, url: url.clone(), writers: Writers(Arc::new(Semaphore::new(WRITERS))) })
}

/// See [`super::holds_secrets`].
pub(super) async fn holds_secrets(url: &Secret) -> Result<bool, Error> {
    let mut line = connect(&options(url)?).await?;
    let canary = "select to_regclass('canary') is not null";
    let mut holds: bool = sqlx::query_scalar(canary).fetch_one(&mut line).await?;
    if holds {
        holds = sqlx::query_scalar("select exists (select 1 from canary)").fetch_one(&mut line).await?;
    }
    let _ = line.close().await;
    Ok(holds)
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let connected = timeout(CONNECT_TIMEOUT, options.connect()).await.unwrap_or_else(|_| Err(overdue()));
    connected.map_err(|source| Error::Connect { why: why(options, &source), source })
}

/// The pool. Its connections are made at home, in one runtime: one that was made in a thread of the web server would wait
/// for that thread whenever another one uses it, and end with it.
#[derive(Debug)]
pub(crate) struct Lender {
    pool: PgPool,
    home: Handle,
}

impl Lender {
    /// A connection, with leave to write or without.
    pub(super) async fn lend(&self, leave: Option<OwnedSemaphorePermit>) -> Result<Session, sqlx::Error> {
        let (pool, home) = (self.pool.clone(), self.home.clone());
        let lending = self.home.spawn(async move { Ok(Session::new(lend(&pool).await?, home, leave)) });
        lending.await.unwrap_or(Err(sqlx::Error::PoolClosed))
    }

    /// Closes one connection, so that PostgreSQL has room for one that is needed more.
    pub(crate) async fn give_one_up(&self) -> Result<(), sqlx::Error> {
        let pool = self.pool.clone();
        let closing = self.home.spawn(async move { lend(&pool).await?.close().await });
        closing.await.unwrap_or(Err(sqlx::Error::PoolClosed))
    }

    /// How many connections there are, and how many of them wait to be used.
    pub(crate) fn size(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Closes all of them.
    #[cfg(feature = "testing")]
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection from the pool. Where PostgreSQL gives no further one, the pool goes on asking for it, also when one of
/// its own comes back in the meantime: that one is taken here.
async fn lend(pool: &PgPool) -> Result<PoolConnection<Postgres>, sqlx::Error> {
    let deadline = Instant::now() + ACQUIRE_TIMEOUT;
    let mut further = std::pin::pin!(pool.acquire());
    loop {
        tokio::select! {
            lent = &mut further => return lent,
            () = tokio::time::sleep(LOOKED_FOR_EVERY) => {}
        }
        let Some(mut back) = pool.try_acquire() else { continue };
        if matches!(timeout_at(deadline, back.ping()).await, Ok(Ok(()))) {
            return Ok(back);
        }
        back.close_on_drop();
    }
}

fn pool(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(|line, _| {
            Box::pin(async move { sqlx::raw_sql(SETTINGS).execute(line).await.map(|_| ()) })
        })
        .before_acquire(|line, idle| {
            Box::pin(async move {
                if idle.idle_for > TRUSTED_FOR {
                    line.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Refuses a server that would not keep what we give it.
async fn check_server(line: &mut PgConnection) -> Result<(), Error> {
    let (version, named, encoding): (i32, String, String) = sqlx::query_as(
        "select current_setting('server_version_num')::integer, current_setting('server_version'),
             current_setting('server_encoding')",
    )
    .fetch_one(line)
    .await?;
    let (oldest, oldest_named) = OLDEST;
    if version < oldest {
        return Err(Error::Unfit(format!(
            "this is PostgreSQL {named}; darkroom needs {oldest_named} or newer"
        )));
    }
    if encoding != "UTF8" {
        return Err(Error::Unfit(format!(
            "the database's encoding is {encoding}; make it with: createdb --encoding=UTF8 --template=template0 NAME"
        )));
    }
    Ok(())
}

/// Why a first connection failed, in words for whoever starts the server.
fn why(options: &PgConnectOptions, error: &sqlx::Error) -> String {
    let (host, port, user) = (options.get_host(), options.get_port(), options.get_username());
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match (error, code.as_deref()) {
        (_, Some("28P01" | "28000")) => format!("PostgreSQL refuses the user {user} or the password"),
        (_, Some("3D000")) => {
            let name = options.get_database().unwrap_or(user);
            format!("there is no database {name} on this server: make it with createdb {name}")
        }
        (_, Some("53300")) => "PostgreSQL has no connection left for this user or database".into(),
        (_, Some("57P03")) => "PostgreSQL is starting or stopping".into(),
        (sqlx::Error::Io(_), _) => format!("no PostgreSQL answers at {host}:{port}: is it running?"),
        (sqlx::Error::Tls(_), _) => format!("no encrypted connection to {host}:{port} (sslmode in the URL)"),
        (sqlx::Error::Protocol(_), _) => format!("what answers at {host}:{port} is no PostgreSQL"),
        (sqlx::Error::Database(error), _) => {
            format!("what answers at {host}:{port} refuses: {}", error.message())
        }
        _ => format!("PostgreSQL at {host}:{port} refuses"),
    }
}
