//! SVG: never drawn here, only passed on. What is passed on is written anew from what draws; scripts, links and
//! whatever reaches outside the document stay behind (security-and-reliability 4.4, contract R-66).
//!
//! A bounded reader gives events, the filter writes those that may stay, and a check with rules of its own looks at
//! what was written. The sanitiser that first comes to mind, `svg-hush`, was tried and left out: it indents (700 KB of
//! nested groups become 20 GB, and letters move apart where a space is a space), expands entities, keeps paths to
//! other images of the same server and loses the namespace of prefixed documents.

use std::time::{Duration, Instant};

use crate::decode::Header;
use crate::{Error, Limits};

mod check;
mod css;
mod filter;
mod links;
mod names;
mod reader;
mod references;
mod selectors;
mod size;

pub(crate) use links::Clean;
use reader::{Event, Reader};

/// How much of a file may stand before its root, in bytes: comments and a document type.
const MAX_PROLOG_BYTES: usize = 64 << 10;

/// Whether a file begins as an SVG: the first element is called so.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(MAX_PROLOG_BYTES)];
    let mut rest = trimmed(head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head));
    while let Some(after) = prolog(rest) {
        rest = trimmed(after);
    }
    let Some(name) = rest.strip_prefix(b"<") else { return false };
    let end = name.iter().position(|byte| !is_name(*byte)).unwrap_or(name.len());
    name[..end].split(|byte| *byte == b':').next_back() == Some(b"svg") && end < name.len()
}

/// Width and height of the root.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let mut reader = Reader::new(bytes, limits, within(limits, None))?;
    let Some(Event::Start { attributes, .. }) = reader.next()? else {
        return Err(reader::broken("it has no root"));
    };
    let size = size::size(&attributes);
    let (width, height) = size::fitted(size, limits.max_side_pixels, limits.max_pixels);
    Ok(Header { alpha: true, ..Header::new(width, height) })
}

/// The document that is served. Pictures in it are made anew by `clean`.
pub(crate) fn sanitised(
    bytes: &[u8],
    limits: &Limits,
    deadline: Instant,
    clean: &Clean,
) -> Result<Vec<u8>, Error> {
    let deadline = within(limits, Some(deadline));
    let written = filter::filtered(&mut Reader::new(bytes, limits, deadline)?, bytes.len(), clean)?;
    // Written, it may be longer than what was read may be, and it declares two namespaces of its own.
    let room = Limits {
        max_svg_bytes: written.len(),
        max_svg_namespaces: 2,
        max_svg_attributes: limits.max_svg_attributes.saturating_add(2),
        ..limits.clone()
    };
    check::inert(&mut Reader::new(written.as_bytes(), &room, deadline)?)?;
    Ok(written.into_bytes())
}

/// The earlier of a deadline and the time that an SVG may take.
fn within(limits: &Limits, deadline: Option<Instant>) -> Instant {
    let own = Instant::now() + Duration::from_secs(u64::from(limits.svg_timeout_s));
    deadline.map_or(own, |deadline| deadline.min(own))
}

/// What follows a declaration, an instruction, a comment or a document type.
fn prolog(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(b"<?") {
        after(bytes, b"?>")
    } else if bytes.starts_with(b"<!--") {
        after(&bytes[4..], b"-->")
    } else if bytes.get(..9)?.eq_ignore_ascii_case(b"<!DOCTYPE") {
        let end = bytes.iter().position(|byte| matches!(byte, b'>' | b'['))?;
        if bytes[end] == b'[' { after(after(&bytes[end..], b"]")?, b">") } else { Some(&bytes[end + 1..]) }
    } else {
        None
    }
}

fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some(&bytes[at + mark.len()..])
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_start()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.') || !byte.is_ascii()
}

#[cfg(test)]
mod tests;
