//! Signatures on delivery URLs: the raw bytes of a request target against an account's keys.
//! No clock and no database: key and time are arguments.
#![forbid(unsafe_code)]

mod delivery_url;
mod error;
mod escape;
mod key_material;
mod network;
mod pairs;
mod policy;
mod request;
mod scheme;
mod schemes;
mod settings;
mod signing_key;
mod syntax;
mod verdict;
mod verifier;

pub use delivery_url::{DeliveryUrl, TargetLimits};
pub use error::Error;
pub use key_material::{KeyMaterial, P256PublicKey, RsaPublicKey, VerifyingKey};
pub use policy::{Policy, Revoked};
pub use request::{Headers, NoHeaders, Payload, PostForm, Request, Target};
pub use scheme::{
    Explanation, explain, explain_form, explain_request, sign, verify, verify_form, verify_request,
};
pub use schemes::{Scheme, SchemeSet};
pub use settings::{
    BunnySettings, CloudimageSettings, EdgeAuthHash, EdgeAuthSettings, GcsSettings, ImageKitSettings,
    ImgproxySettings, S3Settings, SchemeSettings,
};
pub use signing_key::{KeyState, SigningKey};
pub use verdict::{Carrier, Check, Covers, ShortText, Uses, Verified};
pub use verifier::Verifier;
