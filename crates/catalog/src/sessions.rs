//! Sessions: what lets a person act after signing in. Only a hash is stored; 12 hours idle, 30 days in all.

use domain::{Secret, Timestamp};

use crate::{Actor, Catalog, Error, Person};

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

impl Catalog {
    /// Starts a session for a person whose password was right.
    pub async fn start_session(&self, _person: &Person, _actor: &Actor) -> Result<StartedSession, Error> {
        todo!()
    }

    /// The live session with this value; notes the use, at most once a minute.
    pub async fn session(&self, _value: &str) -> Result<Option<Session>, Error> {
        todo!()
    }

    /// Notes that the password was checked again.
    pub async fn refresh_password_check(&self, _value: &str) -> Result<(), Error> {
        todo!()
    }

    /// Ends one session.
    pub async fn end_session(&self, _value: &str, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }

    /// Ends all sessions of a person.
    pub async fn end_sessions(&self, _person: &Person, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }
}
