//! Variants: options that an account has named.

use domain::{AccountId, Timestamp, VariantName};
use variant::Options;

use crate::{Actor, Catalog, Error};

/// Options under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Its name; never changes.
    pub name: VariantName,
    /// What it wishes for.
    pub options: Options,
    /// Delivers private images without a signature too (wire: `neverRequireSignedURLs`).
    pub always_public: bool,
    /// Seconds for which browsers keep it; the account's where absent.
    pub browser_ttl_s: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Catalog {
    /// The variants of an account, `public` first, then by name.
    pub async fn variants(&self, _account: &AccountId) -> Result<Vec<Variant>, Error> {
        todo!()
    }

    /// The variant of that name, or `VariantMissing`.
    pub async fn variant(&self, _account: &AccountId, _name: &VariantName) -> Result<Variant, Error> {
        todo!()
    }

    /// Makes a variant (`created_at` is set here). `Exists`, or `TooMany` at the limit.
    pub async fn insert_variant(&self, _account: &AccountId, _new: Variant, _actor: &Actor) -> Result<Variant, Error> {
        todo!()
    }

    /// Replaces options, access and lifetime of a variant.
    pub async fn update_variant(&self, _account: &AccountId, _new: Variant, _actor: &Actor) -> Result<Variant, Error> {
        todo!()
    }

    /// Removes a variant; `public` stays and that is no error (contract R-44).
    pub async fn remove_variant(&self, _account: &AccountId, _name: &VariantName, _actor: &Actor) -> Result<(), Error> {
        todo!()
    }
}
