//! The leanest client: one connection, one request after the other, and how long each took. Every request gets an
//! answer here; one that came to nothing has the status 0.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long anybody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

/// A client with its connection.
pub(crate) struct Caller {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Caller {
    pub(crate) fn new(address: SocketAddr) -> Caller {
        Caller { address, stream: None }
    }

    /// Opens the connection now instead of with the first request.
    pub(crate) async fn connect(&mut self) {
        self.stream = TcpStream::connect(self.address).await.ok();
    }

    /// Asks; a connection that the server has closed is opened anew.
    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        let began = Instant::now();
        let talk = tokio::time::timeout(PATIENCE, self.talk(target)).await;
        let (status, retry_after_s, body) = talk.ok().flatten().unwrap_or((0, None, Bytes::new()));
        Answer { status, retry_after_s, body, took: began.elapsed() }
    }

    async fn talk(&mut self, target: &str) -> Option<(u16, Option<u64>, Bytes)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await.ok()?,
        };
        stream.set_nodelay(true).ok()?;
        stream
            .write_all(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).as_bytes())
            .await
            .ok()?;
        let mut bytes = Vec::with_capacity(16 * 1024);
        let end = loop {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: usize = header("content-length:").and_then(|value| value.parse().ok()).unwrap_or(0);
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let retry_after_s = header("retry-after:").and_then(|value| value.parse().ok());
        if header("connection:") != Some("close") {
            self.stream = Some(stream);
        }
        Some((status, retry_after_s, Bytes::from(bytes).slice(end..)))
    }
}

/// All ask for one target in one moment.
pub(crate) async fn all_ask(callers: Vec<Caller>, target: &str) -> Vec<Answer> {
    let mut all = JoinSet::new();
    for mut caller in callers {
        let target = target.to_owned();
        all.spawn(async move { caller.get(&target).await });
    }
    all.join_all().await
}

/// The time within which 99 of 100 answers came, in milliseconds.
pub(crate) fn p99_ms(answers: &[Answer]) -> f64 {
    let mut took: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    took.sort_unstable();
    let at = (took.len() * 99 / 100).min(took.len().saturating_sub(1));
    took.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
}
