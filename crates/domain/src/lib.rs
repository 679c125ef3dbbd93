//! The ground floor: the names and small values that every other crate speaks in.
//! Nothing here reads, writes or knows a protocol.
#![forbid(unsafe_code)]

mod account;
mod address;
mod clock;
mod image_id;
mod image_policy;
mod limit;
mod names;
mod object_id;
mod problem;
mod rate;
mod reached;
mod secret;
mod visitor;
mod wording;

pub use account::{AccountHash, AccountId, Handle};
pub use address::source;
pub use clock::{Clock, Timestamp};
pub use image_id::ImageId;
pub use image_policy::IMAGE_POLICY;
pub use limit::{Limit, TooOften};
pub use names::{Invalid, SigningKeyId, VariantName};
pub use object_id::ObjectId;
pub use problem::{Fault, Problem};
pub use rate::Rate;
pub use reached::Reached;
pub use secret::Secret;
pub use visitor::{Accepts, Hints, RequestHeader, RequestId, Visitor};
pub use wording::{capitalised, grouped, sentence};
