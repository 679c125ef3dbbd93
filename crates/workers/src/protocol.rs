//! What server and worker say to each other: an order with its sealed inputs goes one way, an answer the other.
//! Every message has a bound, and one that breaks it ends the worker. Pixels never cross.
//!
//! A message is MessagePack with the names of its fields behind its length; the bytes of a rendition follow theirs bare.
//! Both ends are the same program, so there are no versions.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use variant::{Facts, Glimpse, Limits, Recipe, Rendition};

/// Bytes of a message at most, without the bytes of a rendition.
pub(crate) const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// How deep a message may be nested.
const MAX_DEPTH: usize = 32;

/// Inputs of an order at most: an original and its overlays.
pub(crate) const MAX_INPUTS: usize = 32;

/// The lengths before an answer: of its message, four bytes, and of what follows it, eight; little end first.
pub(crate) const ANSWER_HEAD_BYTES: usize = 12;

/// What a worker is told once, before it shuts itself in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Its address space, in bytes.
    pub(crate) max_bytes: u64,
    /// How far it stands back where a core is short, 0 to 19.
    pub(crate) niceness: i32,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// What is to be done with the inputs that come with it.
    pub(crate) job: Job,
    /// What an original may be at most.
    pub(crate) limits: Limits,
    /// Wall time from its arrival, in milliseconds; as much time of processors, in whole seconds.
    pub(crate) timeout_ms: u64,
}

/// The kinds of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Job {
    /// What is it? One input.
    Probe,
    /// Is it whole, and what does it look like? One input.
    Examine(Facts),
    /// An original and its overlays, in the order of the recipe.
    Render {
        /// Of the original.
        facts: Facts,
        /// Of the overlays that are images.
        overlays: Vec<Facts>,
        /// What is to be made.
        recipe: Box<Recipe>,
    },
}

impl Job {
    /// How many inputs belong to it.
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Job::Probe | Job::Examine(_) => 1,
            Job::Render { overlays, .. } => 1 + overlays.len(),
        }
    }
}

/// Bytes of a ThumbHash at most; those that we make have about 25.
const MAX_THUMBHASH_BYTES: usize = 64;

impl Order {
    /// Whether an answer belongs to it. A worker that gives another has been taken over by what it looked at, or is broken:
    /// so what it says is held against the limits again.
    pub(crate) fn is_answered_by(&self, answer: &Answer) -> bool {
        match (&self.job, answer) {
            (_, Answer::Failed(_) | Answer::Panicked(_)) => true,
            (Job::Probe, Answer::Probed(facts)) => are_within(facts, &self.limits),
            (Job::Examine(_), Answer::Examined(glimpse)) => glimpse.thumbhash.len() <= MAX_THUMBHASH_BYTES,
            (Job::Render { recipe, .. }, Answer::Rendered(rendition)) => {
                rendition.format == recipe.encoding.format()
            }
            _ => false,
        }
    }
}

/// Whether a probe that keeps to the limits tells such facts.
fn are_within(facts: &Facts, limits: &Limits) -> bool {
    let area = u64::from(facts.width) * u64::from(facts.height);
    facts.width.max(facts.height) <= limits.max_side_pixels
        && area <= limits.max_pixels
        && area > 0
        && (facts.frames == 1 || area.saturating_mul(u64::from(facts.frames)) <= limits.max_animation_pixels)
        && (1..=8).contains(&facts.orientation.0)
        && (1..=limits.max_frames.max(1)).contains(&facts.frames)
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It has shut itself in and waits for orders; these parts the kernel does not have.
    Ready(Vec<String>),
    /// It cannot shut itself in as it must, for this reason, and ends.
    Unfit(String),
    /// It has an order and begins. Whatever becomes of a worker before this is no fault of the order's.
    Begun,
    /// Of a probe.
    Probed(Facts),
    /// Of an examination.
    Examined(Glimpse),
    /// Of a render; its bytes follow the message.
    Rendered(Rendition),
    /// The work has failed.
    Failed(variant::Error),
    /// A decoder panicked, with these words for the log. The worker ends.
    Panicked(String),
}

impl Answer {
    /// Which one it is, without what it brings.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Answer::Ready(_) => "ready",
            Answer::Unfit(_) => "unfit",
            Answer::Begun => "begun",
            Answer::Probed(_) => "probed",
            Answer::Examined(_) => "examined",
            Answer::Rendered(_) => "rendered",
            Answer::Failed(_) => "failed",
            Answer::Panicked(_) => "panicked",
        }
    }
}

/// A message with its length before it.
pub(crate) fn frame<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    rmp_serde::encode::write_named(&mut frame, message).map_err(io::Error::other)?;
    let length = bounded(frame.len() - 4)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// An answer with its lengths before it; what follows it is written by itself.
pub(crate) fn answer_frame(answer: &Answer, body_bytes: usize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; ANSWER_HEAD_BYTES];
    rmp_serde::encode::write_named(&mut frame, answer).map_err(io::Error::other)?;
    let length = bounded(frame.len() - ANSWER_HEAD_BYTES)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..ANSWER_HEAD_BYTES].copy_from_slice(&(body_bytes as u64).to_le_bytes());
    Ok(frame)
}

fn bounded(length: usize) -> io::Result<u32> {
    let fits = u32::try_from(length).ok().filter(|_| length <= MAX_MESSAGE_BYTES);
    fits.ok_or_else(|| broken("a message is longer than it may be"))
}

/// The lengths of an answer's message and of what follows it, both within their bounds.
pub(crate) fn answer_lengths(
    head: [u8; ANSWER_HEAD_BYTES],
    max_body_bytes: u64,
) -> io::Result<(usize, usize)> {
    let (message, body) = head.split_at(4);
    let message = message.try_into().map(u32::from_le_bytes).map_err(|_| broken("no length"))?;
    let body = body.try_into().map(u64::from_le_bytes).map_err(|_| broken("no length"))?;
    if message as usize > MAX_MESSAGE_BYTES || body > max_body_bytes {
        return Err(broken("an answer is longer than it may be"));
    }
    Ok((message as usize, usize::try_from(body).map_err(|_| broken("an answer is too long"))?))
}

/// Reads a message that came.
pub(crate) fn parse<T: DeserializeOwned>(message: &[u8]) -> io::Result<T> {
    let mut rest = message;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    reader.set_max_depth(MAX_DEPTH);
    let parsed = T::deserialize(&mut reader).map_err(|error| broken(&error.to_string()))?;
    if rest.is_empty() { Ok(parsed) } else { Err(broken("bytes behind a message")) }
}

/// An error that means: the other end does not keep to the protocol.
pub(crate) fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Sends the beginning of a frame with descriptors; returns how many bytes of it went.
pub(crate) fn send_with(socket: impl AsFd, frame: &[u8], inputs: &[impl AsFd]) -> io::Result<usize> {
    if inputs.len() > MAX_INPUTS {
        return Err(broken("an order has more inputs than it may have"));
    }
    let borrowed: Vec<BorrowedFd<'_>> = inputs.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_INPUTS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !borrowed.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(broken("there is no room for descriptors"));
    }
    Ok(sendmsg(socket, &[IoSlice::new(frame)], &mut beside, SendFlags::NOSIGNAL)?)
}

/// Receives a frame with its descriptors; none where the other end is gone.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: &mut (impl AsFd + Read),
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let (read, inputs) = receive_some(&*socket, &mut length)?;
    if read == 0 {
        return Ok(None);
    }
    socket.read_exact(&mut length[read..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE_BYTES {
        return Err(broken("a message is longer than it may be"));
    }
    let mut message = vec![0; length];
    socket.read_exact(&mut message)?;
    Ok(Some((parse(&message)?, inputs)))
}

fn receive_some(socket: impl AsFd, into: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_INPUTS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(into)];
    let received =
        rustix::io::retry_on_intr(|| recvmsg(&socket, &mut slices, &mut beside, RecvFlags::CMSG_CLOEXEC))?;
    let mut inputs = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            inputs.extend(descriptors);
        }
    }
    Ok((received.bytes, inputs))
}

/// Writes an answer and what follows it.
pub(crate) fn write_answer(socket: &mut impl Write, answer: &Answer, body: &[u8]) -> io::Result<()> {
    socket.write_all(&answer_frame(answer, body.len())?)?;
    socket.write_all(body)
}

#[cfg(test)]
mod tests;
