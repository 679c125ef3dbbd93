//! `darkroom token`: API tokens. A value is printed once, alone, on standard output.

use std::collections::HashMap;
use std::process::ExitCode;

use catalog::{Actor, ApiToken, NewToken, Scopes, TokenUsage};
use clap::{Args, Subcommand, ValueEnum};
use domain::{Clock, Timestamp};
use server::Config;

use super::print_rows;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Issues a token and prints it, once
    Issue(Issue),
    /// Lists tokens with their use, up to a minute late; never their values
    List {
        /// The account's handle
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Takes a token back at once
    Revoke {
        /// The token's id, from the list
        id: String,
        /// The account's handle
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Issue {
    /// The account's handle
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A label for people
    #[arg(long, value_name = "L", default_value = "")]
    label: String,
    /// A bundle of scopes
    #[arg(long, value_enum, conflicts_with = "scopes", default_value = "read")]
    permission: Permission,
    /// Scopes, comma between them, such as images:read,urls:sign
    #[arg(long, value_name = "S,…")]
    scopes: Option<String>,
    /// When it ends: a length of time such as 90d, or never
    #[arg(long, default_value = "90d")]
    expires: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Permission {
    Read,
    Write,
    Admin,
}

/// Runs one of the commands on the catalog.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    match command {
        Command::Issue(issue) => {
            let account = super::account(&catalog, issue.account.as_deref()).await?;
            let issued = catalog.issue_token(&account.id, new_token(&issue)?, &Actor::command()).await?;
            say!("{}", issued.value.reveal());
        }
        Command::List { account, json } => {
            let account = super::account(&catalog, account.as_deref()).await?;
            let usage = catalog.token_usage(&account.id).await?;
            print(json, &catalog.tokens(&account.id).await?, &usage);
        }
        Command::Revoke { id, account } => {
            let account = super::account(&catalog, account.as_deref()).await?;
            catalog.revoke_token(&account.id, &id, &Actor::command()).await?;
            say!("Token {id} is revoked.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn new_token(issue: &Issue) -> anyhow::Result<NewToken> {
    let scopes = match (&issue.scopes, issue.permission) {
        (Some(words), _) => Scopes::parse(words)?,
        (None, Permission::Read) => Scopes::read(),
        (None, Permission::Write) => Scopes::write(),
        (None, Permission::Admin) => Scopes::admin(),
    };
    let expires_at = match issue.expires.as_str() {
        "never" => None,
        text => Some(Clock::system().now().plus(super::duration(text).map_err(anyhow::Error::msg)?)),
    };
    Ok(NewToken { label: issue.label.clone(), scopes, expires_at })
}

fn print(json: bool, tokens: &[ApiToken], usage: &HashMap<String, TokenUsage>) {
    let time = |at: Option<Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), Timestamp::to_rfc3339);
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            let used = usage.get(&token.id).copied().unwrap_or_default();
            vec![
                token.id.clone(),
                token.label.clone(),
                token.scopes.words().join(","),
                token.created_at.to_rfc3339(),
                time(token.expires_at, "never"),
                time(token.revoked_at, ""),
                time(used.last_at, "never"),
                used.requests_24h().to_string(),
            ]
        })
        .collect();
    let heads =
        ["id", "label", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at", "requests_24h"];
    print_rows(json, &heads, &rows);
}
