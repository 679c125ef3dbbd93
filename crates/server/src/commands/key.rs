//! `darkroom key`: signing keys of an account, and the master key.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use catalog::{Actor, Catalog, KeyEntry, KeyUsage, Rotation};
use clap::{Args, Subcommand};
use domain::{AccountId, SigningKeyId};
use server::{Config, master_key};
use signing::KeyState;

use super::print_rows;

#[derive(Debug, Args)]
pub(super) struct Of {
    /// The account's handle
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists signing keys with their use, up to a minute late; values only with --values
    List {
        #[command(flatten)]
        of: Of,
        /// Show the values too
        #[arg(long)]
        values: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes a signing key
    Create {
        /// Its name: 1 to 64 letters, digits, '.', '-' and '_'
        name: SigningKeyId,
        #[command(flatten)]
        of: Of,
    },
    /// Makes a signing key with a given secret: URLs that were signed elsewhere stay valid
    Import {
        /// Its name
        name: SigningKeyId,
        /// A file that holds the secret
        #[arg(long, value_name = "F")]
        secret_file: PathBuf,
        #[command(flatten)]
        of: Of,
    },
    /// Makes a new key that signs from now on; the old one verifies until the overlap ends
    Rotate {
        /// The key to replace
        name: SigningKeyId,
        /// Name of the new key; NAME-2 where it is not given
        #[arg(long = "as", value_name = "NEW")]
        new_name: Option<SigningKeyId>,
        /// How long the old key still verifies
        #[arg(long, default_value = "7d", value_parser = super::duration)]
        overlap: Duration,
        #[command(flatten)]
        of: Of,
    },
    /// Makes a key the one that signs
    Use {
        /// Its name
        name: SigningKeyId,
        #[command(flatten)]
        of: Of,
    },
    /// Takes a key out of use at once
    Revoke {
        /// Its name
        name: SigningKeyId,
        #[command(flatten)]
        of: Of,
    },
    /// Seals every stored secret anew under a new master key, beside a running server
    RotateMaster,
}

/// Runs one of the commands on the catalog.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    let by = Actor::command();
    match command {
        Command::List { of, values, json } => {
            let account = id(&catalog, &of).await?;
            let usage = catalog.signing_key_usage(&account).await?;
            if values {
                catalog.record(Some(&account), &by, "key.reveal", "keys:all", "done").await?;
            }
            print(json, values, &catalog.signing_keys(&account).await?, &usage);
        }
        Command::Create { name, of } => {
            let key = catalog.create_signing_key(&id(&catalog, &of).await?, &name, &by).await?;
            say!("Signing key {} is made.", key.id);
        }
        Command::Import { name, secret_file, of } => {
            let secret = super::secret(Some(&secret_file), "")?;
            catalog.import_signing_key(&id(&catalog, &of).await?, &name, secret, &by).await?;
            say!("Signing key {name} is imported.");
        }
        Command::Rotate { name, new_name, overlap, of } => {
            let rotation = Rotation { new_id: new_name, overlap };
            let key = catalog.rotate_signing_key(&id(&catalog, &of).await?, &name, rotation, &by).await?;
            say!("Signing key {} signs from now on; {name} verifies until the overlap ends.", key.id);
        }
        Command::Use { name, of } => {
            catalog.use_signing_key(&id(&catalog, &of).await?, &name, &by).await?;
            say!("Signing key {name} signs from now on.");
        }
        Command::Revoke { name, of } => {
            catalog.revoke_signing_key(&id(&catalog, &of).await?, &name, &by).await?;
            say!("Signing key {name} is revoked: URLs signed with it are refused.");
        }
        Command::RotateMaster => rotate_master(&catalog, config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn id(catalog: &Catalog, of: &Of) -> anyhow::Result<AccountId> {
    Ok(super::account(catalog, of.account.as_deref()).await?.id)
}

async fn rotate_master(catalog: &Catalog, config: &Config) -> anyhow::Result<()> {
    if config.master_key.is_some() {
        bail!(
            "the master key comes from the environment or the configuration file: take it out there and put it into {}, \
             then rotate",
            master_key::path(config).display()
        );
    }
    let secrets = master_key::rotate(catalog, config).await?;
    say!("{secrets} secrets are sealed under a new master key, {}.", master_key::path(config).display());
    Ok(())
}

fn print(json: bool, values: bool, keys: &[KeyEntry], usage: &HashMap<SigningKeyId, KeyUsage>) {
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let value =
                if values { key.secret.reveal().to_owned() } else { format!("…{}", key.secret.tail()) };
            let signs = if key.signs { "yes" } else { "" };
            let used = usage.get(&key.id).cloned().unwrap_or_default();
            let last = used.last.as_ref().map_or_else(|| "never".into(), |last| last.at.to_rfc3339());
            let (state, requests) = (state(key.state), used.requests_24h().to_string());
            vec![key.id.to_string(), state, signs.into(), key.created_at.to_rfc3339(), last, requests, value]
        })
        .collect();
    let heads = ["name", "state", "signs", "created_at", "last_used_at", "requests_24h", "value"];
    print_rows(json, &heads, &rows);
}

fn state(state: KeyState) -> String {
    match state {
        KeyState::Active => "active".into(),
        KeyState::Retiring { verify_until } => format!("retiring until {}", verify_until.to_rfc3339()),
        KeyState::Retired => "retired".into(),
        KeyState::Revoked => "revoked".into(),
    }
}
