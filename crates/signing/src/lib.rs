//! Signatures on delivery URLs: the raw bytes of a request target against an account's keys.
//! No clock and no database: key and time are arguments.
#![forbid(unsafe_code)]

// Tests share a reader of signed requests with the benches, which name this crate so.
#[cfg(test)]
extern crate self as signing;

mod canonical;
mod constraints;
mod delivery_url;
mod derived_keys;
mod error;
mod escape;
mod hashing;
mod issue;
mod json;
mod key_kind;
mod key_material;
mod network;
mod outbound;
mod pairs;
mod policy;
mod public_key;
mod request;
mod scheme;
mod schemes;
mod settings;
mod signing_key;
mod stamp;
mod storage_address;
mod syntax;
mod verdict;
mod verifier;

pub use constraints::Constraints;
pub use delivery_url::{DeliveryUrl, TargetLimits};
pub use error::Error;
pub use issue::{issue, issued_at_s, set_cookie, usual_life_s};
pub use key_kind::KeyKind;
pub use key_material::{KeyMaterial, VerifyingKey};
pub use outbound::{BucketStyle, Outbound, OutboundBody, OutboundRequest, object_url, origin_clock};
pub use policy::{Policy, Revoked};
pub use public_key::{PublicKey, PublicKeyKind};
pub use request::{Headers, NoHeaders, Payload, PostForm, Request, Target};
pub use scheme::{
    Explanation, cloudimage_operations, explain, explain_form, explain_request, judge_posted, judge_request,
    narrow, sign, sign_with, signed_query, verify, verify_form, verify_request,
};
pub use schemes::{Scheme, SchemeSet};
pub use settings::{
    BunnySettings, CloudimageSettings, EdgeAuthHash, EdgeAuthSettings, GcsSettings, ImageKitSettings,
    ImgproxySettings, S3Settings, SchemeSettings,
};
pub use signing_key::{KeyState, SigningKey};
pub use storage_address::StorageAddress;
pub use verdict::{Carrier, Check, Covers, Refusal, ShortText, Signer, Uses, Verified};
pub use verifier::Verifier;
