//! Programs of other people that tests drive: Node with the packages of `tests/package.json`, Python with those of
//! `tests/requirements.txt`. `make test` brings both and names them; without them a test fails and says so.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::cli::repository;

/// A script that is about to run.
pub(crate) struct Tool {
    command: Command,
    shown: String,
}

/// A script of `tests/`, run by Node.
pub(crate) fn node(script: &str) -> Tool {
    let packages = repository().join("tests/node_modules");
    assert!(packages.is_dir(), "tests/node_modules is missing: `make test` brings it");
    Tool::new(&named("TEST_NODE", "node"), script)
}

/// A script of `tests/`, run by Python.
pub(crate) fn python(script: &str) -> Tool {
    let own = repository().join(".tools/python/bin/python");
    assert!(own.exists(), "{} is missing: `make test` brings it", own.display());
    Tool::new(&own, script)
}

impl Tool {
    fn new(program: &Path, script: &str) -> Tool {
        let mut command = Command::new(program);
        let tests = repository().join("tests");
        command.arg(tests.join(script)).current_dir(tests).stdin(Stdio::null()).kill_on_drop(true);
        for name in ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY", "CLOUDFLARE_EMAIL", "CLOUDFLARE_BASE_URL"]
        {
            command.env_remove(name);
        }
        Tool { command, shown: script.into() }
    }

    /// With one more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Tool {
        self.command.arg(argument);
        self
    }

    /// With one more variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Tool {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end and returns what it printed; a panic that shows it where it failed.
    pub(crate) async fn ok(mut self) -> String {
        let output = self.command.output().await.unwrap_or_else(|why| panic!("{}: {why}", self.shown));
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} failed\n{out}\n{err}", self.shown);
        out.into_owned()
    }
}

fn named(variable: &str, usual: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(usual), PathBuf::from)
}
