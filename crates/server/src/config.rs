//! The effective configuration, read once at start. (The reading of environment and file is being written.)

use std::path::PathBuf;

use domain::Secret;

/// Everything that a server is started with. Tests change fields.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one.
    pub bind: String,
    /// Folder of database, objects and secrets.
    pub data_dir: PathBuf,
    /// Scheme and host of API and dashboard; `http://<bind>` where absent.
    pub public_url: Option<String>,
    /// Scheme and host of delivery; the public URL where absent.
    pub delivery_url: Option<String>,
    /// The master key; made in the data directory where absent.
    pub master_key: Option<Secret>,
    /// HTTP worker threads; cores where absent.
    pub http_workers: Option<usize>,
    /// Limits of a form.
    pub form: upload::FormLimits,
    /// Limits of the workers and of originals.
    pub workers: workers::Config,
    /// Bytes of renditions that memory keeps.
    pub memory_cache_bytes: u64,
    /// Keep objects in memory instead of on the disk; only tests set it.
    pub memory_storage: bool,
    /// Overwrites of catalog limits: signing keys an account.
    pub max_signing_keys: u32,
    /// How long a stop waits for what runs, in seconds.
    pub shutdown_timeout_s: u64,
}

impl Config {
    /// The defaults of the front door for a data directory.
    pub fn new(data_dir: PathBuf) -> Self {
        Config {
            bind: "127.0.0.1:8080".into(),
            data_dir,
            public_url: None,
            delivery_url: None,
            master_key: None,
            http_workers: None,
            form: upload::FormLimits::default(),
            workers: workers::Config::default(),
            memory_cache_bytes: 268_435_456,
            memory_storage: false,
            max_signing_keys: 8,
            shutdown_timeout_s: 30,
        }
    }
}
