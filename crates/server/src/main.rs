//! The program `darkroom`: its command line, and nothing that a crate below could know.
#![forbid(unsafe_code)]

mod commands;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // A worker is this same program, and goes no further than here.
    workers::enter();
    workers::keep_little_memory();
    let arguments = commands::Arguments::parse();
    leave_no_core();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error)),
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// A crash writes no image of memory, where keys and secrets lie.
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        eprintln!("darkroom: a crash may leave a core dump, which holds secrets: {error}");
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
