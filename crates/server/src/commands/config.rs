//! `darkroom config`: shows each value with its source, or every problem with its name.

use std::process::ExitCode;

use clap::Subcommand;
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
    /// Checks the configuration, writes, reads and deletes in the storage, and names every problem
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

/// What keeps the storage from being written, read and deleted in, if anything does.
async fn problem_of_storage(config: &Config) -> Option<String> {
    let tried = async { Ok(server::open_storage(config).await?.check().await?) };
    let error: anyhow::Error = tried.await.err()?;
    // The causes below these two are the client's words, which the log of a start has.
    let because: Vec<String> = error.chain().take(2).map(ToString::to_string).collect();
    Some(format!("DARKROOM_STORAGE_URL: {}", because.join("; ")))
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
