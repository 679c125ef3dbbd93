//! The line between browser and server: it counts what is sent, can be cut and mended, and can lose answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A line to a server. Clones are the same line.
#[derive(Clone)]
pub struct Line(Arc<State>);

struct State {
    address: SocketAddr,
    is_cut: AtomicBool,
    loses_uploads: AtomicBool,
    sent_bytes: AtomicU64,
    lost_answers: AtomicU64,
    cuts: watch::Sender<u64>,
}

impl Line {
    /// A free address, to be told to the server before the line leads there.
    pub async fn lay() -> (TcpListener, Line) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let state = State {
            address: listener.local_addr().expect("an address"),
            is_cut: AtomicBool::new(false),
            loses_uploads: AtomicBool::new(false),
            sent_bytes: AtomicU64::new(0),
            lost_answers: AtomicU64::new(0),
            cuts: watch::channel(0).0,
        };
        (listener, Line(Arc::new(state)))
    }

    /// Connects the line to the server from now on.
    pub fn lead(&self, listener: TcpListener, to: SocketAddr) {
        let line = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !line.0.is_cut.load(Relaxed) {
                    tokio::spawn(line.clone().carry(client, to));
                }
            }
        });
    }

    /// Where browsers connect.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Cuts the line: what is open breaks, nothing new gets through.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Relaxed);
        self.0.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// From now on the answers of uploads are lost.
    pub fn lose_uploads(&self) {
        self.0.loses_uploads.store(true, Relaxed);
    }

    /// All is well again.
    pub fn mend(&self) {
        self.0.is_cut.store(false, Relaxed);
        self.0.loses_uploads.store(false, Relaxed);
    }

    /// Bytes that browsers have sent.
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.load(Relaxed)
    }

    /// Answers that were lost.
    pub fn lost_answers(&self) -> u64 {
        self.0.lost_answers.load(Relaxed)
    }

    async fn carry(self, client: TcpStream, to: SocketAddr) {
        let mut cuts = self.0.cuts.subscribe();
        let Ok(server) = TcpStream::connect(to).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let doomed = AtomicBool::new(false);
        tokio::select! {
            () = self.carry_requests(from_client, to_server, &doomed) => {}
            () = self.carry_answers(from_server, to_client, &doomed) => {}
            _ = cuts.changed() => {}
        }
    }

    async fn carry_requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, doomed: &AtomicBool) {
        let mut chunk = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            self.0.sent_bytes.fetch_add(read as u64, Relaxed);
            if self.0.loses_uploads.load(Relaxed) && is_upload(&chunk[..read]) {
                doomed.store(true, Relaxed);
            }
            if to.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    }

    /// A doomed connection ends with the first word of the answer: the server has done its work by then.
    async fn carry_answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, doomed: &AtomicBool) {
        let mut chunk = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            if doomed.load(Relaxed) {
                self.0.lost_answers.fetch_add(1, Relaxed);
                return;
            }
            if to.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    }
}

fn is_upload(request: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&request[..request.len().min(200)]);
    head.starts_with("POST ") && head.contains("/images/upload")
}
