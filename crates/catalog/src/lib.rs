//! Accounts, images, variants, keys, tokens, people: all rows, all SQL, and the memory of who may see what.
//! No pixel, no object and no word of the wire contract.
#![forbid(unsafe_code)]

mod accounts;
mod api_token;
mod api_tokens;
mod audit;
mod audit_seals;
mod catalog;
mod changes;
mod connections;
mod copy;
mod counters;
mod database;
mod delivery_rights;
mod doomed;
mod error;
mod expired;
mod health;
mod holds;
mod image_metadata;
mod image_pages;
mod images;
mod ledger;
mod master_key;
mod master_key_rotation;
mod memory;
mod open;
mod password;
mod people;
mod policy;
mod queue;
mod refusals;
mod renditions_at_rest;
mod rights;
mod rows;
mod sealing;
mod sessions;
mod sign_in;
mod signing_keys;
mod tally;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod usage;
mod variants;
mod watch;

pub use accounts::{Account, NewAccount, Totals};
pub use api_token::{ApiToken, IssuedToken, NewToken, Scope, Scopes};
pub use audit::{Actor, AuditEntry, AuditFilter};
pub use audit_seals::{AuditChain, BrokenSeal};
pub use catalog::{Catalog, Config};
pub use connections::Connections;
pub use copy::CatalogCopy;
pub use database::{DatabaseUrl, holds_secrets};
pub use doomed::Doomed;
pub use error::Error;
pub use expired::Expired;
pub use health::{OwnedOriginal, WrongTotals};
pub use holds::Hold;
pub use image_metadata::{MetaFilter, MetaOperator, MetaValue};
pub use image_pages::{Cursor, ImageFilter, Order, Page};
pub use images::{Image, ImageChange, Inserted, NewImage};
pub use ledger::AtRest;
pub use people::{Member, NewPerson, Person, Role};
pub use policy::{AccountPolicy, Flexible, HideExistence};
pub use queue::{ClaimedJob, JobCounts, JobEnd, NewJob};
pub use refusals::count_refusal;
pub use renditions_at_rest::AtRestTotal;
pub use rights::{Admission, Rights};
pub use sessions::{Session, StartedSession};
pub use sign_in::SignInVerdict;
pub use signing_keys::{KeyEntry, Rotation};
pub use tally::{Answered, Counted, FLEXIBLE, Outcome, Tally, UNKNOWN};
pub use usage::{KeyUsage, LastUse, TokenUsage};
pub use variants::Variant;
