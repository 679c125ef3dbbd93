//! Signatures on delivery URLs: the raw bytes of a request target against an account's keys.
//! No clock and no database: key and time are arguments.
#![forbid(unsafe_code)]

mod delivery_url;
mod error;
mod escape;
mod pairs;
mod policy;
mod scheme;
mod signing_key;
mod verdict;

pub use delivery_url::{DeliveryUrl, TargetLimits};
pub use error::Error;
pub use policy::Policy;
pub use scheme::{Explanation, Scheme, explain, sign, verify};
pub use signing_key::{KeyState, SigningKey};
pub use verdict::{Check, Verified};
