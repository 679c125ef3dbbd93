//! An API token as a value: its scopes, its text. No table.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, Secret, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::Error;

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
        Scopes::of(&[Scope::ImagesRead, Scope::UsageRead])
    }

    /// The bundle `write`: all but account:admin.
    pub fn write() -> Self {
        Scopes(Scopes::admin().0 & !Scopes::of(&[Scope::AccountAdmin]).0)
    }

    /// The bundle `admin`: all.
    pub fn admin() -> Self {
        Scopes::of(&Scope::ALL.map(|(scope, _)| scope))
    }

    /// Whether a scope is in the set.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u16) != 0
    }

    /// Reads words and bundle names, comma between them; the error names the unknown word and the known ones.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scopes = Scopes::default();
        for word in text.split(',').map(str::trim) {
            scopes.0 |= Scopes::named(word).ok_or_else(|| unknown_scope(word))?.0;
        }
        Ok(scopes)
    }

    /// The words, in the order of [`Scope::ALL`].
    pub fn words(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|(scope, _)| self.has(*scope)).map(|(_, word)| word).collect()
    }

    fn of(scopes: &[Scope]) -> Self {
        Scopes(scopes.iter().fold(0, |bits, scope| bits | 1 << *scope as u16))
    }

    fn named(word: &str) -> Option<Self> {
        match word {
            "read" => Some(Scopes::read()),
            "write" => Some(Scopes::write()),
            "admin" => Some(Scopes::admin()),
            _ => Scope::ALL
                .into_iter()
                .find(|(_, known)| *known == word)
                .map(|(scope, _)| Scopes::of(&[scope])),
        }
    }
}

fn unknown_scope(word: &str) -> Error {
    let known: Vec<&str> = Scope::ALL.iter().map(|(_, word)| *word).collect();
    Error::Invalid(format!(
        "there is no scope {word:?}; there are {}, and read, write, admin",
        known.join(", ")
    ))
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

/// What every token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "drk_";

/// Characters of the random part, and of what is checked before the database is asked.
const RANDOM_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;

/// A new value: prefix, 256 random bits, check characters.
pub(crate) fn random_value() -> Secret {
    let body = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let check = check_characters(&body);
    Secret::new(body + &check)
}

/// Whether a text can be a token at all: what was mistyped or cut is refused without a look-up.
pub(crate) fn is_well_formed(value: &str) -> bool {
    let plain = value.len() == PREFIX.len() + RANDOM_CHARS + CHECK_CHARS && value.is_ascii();
    plain && value.starts_with(PREFIX) && {
        let (body, check) = value.split_at(value.len() - CHECK_CHARS);
        check_characters(body) == check
    }
}

/// The digest that is stored, in hex: 256 random bits need no slow hash.
pub(crate) fn digest(value: &str) -> String {
    hex::encode(Sha256::digest(value.as_bytes()))
}

fn check_characters(body: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes()));
    text.truncate(CHECK_CHARS);
    text
}
