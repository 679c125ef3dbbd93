//! Calls of the C library that fail when a test says so: `faults.c`, compiled here and loaded into the real server.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::{Cli, repository};

/// Which calls fail.
pub(crate) struct Fault<'a> {
    /// A comma list of `create`, `read`, `sync`, `write`.
    pub(crate) calls: &'a str,
    /// The error's number.
    pub(crate) error: i32,
    /// How often; -1 is until the next rule.
    pub(crate) times: i32,
    /// A part of the file's path.
    pub(crate) path: &'a str,
}

/// No space left on the device.
pub(crate) const ENOSPC: i32 = 28;
/// Input or output error.
pub(crate) const EIO: i32 = 5;
/// Read-only file system.
pub(crate) const EROFS: i32 = 30;

/// The compiled shim and the file of its rule.
pub(crate) struct Faults {
    folder: tempfile::TempDir,
}

impl Faults {
    /// Compiles the shim. Nothing fails yet.
    pub(crate) fn new() -> Faults {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let compiled = std::process::Command::new("gcc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .arg(folder.path().join("faults.so"))
            .arg(repository().join("tests/durability/faults.c"))
            .args(["-ldl", "-lpthread"])
            .output()
            .expect("gcc runs: `make test` brings it");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        Faults { folder }
    }

    /// A command with the shim in it.
    pub(crate) fn load_into(&self, cli: Cli) -> Cli {
        let path = |path: PathBuf| path.to_str().expect("a path of plain letters").to_owned();
        cli.env("LD_PRELOAD", &path(self.folder.path().join("faults.so")))
            .env("FAULT_RULE", &path(self.rule()))
    }

    /// From now on these calls fail.
    pub(crate) fn begin(&self, fault: &Fault<'_>) {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let Fault { calls, error, times, path } = fault;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let fresh = self.folder.path().join("fresh");
        std::fs::write(&fresh, format!("{serial} {calls} {error} {times} {path}\n"))
            .expect("a rule is written");
        std::fs::rename(fresh, self.rule()).expect("a rule takes its place");
    }

    /// From now on nothing fails.
    pub(crate) fn end(&self) {
        std::fs::remove_file(self.rule()).expect("there was a rule");
    }

    fn rule(&self) -> PathBuf {
        Path::new(self.folder.path()).join("rule")
    }
}
