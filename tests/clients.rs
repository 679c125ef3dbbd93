//! The official signers of other systems, unmodified, against this house: what each signs is delivered, and is refused
//! when its time is over or when a byte of it was changed. What a signer signs stands in a script of `tests/clients/`.

mod delivery;
mod storage;

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::harness::{Reply, TestServer};

/// A line of a script: a scheme to switch on, a key to register, or a request that was signed.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Scheme { scheme: String, settings: BTreeMap<String, String> },
    Key { key: Value },
    Signed(Signed),
}

/// A request that a client signed.
#[derive(Debug, Deserialize)]
struct Signed {
    client: String,
    what: String,
    /// Whole, as the client made it.
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The signature as it stands in the URL or a header.
    signature: String,
    /// The same URL, changed so that it is worth nothing.
    touched: Vec<String>,
    /// Whether it ends with the time that the script was given.
    expires: bool,
    /// When, where the client counts from the second in which it signs.
    #[serde(default)]
    ends_s: Option<i64>,
}

impl Line {
    fn read(lines: &str) -> Vec<Line> {
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
            .collect()
    }
}

/// That each request is answered with a picture until its last second, that no change of it is, and that from its end
/// on it is refused as expired. Stops the server's clock.
async fn check_all(server: &TestServer, all: &[Signed], ends_s: i64) {
    for signed in all {
        signed.check_open(server).await;
        signed.check_touched(server).await;
    }
    for signed in all {
        let ends_s = signed.ends_s.unwrap_or(ends_s);
        server.clock.stop_at(Timestamp::from_seconds(ends_s - 1));
        signed.check_open(server).await;
        server.clock.stop_at(Timestamp::from_seconds(ends_s));
        if signed.expires {
            signed.check_refused(&signed.ask(server, &signed.url, &signed.headers).await, Some("expired"));
        } else {
            signed.check_open(server).await;
        }
    }
    let clients: BTreeSet<&String> = all.iter().map(|signed| &signed.client).collect();
    println!("{} requests of {clients:?}", all.len());
}

impl Signed {
    async fn check_open(&self, server: &TestServer) {
        let reply = self.ask(server, &self.url, &self.headers).await;
        assert_eq!(reply.status, 200, "{self}: {reply}");
        assert!(reply.picture().width() > 0, "{self}");
    }

    /// A byte in the middle of the signature, all of it, and what the script says.
    async fn check_touched(&self, server: &TestServer) {
        for touched in &self.touched {
            assert_ne!(*touched, self.url, "{self}: nothing was touched");
            self.check_refused(&self.ask(server, touched, &self.headers).await, None);
        }
        let changed = changed(&self.signature);
        let url = self.url.replace(&self.signature, &changed);
        let with =
            |(name, value): (&String, &String)| (name.clone(), value.replace(&self.signature, &changed));
        let headers: BTreeMap<String, String> = self.headers.iter().map(with).collect();
        assert!(url != self.url || headers != self.headers, "{self}: where is the signature?");
        let reply = self.ask(server, &url, &headers).await;
        self.check_refused(&reply, None);
        let said = reply.header("x-image-auth");
        assert!(matches!(said, Some("bad_signature" | "malformed_signature")), "{self}: {reply}");
    }

    #[track_caller]
    fn check_refused(&self, reply: &Reply, reason: Option<&str>) {
        assert!(matches!(reply.status, 400 | 403), "{self}: {reply}");
        let said = reply.header("x-image-auth");
        assert!(said.is_some() && reason.is_none_or(|reason| said == Some(reason)), "{self}: {reply}");
    }

    /// Asks for a URL byte for byte as it is.
    async fn ask(&self, server: &TestServer, url: &str, headers: &BTreeMap<String, String>) -> Reply {
        let target =
            url.strip_prefix(&server.url("")).unwrap_or_else(|| panic!("{self}: {url} leads elsewhere"));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        server.get_raw_with(target, &headers).await
    }
}

impl std::fmt::Display for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} ({})", self.client, self.what, self.url)
    }
}

/// The text with another character in its middle, one that no alphabet of a signature is without.
fn changed(signature: &str) -> String {
    let middle = signature.len() / 2;
    let other = if signature[middle..].starts_with('0') { '1' } else { '0' };
    format!("{}{other}{}", &signature[..middle], &signature[middle + 1..])
}
