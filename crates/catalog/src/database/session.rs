//! A connection to PostgreSQL that is lent for a while: no statement on it waits for ever, and where one did not come
//! to its end the connection is not used again.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long a statement may take. PostgreSQL ends one sooner (`postgres.rs`); this is for a line that is dead without
/// anyone having said so.
const PATIENCE: Duration = Duration::from_secs(33);

/// The same for a statement of a transaction that writes: others wait for its locks.
const WRITING_PATIENCE: Duration = Duration::from_secs(8);

/// How long it may take to roll back and to see that a connection that is given back still answers.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// A connection, in a transaction or not.
#[derive(Debug)]
pub(crate) struct Session {
    /// Here until it is given back.
    line: Option<PoolConnection<Postgres>>,
    /// Where the connection was made, and is kept alive.
    home: Handle,
    state: State,
    /// Set in a transaction that writes: leave to write, of which there are fewer than connections.
    leave: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction.
    Plain,
    /// In a transaction.
    Begun,
    /// In a transaction that has failed: PostgreSQL would answer a commit by rolling back, without an error.
    Failed,
    /// A statement is under way, or was cut off.
    Unsure,
}

impl Session {
    /// A lent connection, which goes back at home; with leave to write or without.
    pub(super) fn new(
        line: PoolConnection<Postgres>,
        home: Handle,
        leave: Option<OwnedSemaphorePermit>,
    ) -> Session {
        Session { line: Some(line), home, state: State::Plain, leave }
    }

    /// Begins a transaction by these statements. It counts as begun before they are sent: where the first of them was
    /// done and another one fails, a lock that is not granted in time, there is a transaction to be rolled back.
    pub(super) async fn begin(&mut self, text: String) -> Result<(), sqlx::Error> {
        self.state = State::Begun;
        self.run(text).await
    }

    /// Makes the transaction so. After an error that is none of the database's nobody knows whether it is.
    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        match self.state {
            State::Begun => {}
            State::Plain => return Ok(()),
            State::Failed | State::Unsure => {
                return Err(sqlx::Error::Protocol("a transaction that failed cannot be made so".into()));
            }
        }
        self.run("commit".into()).await?;
        self.state = State::Plain;
        Ok(())
    }

    async fn run(&mut self, text: String) -> Result<(), sqlx::Error> {
        let (before, patience) = self.start();
        let done = match self.line() {
            Ok(line) => timely(patience, sqlx::raw_sql(AssertSqlSafe(text)).execute(line)).await,
            Err(gone) => Err(gone),
        };
        self.settle(before, done).map(|_| ())
    }

    /// What has to be told to [`Session::settle`], and how long a statement may take. Until then the connection counts
    /// as unsure, whatever becomes of whoever waits.
    pub(super) fn start(&mut self) -> (Before, Duration) {
        let before = Before(self.state);
        self.state = State::Unsure;
        (before, if self.leave.is_some() { WRITING_PATIENCE } else { PATIENCE })
    }

    /// The connection to send a statement over, after [`Session::start`].
    pub(super) fn line(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.line.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Takes what came of a statement.
    pub(super) fn settle<T>(
        &mut self,
        before: Before,
        done: Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.state = match (&done, before.0) {
            (_, State::Unsure) => State::Unsure,
            (Ok(_), before) => before,
            (Err(sqlx::Error::Database(_)), State::Begun) => State::Failed,
            (Err(error), before) if is_of_the_answer(error) => before,
            (Err(_), _) => State::Unsure,
        };
        done
    }
}

/// The state before a statement.
pub(super) struct Before(State);

/// Whether the connection is as good as before this error.
fn is_of_the_answer(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Database(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::Encode(_)
            | sqlx::Error::Decode(_)
    )
}

/// Waits for a statement, but not for ever.
pub(super) async fn timely<T>(
    patience: Duration,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    timeout(patience, statement).await.unwrap_or_else(|_| Err(overdue()))
}

/// The error for a database that does not answer in time.
pub(crate) fn overdue() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer"))
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        let (unsure, begun) = (self.state == State::Unsure, self.state != State::Plain);
        self.home.spawn(async move {
            if unsure {
                line.close_on_drop();
                return;
            }
            let end = async {
                if begun {
                    sqlx::raw_sql("rollback").execute(&mut *line).await?;
                }
                Ok::<_, sqlx::Error>(())
            };
            if !matches!(timeout(GIVING_BACK, end).await, Ok(Ok(()))) {
                line.close_on_drop();
                return;
            }
            // This asks the connection once more. On a dead line that would keep its place in the pool for ever.
            let _ = timeout(GIVING_BACK, line.return_to_pool()).await;
        });
    }
}
