//! The worker's side: a process that is the same program, takes one order after the other, and knows nothing else.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, sockopt};
use variant::Originals;

use crate::input::Input;
use crate::protocol::{Answer, Job, Order, Setup, broken, receive, write_answer};
use crate::sandbox;

/// What a worker calls itself, and all that its command line says.
pub(crate) const NAME: &str = "darkroom: worker";

/// After this long without an order a worker gives back what memory it still holds.
const IDLE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Characters of a panic that are told.
const MAX_PANIC_CHARS: usize = 500;

/// The stack of the thread that watches the socket.
const WATCHER_STACK_BYTES: usize = 64 << 10;

/// What is done with an order. Only tests do something else than [`work`].
pub(crate) type Work = fn(&Order, &[Input], Instant) -> Answer;

/// Becomes a worker and never returns, where a server has started this process as one; ends it where that server is gone
/// already; else does nothing. To be called before anything else: a worker has no second thread and no other file when it
/// shuts itself in.
pub fn enter() {
    enter_doing(work);
}

pub(crate) fn enter_doing(work: Work) {
    if !is_worker() {
        return;
    }
    if !is_socket_of_parent() {
        // An orphan has nobody to work for, and must not become a server of its own.
        std::process::exit(0);
    }
    std::panic::set_hook(Box::new(|_| {}));
    let ended = serve(work);
    std::process::exit(i32::from(ended.is_err()));
}

/// Whether a server has started this process to be a worker: by a command line that nobody types (a name with a space, and
/// nothing behind it), and a socket as standard input.
fn is_worker() -> bool {
    let mut words = std::env::args_os();
    let named = words.next().is_some_and(|word| word == NAME) && words.next().is_none();
    named && sockopt::socket_domain(Socket).is_ok_and(|domain| domain == AddressFamily::UNIX)
}

/// Whether the other end is the parent's own, as it is for as long as the parent lives.
fn is_socket_of_parent() -> bool {
    sockopt::socket_peercred(Socket).is_ok_and(|peer| Some(peer.pid) == rustix::process::getppid())
}

fn serve(work: Work) -> io::Result<()> {
    let mut socket = Socket;
    let Some((setup, _)) = receive::<Setup>(&mut socket)? else { return Ok(()) };
    let missing = match sandbox::enter(&setup) {
        Ok(missing) => missing,
        Err(error) => {
            write_answer(&mut socket, &Answer::Unfit(error.to_string()), &[])?;
            return Err(error);
        }
    };
    end_with_server()?;
    write_answer(&mut socket, &Answer::Ready(missing), &[])?;
    loop {
        rest_until_ordered()?;
        let Some((order, descriptors)) = receive::<Order>(&mut socket)? else { return Ok(()) };
        write_answer(&mut socket, &Answer::Begun, &[])?;
        if descriptors.len() != order.job.inputs() {
            return Err(broken("an order without its inputs"));
        }
        let inputs = descriptors.iter().map(Input::map).collect::<io::Result<Vec<_>>>()?;
        drop(descriptors);
        let answer = answer(work, &order, &inputs)?;
        // The inputs go after that: the kernel takes its time to have their memory back.
        if !tell(&mut socket, answer)? {
            return Ok(());
        }
    }
}

/// Ends this process when the server has ended, in whatever way, also in the midst of work. The kernel's own signal for that
/// comes already when the server's thread ends that has started this process, so it is the socket that is watched.
fn end_with_server() -> io::Result<()> {
    let watch = || {
        let mut gone = [PollFd::new(&Socket, PollFlags::RDHUP)];
        let _ = rustix::io::retry_on_intr(|| poll(&mut gone, None));
        sandbox::exit();
    };
    std::thread::Builder::new().stack_size(WATCHER_STACK_BYTES).spawn(watch).map(drop)
}

/// Tells an answer; whether the worker goes on.
fn tell(socket: &mut Socket, answer: Answer) -> io::Result<bool> {
    let goes_on = !matches!(answer, Answer::Panicked(_));
    match answer {
        Answer::Rendered(mut rendition) => {
            let bytes = std::mem::take(&mut rendition.bytes);
            write_answer(socket, &Answer::Rendered(rendition), &bytes)?;
        }
        other => write_answer(socket, &other, &[])?,
    }
    Ok(goes_on)
}

fn answer(work: Work, order: &Order, inputs: &[Input]) -> io::Result<Answer> {
    let timeout = Duration::from_millis(order.timeout_ms);
    sandbox::allow_processor_s(timeout.as_secs().saturating_add(1))?;
    let deadline = Instant::now() + timeout;
    let answer = catch_unwind(AssertUnwindSafe(|| work(order, inputs, deadline)));
    Ok(answer.unwrap_or_else(|panic| Answer::Panicked(words(&*panic))))
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    words.chars().take(MAX_PANIC_CHARS).collect()
}

/// Does what an order says.
pub(crate) fn work(order: &Order, inputs: &[Input], deadline: Instant) -> Answer {
    let [original, overlays @ ..] = inputs else { return Answer::Failed(variant::Error::Empty) };
    let limits = &order.limits;
    let done = match &order.job {
        Job::Probe => variant::probe(original.bytes(), limits).map(Answer::Probed),
        Job::Examine(facts) => {
            variant::placeholder(original.bytes(), facts, limits, deadline).map(Answer::Examined)
        }
        Job::Render { facts, overlays: overlay_facts, recipe } => {
            let bytes = overlays.iter().map(Input::bytes);
            let overlays = bytes.zip(overlay_facts.iter().cloned()).collect();
            let originals = Originals { bytes: original.bytes(), facts, overlays };
            variant::render(&originals, recipe, limits, deadline).map(Answer::Rendered)
        }
    };
    done.unwrap_or_else(Answer::Failed)
}

/// Waits for the next order. Where none comes for a while, memory goes back to the machine first.
fn rest_until_ordered() -> io::Result<()> {
    let mut ready = [PollFd::new(&Socket, PollFlags::IN)];
    if rustix::io::retry_on_intr(|| poll(&mut ready, Some(&IDLE)))? == 0 {
        sandbox::trim_memory();
    }
    Ok(())
}

/// The socket to the server, as the standard input that it is; not buffered, as the library's own would be.
struct Socket;

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        rustix::stdio::stdin()
    }
}

impl io::Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&*self, into)?)
    }
}

impl io::Write for Socket {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&*self, from)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
