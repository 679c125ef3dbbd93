//! `darkroom mount`: the addresses below which URLs of other services go on working, each for one account.

use std::process::ExitCode;

use anyhow::bail;
use catalog::{Actor, Catalog, Mount};
use clap::Subcommand;
use domain::AccountId;
use server::Config;

use super::print_rows;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists the mounts and the accounts that they are given to
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Gives a mount to an account: its URLs are read there, once the scheme is switched on
    Give {
        /// v7, imgproxy or thumbor
        #[arg(value_parser = mount)]
        mount: Mount,
        /// The account's handle
        #[arg(long, value_name = "NAME")]
        account: String,
    },
    /// Takes a mount back: it is off
    Take {
        /// v7, imgproxy or thumbor
        #[arg(value_parser = mount)]
        mount: Mount,
    },
}

/// Runs one of the commands on the catalog.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let (catalog, by) = (super::catalog(config).await?, Actor::command());
    match command {
        Command::List { json } => print(json, &catalog).await?,
        Command::Give { mount, account } => {
            let account = super::account(&catalog, Some(&account)).await?;
            match catalog.give_mount(mount, &account.id, &by).await {
                Err(catalog::Error::Exists) => {
                    bail!("another account has {}: take it first", mount.word())
                }
                given => given?,
            }
            let scheme = mount.scheme().name();
            say!(
                "{}/… is given to {}. `darkroom scheme list` says whether {scheme} is on.",
                mount.path(),
                account.handle
            );
        }
        Command::Take { mount } => match catalog.take_mount(mount, &by).await {
            Err(catalog::Error::Missing) => bail!("no account has {}", mount.word()),
            taken => {
                taken?;
                say!("{}/… is off.", mount.path());
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn mount(word: &str) -> Result<Mount, String> {
    let known = || Mount::ALL.map(Mount::word).join(", ");
    Mount::from_word(word).ok_or_else(|| format!("there are the mounts {}", known()))
}

async fn print(json: bool, catalog: &Catalog) -> anyhow::Result<()> {
    let accounts = catalog.accounts().await?;
    let handle = |id: Option<AccountId>| {
        let found = accounts.iter().find(|account| Some(account.id) == id);
        found.map(|account| account.handle.to_string()).unwrap_or_default()
    };
    let mounts = catalog.mounts().await?;
    let row = |(mount, account): &(Mount, Option<AccountId>)| {
        vec![
            mount.word().to_owned(),
            format!("{}/", mount.path()),
            mount.scheme().name().to_owned(),
            handle(*account),
        ]
    };
    let rows: Vec<_> = mounts.iter().map(row).collect();
    print_rows(json, &["mount", "path", "scheme", "account"], &rows);
    Ok(())
}
