//! Accounts and what they decide about delivery.

use domain::{AccountHash, AccountId, Handle, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Actor, Catalog, Error};

/// Who keeps images here.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id in the API.
    pub id: AccountId,
    /// Its name on the command line; never changes.
    pub handle: Handle,
    /// Its name for people.
    pub display_name: String,
    /// Its public name in delivery URLs.
    pub hash: AccountHash,
    /// What it decides about delivery.
    pub policy: AccountPolicy,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it holds.
    pub totals: Totals,
}

/// What an account holds, drafts not counted. Kept as running totals: no query counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Images.
    pub images: i64,
    /// Bytes of their originals.
    pub bytes: i64,
}

/// Who may put options into a URL (contract 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flexible {
    /// Nobody.
    Off,
    /// Whoever signs the URL.
    Signed,
    /// Everybody, on public images.
    All,
}

/// Whether a refusal hides that an image exists (contract R-83).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HideExistence {
    /// For custom ids, from the account's first private image with a custom id on.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// What an account decides about delivery. Stored as JSON; each field has the name that the command line uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountPolicy {
    /// A signed URL must carry an expiry.
    pub require_exp: bool,
    /// Options in the URL.
    pub flexible_variants: Flexible,
    /// Refusals hide whether an image exists.
    pub hide_existence: HideExistence,
    /// Query pairs that are dropped before a signature is checked.
    pub ignore_params: Vec<String>,
    /// URLs below `/cdn-cgi/imagedelivery/` may be signed without that prefix.
    pub moved_urls: bool,
    /// Seconds for which browsers keep what needed no signature: 3,600 to 31,536,000.
    pub browser_ttl_s: u32,
}

impl Default for AccountPolicy {
    fn default() -> Self {
        AccountPolicy {
            require_exp: true,
            flexible_variants: Flexible::Signed,
            hide_existence: HideExistence::Auto,
            ignore_params: Vec::new(),
            moved_urls: false,
            browser_ttl_s: 172_800,
        }
    }
}

impl AccountPolicy {
    /// The settings by their names on the command line, with the values they take.
    pub const SETTINGS: [(&'static str, &'static str); 6] = [
        ("require_exp", "true or false"),
        ("flexible_variants", "off, signed or all"),
        ("hide_existence", "auto, on or off"),
        ("ignore_params", "names, comma between them, a trailing * for a prefix; empty for none"),
        ("moved_urls", "true or false"),
        ("browser_ttl", "seconds from 3600 to 31536000"),
    ];

    /// Sets one setting from text; the error says what it takes.
    pub fn set(&mut self, _name: &str, _value: &str) -> Result<(), Error> {
        todo!()
    }

    /// Each setting as its name and text, in the order of [`AccountPolicy::SETTINGS`].
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        todo!()
    }

    /// The part that verification needs.
    pub fn signing(&self) -> signing::Policy {
        signing::Policy {
            require_exp: self.require_exp,
            ignore_params: self.ignore_params.clone(),
            moved_urls: self.moved_urls,
            leeway_s: 0,
        }
    }
}

/// A new account. With a given hash (moved from Cloudflare) `require_exp` is false at first.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its handle.
    pub handle: Handle,
    /// Its name for people; the handle where absent.
    pub display_name: Option<String>,
    /// A given id and hash, which keep old delivery URLs alive.
    pub given: Option<(AccountId, AccountHash)>,
    /// Settings unlike the defaults, by name.
    pub settings: Vec<(String, String)>,
}

impl Catalog {
    /// Makes an account with its signing key `default` and its variant `public`.
    pub async fn insert_account(&self, _new: NewAccount, _actor: &Actor) -> Result<Account, Error> {
        todo!()
    }

    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        todo!()
    }

    /// The account with this id, or `AccountMissing`.
    pub async fn account(&self, _id: &AccountId) -> Result<Account, Error> {
        todo!()
    }

    /// The account with this handle, or `AccountMissing`.
    pub async fn account_by_handle(&self, _handle: &Handle) -> Result<Account, Error> {
        todo!()
    }

    /// Changes settings of an account, all or none.
    pub async fn update_account(
        &self,
        _id: &AccountId,
        _settings: &[(String, String)],
        _actor: &Actor,
    ) -> Result<Account, Error> {
        todo!()
    }

    /// Gives an account another display name.
    pub async fn rename_account(&self, _id: &AccountId, _display_name: &str, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }
}
