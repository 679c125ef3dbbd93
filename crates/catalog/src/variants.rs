//! Variants: options that an account has named.

use domain::{AccountId, Timestamp, VariantName};
use variant::{Fit, MetadataPolicy, Options, Width};

use crate::catalog::Writing;
use crate::changes::Change;
use crate::database::{Connection, Lock, Row, is_orphan, is_taken, query, query_scalar};
use crate::policy::BROWSER_TTL_S;
use crate::rows::{odd, parsed, time};
use crate::{Actor, Catalog, Error, audit};

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

/// The options that `public` begins with (contract R-44).
fn public_options() -> Options {
    Options {
        width: Some(Width::Pixels(1366)),
        height: Some(768),
        fit: Some(Fit::ScaleDown),
        metadata: Some(MetadataPolicy::None),
        ..Options::default()
    }
}

impl Catalog {
    /// The variants of an account, `public` first, then by name.
    pub async fn variants(&self, account: &AccountId) -> Result<Vec<Variant>, Error> {
        let rows = query("select * from variants where account = $1 order by name <> 'public', name")
            .bind(&account.as_bytes()[..])
            .fetch_all(&self.inner.database)
            .await?;
        rows.iter().map(variant).collect()
    }

    /// The variant of that name, or `VariantMissing`.
    pub async fn variant(&self, account: &AccountId, name: &VariantName) -> Result<Variant, Error> {
        let row = query("select * from variants where account = $1 and name = $2")
            .bind(&account.as_bytes()[..])
            .bind(name.as_str())
            .fetch_optional(&self.inner.database)
            .await?;
        row.as_ref().map(variant).ok_or(Error::VariantMissing)?
    }

    /// Makes a variant (`created_at` is set here). `Exists`, or `TooMany` at the limit.
    pub async fn insert_variant(
        &self,
        account: &AccountId,
        new: Variant,
        actor: &Actor,
    ) -> Result<Variant, Error> {
        check(&new)?;
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let limit = self.inner.config.max_variants;
        let new = Variant { created_at: writing.now, ..new };
        insert(writing.db(), account, &new).await?;
        let count: i64 = query_scalar("select count(*) from variants where account = $1")
            .bind(&account.as_bytes()[..])
            .fetch_one(writing.db())
            .await?;
        if count > limit.into() {
            let told = format!("this account has {limit} variants; the limit is {limit}");
            return Err(Error::TooMany { limit: "max_variants", told });
        }
        writing.changes(Change::Account(*account));
        audit::note(&mut writing, Some(account), actor, "variant.create", &target(&new.name)).await?;
        self.commit(writing).await?;
        Ok(new)
    }

    /// Replaces options, access and lifetime of a variant.
    pub async fn update_variant(
        &self,
        account: &AccountId,
        new: Variant,
        actor: &Actor,
    ) -> Result<Variant, Error> {
        check(&new)?;
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let row = query(
            "update variants set options = $3, always_public = $4, browser_ttl_s = $5
             where account = $1 and name = $2 returning *",
        )
        .bind(&account.as_bytes()[..])
        .bind(new.name.as_str())
        .bind(new.options.to_string())
        .bind(new.always_public)
        .bind(new.browser_ttl_s)
        .fetch_optional(writing.db())
        .await?;
        let updated = row.as_ref().map(variant).ok_or(Error::VariantMissing)??;
        writing.changes(Change::Account(*account));
        audit::note(&mut writing, Some(account), actor, "variant.update", &target(&new.name)).await?;
        self.commit(writing).await?;
        Ok(updated)
    }

    /// Removes a variant; `public` stays and that is no error (contract R-44).
    pub async fn remove_variant(
        &self,
        account: &AccountId,
        name: &VariantName,
        actor: &Actor,
    ) -> Result<(), Error> {
        if *name == VariantName::public() {
            return Ok(());
        }
        let mut writing = self.begin(Lock::Account(*account)).await?;
        let removed = query("delete from variants where account = $1 and name = $2")
            .bind(&account.as_bytes()[..])
            .bind(name.as_str())
            .execute(writing.db())
            .await?;
        if removed == 0 {
            return Err(Error::VariantMissing);
        }
        writing.changes(Change::Account(*account));
        audit::note(&mut writing, Some(account), actor, "variant.remove", &target(name)).await?;
        self.commit(writing).await
    }
}

/// The variant that every account has from the start.
pub(crate) async fn insert_public(writing: &mut Writing, account: &AccountId) -> Result<(), Error> {
    let public = Variant {
        name: VariantName::public(),
        options: public_options(),
        always_public: false,
        browser_ttl_s: None,
        created_at: writing.now,
    };
    insert(writing.db(), account, &public).await
}

fn target(name: &VariantName) -> String {
    format!("variant:{name}")
}

/// Refuses what could not be read back as it was, and a lifetime out of range.
fn check(variant: &Variant) -> Result<(), Error> {
    if variant.browser_ttl_s.is_some_and(|seconds| !BROWSER_TTL_S.contains(&seconds)) {
        return Err(Error::Invalid("browser_ttl takes seconds from 3600 to 31536000".into()));
    }
    match read_options(&variant.options.to_string()) {
        Ok(read) if read == variant.options => Ok(()),
        Ok(_) => Err(Error::Invalid("these options cannot be written as text".into())),
        Err(error) => Err(Error::Invalid(error.to_string())),
    }
}

/// Reads stored options: as in a URL, but there may be none.
fn read_options(text: &str) -> Result<Options, variant::Error> {
    if text.is_empty() { Ok(Options::default()) } else { Options::parse(text) }
}

async fn insert(db: &mut Connection, account: &AccountId, new: &Variant) -> Result<(), Error> {
    let inserted = query(
        "insert into variants (account, name, options, always_public, browser_ttl_s, created_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&account.as_bytes()[..])
    .bind(new.name.as_str())
    .bind(new.options.to_string())
    .bind(new.always_public)
    .bind(new.browser_ttl_s)
    .bind(new.created_at.as_micros())
    .execute(db)
    .await;
    match inserted {
        Err(error) if is_taken(&error, "variants.name") => Err(Error::Exists),
        Err(error) if is_orphan(&error) => Err(Error::AccountMissing),
        inserted => Ok(inserted.map(|_| ())?),
    }
}

/// The variant in a row.
pub(crate) fn variant(row: &Row) -> Result<Variant, Error> {
    let ttl_s: Option<i64> = row.try_get("browser_ttl_s")?;
    Ok(Variant {
        name: parsed(row, "name")?,
        options: Options::kept(row.try_get("options")?),
        always_public: row.try_get("always_public")?,
        browser_ttl_s: ttl_s.map(u32::try_from).transpose().map_err(|error| odd("browser_ttl_s", error))?,
        created_at: time(row, "created_at")?,
    })
}
