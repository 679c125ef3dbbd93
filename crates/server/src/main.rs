//! The program `darkroom`: its command line, and nothing that a crate below could know.
#![forbid(unsafe_code)]

mod commands;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error)),
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// Tells an error with its causes on standard error.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("darkroom: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because {cause}");
    }
    ExitCode::from(1)
}
