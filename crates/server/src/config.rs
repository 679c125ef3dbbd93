//! The effective configuration: read once, at start, from command line, environment, file and defaults.

mod settings;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;

use catalog::DatabaseUrl;
use domain::Secret;
use storage::StorageUrl;

pub use settings::{SETTINGS, Setting};
pub use sources::{Effective, Problems, Source, load};

/// Everything that a server is started with. Tests change fields.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Address of `/metrics`; nothing is counted where absent.
    pub metrics_bind: Option<SocketAddr>,
    /// Folder of database, objects and secrets.
    pub data_dir: PathBuf,
    /// Where the rows are; a SQLite file in the data directory where absent.
    pub database_url: Option<DatabaseUrl>,
    /// Where the objects are; the folder `objects` in the data directory where absent.
    pub storage_url: Option<StorageUrl>,
    /// Endpoint and keys of the bucket. No setting: the AWS SDK reads names of its own, and only tests give others.
    pub storage_access: Option<storage::Access>,
    /// Scheme and host of API and dashboard; `http://<bind>` where absent.
    pub public_url: Option<String>,
    /// Scheme and host of delivery; the public URL where absent.
    pub delivery_url: Option<String>,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// Seals secrets at rest; made in the data directory where absent.
    pub master_key: Option<Secret>,
    /// Whether starting brings the database up to date.
    pub migrate: bool,
    /// What is logged, in the words of tracing's filter.
    pub log: String,
    /// How it is logged; by the terminal where absent.
    pub log_format: Option<LogFormat>,
    /// E-mail of the first administrator, made at start where nobody can sign in yet.
    pub admin_email: Option<String>,
    /// The first administrator's password.
    pub admin_password: Option<Secret>,
    /// Go on serving public images when changes of rights can no longer be seen.
    pub serve_stale_public: bool,
    /// Limits of a form.
    pub form: upload::FormLimits,
    /// Limits of the workers and of originals.
    pub workers: workers::Config,
    /// Bytes of renditions that memory keeps.
    pub memory_cache_bytes: u64,
    /// Bytes of renditions that lie at rest.
    pub renditions_bytes: u64,
    /// Days after which a rendition at rest goes that nobody asked for; none keeps it.
    pub renditions_idle_days: Option<u32>,
    /// Renders in the background that wait or are under way.
    pub max_background_renders: usize,
    /// Images whose rights memory keeps.
    pub max_cached_rights: u64,
    /// Seconds without sight of changes after which rights are not obeyed.
    pub max_stale_rights_s: u64,
    /// Bytes of disk that stay free for the database.
    pub min_free_disk_bytes: u64,
    /// Bytes of metadata.
    pub max_metadata_bytes: usize,
    /// Bytes of a request's head.
    pub max_head_bytes: usize,
    /// Header lines of a request.
    pub max_headers: usize,
    /// Limits of a request's target.
    pub target: signing::TargetLimits,
    /// Seconds within which the first head of a connection has to come; a later one has the keep-alive more.
    pub head_timeout_s: u64,
    /// Seconds after which a slow body is measured.
    pub body_grace_s: u64,
    /// The slowest body, in bytes a second.
    pub min_body_bytes_per_s: u64,
    /// Seconds after which a reader that takes nothing is cut off.
    pub reader_stall_s: u64,
    /// Seconds that an idle connection is kept.
    pub keep_alive_s: u64,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections of one address at once; 0 is no limit.
    pub max_address_connections: usize,
    /// Answers of 401, 403 or 404 to one address within a minute; 0 is no limit.
    pub max_refusals_per_minute: u32,
    /// Uploads of one account within a minute; 0 is no limit.
    pub max_uploads_per_minute: u32,
    /// Previews of one person within a minute; 0 is no limit.
    pub max_previews_per_minute: u32,
    /// Seconds that a stop takes at most, and about two more to write what was counted last.
    pub shutdown_timeout_s: u64,
    /// Requests a second of one API token.
    pub max_api_requests_per_s: u32,
    /// Sign-in failures of an e-mail from one address before waits begin.
    pub max_sign_in_failures: u32,
    /// Sign-in failures of one address before waits begin.
    pub max_address_sign_in_failures: u32,
    /// Seconds for which an idempotency key is remembered.
    pub idempotency_ttl_s: u64,
    /// Signing keys of an account, active or retiring.
    pub max_signing_keys: u32,
    /// Verifying keys of an account that are active or retiring.
    pub max_verifying_keys: u32,
    /// Days for which it is kept who fetched what; 0 for not at all.
    pub fetch_log_days: u32,
    /// Rows of that log; 0 is no limit.
    pub max_fetch_log_rows: u64,
    /// Variants of an account.
    pub max_variants: u32,
    /// API tokens of an account.
    pub max_tokens: u32,
    /// Images of an account; 0 is no limit.
    pub max_account_images: u64,
    /// Bytes of an account's originals; 0 is no limit.
    pub max_account_bytes: u64,
    /// Threads that answer HTTP; the cores where absent. No setting: the benchmark pins it.
    pub http_workers: Option<usize>,
    /// Keeps objects in memory instead of on the disk. No setting: only tests use it.
    pub memory_storage: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// A JSON object a line.
    Json,
}

/// A network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: std::net::IpAddr,
    prefix_bits: u8,
}

impl Config {
    /// The defaults of the front door for a data directory.
    pub fn new(data_dir: PathBuf) -> Self {
        let rows = catalog::Config::new(PathBuf::new().into(), Secret::new(""));
        Config {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_bind: None,
            data_dir,
            database_url: None,
            storage_url: None,
            storage_access: None,
            public_url: None,
            delivery_url: None,
            trusted_proxies: Vec::new(),
            master_key: None,
            migrate: true,
            log: "info".into(),
            log_format: None,
            admin_email: None,
            admin_password: None,
            serve_stale_public: false,
            form: upload::FormLimits::default(),
            workers: workers::Config::default(),
            memory_cache_bytes: renditions::Config::default().memory_bytes,
            renditions_bytes: renditions::Config::default().rest_bytes,
            renditions_idle_days: None,
            max_background_renders: renditions::Config::default().max_background_queued,
            max_cached_rights: rows.max_cached_rights,
            max_stale_rights_s: rows.max_stale_rights_s,
            min_free_disk_bytes: 256_000_000,
            max_metadata_bytes: rows.max_metadata_bytes,
            max_head_bytes: 32_768,
            max_headers: 96,
            target: signing::TargetLimits::default(),
            head_timeout_s: 5,
            body_grace_s: 10,
            min_body_bytes_per_s: 1_000,
            reader_stall_s: 60,
            keep_alive_s: 75,
            max_connections: 2_048,
            max_address_connections: 256,
            max_refusals_per_minute: 300,
            max_uploads_per_minute: 0,
            max_previews_per_minute: 120,
            shutdown_timeout_s: 30,
            max_api_requests_per_s: 100,
            max_sign_in_failures: rows.max_sign_in_failures,
            max_address_sign_in_failures: rows.max_address_sign_in_failures,
            idempotency_ttl_s: rows.idempotency_ttl_s,
            max_signing_keys: rows.max_signing_keys,
            max_verifying_keys: rows.max_verifying_keys,
            fetch_log_days: rows.fetch_log_days,
            max_fetch_log_rows: rows.max_fetch_log_rows,
            max_variants: rows.max_variants,
            max_tokens: rows.max_tokens,
            max_account_images: rows.max_account_images,
            max_account_bytes: rows.max_account_bytes,
            http_workers: None,
            memory_storage: false,
        }
    }

    /// Where the rows are.
    pub fn database(&self) -> DatabaseUrl {
        self.database_url.clone().unwrap_or_else(|| self.data_dir.join("darkroom.db").into())
    }

    /// The folder of objects where no other place was named.
    pub fn objects(&self) -> PathBuf {
        self.data_dir.join("objects")
    }

    /// Where the objects are.
    pub fn storage_url(&self) -> StorageUrl {
        self.storage_url.clone().unwrap_or_else(|| StorageUrl::File(self.objects()))
    }
}

impl Network {
    /// Whether an address lies in the network. An IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        let bits = |ip: std::net::IpAddr| match ip.to_canonical() {
            std::net::IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, 32),
            std::net::IpAddr::V6(ip) => (u128::from(ip), 128),
        };
        let ((net, net_family), (address, family)) = (bits(self.address), bits(address));
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_bits)).unwrap_or(0);
        net_family == family && net & mask == address & mask
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no network: write it as 10.0.0.0/8 or fd00::/8");
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: std::net::IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = prefix.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if prefix_bits > most { Err(wrong()) } else { Ok(Network { address, prefix_bits }) }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_and_no_others() {
        let check = |network: &str, address: &str, inside| {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("fd00::/8", "fd12::1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        for bad in ["", "10.0.0.0/33", "host", "10.0.0.0/x", "::/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
