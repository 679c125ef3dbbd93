//! `darkroom sign`: signs a delivery URL with an account's key.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use catalog::{Account, Catalog};
use clap::Args;
use domain::{Clock, SigningKeyId};
use server::Config;
use signing::DeliveryUrl;

/// Signs a delivery URL and prints it.
#[derive(Debug, Args)]
pub(super) struct Sign {
    /// A delivery URL, or its path: /{hash}/{image}/{variant}
    url: String,
    /// How long it is valid, such as 1d; never where the account does not require an expiry
    #[arg(long, default_value = "1d")]
    expires: String,
    /// The signing key; the one that signs where it is not given
    #[arg(long, value_name = "NAME")]
    key: Option<SigningKeyId>,
}

/// Signs.
pub(super) async fn run(sign: &Sign, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    let parsed = DeliveryUrl::parse_url(&sign.url).context("this is no delivery URL")?;
    let account = account_of(&catalog, &parsed).await?;
    let expires_s = match sign.expires.as_str() {
        "never" if account.policy.require_exp => bail!("the account {} requires an expiry", account.handle),
        "never" => None,
        text => {
            let ttl = super::duration(text).map_err(anyhow::Error::msg)?;
            Some(Clock::system().now().plus(ttl).as_seconds())
        }
    };
    let key = catalog.signing_key(&account.id, sign.key.as_ref()).await?;
    say!("{}", signing::sign(&sign.url, &key, expires_s)?);
    Ok(ExitCode::SUCCESS)
}

/// The account that a delivery URL names by its hash.
pub(super) async fn account_of(catalog: &Catalog, url: &DeliveryUrl) -> anyhow::Result<Account> {
    let accounts = catalog.accounts().await?;
    let found = accounts.into_iter().find(|account| account.hash.as_str() == url.account());
    found.with_context(|| format!("no account has the hash '{}'", url.account()))
}
