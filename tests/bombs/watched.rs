//! A server of the real binary whose processes and memory are watched while it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::harness::{Place, Running, Setup};
use crate::load::mill::metrics_address;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The server.
pub(crate) struct Watched {
    place: Place,
    running: Running,
    metrics: String,
    account: Value,
    token: String,
    client: reqwest::Client,
    most_server: Arc<AtomicU64>,
    most_all: Arc<AtomicU64>,
    watching: JoinHandle<()>,
}

impl Watched {
    /// Starts one whose decoding may take so much memory.
    pub(crate) async fn start(budget_bytes: u64) -> Watched {
        Watched::start_with(budget_bytes, "10").await
    }

    /// The same with another time for one piece of work, in seconds.
    pub(crate) async fn start_with(budget_bytes: u64, timeout_s: &str) -> Watched {
        let place = Place::on(Setup::Embedded).await;
        place.cli(&["account", "set", "default", "flexible_variants=all"]).ok().await;
        let token = place.cli(&["token", "issue", "--permission", "admin"]).ok().await;
        let accounts = place.cli(&["account", "list", "--json"]).ok().await;
        let accounts: Value = serde_json::from_str(&accounts).expect("a list of accounts");
        let account = accounts[0].clone();
        let serve = place.cli(&["serve"]).env("DARKROOM_MAX_API_REQUESTS_PER_S", "1000000");
        let serve =
            serve.env("DARKROOM_MAX_REFUSALS_PER_MINUTE", "0").env("DARKROOM_RENDER_TIMEOUT_S", timeout_s);
        // Renditions that memory keeps on purpose are no memory that a bomb took.
        let serve = serve.env("DARKROOM_MEMORY_CACHE_BYTES", "16777216");
        let serve = serve.env("DARKROOM_METRICS_BIND", "127.0.0.1:0");
        let mut running = serve.env("DARKROOM_DECODE_BUDGET_BYTES", &budget_bytes.to_string()).serve().await;
        let metrics = format!("http://{}/metrics", metrics_address(&mut running).await);
        let (most_server, most_all) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let watching = tokio::spawn(watch(running.pid(), most_server.clone(), most_all.clone()));
        let client = reqwest::Client::new();
        Watched { place, running, metrics, account, token, client, most_server, most_all, watching }
    }

    /// Uploads a file: status, and the id where it was taken.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> (u16, Option<String>) {
        let account = self.account["id"].as_str().expect("an id");
        let url = format!("{}/client/v4/accounts/{account}/images/v1", self.running.url);
        let form = Form::new().part("file", Part::bytes(bytes.to_vec()).file_name(name.to_owned()));
        let sent = self.client.post(url).bearer_auth(&self.token).multipart(form).send().await;
        let answer = sent.unwrap_or_else(|why| panic!("{name}: the server does not answer: {why}"));
        let status = answer.status().as_u16();
        let said: Value = answer.json().await.unwrap_or_default();
        (status, said["result"]["id"].as_str().map(str::to_owned))
    }

    /// Has an image delivered: the status.
    pub(crate) async fn deliver(&self, id: &str, last: &str, accept: &str) -> u16 {
        let hash = self.account["hash"].as_str().expect("a hash");
        let url = format!("{}/{hash}/{id}/{last}", self.running.url);
        let answer = self.client.get(url).header("accept", accept).send().await;
        let answer = answer.unwrap_or_else(|why| panic!("{id} as {last}: the server does not answer: {why}"));
        let status = answer.status().as_u16();
        answer.bytes().await.expect("a body");
        status
    }

    /// The server answers, and is the process that it was.
    pub(crate) async fn lives(&self) {
        let answer = self.client.get(format!("{}/healthz", self.running.url)).send().await;
        assert_eq!(answer.expect("the server answers").status(), 200);
        assert!(resident(self.running.pid()) > 0, "the server is another process");
    }

    /// Its workers.
    pub(crate) fn workers(&self) -> Vec<u32> {
        children(self.running.pid())
    }

    /// Kills a worker.
    pub(crate) fn kill_worker(&self, worker: u32) {
        let _ = std::process::Command::new("kill").args(["-9", &worker.to_string()]).status();
    }

    /// Memory of the server now.
    pub(crate) fn server_bytes(&self) -> u64 {
        resident(self.running.pid())
    }

    /// Memory of the server and its workers now.
    pub(crate) fn all_bytes(&self) -> u64 {
        all_of(self.running.pid())
    }

    /// The most memory that was seen: of the server, and of it with its workers.
    pub(crate) fn most_bytes(&self) -> (u64, u64) {
        (self.most_server.load(Ordering::Relaxed), self.most_all.load(Ordering::Relaxed))
    }

    /// How many workers ended for a reason.
    pub(crate) async fn ends(&self, reason: &str) -> u64 {
        self.metric(&format!("darkroom_worker_ends_total{{reason=\"{reason}\"}}")).await as u64
    }

    /// How long a worker takes until it is ready, on average, in milliseconds.
    pub(crate) async fn start_ms(&self) -> u64 {
        let sum_s = self.metric("darkroom_worker_start_seconds_sum").await;
        (1e3 * sum_s / self.metric("darkroom_worker_start_seconds_count").await.max(1.0)) as u64
    }

    async fn metric(&self, start: &str) -> f64 {
        let text = self.client.get(&self.metrics).send().await.expect("metrics").text().await.expect("text");
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Files that uploads are writing.
    pub(crate) fn scratch_files(&self) -> usize {
        std::fs::read_dir(self.place.folder().join("scratch")).into_iter().flatten().count()
    }

    /// Stops it; the workers that it had.
    pub(crate) async fn stop(mut self) -> Vec<u32> {
        let workers = self.workers();
        self.watching.abort();
        assert_eq!(self.running.terminate().await, 0);
        workers
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn watch(server: u32, most_server: Arc<AtomicU64>, most_all: Arc<AtomicU64>) {
    loop {
        most_server.fetch_max(resident(server), Ordering::Relaxed);
        most_all.fetch_max(all_of(server), Ordering::Relaxed);
        tokio::time::sleep(LOOK).await;
    }
}

fn all_of(server: u32) -> u64 {
    resident(server) + children(server).into_iter().map(resident).sum::<u64>()
}

/// Resident bytes of a process; 0 where there is none.
pub(crate) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}

fn children(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
