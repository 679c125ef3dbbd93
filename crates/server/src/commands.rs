//! The command line: every command with its arguments, and where each one's work is done.

/// Prints a line on standard output; a reader that went away ends the program quietly.
macro_rules! say {
    ($($text:tt)*) => { crate::commands::print_line(format_args!($($text)*)) };
}

mod account;
mod backup;
mod backup_folder;
mod config;
mod doctor;
mod health;
mod key;
mod migrate;
mod mount;
mod render;
mod restore;
mod scheme;
mod serve;
mod sign;
mod sweep;
mod token;
mod upload;
mod user;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use catalog::{Account, Catalog, DatabaseUrl};
use clap::{Args, Parser, Subcommand};
use domain::{AccountId, Clock, Secret};
use server::config::{Config, Effective};

/// Darkroom: private, self-hosted image hosting. Without a command it is `darkroom serve`.
#[derive(Debug, Parser)]
#[command(name = "darkroom", version, about, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Settings that the command line may give; they win over environment and file.
#[derive(Debug, Args)]
struct Settings {
    /// The configuration file; `darkroom.toml` of this folder where it is not given
    #[arg(long, global = true, value_name = "FILE", env = "DARKROOM_CONFIG")]
    config: Option<PathBuf>,
    /// Address of the server, such as 127.0.0.1:8080
    #[arg(long, global = true, value_name = "ADDRESS")]
    bind: Option<String>,
    /// Folder of database, objects and secrets
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server
    Serve,
    /// Exits with 0 when the local server answers
    Health(health::Health),
    /// Shows or checks the effective configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Brings the database up to date
    Migrate,
    /// Accounts and their settings
    #[command(subcommand)]
    Account(account::Command),
    /// API tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Keys of an account: those that sign, and those that verify URLs of other systems
    #[command(subcommand)]
    Key(key::Command),
    /// Signing schemes of an account: which are on, and what report mode found
    #[command(subcommand)]
    Scheme(scheme::Command),
    /// Addresses below which URLs of other services go on working
    #[command(subcommand)]
    Mount(mount::Command),
    /// Signs delivery URLs
    Sign(sign::Sign),
    /// Says whether a URL is accepted, and why not
    Verify(verify::Verify),
    /// People who sign in to the dashboard
    #[command(subcommand)]
    User(user::Command),
    /// Uploads files and prints their delivery URLs
    Upload(upload::Upload),
    /// Makes a rendition of a file, without a server
    Render(render::Render),
    /// Copies database and originals into an empty folder, while the server goes on
    Backup(backup::Backup),
    /// Puts a backup into an empty data directory
    Restore(restore::Restore),
    /// Removes what deleted images left, and objects without a row
    Sweep(sweep::Sweep),
    /// Checks that each row has its bytes, and all else that the house promises; changes nothing
    Doctor(doctor::Doctor),
    /// Prints the OpenAPI document of the management API
    Openapi,
}

/// The account that a command is about.
#[derive(Debug, Args)]
struct Of {
    /// The account's handle; default where it is not given
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

/// Runs a command. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Openapi = command {
        say!("{}", api::openapi());
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = arguments.settings.load();
    if let Command::Config(command) = command {
        return config::run(&command, loaded).await;
    }
    let effective = loaded.context("the configuration has problems")?;
    if let Command::Serve = command {
        return serve::run(effective).await;
    }
    let config = effective.config;
    if command.works_on_what_is_there() {
        there(&config)?;
    }
    match command {
        Command::Health(health) => health::run(&health, &config),
        Command::Migrate => migrate::run(config).await,
        Command::Account(command) => account::run(command, &config).await,
        Command::Token(command) => token::run(command, &config).await,
        Command::Key(command) => key::run(command, &config).await,
        Command::Scheme(command) => scheme::run(command, &config).await,
        Command::Mount(command) => mount::run(command, &config).await,
        Command::Sign(sign) => sign::run(&sign, &config).await,
        Command::Verify(verify) => verify::run(&verify, &config).await,
        Command::User(command) => user::run(command, &config).await,
        Command::Upload(upload) => upload::run(&upload, &config).await,
        Command::Render(render) => render::run(&render, &config).await,
        Command::Backup(backup) => backup::run(&backup, &config).await,
        Command::Restore(restore) => restore::run(&restore, &config).await,
        Command::Sweep(sweep) => sweep::run(&sweep, &config).await,
        Command::Doctor(doctor) => doctor::run(&doctor, &config).await,
        Command::Serve | Command::Config(_) | Command::Openapi => Ok(ExitCode::SUCCESS),
    }
}

impl Command {
    /// Whether a house that is only just made has nothing for it. `doctor` looks by itself, as one of its checks.
    fn works_on_what_is_there(&self) -> bool {
        matches!(
            self,
            Command::Backup(_)
                | Command::Sweep(_)
                | Command::Sign(_)
                | Command::Verify(_)
                | Command::Key(key::Command::RotateMaster)
        )
    }
}

impl Settings {
    fn load(&self) -> Result<Effective, server::config::Problems> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let given = [("bind", &self.bind), ("data_dir", &self.data_dir)];
        let command_line: Vec<(&str, String)> =
            given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        server::config::load(self.config.as_deref(), &environment, &command_line)
    }
}

fn print_line(line: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// The catalog, beside a running server or without one.
async fn catalog(config: &Config) -> anyhow::Result<Catalog> {
    server::open_catalog(config, Clock::system()).await
}

/// Refuses a database that is not there, where another command would make one: typed beside a server whose settings are
/// not those of this shell, it would be the wrong one.
fn there(config: &Config) -> anyhow::Result<()> {
    if let DatabaseUrl::Sqlite(file) = config.database()
        && !file.exists()
    {
        bail!(
            "there is no database {}: name the server's own folder with DARKROOM_DATA_DIR (or --data-dir), or its \
             database with DARKROOM_DATABASE_URL, and run this as the server's user",
            file.display()
        );
    }
    Ok(())
}

/// The account with a handle; `default` where none is named.
async fn account(catalog: &Catalog, handle: Option<&str>) -> anyhow::Result<Account> {
    let handle = handle.unwrap_or("default");
    let parsed = handle.parse().with_context(|| format!("--account {handle}"))?;
    catalog.account_by_handle(&parsed).await.with_context(|| format!("--account {handle}"))
}

impl Of {
    async fn id(&self, catalog: &Catalog) -> anyhow::Result<AccountId> {
        Ok(account(catalog, self.account.as_deref()).await?.id)
    }
}

/// Reads `30m`, `12h`, `90d`, `2w` or plain seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds_each = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => 0,
    };
    let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(seconds_each));
    match seconds {
        Some(seconds @ 1..=3_153_600_000) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("'{text}' is no length of time: write it as 30m, 12h, 7d or 2w, at most 100 years")),
    }
}

/// A secret from a file, without the line break at its end, or from a prompt.
fn secret(file: Option<&Path>, prompt: &str) -> anyhow::Result<Secret> {
    let text = match file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
        }
        None => rpassword::prompt_password(prompt)
            .context("there is no terminal to ask at; give a file instead")?,
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("the secret is empty");
    }
    Ok(Secret::new(text))
}

/// Prints rows as a table, or as JSON.
fn print_rows(json: bool, heads: &[&str], rows: &[Vec<String>]) {
    if json {
        let objects: Vec<_> = rows
            .iter()
            .map(|row| {
                heads.iter().zip(row).map(|(head, cell)| ((*head).to_owned(), cell.clone().into())).collect()
            })
            .map(serde_json::Value::Object)
            .collect();
        say!("{}", serde_json::Value::Array(objects));
        return;
    }
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        say!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    };
    line(heads.iter().map(|head| (*head).to_owned()).collect());
    rows.iter().for_each(|row| line(row.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_and_argument_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_length_of_time_has_a_unit_and_a_bound() {
        let seconds = |text: &str| duration(text).map(|d| d.as_secs());
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("30m"), Ok(1_800));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in ["", "d", "0d", "-1d", "1y", "1.5h", "99999999999999999999w", "1000000000d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
