//! A server of the real binary with two accounts, each with an original that takes a while to render, and ways to ask.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::{DynamicImage, Rgb, RgbImage};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::caller::{Answer, Caller};
use crate::harness::{Place, Running, Setup, drawn, eventually};

/// Widths and qualities of cold renditions: as many as any run here asks for.
const WIDTHS: usize = 800;
const QUALITIES: usize = 60;

/// The server.
pub(crate) struct Mill {
    _place: Place,
    running: Running,
    metrics: SocketAddr,
    /// Its id, for the API.
    account: String,
    token: String,
    /// Each account's name and `/{hash}/{image}`.
    pictures: Vec<(&'static str, String)>,
    large: String,
    broken: String,
    next: Arc<AtomicUsize>,
}

/// Targets to ask for, without end.
#[derive(Clone)]
pub(crate) struct Targets {
    base: String,
    /// None where it is always the same.
    next: Option<Arc<AtomicUsize>>,
}

impl Targets {
    pub(crate) fn next(&self) -> String {
        let Some(next) = &self.next else { return self.base.clone() };
        let number = next.fetch_add(1, Ordering::Relaxed) % (WIDTHS * QUALITIES);
        format!("{}/w={},q={},f=jpeg", self.base, 300 + number % WIDTHS, 40 + number / WIDTHS)
    }
}

impl Mill {
    /// Starts one with these settings besides the defaults.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Mill {
        let place = Place::on(Setup::Embedded).await;
        place.cli(&["account", "create", "other"]).ok().await;
        for name in ["default", "other"] {
            place.cli(&["account", "set", name, "flexible_variants=all"]).ok().await;
        }
        let token = place.cli(&["token", "issue", "--permission", "admin"]).ok().await;
        let accounts = place.cli(&["account", "list", "--json"]).ok().await;
        let accounts: Value = serde_json::from_str(&accounts).expect("a list of accounts");
        let default = accounts.as_array().and_then(|all| all.iter().find(|one| one["handle"] == "default"));
        let account = default.and_then(|one| one["id"].as_str()).expect("the account").to_owned();
        let bytes = drawn::photograph(2400, 1600, 85);
        let mut pictures = Vec::new();
        for name in ["default", "other"] {
            pictures.push((name, upload(&place, name, "picture.jpg", &bytes).await));
        }
        let large = upload(&place, "default", "large.png", &noise(1500)).await;
        let before = place.objects().keys().await;
        let broken = upload(&place, "default", "broken.jpg", &bytes).await;
        let after = place.objects().keys().await;
        let original = after.into_iter().find(|key| !before.contains(key)).expect("an original");
        place.objects().damage(&original).await;
        let serve = place.cli(&["serve"]).env("DARKROOM_MAX_API_REQUESTS_PER_S", "1000000");
        let serve = serve.env("DARKROOM_METRICS_BIND", "127.0.0.1:0");
        let serve = settings.iter().fold(serve, |serve, (name, value)| serve.env(name, value));
        let mut running = serve.serve().await;
        let metrics = metrics_address(&mut running).await;
        let next = Arc::default();
        Mill { _place: place, running, metrics, account, token, pictures, large, broken, next }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.url.trim_start_matches("http://").parse().expect("an address")
    }

    /// A token of the account `default`.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Where the account `default` uploads to.
    pub(crate) fn upload_path(&self) -> String {
        format!("/client/v4/accounts/{}/images/v1", self.account)
    }

    /// Cold renditions of an account's picture.
    pub(crate) fn cold(&self, name: &str) -> Targets {
        let (_, picture) = self.pictures.iter().find(|(known, _)| *known == name).expect("an account");
        Targets { base: picture.clone(), next: Some(self.next.clone()) }
    }

    /// One target again and again.
    pub(crate) fn only(&self, target: &str) -> Targets {
        Targets { base: target.to_owned(), next: None }
    }

    /// A rendition that is in memory.
    pub(crate) async fn hit(&self) -> String {
        let target = format!("{}/public", self.pictures[0].1);
        assert_eq!(Caller::new(self.address()).get(&target).await.status, 200);
        target
    }

    /// A rendition in memory of several megabytes, which no buffer of a connection holds.
    pub(crate) async fn large(&self) -> String {
        let target = format!("{}/w=1500,f=png", self.large);
        let answer = Caller::new(self.address()).get(&target).await;
        assert!(
            answer.status == 200 && answer.body.len() > 4_000_000,
            "{} {}",
            answer.status,
            answer.body.len()
        );
        target
    }

    /// A rendition of an original that is damaged.
    pub(crate) fn broken(&self) -> String {
        format!("{}/w=333", self.broken)
    }

    /// Asks so often a second for so long, whatever comes back; at most so many at once, whose wait counts too.
    pub(crate) async fn steadily(
        &self,
        per_s: f64,
        span: Duration,
        callers: usize,
        targets: Targets,
    ) -> Vec<Answer> {
        let due = Arc::new(Semaphore::new(0));
        let began = Instant::now();
        let count = (per_s * span.as_secs_f64()) as usize;
        let answers = Arc::new(Mutex::new(Vec::with_capacity(count)));
        let taken = Arc::new(AtomicUsize::new(0));
        let mut all = JoinSet::new();
        for _ in 0..callers {
            let (due, answers, taken, targets) =
                (due.clone(), answers.clone(), taken.clone(), targets.clone());
            let mut caller = Caller::new(self.address());
            all.spawn(async move {
                while let Ok(turn) = due.acquire().await {
                    turn.forget();
                    let number = taken.fetch_add(1, Ordering::Relaxed);
                    let planned = began + Duration::from_secs_f64(number as f64 / per_s);
                    let mut answer = caller.get(&targets.next()).await;
                    answer.took = planned.elapsed();
                    answer.body = Default::default();
                    answers.lock().push(answer);
                }
            });
        }
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        let mut given = 0;
        while given < count {
            tick.tick().await;
            let wanted = ((began.elapsed().as_secs_f64() * per_s) as usize).min(count);
            due.add_permits(wanted - given);
            given = wanted;
        }
        while answers.lock().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        due.close();
        all.join_all().await;
        std::mem::take(&mut *answers.lock())
    }

    /// Renders of an account, one after the other, for so long.
    pub(crate) async fn one_by_one(&self, name: &str, span: Duration) -> Vec<Answer> {
        let (end, targets) = (Instant::now() + span, self.cold(name));
        let mut caller = Caller::new(self.address());
        let mut answers = Vec::new();
        while Instant::now() < end {
            answers.push(caller.get(&targets.next()).await);
        }
        answers
    }

    /// So many clients, each with a connection that is open already.
    pub(crate) async fn gathered(&self, clients: usize) -> Vec<Caller> {
        let mut callers: Vec<Caller> = (0..clients).map(|_| Caller::new(self.address())).collect();
        for caller in &mut callers {
            caller.connect().await;
        }
        callers
    }

    /// Keeps the workers busy with so many renders of the account `default`.
    pub(crate) fn keep_busy(&self, renders: usize) -> JoinSet<Answer> {
        let mut all = JoinSet::new();
        for _ in 0..renders {
            let (mut caller, target) = (Caller::new(self.address()), self.cold("default").next());
            all.spawn(async move { caller.get(&target).await });
        }
        all
    }

    /// Asks for `/healthz` on a fresh connection every 50 ms, for so long.
    pub(crate) async fn probe(&self, span: Duration) -> Vec<Answer> {
        let end = Instant::now() + span;
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        let mut answers = Vec::new();
        while Instant::now() < end {
            pace.tick().await;
            let mut caller = Caller::new(self.address());
            let answer = tokio::time::timeout(Duration::from_secs(5), caller.get("/healthz")).await;
            answers.push(answer.unwrap_or(Answer {
                status: 0,
                retry_after_s: None,
                body: Default::default(),
                took: Duration::from_secs(5),
            }));
        }
        answers
    }

    /// How many files and connections the server has open.
    pub(crate) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.running.pid());
        std::fs::read_dir(folder).expect("the kernel's table").count()
    }

    /// Renditions that were made.
    pub(crate) async fn renders(&self) -> u64 {
        self.metric("darkroom_renders_total").await
    }

    /// Objects that were asked for.
    pub(crate) async fn reads(&self) -> u64 {
        self.metric("darkroom_storage_requests_total{kind=\"get\"}").await
    }

    /// The sum of all series of a metric that begin so.
    async fn metric(&self, start: &str) -> u64 {
        let answer = Caller::new(self.metrics).get("/metrics").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let values =
            text.lines().filter(|line| line.starts_with(start)).filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<f64>().ok()).sum::<f64>() as u64
    }
}

/// Uploads an original; its delivery path without the last segment.
async fn upload(place: &Place, account: &str, name: &str, bytes: &[u8]) -> String {
    let file = place.folder().join(name);
    std::fs::write(&file, bytes).expect("a file to upload");
    let file = file.to_str().expect("a path");
    let said = place.cli(&["upload", file, "--account", account, "--json"]).ok().await;
    let said: Value = serde_json::from_str(&said).expect("an image");
    let url = said["variants"][0].as_str().expect("a delivery URL");
    let path = url.splitn(4, '/').nth(3).expect("a path");
    format!("/{}", path.rsplit_once('/').expect("a variant").0)
}

/// The address that the server has said for its metrics.
pub(crate) async fn metrics_address(running: &mut Running) -> SocketAddr {
    let said = Mutex::new(running);
    let found = || {
        said.lock().log().iter().find_map(|line| {
            let url = line.split("Metrics: http://").nth(1)?;
            url.strip_suffix("/metrics")?.parse::<SocketAddr>().ok()
        })
    };
    eventually("the address of the metrics is said", Duration::from_secs(10), || async { found().is_some() })
        .await;
    found().expect("it was said")
}

/// A PNG that nothing compresses.
fn noise(side: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let picture = RgbImage::from_fn(side, side, |_, _| {
        Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    });
    drawn::png(&DynamicImage::ImageRgb8(picture))
}
