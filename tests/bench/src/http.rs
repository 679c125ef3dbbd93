//! The smallest HTTP client: one request, one connection, the whole answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, Result};

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Sends a request and reads the answer to its end.
pub(crate) fn ask(at: SocketAddr, method: &str, target: &str, headers: &str, body: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_nodelay(true)?;
    let length = body.len();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("an answer with a head")?;
    let status = std::str::from_utf8(&bytes[..end])?.split(' ').nth(1).context("a status")?.parse()?;
    Ok(Answer { status, body: bytes.split_off(end + 4) })
}
