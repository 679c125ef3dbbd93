//! Sessions: what lets a person act after signing in. Only a digest is stored; 12 hours idle, 30 days in all.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Secret, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::database::{Connection, Lock, query, query_scalar};
use crate::people::{person, target};
use crate::rows::time;
use crate::{Actor, Catalog, Error, Person, audit};

/// A live session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose it is.
    pub person: Person,
    /// When it began.
    pub started_at: Timestamp,
    /// When the password was last checked in it: fresh for 10 minutes.
    pub password_checked_at: Timestamp,
    /// The token that each form of the session carries: derived, not stored.
    pub csrf: Secret,
}

/// A session at the one moment at which its value is known.
#[derive(Debug, Clone)]
pub struct StartedSession {
    /// 43 characters of base64url: the cookie's value.
    pub value: Secret,
    /// The session.
    pub session: Session,
}

/// A session ends when it was not used for so long, and in any case after so long.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
const TOTAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How exactly the last use is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

impl Catalog {
    /// Starts a session for a person whose password was right.
    pub async fn start_session(&self, person: &Person, actor: &Actor) -> Result<StartedSession, Error> {
        let value = Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let mut writing = self.begin(Lock::People).await?;
        let now = writing.now;
        query(
            "insert into sessions (digest, person, started_at, used_at, password_checked_at)
             values ($1, $2, $3, $3, $3)",
        )
        .bind(digest(value.reveal()))
        .bind(person.id)
        .bind(now.as_micros())
        .execute(writing.db())
        .await?;
        audit::note(&mut writing, None, actor, "session.start", &target(&person.email)).await?;
        self.commit(writing).await?;
        let csrf = csrf(value.reveal());
        let session = Session { person: person.clone(), started_at: now, password_checked_at: now, csrf };
        Ok(StartedSession { value, session })
    }

    /// The live session with this value; notes the use, at most once a minute.
    pub async fn session(&self, value: &str) -> Result<Option<Session>, Error> {
        let now = self.now();
        let row = query(
            "select p.*, s.started_at, s.used_at, s.password_checked_at
             from sessions s join people p on p.id = s.person
             where s.digest = $1 and s.used_at > $2 and s.started_at > $3",
        )
        .bind(digest(value))
        .bind(now.minus(IDLE).as_micros())
        .bind(now.minus(TOTAL).as_micros())
        .fetch_optional(&self.inner.database)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if now.since(time(&row, "used_at")?) >= NOTED_EVERY {
            self.note_session_use(digest(value), now);
        }
        Ok(Some(Session {
            person: person(&row)?,
            started_at: time(&row, "started_at")?,
            password_checked_at: time(&row, "password_checked_at")?,
            csrf: csrf(value),
        }))
    }

    /// Notes that the password was checked again.
    pub async fn refresh_password_check(&self, value: &str) -> Result<(), Error> {
        let mut writing = self.begin(Lock::People).await?;
        let now = writing.now;
        query("update sessions set password_checked_at = $2 where digest = $1")
            .bind(digest(value))
            .bind(now.as_micros())
            .execute(writing.db())
            .await?;
        self.commit(writing).await
    }

    /// Ends one session.
    pub async fn end_session(&self, value: &str, actor: &Actor) -> Result<(), Error> {
        let mut writing = self.begin(Lock::People).await?;
        let email: Option<String> = query_scalar(
            "delete from sessions where digest = $1 returning (select email from people where id = person)",
        )
        .bind(digest(value))
        .fetch_optional(writing.db())
        .await?;
        let Some(email) = email else { return Ok(()) };
        audit::note(&mut writing, None, actor, "session.end", &target(&email)).await?;
        self.commit(writing).await
    }

    /// Ends all sessions of a person.
    pub async fn end_sessions(&self, person: &Person, actor: &Actor) -> Result<(), Error> {
        let mut writing = self.begin(Lock::People).await?;
        query("delete from sessions where person = $1").bind(person.id).execute(writing.db()).await?;
        audit::note(&mut writing, None, actor, "session.end_all", &target(&person.email)).await?;
        self.commit(writing).await
    }

    /// Notes the use beside the request, which does not wait for it.
    fn note_session_use(&self, digest: Vec<u8>, now: Timestamp) {
        let catalog = self.clone();
        tokio::spawn(async move {
            if let Err(error) = catalog.write_session_use(digest, now).await {
                tracing::warn!(%error, "the use of a session cannot be noted");
            }
        });
    }

    async fn write_session_use(&self, digest: Vec<u8>, now: Timestamp) -> Result<(), Error> {
        let mut writing = self.begin(Lock::People).await?;
        query("update sessions set used_at = $2 where digest = $1 and used_at < $2")
            .bind(digest)
            .bind(now.as_micros())
            .execute(writing.db())
            .await?;
        self.commit(writing).await
    }
}

/// Forgets the sessions that have ended by themselves; returns how many.
pub(crate) async fn forget_expired(db: &mut Connection, now: Timestamp) -> Result<u64, Error> {
    let ended = query("delete from sessions where used_at <= $1 or started_at <= $2")
        .bind(now.minus(IDLE).as_micros())
        .bind(now.minus(TOTAL).as_micros());
    Ok(ended.execute(db).await?)
}

/// What is stored: 256 random bits need no slow hash.
fn digest(value: &str) -> Vec<u8> {
    Sha256::digest(value.as_bytes()).to_vec()
}

/// The token of a session's forms: whoever has the cookie's value can make it, nobody else.
fn csrf(value: &str) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(value.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"darkroom form");
    Secret::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
