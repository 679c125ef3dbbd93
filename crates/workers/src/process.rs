//! One worker as the server sees it: started, asked one thing after the other, ended.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::enter::NAME;
use crate::input::Sealed;
use crate::protocol::{
    ANSWER_HEAD_BYTES, Answer, Order, Setup, answer_lengths, broken, frame, parse, send_with,
};

/// How long a worker may take to shut itself in.
const START: Duration = Duration::from_secs(10);

/// How much longer than its order says a worker may take before it is killed: it gives up by itself where its code
/// looks at the clock.
const GRACE: Duration = Duration::from_millis(250);

/// Room that is made for a rendition before it comes, whatever length was said.
const AHEAD_BYTES: usize = 512 * 1024;

/// A worker. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    socket: UnixStream,
    /// How many orders it has had.
    pub(crate) jobs: u32,
    /// When it was last given back.
    pub(crate) rested_at: Instant,
    /// What the kernel lacks to shut it in.
    pub(crate) missing: Vec<String>,
}

/// How a worker failed its order.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was gone before it heard the order: another one may do it.
    NotBegun,
    /// It took too long and is killed.
    Overran,
    /// It ended by itself, or broke the protocol and is killed; how, for the log.
    Died(String),
}

impl Process {
    /// Starts a worker: the same program executed anew, with a socket and nothing else.
    pub(crate) async fn start(program: &Path, setup: &Setup) -> io::Result<Process> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(program);
        command.arg0(NAME).env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        // The kernel makes whoever starts a process wait until it runs.
        let started = tokio::task::spawn_blocking(move || command.spawn()).await;
        let child = started.map_err(|_| broken("the server stops"))??;
        let socket = UnixStream::from_std(ours)?;
        let mut process = Process { child, socket, jobs: 0, rested_at: Instant::now(), missing: Vec::new() };
        process.missing = tokio::time::timeout(START, process.shut_in(setup)).await??;
        Ok(process)
    }

    async fn shut_in(&mut self, setup: &Setup) -> io::Result<Vec<String>> {
        self.socket.write_all(&frame(setup)?).await?;
        match self.hear(0).await? {
            Answer::Ready(missing) => Ok(missing),
            Answer::Unfit(why) => Err(io::Error::other(why)),
            _ => Err(broken("a worker did not say that it is ready")),
        }
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives an order with its inputs and waits for the answer, which brings at most so many bytes. The inputs are let go
    /// as soon as they are the worker's: whoever lets go last gives their memory back, which takes a while.
    pub(crate) async fn ask(
        &mut self,
        order: &Order,
        inputs: &mut Vec<Sealed>,
        max_body_bytes: u64,
    ) -> Result<Answer, Failure> {
        let patience = Duration::from_millis(order.timeout_ms).saturating_add(GRACE);
        let exchange = async {
            self.tell(order, inputs).await.map_err(|_| Failure::NotBegun)?;
            match self.hear(0).await {
                Ok(Answer::Begun) => {
                    self.jobs += 1;
                    inputs.clear();
                }
                Ok(_) => return Err(Failure::Died("it answered before it had begun".to_owned())),
                Err(_) => return Err(Failure::NotBegun),
            }
            self.hear(max_body_bytes).await.map_err(|error| Failure::Died(error.to_string()))
        };
        match tokio::time::timeout(patience, exchange).await {
            Err(_) => Err(Failure::Overran),
            Ok(Err(Failure::Died(why))) => Err(self.cause(why).await),
            Ok(other) => other,
        }
    }

    async fn tell(&mut self, order: &Order, inputs: &[Sealed]) -> io::Result<()> {
        let frame = frame(order)?;
        let send = || send_with(self.socket.as_fd(), &frame, inputs);
        let sent = self.socket.async_io(Interest::WRITABLE, send).await?;
        self.socket.write_all(&frame[sent..]).await
    }

    async fn hear(&mut self, max_body_bytes: u64) -> io::Result<Answer> {
        let mut head = [0; ANSWER_HEAD_BYTES];
        self.socket.read_exact(&mut head).await?;
        let (message_bytes, body_bytes) = answer_lengths(head, max_body_bytes)?;
        let mut message = vec![0; message_bytes];
        self.socket.read_exact(&mut message).await?;
        let mut answer = parse(&message)?;
        match &mut answer {
            Answer::Rendered(rendition) => {
                // Beyond that it grows with what comes.
                rendition.bytes.reserve_exact(body_bytes.min(AHEAD_BYTES));
                (&mut self.socket).take(body_bytes as u64).read_to_end(&mut rendition.bytes).await?;
                if rendition.bytes.len() != body_bytes {
                    return Err(broken("a rendition ends early"));
                }
            }
            _ if body_bytes == 0 => {}
            _ => return Err(broken("bytes that belong to nothing")),
        }
        Ok(answer)
    }

    /// What became of a worker that gave no answer: the kernel tells whether it took too much time of processors.
    async fn cause(&mut self, why: String) -> Failure {
        match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(Ok(status)) if status.signal() == Some(libc::SIGXCPU) => Failure::Overran,
            Ok(Ok(status)) => Failure::Died(status.to_string()),
            _ => Failure::Died(why),
        }
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn end(mut self) {
        let _ = self.child.kill().await;
    }
}
