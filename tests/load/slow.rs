//! Clients that hold a connection and give or take next to nothing: a head that never ends, a body of a byte a second,
//! a reader of 64 bytes a second, one that says nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use super::mill::Mill;
use crate::durability::gate;

/// How long any of them is waited for at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// In which way a client is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Headers,
    Body,
    Read,
    Idle,
}

impl Mode {
    pub(crate) const ALL: [Mode; 4] = [Mode::Headers, Mode::Body, Mode::Read, Mode::Idle];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Mode::Headers => "headers",
            Mode::Body => "bodies",
            Mode::Read => "readers",
            Mode::Idle => "idle",
        }
    }
}

/// A slow client whose connection the server has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) mode: Mode,
    pub(crate) after: Duration,
}

/// Many slow clients at once.
pub(crate) struct SlowClients {
    _all: JoinSet<()>,
    watch: JoinHandle<Vec<End>>,
}

impl SlowClients {
    /// So many of each mode, connected one after the other.
    pub(crate) async fn start(mill: &Mill, modes: &[Mode], clients: usize) -> SlowClients {
        let (mut all, mut open) = (JoinSet::new(), HashMap::new());
        for mode in modes {
            let head = head(mill, *mode).await;
            for _ in 0..clients {
                let mut stream = TcpStream::connect(mill.address()).await.expect("the server listens");
                let port = stream.local_addr().expect("an address").port();
                stream.write_all(head.as_bytes()).await.expect("the server reads");
                open.insert(port, (*mode, Instant::now()));
                all.spawn(go_on(stream, *mode));
            }
        }
        SlowClients { _all: all, watch: tokio::spawn(watch(mill.address().port(), open)) }
    }

    /// Those that the server has cut off, when it has cut off all, or some are still there after two minutes.
    pub(crate) async fn ends(self) -> Vec<End> {
        self.watch.await.expect("the watch goes on")
    }
}

/// Looks at the server's ends of the connections, as the kernel's own table tells them: a client that hardly reads
/// would not notice. A reader's time begins anew as long as what the server has to send it changes: what counts is how
/// long there is no progress.
async fn watch(server_port: u16, mut open: HashMap<u16, (Mode, Instant)>) -> Vec<End> {
    let mut queues = HashMap::new();
    let give_up = Instant::now() + PATIENCE;
    let mut ends = Vec::new();
    while !open.is_empty() && Instant::now() < give_up {
        // The table of thousands takes the probes' processor, so in the gate not more often.
        tokio::time::sleep(Duration::from_millis(if gate::is_gate() { 1000 } else { 250 })).await;
        let held = tokio::task::spawn_blocking(move || held(server_port)).await.expect("the kernel's table");
        open.retain(|port, (mode, began)| {
            let Some(queue) = held.get(port) else {
                ends.push(End { mode: *mode, after: began.elapsed() });
                return false;
            };
            if *mode == Mode::Read && queues.insert(*port, *queue) != Some(*queue) {
                *began = Instant::now();
            }
            true
        });
    }
    ends
}

/// The server's connections that are established: the client's port of each, and the bytes that wait to be taken.
fn held(server_port: u16) -> HashMap<u16, u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let local = format!(":{server_port:04X}");
    let established = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (ours, theirs, state, queues) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let port = u16::from_str_radix(theirs.rsplit(':').next()?, 16).ok()?;
        let to_send = u64::from_str_radix(queues.split(':').next()?, 16).ok()?;
        (ours.ends_with(&local) && state == "01").then_some((port, to_send))
    });
    established.collect()
}

/// What a client of a mode sends at once.
async fn head(mill: &Mill, mode: Mode) -> String {
    match mode {
        Mode::Headers => "GET /healthz HTTP/1.1\r\nHost: localhost\r\n".into(),
        Mode::Body => format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 9000000\r\n\r\n--B\r\n",
            mill.upload_path(),
            mill.token()
        ),
        Mode::Read => format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", mill.large().await),
        Mode::Idle => String::new(),
    }
}

async fn go_on(mut stream: TcpStream, mode: Mode) {
    match mode {
        Mode::Headers => write_slowly(&mut stream, b"X-A: b\r\n").await,
        Mode::Body => write_slowly(&mut stream, b"x").await,
        Mode::Read => read_slowly(&mut stream).await,
        Mode::Idle => _ = stream.read(&mut [0]).await,
    }
}

/// Writes a little each second until the server answers or closes.
async fn write_slowly(stream: &mut TcpStream, little: &[u8]) {
    let mut answer = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut answer)).await {
            Ok(_) => return,
            Err(_) if stream.write_all(little).await.is_err() => return,
            Err(_) => {}
        }
    }
}

/// Reads 64 bytes a second.
async fn read_slowly(stream: &mut TcpStream) {
    let mut little = [0; 64];
    while matches!(stream.read(&mut little).await, Ok(1..)) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
