//! `darkroom key`: the keys of an account, those that sign and those that verify URLs of other systems, and the master
//! key.

mod add;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use catalog::{Actor, Catalog, Error, KeyEntry, KeyUsage, Rotation, VerifyingKeyEntry};
use clap::Subcommand;
use domain::{AccountId, SigningKeyId, Timestamp};
use server::{Config, master_key};
use signing::KeyState;

use super::{Of, print_rows};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists keys with their use, up to a minute late; values of signing keys only with --values
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
    /// Registers a key of another system, by which its URLs are verified; it is never shown again
    Add(add::Add),
    /// Lets a registered key verify until the overlap ends
    Retire {
        /// Its name
        name: SigningKeyId,
        /// How long it still verifies
        #[arg(long, default_value = "7d", value_parser = super::duration)]
        overlap: Duration,
        #[command(flatten)]
        of: Of,
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
    /// Takes a key out of use at once, whichever of the two kinds it is
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
        Command::List { of, values, json } => list(&catalog, &of.id(&catalog).await?, values, json).await?,
        Command::Add(add) => add::run(add, &catalog).await?,
        Command::Retire { name, overlap, of } => {
            retire(&catalog, &of.id(&catalog).await?, &name, overlap).await?;
            say!("Key {name} verifies until the overlap ends.");
        }
        Command::Create { name, of } => {
            let key = catalog.create_signing_key(&of.id(&catalog).await?, &name, &by).await?;
            say!("Signing key {} is made.", key.id);
        }
        Command::Import { name, secret_file, of } => {
            let secret = super::secret(Some(&secret_file), "")?;
            catalog.import_signing_key(&of.id(&catalog).await?, &name, secret, &by).await?;
            say!("Signing key {name} is imported.");
        }
        Command::Rotate { name, new_name, overlap, of } => {
            let rotation = Rotation { new_id: new_name, overlap };
            let key = catalog.rotate_signing_key(&of.id(&catalog).await?, &name, rotation, &by).await?;
            say!("Signing key {} signs from now on; {name} verifies until the overlap ends.", key.id);
        }
        Command::Use { name, of } => {
            catalog.use_signing_key(&of.id(&catalog).await?, &name, &by).await?;
            say!("Signing key {name} signs from now on.");
        }
        Command::Revoke { name, of } => {
            revoke(&catalog, &of.id(&catalog).await?, &name).await?;
            say!("Key {name} is revoked: URLs signed with it are refused.");
        }
        Command::RotateMaster => rotate_master(&catalog, config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn retire(
    catalog: &Catalog,
    account: &AccountId,
    name: &SigningKeyId,
    overlap: Duration,
) -> anyhow::Result<()> {
    let retired = catalog.retire_verifying_key(account, name, overlap, &Actor::command()).await;
    let signs =
        || async { catalog.signing_keys(account).await.map(|keys| keys.iter().any(|key| key.id == *name)) };
    match retired {
        Err(Error::VerifyingKeyMissing) if signs().await? => {
            bail!("{name} is a signing key: `darkroom key rotate {name}` retires it and makes another")
        }
        retired => Ok(retired?),
    }
}

/// Revokes the key of a name, of which only one verifies.
async fn revoke(catalog: &Catalog, account: &AccountId, name: &SigningKeyId) -> anyhow::Result<()> {
    let by = Actor::command();
    match catalog.revoke_verifying_key(account, name, &by).await {
        Err(Error::VerifyingKeyMissing) => Ok(catalog.revoke_signing_key(account, name, &by).await?),
        revoked => Ok(revoked?),
    }
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

async fn list(catalog: &Catalog, account: &AccountId, values: bool, json: bool) -> anyhow::Result<()> {
    let usage = catalog.signing_key_usage(account).await?;
    if values {
        catalog.record(Some(account), &Actor::command(), "key.reveal", "keys:all", "done").await?;
    }
    let signing = catalog.signing_keys(account).await?;
    let verifying = catalog.verifying_keys(account).await?;
    let rows: Vec<Vec<String>> = signing
        .iter()
        .map(|key| signing_row(key, values, &usage))
        .chain(verifying.iter().map(|key| verifying_row(key, &usage)))
        .collect();
    print_rows(json, &HEADS, &rows);
    Ok(())
}

const HEADS: [&str; 11] = [
    "name",
    "scheme",
    "state",
    "signs",
    "created_at",
    "last_used_at",
    "requests_24h",
    "requests_7d",
    "latest_expiry",
    "id",
    "value",
];

fn signing_row(key: &KeyEntry, values: bool, usage: &HashMap<SigningKeyId, KeyUsage>) -> Vec<String> {
    let value = if values { key.secret.reveal().to_owned() } else { format!("…{}", key.secret.tail()) };
    let signs = if key.signs { "yes" } else { "" };
    let [last, day, week, latest] = used(usage.get(&key.id));
    let (name, state, made) = (key.id.to_string(), state(key.state), key.created_at.to_rfc3339());
    vec![name, "native".into(), state, signs.into(), made, last, day, week, latest, String::new(), value]
}

/// A registered key. What it is made of is never shown; only its kind.
fn verifying_row(key: &VerifyingKeyEntry, usage: &HashMap<SigningKeyId, KeyUsage>) -> Vec<String> {
    let state = match key.verify_from {
        Some(from) => format!("{} from {}", state(key.state), from.to_rfc3339()),
        None => state(key.state),
    };
    let [last, day, week, latest] = used(usage.get(&key.name));
    let (name, scheme) = (key.name.to_string(), key.scheme.name().to_owned());
    let (made, kind) = (key.created_at.to_rfc3339(), key.kind.name().to_owned());
    vec![name, scheme, state, String::new(), made, last, day, week, latest, key.id.clone(), kind]
}

/// When a key was used last, how often within a day and a week, and the latest end of its URLs.
fn used(usage: Option<&KeyUsage>) -> [String; 4] {
    let usage = usage.cloned().unwrap_or_default();
    let last = usage.last.as_ref().map_or_else(|| "never".into(), |last| last.at.to_rfc3339());
    let latest = usage.latest_exp_s.map(|end_s| Timestamp::from_seconds(end_s).to_rfc3339());
    [last, usage.requests_24h().to_string(), usage.requests_7d().to_string(), latest.unwrap_or_default()]
}

fn state(state: KeyState) -> String {
    match state {
        KeyState::Active => "active".into(),
        KeyState::Retiring { verify_until } => format!("retiring until {}", verify_until.to_rfc3339()),
        KeyState::Retired => "retired".into(),
        KeyState::Revoked => "revoked".into(),
    }
}
