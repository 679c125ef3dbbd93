//! The server as a value: started, asked where it listens, stopped.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use api::Api;
use catalog::{Actor, Catalog, NewPerson, Role};
use dashboard::Dashboard;
use delivery::Delivery;
use domain::{Clock, Handle};
use jobs::Jobs;
use renditions::Renditions;
use socket2::SockRef;
use storage::Storage;
use tokio::task::JoinHandle;
use upload::Uploads;
use workers::Workers;

use crate::address::Addresses;
use crate::admission::Admission;
use crate::connections::{ConnectionLimits, Connections};
use crate::front::{Front, Rules};
use crate::operations::{Gauged, Operations};
use crate::readiness::Readiness;
use crate::refusal::Refusal;
use crate::{Config, DataDirLock, master_key, stopping};

/// The HTTP layer looks once a second whether its time is over, and begins after the last call: both lie within the
/// time that a stop has.
const SHUTDOWN_SLACK_S: u64 = 2;

/// How much of an answer the kernel takes of a connection beyond what its reader has room for. By itself it takes some
/// 2 MiB of each, so that a thousand slow readers hold all the memory that it has for connections, and nobody else is
/// answered while it is filled; with this it is a tenth of that.
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// A running server.
pub struct Server {
    address: SocketAddr,
    catalog: Catalog,
    storage: Storage,
    renditions: Renditions,
    readiness: Readiness,
    operator: Option<Operator>,
    listener: TcpListener,
    handle: ServerHandle,
    running: JoinHandle<std::io::Result<()>>,
    jobs: jobs::Running,
    /// How long a stop may take.
    patience: Duration,
    _lock: DataDirLock,
}

/// The address for operators, while it answers.
struct Operator {
    address: SocketAddr,
    handle: ServerHandle,
}

/// Everything that the routes need, cloned into each HTTP thread.
#[derive(Clone)]
struct Doors {
    admission: Admission,
    api: Api,
    dashboard: Dashboard,
}

impl Server {
    /// Starts a server; it answers when this returns. `announce` is told what to print for people: the address of
    /// the setup page, each time that there is a new one.
    pub async fn start(
        config: Config,
        clock: Clock,
        announce: impl Fn(&str) + Send + Sync + 'static,
    ) -> anyhow::Result<Server> {
        // A port in use and a folder that cannot be written are told before anything is made.
        let listener = TcpListener::bind(config.bind)
            .with_context(|| format!("{} cannot be listened on (DARKROOM_BIND)", config.bind))?;
        let address = listener.local_addr()?;
        // The recorder is there before anything counts.
        let operations = config.metrics_bind.map(Operations::bind).transpose()?;
        let lock = DataDirLock::take(&config.data_dir)?;
        let catalog = open_catalog(&config, clock.clone()).await?;
        let storage = open_storage(&config).await?;
        let workers = Workers::new(config.workers.clone())?;
        let uploads = uploads(&config, &catalog, &storage, &workers, &clock);
        let renditions = renditions(&config, &catalog, &storage, &workers, &clock);
        let readiness = Readiness::new(catalog.clone(), storage.clone(), workers.clone());
        make_administrator(&config, &catalog).await?;
        let doors = doors(&config, address, &catalog, &uploads, &renditions, &readiness, &clock, announce);
        doors.dashboard.announce_setup().await?;
        let jobs =
            Jobs::new(catalog.clone(), storage.clone(), uploads, renditions.clone(), clock).start().await?;
        let server = listen(&config, listener.try_clone()?, doors)?;
        let handle = server.handle();
        let running = tokio::spawn(server);
        let gauged = Gauged {
            catalog: catalog.clone(),
            storage: storage.clone(),
            workers,
            renditions: renditions.clone(),
        };
        let patience = Duration::from_secs(config.shutdown_timeout_s);
        let operator = operations.map(|bound| Operator::start(bound, gauged, &readiness)).transpose()?;
        Ok(Server {
            address,
            catalog,
            storage,
            renditions,
            readiness,
            operator,
            listener,
            handle,
            running,
            jobs,
            patience,
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the address for operators listens, if there is one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.operator.as_ref().map(|operator| operator.address)
    }

    /// Its catalog, for fixtures.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Its storage, for counters.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Its renditions, for counters.
    pub fn renditions(&self) -> &Renditions {
        &self.renditions
    }

    /// Stops: lets nobody new come, answers those who have come, finishes what runs, all of it within the time that the
    /// configuration gives and about two seconds for what is written last. Not ready from now on; the address for
    /// operators goes last, so that a probe and a last scrape still find it.
    pub async fn stop(self) {
        let until = Instant::now() + self.patience;
        self.readiness.stop();
        self.jobs.ask_to_stop();
        stopping::last_call(&self.listener).await;
        // While this copy is open the kernel answers nobody who comes, instead of refusing them.
        drop(self.listener);
        self.handle.stop(true).await;
        let _ = self.running.await;
        // What is cut off is noted nowhere, and made again when it is asked for.
        let _ = tokio::time::timeout_at(until.into(), self.renditions.all_kept()).await;
        self.jobs.stop(until).await;
        if let Some(operator) = self.operator {
            operator.handle.stop(true).await;
        }
    }
}

impl Operator {
    fn start(bound: Operations, gauged: Gauged, readiness: &Readiness) -> std::io::Result<Operator> {
        let address = bound.address()?;
        let server = bound.serve(gauged, readiness.clone())?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Operator { address, handle })
    }
}

/// Opens the catalog of a configuration: makes the data directory and the master key where they are not there.
pub async fn open_catalog(config: &Config, clock: Clock) -> anyhow::Result<Catalog> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir).with_context(|| {
        format!("the data directory {} cannot be made (DARKROOM_DATA_DIR)", config.data_dir.display())
    })?;
    let found = master_key::find(config).await?;
    let mut rows = catalog::Config::new(config.database(), found.key);
    rows.master_key_file = config.master_key.is_none().then(|| master_key::path(config));
    rows.migrate = config.migrate;
    rows.max_cached_rights = config.max_cached_rights;
    rows.max_stale_rights_s = config.max_stale_rights_s;
    rows.serve_stale_public = config.serve_stale_public;
    rows.max_signing_keys = config.max_signing_keys;
    rows.max_verifying_keys = config.max_verifying_keys;
    rows.fetch_log_days = config.fetch_log_days;
    rows.max_fetch_log_rows = config.max_fetch_log_rows;
    rows.max_variants = config.max_variants;
    rows.max_tokens = config.max_tokens;
    rows.max_account_images = config.max_account_images;
    rows.max_account_bytes = config.max_account_bytes;
    rows.max_metadata_bytes = config.max_metadata_bytes;
    rows.idempotency_ttl_s = config.idempotency_ttl_s;
    rows.max_sign_in_failures = config.max_sign_in_failures;
    rows.max_address_sign_in_failures = config.max_address_sign_in_failures;
    let opened = Catalog::open(rows, clock).await;
    if matches!(opened, Err(catalog::Error::MasterKey)) && found.made {
        // Another process was the first on this database, at the same moment and with a key of its own.
        let _ = std::fs::remove_file(master_key::path(config));
    }
    opened.with_context(|| format!("the database {} cannot be opened", config.database()))
}

/// Opens catalog and storage for commands that accept or remove originals beside a running server.
pub async fn open_uploads(config: &Config, clock: Clock) -> anyhow::Result<(Catalog, Uploads)> {
    let catalog = open_catalog(config, clock.clone()).await?;
    let storage = open_storage(config).await?;
    let workers = Workers::new(config.workers.clone())?;
    let uploads = uploads(config, &catalog, &storage, &workers, &clock);
    Ok((catalog, uploads))
}

/// Opens what sweeping needs, for a command beside a running server.
pub async fn open_jobs(config: &Config, clock: Clock) -> anyhow::Result<Jobs> {
    let catalog = open_catalog(config, clock.clone()).await?;
    let storage = open_storage(config).await?;
    let workers = Workers::new(config.workers.clone())?;
    let uploads = uploads(config, &catalog, &storage, &workers, &clock);
    let renditions = renditions(config, &catalog, &storage, &workers, &clock);
    Ok(Jobs::new(catalog, storage, uploads, renditions, clock))
}

/// Opens the storage of a configuration.
pub async fn open_storage(config: &Config) -> anyhow::Result<Storage> {
    if config.memory_storage {
        return Ok(Storage::memory());
    }
    let url = config.storage_url();
    let opened = Storage::open(storage::Config {
        url: url.clone(),
        access: config.storage_access.clone(),
        scratch: config.data_dir.join("scratch"),
        min_free_disk_bytes: config.min_free_disk_bytes,
    });
    opened.await.map_err(|error| {
        let advice = error.advice().map(|advice| format!(": {advice}")).unwrap_or_default();
        let sentence = format!("the objects at {url} cannot be used (DARKROOM_STORAGE_URL){advice}");
        anyhow::Error::new(error).context(sentence)
    })
}

fn renditions(
    config: &Config,
    catalog: &Catalog,
    storage: &Storage,
    workers: &Workers,
    clock: &Clock,
) -> Renditions {
    let limits = renditions::Config {
        memory_bytes: config.memory_cache_bytes,
        rest_bytes: config.renditions_bytes,
        idle_days: config.renditions_idle_days,
        max_background_queued: config.max_background_renders,
        // As many as the workers take beside those for whom somebody waits.
        background_at_once: config.workers.workers.div_ceil(2),
    };
    Renditions::new(limits, catalog.clone(), storage.clone(), workers.clone(), clock.clone())
}

fn uploads(
    config: &Config,
    catalog: &Catalog,
    storage: &Storage,
    workers: &Workers,
    clock: &Clock,
) -> Uploads {
    let max_uploads_per_minute = config.max_uploads_per_minute;
    let limits = upload::Config { form: config.form.clone(), max_uploads_per_minute };
    Uploads::new(limits, catalog.clone(), storage.clone(), workers.clone(), clock.clone())
}

#[expect(clippy::too_many_arguments, reason = "the one place where everything is wired")]
fn doors(
    config: &Config,
    address: SocketAddr,
    catalog: &Catalog,
    uploads: &Uploads,
    renditions: &Renditions,
    readiness: &Readiness,
    clock: &Clock,
    announce: impl Fn(&str) + Send + Sync + 'static,
) -> Doors {
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let delivery_url = config.delivery_url.clone().unwrap_or_else(|| public_url.clone());
    let delivery = Delivery::new(
        delivery::Config { limits: config.workers.limits.clone(), target: config.target.clone() },
        catalog.clone(),
        renditions.clone(),
        clock.clone(),
    );
    let api = Api::new(
        api::Config {
            delivery_url: delivery_url.clone(),
            max_api_requests_per_s: config.max_api_requests_per_s,
            body_grace_s: config.body_grace_s,
            min_body_bytes_per_s: config.min_body_bytes_per_s,
        },
        catalog.clone(),
        uploads.clone(),
        renditions.clone(),
        clock.clone(),
    );
    let dashboard = Dashboard::new(
        dashboard::Config {
            public_url: public_url.clone(),
            delivery_url: delivery_url.clone(),
            delivery_url_from: delivery_url_from(config),
            body_grace_s: config.body_grace_s,
            min_body_bytes_per_s: config.min_body_bytes_per_s,
            max_signing_keys: config.max_signing_keys,
            max_metadata_bytes: config.max_metadata_bytes,
            max_previews_per_minute: config.max_previews_per_minute,
            api_document: api::openapi(),
            limits: config.workers.limits.clone(),
        },
        catalog.clone(),
        uploads.clone(),
        renditions.clone(),
        clock.clone(),
        announce,
    );
    let rules = Rules::new(config, &public_url, &delivery_url);
    let front = Front::new(delivery, rules, readiness.clone());
    Doors { admission: Admission::new(front, config.max_refusals_per_minute), api, dashboard }
}

/// The setting that says where delivery URLs point.
fn delivery_url_from(config: &Config) -> &'static str {
    match (&config.delivery_url, &config.public_url) {
        (Some(_), _) => "DARKROOM_DELIVERY_URL",
        (None, Some(_)) => "DARKROOM_PUBLIC_URL",
        (None, None) => "DARKROOM_BIND",
    }
}

fn listen(config: &Config, listener: TcpListener, doors: Doors) -> std::io::Result<actix_web::dev::Server> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let threads = config.http_workers.unwrap_or(cores).max(1);
    bound_readers(&listener, config.reader_stall_s)?;
    want_descriptors(config.max_connections);
    let addresses = Addresses::new(config.trusted_proxies.clone());
    let connections = Connections::watched(ConnectionLimits::of(config), addresses);
    let server = HttpServer::new(move || {
        let admission = doors.admission.clone();
        App::new()
            .wrap_fn(move |request, routes| admission.pass(request, routes))
            // The page about the API lies below what the API answers for.
            .configure(|routes| doors.dashboard.routes(routes))
            .configure(|routes| doors.api.routes(routes))
            .default_service(web::to(missing))
    })
    .workers(threads)
    .on_connect(move |stream, kept| connections.arrive(stream, kept))
    .max_connections(Connections::most(config.max_connections).div_ceil(threads))
    .keep_alive(Duration::from_secs(config.keep_alive_s))
    .client_request_timeout(Duration::from_secs(config.head_timeout_s))
    .shutdown_timeout(config.shutdown_timeout_s.saturating_sub(SHUTDOWN_SLACK_S))
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// What a reader may cost: one that takes nothing is cut off by the kernel, and its buffer is small. Accepted
/// connections inherit both.
fn bound_readers(listener: &TcpListener, stall_s: u64) -> std::io::Result<()> {
    let stall_ms = u32::try_from(stall_s.saturating_mul(1000)).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(listener, stall_ms)?;
    SockRef::from(listener).set_tcp_notsent_lowat(MAX_UNSENT_BYTES)
}

/// Raises how many descriptors the process may have to what it is given at most. A connection takes up to three: its
/// own, the one that cuts it off, and an object that is read for it.
fn want_descriptors(max_connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let wanted = Connections::most(max_connections).saturating_mul(2) as u64 + 512;
    if limit.maximum.is_some_and(|most| most < wanted) {
        tracing::warn!(
            "{max_connections} connections (DARKROOM_MAX_CONNECTIONS) may need {wanted} open files; the system gives {}",
            limit.maximum.unwrap_or_default()
        );
    }
}

async fn missing(request: HttpRequest) -> HttpResponse {
    Refusal::nothing().answer(request.uri().path())
}

/// The first administrator from the configuration, where nobody can sign in yet.
async fn make_administrator(config: &Config, catalog: &Catalog) -> anyhow::Result<()> {
    let (Some(email), Some(password)) = (&config.admin_email, &config.admin_password) else { return Ok(()) };
    if catalog.has_people().await? {
        return Ok(());
    }
    let handle: Handle = "default".parse()?;
    let account = catalog.account_by_handle(&handle).await?;
    let person = NewPerson {
        email: email.clone(),
        name: String::new(),
        password: password.clone(),
        place: Some((account.id, Role::Owner)),
        operator: true,
    };
    let actor = Actor { name: "configuration".into(), ..Actor::default() };
    catalog
        .insert_first_person(person, &actor)
        .await
        .context("DARKROOM_ADMIN_EMAIL, DARKROOM_ADMIN_PASSWORD")?;
    Ok(())
}
