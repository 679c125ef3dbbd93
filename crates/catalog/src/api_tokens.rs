//! API tokens: what lets a program act for an account. Only a hash is stored.

use domain::{AccountId, Secret, Timestamp};

use crate::{Actor, Catalog, Error};

/// One thing that a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words of Scope::ALL say it")]
pub enum Scope {
    ImagesRead,
    ImagesWrite,
    ImagesDelete,
    VariantsWrite,
    KeysRead,
    KeysWrite,
    UrlsSign,
    TicketsCreate,
    UsageRead,
    AccountAdmin,
}

impl Scope {
    /// Every scope with its word.
    pub const ALL: [(Scope, &'static str); 10] = [
        (Scope::ImagesRead, "images:read"),
        (Scope::ImagesWrite, "images:write"),
        (Scope::ImagesDelete, "images:delete"),
        (Scope::VariantsWrite, "variants:write"),
        (Scope::KeysRead, "keys:read"),
        (Scope::KeysWrite, "keys:write"),
        (Scope::UrlsSign, "urls:sign"),
        (Scope::TicketsCreate, "tickets:create"),
        (Scope::UsageRead, "usage:read"),
        (Scope::AccountAdmin, "account:admin"),
    ];
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(pub(crate) u16);

impl Scopes {
    /// The bundle `read`: images:read and usage:read.
    pub fn read() -> Self {
        todo!()
    }

    /// The bundle `write`: all but account:admin.
    pub fn write() -> Self {
        todo!()
    }

    /// The bundle `admin`: all.
    pub fn admin() -> Self {
        todo!()
    }

    /// Whether a scope is in the set.
    pub fn has(self, _scope: Scope) -> bool {
        todo!()
    }

    /// Reads words and bundle names, comma between them; the error names the unknown word and the known ones.
    pub fn parse(_text: &str) -> Result<Self, Error> {
        todo!()
    }

    /// The words, in the order of [`Scope::ALL`].
    pub fn words(self) -> Vec<&'static str> {
        todo!()
    }
}

/// A token as a list shows it; never its value.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// Its id: 16 hex digits.
    pub id: String,
    /// The account it acts for.
    pub account: AccountId,
    /// A label for people.
    pub label: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends; none is never.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What to issue.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// A label for people.
    pub label: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends; none is never.
    pub expires_at: Option<Timestamp>,
}

/// A token at the one moment at which its value is known.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// The token.
    pub token: ApiToken,
    /// `drk_` + 43 characters + 6 check characters.
    pub value: Secret,
}

impl Catalog {
    /// Issues a token.
    pub async fn issue_token(&self, _account: &AccountId, _new: NewToken, _actor: &Actor) -> Result<IssuedToken, Error> {
        todo!()
    }

    /// The live token with this value; none where it is unknown, expired or revoked. Answered from memory where
    /// memory is fresh; notes the use, at most once a minute.
    pub async fn token(&self, _value: &str) -> Result<Option<ApiToken>, Error> {
        todo!()
    }

    /// The tokens of an account, newest first.
    pub async fn tokens(&self, _account: &AccountId) -> Result<Vec<ApiToken>, Error> {
        todo!()
    }

    /// Takes a token back at once. `Missing` where the account has none of that id.
    pub async fn revoke_token(&self, _account: &AccountId, _id: &str, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }
}
