//! Clients that hold a connection and give or take next to nothing: a head that never ends, a body of a byte a second,
//! a reader of 64 bytes a second, one that says nothing. All of them live in one thread, beside the runtime that measures:
//! thousands of tasks that wake there each second would be measured too.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::mill::Mill;
use crate::durability::gate;

/// How long any of them is waited for at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// Every so often some have their turn; each has one a second.
const TICK: Duration = Duration::from_millis(5);

/// For so long after its last progress a reader may make more, and so long before its end it is looked at again.
const SETTLED: Duration = Duration::from_secs(5);

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
    /// The most bytes that the kernel has held for it.
    pub(crate) most_queued: u64,
}

/// Many slow clients at once.
pub(crate) struct SlowClients {
    thread: JoinHandle<Vec<End>>,
}

impl SlowClients {
    /// So many of each mode, connected one after the other, each with the time after which it is to be cut off.
    pub(crate) async fn start(mill: &Mill, modes: &[(Mode, Duration)], clients: usize) -> SlowClients {
        let address = mill.address();
        let mut kinds = Vec::new();
        for (mode, limit) in modes {
            kinds.push((*mode, *limit, head(mill, *mode).await));
        }
        let connect = move || {
            let all = kinds.iter().flat_map(|kind| std::iter::repeat_n(kind, clients));
            let connect = |(mode, limit, head): &(Mode, Duration, String)| {
                Client::connect(address, *mode, *limit, head)
            };
            all.map(connect).collect::<Vec<Client>>()
        };
        let all = tokio::task::spawn_blocking(connect).await.expect("the server listens");
        SlowClients { thread: tokio::task::spawn_blocking(move || live(all, address.port())) }
    }

    /// Those that the server has cut off, when it has cut off all, or some are still there after two minutes.
    pub(crate) async fn ends(self) -> Vec<End> {
        self.thread.await.expect("the clients live")
    }
}

/// A client, and what is known of its connection.
struct Client {
    mode: Mode,
    /// None when it has given up.
    stream: Option<TcpStream>,
    port: u16,
    /// When it connected or, of a reader, when the server last got rid of something.
    began: Instant,
    /// When it is to be cut off, from then on.
    limit: Duration,
    queued: u64,
    most_queued: u64,
}

impl Client {
    fn connect(address: SocketAddr, mode: Mode, limit: Duration, head: &str) -> Client {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream.write_all(head.as_bytes()).expect("the server reads");
        stream.set_nonblocking(true).expect("a socket that never waits");
        let port = stream.local_addr().expect("an address").port();
        let began = Instant::now();
        Client { mode, stream: Some(stream), port, began, limit, queued: 0, most_queued: 0 }
    }

    /// Its turn: a little is written or read. It gives up once the server has answered or closed.
    fn go_on(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let waits = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        let read = stream.read(&mut [0; 64]);
        let goes_on = match (self.mode, read) {
            (Mode::Read, Ok(1..)) => true,
            (Mode::Read | Mode::Idle, Err(error)) => waits(&error),
            (Mode::Headers, Err(error)) => waits(&error) && stream.write_all(b"X-A: b\r\n").is_ok(),
            (Mode::Body, Err(error)) => waits(&error) && stream.write_all(b"x").is_ok(),
            (_, Ok(_)) => false,
        };
        if !goes_on {
            self.stream = None;
        }
    }

    /// Whether the server may be giving it something now, or be about to cut it off. Reading the kernel's table takes a
    /// processor from the probes for milliseconds, so it is not read while nothing can be seen there.
    fn may_change(&self) -> bool {
        let silent = self.began.elapsed();
        silent < SETTLED || silent + SETTLED > self.limit
    }

    /// Takes in what the server holds for it: none where the server has ended the connection, which is told. A reader's
    /// time begins anew as long as that changes: what counts is how long there is no progress.
    fn seen(&mut self, queued: Option<u64>) -> Option<End> {
        let Some(queued) = queued else {
            return Some(End { mode: self.mode, after: self.began.elapsed(), most_queued: self.most_queued });
        };
        if self.mode == Mode::Read && queued != self.queued {
            self.began = Instant::now();
        }
        (self.queued, self.most_queued) = (queued, self.most_queued.max(queued));
        None
    }
}

/// Gives each its turn, spread over each second, until the server has cut off all. Looks at the server's ends of the
/// connections, as the kernel's own table tells them: a client that hardly reads would not notice.
fn live(mut all: Vec<Client>, server_port: u16) -> Vec<End> {
    let look_every = Duration::from_millis(if gate::is_gate() { 1000 } else { 250 });
    let (began, clients, mut turns) = (Instant::now(), all.len(), 0);
    let mut look_at = began + look_every;
    let mut ends = Vec::new();
    while ends.len() < clients && began.elapsed() < PATIENCE {
        std::thread::sleep(TICK);
        let due = (began.elapsed().as_secs_f64() * clients as f64) as usize;
        for turn in turns..due.min(turns + clients) {
            if let Some(client) = all.get_mut(turn % clients) {
                client.go_on();
            }
        }
        turns = due;
        if Instant::now() >= look_at && all.iter().any(Client::may_change) {
            let held = held(server_port);
            all.retain_mut(|client| match client.seen(held.get(&client.port).copied()) {
                Some(end) => {
                    ends.push(end);
                    false
                }
                None => true,
            });
            look_at = Instant::now() + look_every;
        }
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
