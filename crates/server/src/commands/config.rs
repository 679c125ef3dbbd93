//! `darkroom config`: shows each value with its source, or every problem with its name.

use std::process::ExitCode;

use clap::Subcommand;
use domain::Clock;
use server::Config;
use server::config::{Effective, Problems, SETTINGS};

use super::print_rows;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Prints the effective configuration, each value with its source, secrets masked
    Print {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Checks the configuration, asks the database, writes, reads and deletes in the storage, and names every problem
    Check,
}

/// Prints or checks what was loaded.
pub(super) async fn run(command: &Command, loaded: Result<Effective, Problems>) -> anyhow::Result<ExitCode> {
    match (command, loaded) {
        (Command::Print { json }, Ok(effective)) => {
            print(*json, &effective);
            effective.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(ExitCode::SUCCESS)
        }
        (Command::Check, Ok(Effective { config, warnings, .. })) => {
            let mut problems = warnings;
            problems.extend(problem_of_database(&config).await);
            problems.extend(problem_of_storage(&config).await);
            if problems.is_empty() {
                say!("The configuration is fine.");
                return Ok(ExitCode::SUCCESS);
            }
            Ok(tell(&problems))
        }
        (_, Err(problems)) => Ok(tell(&problems.0)),
    }
}

/// What keeps the database from being read, if anything does. One that is not there yet is made by the first start, an
/// older one is brought up to date by the next.
async fn problem_of_database(config: &Config) -> Option<String> {
    let tried = async {
        if !catalog::holds_secrets(&config.database()).await? {
            return Ok(());
        }
        let as_it_is = Config { migrate: false, ..config.clone() };
        server::open_catalog(&as_it_is, Clock::system()).await.map(drop)
    };
    let error: anyhow::Error = tried.await.err()?;
    if config.migrate && matches!(error.downcast_ref(), Some(catalog::Error::OlderDatabase { .. })) {
        return None;
    }
    Some(sentence("DARKROOM_DATABASE_URL", &error))
}

/// What keeps the storage from being written, read and deleted in, if anything does.
async fn problem_of_storage(config: &Config) -> Option<String> {
    let tried = async { Ok(server::open_storage(config).await?.check().await?) };
    let error: anyhow::Error = tried.await.err()?;
    Some(sentence("DARKROOM_STORAGE_URL", &error))
}

/// The causes below the first two are the client's words, which the log of a start has.
fn sentence(variable: &str, error: &anyhow::Error) -> String {
    let because: Vec<String> = error.chain().take(2).map(ToString::to_string).collect();
    format!("{variable}: {}", because.join("; "))
}

fn print(json: bool, effective: &Effective) {
    let rows: Vec<Vec<String>> = SETTINGS
        .iter()
        .zip(&effective.sources)
        .map(|(setting, source)| {
            vec![setting.variable(), (setting.show)(&effective.config), source.to_string()]
        })
        .collect();
    print_rows(json, &["variable", "value", "source"], &rows);
}

fn tell(problems: &[String]) -> ExitCode {
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    ExitCode::from(1)
}
