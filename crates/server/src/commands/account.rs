//! `darkroom account`: accounts and what they decide about delivery.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use catalog::{Account, AccountPolicy, Actor, NewAccount};
use clap::{Args, Subcommand};
use server::Config;

use super::print_rows;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes an account with its signing key and variant
    Create(Create),
    /// Changes settings of an account
    Set {
        /// The account's handle
        name: String,
        /// Settings such as require_exp=false
        #[arg(required = true, value_name = "SETTING=VALUE")]
        settings: Vec<String>,
    },
    /// Lists accounts
    List {
        /// As JSON, with settings
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The handle: 3 to 63 of a-z, 0-9 and '-'; it never changes
    name: String,
    /// The name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// A given id, which keeps API paths alive after a move; needs --hash
    #[arg(long, value_name = "HEX32", requires = "hash")]
    id: Option<String>,
    /// A given hash, which keeps delivery URLs alive after a move; needs --id
    #[arg(long, value_name = "HASH22", requires = "id")]
    hash: Option<String>,
    /// Print the account as JSON
    #[arg(long)]
    json: bool,
    /// Settings unlike the defaults, such as flexible_variants=all
    #[arg(value_name = "SETTING=VALUE")]
    settings: Vec<String>,
}

/// Runs one of the commands on the catalog.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    match command {
        Command::Create(create) => {
            let json = create.json;
            let account = catalog.insert_account(new_account(create)?, &Actor::command()).await?;
            print(json, &[account]);
        }
        Command::Set { name, settings } => {
            let account = super::account(&catalog, Some(&name)).await?;
            let account = catalog.update_account(&account.id, &pairs(&settings)?, &Actor::command()).await?;
            for (setting, value) in account.policy.settings() {
                say!("{setting}={value}");
            }
        }
        Command::List { json } => print(json, &catalog.accounts().await?),
    }
    Ok(ExitCode::SUCCESS)
}

fn new_account(create: Create) -> anyhow::Result<NewAccount> {
    let given = match (&create.id, &create.hash) {
        (Some(id), Some(hash)) => Some((id.parse().context("--id")?, hash.parse().context("--hash")?)),
        _ => None,
    };
    Ok(NewAccount {
        handle: create.name.parse()?,
        display_name: create.display_name,
        given,
        settings: pairs(&create.settings)?,
    })
}

fn pairs(settings: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let known = || AccountPolicy::SETTINGS.map(|(name, takes)| format!("  {name} ({takes})")).join("\n");
    settings
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if AccountPolicy::SETTINGS.iter().any(|(known, _)| *known == name) => {
                Ok((name.to_owned(), value.to_owned()))
            }
            _ => bail!("'{text}' is no setting of an account; there are:\n{}", known()),
        })
        .collect()
}

fn print(json: bool, accounts: &[Account]) {
    if json {
        let objects: Vec<_> = accounts.iter().map(as_json).collect();
        say!("{}", serde_json::Value::Array(objects));
        return;
    }
    let rows: Vec<Vec<String>> = accounts
        .iter()
        .map(|account| {
            vec![
                account.handle.to_string(),
                account.id.to_string(),
                account.hash.to_string(),
                account.display_name.clone(),
                account.totals.images.to_string(),
                account.totals.bytes.to_string(),
            ]
        })
        .collect();
    print_rows(false, &["handle", "id", "hash", "display_name", "images", "bytes"], &rows);
}

fn as_json(account: &Account) -> serde_json::Value {
    let settings: serde_json::Map<_, _> =
        account.policy.settings().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::json!({
        "handle": account.handle.as_str(),
        "id": account.id.to_string(),
        "hash": account.hash.as_str(),
        "display_name": account.display_name,
        "created_at": account.created_at.to_rfc3339(),
        "images": account.totals.images,
        "bytes": account.totals.bytes,
        "settings": settings,
    })
}
