//! A line between a server and one of its services that a test can spoil while connections are open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// Bytes that one read takes.
const CHUNK_BYTES: usize = 16 << 10;

/// Chunks that are on the line at once.
const CHUNKS: usize = 256;

/// How the line behaves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What comes goes on.
    Forward,
    /// What comes is swallowed; connections stay open, as a router that lost its way leaves them.
    Blackhole,
    /// Each new connection is reset, as a host without the service does.
    Refuse,
}

/// The line of one service. It ends with this value.
pub(crate) struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    accepting: JoinHandle<()>,
}

/// What every connection looks at.
struct Line {
    faults: Mutex<Faults>,
    /// Counts the moments at which all connections were cut.
    cut: watch::Sender<u64>,
}

#[derive(Clone, Copy)]
struct Faults {
    mode: Mode,
    latency: Duration,
    /// Bytes a second, in each direction of each connection.
    rate: Option<u64>,
    /// Bytes that may still come back from the service before everything is cut.
    bytes_left: Option<u64>,
}

impl Proxy {
    /// Starts a line to a service, in order.
    pub(crate) async fn to(service: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let faults = Faults { mode: Mode::Forward, latency: Duration::ZERO, rate: None, bytes_left: None };
        let line = Arc::new(Line { faults: Mutex::new(faults), cut: watch::channel(0).0 });
        let accepting = tokio::spawn(accept(listener, service, line.clone()));
        Proxy { address, line, accepting }
    }

    /// Where the service seems to be.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves so from now on, on open connections too.
    pub(crate) fn set(&self, mode: Mode) {
        self.line.faults.lock().mode = mode;
    }

    /// The service is gone: open connections are reset, new ones refused.
    pub(crate) fn take_away(&self) {
        self.set(Mode::Refuse);
        self.cut();
    }

    /// The service is there again.
    pub(crate) fn bring_back(&self) {
        self.set(Mode::Forward);
    }

    /// Each byte takes so much longer, in each direction; throughput stays.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.line.faults.lock().latency = latency;
    }

    /// So many bytes a second, in each direction of each connection.
    pub(crate) fn set_rate(&self, bytes_per_s: Option<u64>) {
        self.line.faults.lock().rate = bytes_per_s;
    }

    /// Cuts everything once so many more bytes have come back from the service.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.line.faults.lock().bytes_left = Some(bytes);
    }

    /// Resets every open connection, as a peer that crashed does.
    pub(crate) fn cut(&self) {
        self.line.cut.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Line {
    fn faults(&self) -> Faults {
        *self.faults.lock()
    }

    /// Whether these bytes may still go back to the client; the last ones may not.
    fn lets_back(&self, bytes: usize) -> bool {
        let mut faults = self.faults.lock();
        let Some(left) = faults.bytes_left else { return true };
        faults.bytes_left = left.checked_sub(bytes as u64);
        faults.bytes_left.is_some()
    }
}

async fn accept(listener: TcpListener, service: SocketAddr, line: Arc<Line>) {
    while let Ok((client, _)) = listener.accept().await {
        if line.faults().mode == Mode::Refuse {
            let _ = client.set_zero_linger();
            continue;
        }
        tokio::spawn(connect(client, service, line.clone()));
    }
}

/// One connection, until both ways have ended or it is cut.
async fn connect(mut client: TcpStream, service: SocketAddr, line: Arc<Line>) {
    let mut cut = line.cut.subscribe();
    // The service hears of no one who calls into a hole; the call goes through once there is a way again.
    while line.faults().mode == Mode::Blackhole {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let Ok(mut service) = TcpStream::connect(service).await else {
        let _ = client.set_zero_linger();
        return;
    };
    for side in [&client, &service] {
        let _ = side.set_nodelay(true);
    }
    let talk = async {
        let ((from_client, to_client), (from_service, to_service)) = (client.split(), service.split());
        tokio::join!(
            carry(from_client, to_service, &line, Direction::There),
            carry(from_service, to_client, &line, Direction::Back)
        );
    };
    tokio::select! {
        () = talk => return,
        _ = cut.changed() => {}
    }
    // A close without lingering is a reset.
    for side in [&client, &service] {
        let _ = side.set_zero_linger();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}

/// Carries bytes one way until that way ends.
async fn carry(from: ReadHalf<'_>, to: WriteHalf<'_>, line: &Line, direction: Direction) {
    let (send, receive) = mpsc::channel(CHUNKS);
    tokio::join!(take(from, send, line), give(to, receive, line, direction));
}

/// Reads chunks and gives each the moment at which it may arrive.
async fn take(from: ReadHalf<'_>, send: mpsc::Sender<(Instant, Vec<u8>)>, line: &Line) {
    let mut free_at = Instant::now();
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        if from.readable().await.is_err() {
            return;
        }
        match from.try_read(&mut chunk) {
            Ok(0) => return,
            Ok(read) => chunk.truncate(read),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        let faults = line.faults();
        if faults.mode == Mode::Blackhole {
            continue;
        }
        if let Some(rate) = faults.rate {
            free_at = free_at.max(Instant::now()) + Duration::from_secs_f64(chunk.len() as f64 / rate as f64);
            sleep_until(free_at).await;
        }
        if send.send((Instant::now() + faults.latency, chunk)).await.is_err() {
            return;
        }
    }
}

/// Writes each chunk at its moment, then ends this way of the connection.
async fn give(
    mut to: WriteHalf<'_>,
    mut receive: mpsc::Receiver<(Instant, Vec<u8>)>,
    line: &Line,
    direction: Direction,
) {
    while let Some((due, chunk)) = receive.recv().await {
        sleep_until(due).await;
        if direction == Direction::Back && !line.lets_back(chunk.len()) {
            line.cut.send_modify(|cuts| *cuts += 1);
            return std::future::pending().await;
        }
        if to.write_all(&chunk).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A service that sends back what it gets, and the line to it.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Proxy::to(address).await
    }

    /// Sends so many bytes and reads as many; the time that it took, or none where that fails or takes a second.
    async fn trip(stream: &mut TcpStream, bytes: usize) -> Option<Duration> {
        let began = Instant::now();
        let mut back = vec![0; bytes];
        let there = async {
            stream.write_all(&vec![7; bytes]).await.ok()?;
            stream.read_exact(&mut back).await.ok()
        };
        tokio::time::timeout(Duration::from_secs(1), there).await.ok()??;
        Some(began.elapsed())
    }

    #[tokio::test]
    async fn each_fault_of_a_line_is_what_it_is_called_and_passes() {
        let line = echo().await;
        let call = async || TcpStream::connect(line.address()).await.expect("the line takes calls");
        let mut open = call().await;
        assert!(trip(&mut open, 1_000).await.is_some());

        line.set_latency(Duration::from_millis(40));
        assert!(trip(&mut open, 10).await.is_some_and(|took| took >= Duration::from_millis(80)));
        line.set_latency(Duration::ZERO);
        line.set_rate(Some(100_000));
        assert!(trip(&mut open, 20_000).await.is_some_and(|took| took >= Duration::from_millis(200)));
        line.set_rate(None);

        line.set(Mode::Blackhole);
        assert_eq!((trip(&mut open, 10).await, trip(&mut call().await, 10).await), (None, None));
        line.take_away();
        assert_eq!(trip(&mut open, 10).await, None, "an open connection is reset");
        let refused = TcpStream::connect(line.address()).await;
        assert!(refused.is_err() || trip(&mut refused.expect("a call"), 10).await.is_none());

        line.bring_back();
        let mut open = call().await;
        line.cut_after(1_500);
        assert!(trip(&mut open, 1_000).await.is_some());
        assert_eq!(trip(&mut open, 1_000).await, None);
        assert!(trip(&mut call().await, 1_000).await.is_some(), "it cuts once");
    }
}
