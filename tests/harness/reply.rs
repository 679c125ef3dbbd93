//! An answer of the server, read whole, and the raw client for targets that no HTTP library would send.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use image::DynamicImage;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer: status, headers, body.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Reads the rest of an answer.
    pub(crate) async fn of(response: reqwest::Response) -> Reply {
        let status = response.status().as_u16();
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Reply { status, headers, body: response.bytes().await.expect("the body comes whole") }
    }

    /// Sends these bytes as they are and reads what comes until the server closes or the body is whole.
    pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> Reply {
        let talk = async {
            let mut stream = TcpStream::connect(address).await.expect("the server listens");
            stream.write_all(request).await.expect("the server reads");
            let mut bytes = Vec::new();
            while !is_whole(&bytes) && stream.read_buf(&mut bytes).await.unwrap_or(0) > 0 {}
            parse(&bytes)
        };
        tokio::time::timeout(Duration::from_secs(60), talk).await.expect("the server answers within a minute")
    }

    /// A header's value; the first where there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON was expected: {self}"))
    }

    /// The body as a picture, decoded by another library than the server's.
    pub(crate) fn picture(&self) -> DynamicImage {
        image::load_from_memory(&self.body)
            .unwrap_or_else(|why| panic!("a picture was expected ({why}): {self}"))
    }

    /// The code of the first error in the API's envelope; 0 where there is none.
    pub(crate) fn code(&self) -> i64 {
        self.json()["errors"][0]["code"].as_i64().unwrap_or(0)
    }

    /// This answer, if it has that status; a panic that shows it else.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{self}");
        self
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.text().chars().take(600).collect();
        write!(f, "{} {:?}\n{body}", self.status, self.headers)
    }
}

/// Whether head and body have come, as far as `Content-Length` tells.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = head_end(bytes) else { return false };
    let reply = parse(bytes);
    let length = reply.header("content-length").and_then(|value| value.parse::<usize>().ok());
    let bodiless = matches!(reply.status, 204 | 304);
    bodiless || length.is_some_and(|length| bytes.len() >= end + length)
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn parse(bytes: &[u8]) -> Reply {
    let end = head_end(bytes).unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
    Reply {
        status: status.unwrap_or(0),
        headers: headers.collect(),
        body: Bytes::copy_from_slice(&bytes[end..]),
    }
}
