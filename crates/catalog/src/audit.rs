//! The audit log: who did what to what. Append-only; sealed into a chain in a later issue.

use std::net::IpAddr;

use domain::{AccountId, Timestamp};

use crate::{Catalog, Error};

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

/// Which lines to read.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this account.
    pub account: Option<AccountId>,
    /// Only this act.
    pub act: Option<String>,
    /// At most so many, newest first.
    pub limit: u32,
}

impl Catalog {
    /// Writes one line outside of any change: failures, reveals, sign-ins. Changes write theirs in their own
    /// transaction.
    pub async fn record(
        &self,
        _account: Option<&AccountId>,
        _actor: &Actor,
        _act: &str,
        _target: &str,
        _result: &str,
    ) -> Result<(), Error> {
        todo!()
    }

    /// Reads the log, newest first.
    pub async fn audit(&self, _filter: &AuditFilter) -> Result<Vec<AuditEntry>, Error> {
        todo!()
    }
}
