//! `darkroom config`: shows each value with its source, or every problem with its name.

use std::process::ExitCode;

use clap::Subcommand;
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
    /// Checks the configuration and names every problem
    Check,
}

/// Prints or checks what was loaded.
pub(super) fn run(command: &Command, loaded: Result<Effective, Problems>) -> anyhow::Result<ExitCode> {
    match (command, loaded) {
        (Command::Print { json }, Ok(effective)) => {
            print(*json, &effective);
            effective.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(ExitCode::SUCCESS)
        }
        (Command::Check, Ok(effective)) if effective.warnings.is_empty() => {
            say!("The configuration is fine.");
            Ok(ExitCode::SUCCESS)
        }
        (Command::Check, Ok(effective)) => Ok(tell(&effective.warnings)),
        (_, Err(problems)) => Ok(tell(&problems.0)),
    }
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
