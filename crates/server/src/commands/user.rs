//! `darkroom user`: people who sign in to the dashboard. A password is never an argument.

use std::path::PathBuf;
use std::process::ExitCode;

use catalog::{Actor, NewPerson, Role};
use clap::{Args, Subcommand, ValueEnum};
use server::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a person with a place in an account
    Create(Create),
    /// Gives a person another password and ends all sessions
    ResetPassword {
        /// The e-mail
        email: String,
        /// A file that holds the password; asked for where it is not given
        #[arg(long, value_name = "F")]
        password_file: Option<PathBuf>,
    },
    /// Ends the wait after wrong passwords
    Unlock {
        /// The e-mail
        email: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The e-mail
    email: String,
    /// The account's handle
    #[arg(long, value_name = "NAME")]
    account: String,
    /// What the person may do there
    #[arg(long, value_enum)]
    role: RoleWord,
    /// Runs the server: every account, and the system
    #[arg(long)]
    operator: bool,
    /// The name for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
    /// A file that holds the password; asked for where it is not given
    #[arg(long, value_name = "F")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleWord {
    Viewer,
    Editor,
    Admin,
    Owner,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Viewer => Role::Viewer,
            RoleWord::Editor => Role::Editor,
            RoleWord::Admin => Role::Admin,
            RoleWord::Owner => Role::Owner,
        }
    }
}

/// Runs one of the commands on the catalog.
pub(super) async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    let catalog = super::catalog(config).await?;
    let by = Actor::command();
    match command {
        Command::Create(create) => {
            let account = super::account(&catalog, Some(&create.account)).await?;
            let password =
                super::secret(create.password_file.as_deref(), "Password (12 to 128 characters): ")?;
            let person = NewPerson {
                email: create.email,
                name: create.name,
                password,
                place: Some((account.id, create.role.into())),
                operator: create.operator,
            };
            let person = catalog.insert_person(person, &by).await?;
            say!("{} can sign in.", person.email);
        }
        Command::ResetPassword { email, password_file } => {
            let password = super::secret(password_file.as_deref(), "New password (12 to 128 characters): ")?;
            catalog.set_password(&email, &password, &by).await?;
            say!("{email} has a new password; all sessions ended.");
        }
        Command::Unlock { email } => {
            catalog.unlock(&email, &by).await?;
            say!("{email} may try again at once.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
