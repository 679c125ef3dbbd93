//! The connections that are open: how many there are, how many of one address, and which have been silent for too
//! long. The HTTP layer times out the first head of a connection; every later one is timed here.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceResponse};
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;

use parking_lot::Mutex;
use rustix::net::Shutdown;

use crate::Config;
use crate::address::Addresses;

/// How often silent connections are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A body is given to the HTTP layer in pieces of so many bytes: it counts a connection as idle from the last piece on,
/// and cuts it off after the keep-alive even where that piece is still on its way to a slow reader.
const PIECE_BYTES: usize = 64 * 1024;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// In all; beyond it requests are answered with 503, so that probes are still answered.
    max_connections: usize,
    /// Of one address, where addresses tell visitors apart; 0 is no limit.
    max_address_connections: usize,
    /// How long a connection may go on between two requests. Bytes of a head go from the socket into the HTTP layer,
    /// which tells nobody of them before the head is whole: so a later head has the keep-alive and its own time
    /// together, from the last answer on.
    max_quiet: Duration,
}

/// Every open connection. Clones share the table.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limits: ConnectionLimits,
    addresses: Addresses,
    began: Instant,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<u64, Arc<Line>>,
    count: usize,
    of_address: HashMap<IpAddr, usize>,
    next: u64,
}

/// How a connection stands against the limits since it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Within all of them.
    Welcome,
    /// One more than the server takes.
    OverAll,
    /// One more than it takes of this address.
    OverAddress,
}

/// One connection. It lies in what the HTTP layer keeps of the connection, and goes with it.
#[derive(Debug)]
pub(crate) struct Connection {
    inner: Arc<Inner>,
    number: u64,
    address: Option<IpAddr>,
    standing: Standing,
    line: Option<Arc<Line>>,
}

/// What is known of a connection while it lasts.
#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    in_flight: AtomicU32,
    /// When the last answer ended, in milliseconds since the server began.
    quiet_since_ms: AtomicU64,
}

/// A request in flight: its connection is not silent.
#[derive(Debug)]
pub(crate) struct InFlight {
    inner: Arc<Inner>,
    line: Arc<Line>,
}

impl ConnectionLimits {
    pub(crate) fn of(config: &Config) -> Self {
        ConnectionLimits {
            max_connections: config.max_connections,
            max_address_connections: config.max_address_connections,
            max_quiet: Duration::from_secs(config.keep_alive_s.saturating_add(config.head_timeout_s)),
        }
    }
}

impl Connections {
    /// A table without connections, and a task that cuts off silent ones as long as the table is there.
    pub(crate) fn watched(limits: ConnectionLimits, addresses: Addresses) -> Connections {
        let (began, table) = (Instant::now(), Mutex::default());
        let inner = Arc::new(Inner { limits, addresses, began, table });
        tokio::spawn(watch(Arc::downgrade(&inner)));
        Connections { inner }
    }

    /// The most that the HTTP layer is to take: as many again as are welcome, to be told that they are not.
    pub(crate) fn most(max_connections: usize) -> usize {
        max_connections.saturating_mul(2)
    }

    /// Notes a new connection of the HTTP layer.
    pub(crate) fn arrive(&self, stream: &dyn Any, kept: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
        let peer = stream.peer_addr().ok().map(|peer| peer.ip());
        let address = peer.and_then(|ip| self.inner.addresses.source_of_peer(ip));
        let (connection, crowd) = self.enter(address, || stream.as_fd().try_clone_to_owned().ok());
        if crowd {
            // Whoever has twice as many as it may have is not even told so.
            let _ = rustix::net::shutdown(stream, Shutdown::Both);
        }
        kept.insert(connection);
    }

    /// Enters a connection into the table, and whether its address crowds the server.
    fn enter(&self, address: Option<IpAddr>, socket: impl FnOnce() -> Option<OwnedFd>) -> (Connection, bool) {
        let limits = &self.inner.limits;
        let mut table = self.inner.table.lock();
        table.count += 1;
        table.next += 1;
        let (number, count) = (table.next, table.count);
        let of_address = address.map_or(0, |address| {
            let of_address = table.of_address.entry(address).or_default();
            *of_address += 1;
            *of_address
        });
        let most = limits.max_address_connections;
        let standing = if most > 0 && of_address > most {
            Standing::OverAddress
        } else if count > limits.max_connections {
            Standing::OverAll
        } else {
            Standing::Welcome
        };
        let line = if standing == Standing::Welcome { socket() } else { None };
        let quiet_since_ms = AtomicU64::new(self.inner.now_ms());
        let line = line.map(|socket| Arc::new(Line { socket, in_flight: AtomicU32::new(0), quiet_since_ms }));
        if let Some(line) = &line {
            table.open.insert(number, line.clone());
        }
        let crowd = most > 0 && of_address > most.saturating_mul(2);
        (Connection { inner: self.inner.clone(), number, address, standing, line }, crowd)
    }
}

impl Inner {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Cuts off each connection that has been silent for too long.
    fn cut_silent(&self) {
        let now_ms = self.now_ms();
        let max_ms = u64::try_from(self.limits.max_quiet.as_millis()).unwrap_or(u64::MAX);
        let silent: Vec<Arc<Line>> =
            self.table.lock().open.values().filter(|line| line.is_silent(now_ms, max_ms)).cloned().collect();
        for line in silent {
            let _ = rustix::net::shutdown(&line.socket, Shutdown::Both);
        }
    }
}

impl Line {
    fn is_silent(&self, now_ms: u64, max_ms: u64) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
            && now_ms.saturating_sub(self.quiet_since_ms.load(Ordering::Acquire)) > max_ms
    }
}

impl Connection {
    /// How the connection of a request stands.
    pub(crate) fn standing(request: &HttpRequest) -> Standing {
        request.conn_data::<Connection>().map_or(Standing::Welcome, |connection| connection.standing)
    }

    /// Notes that a request is in flight, until the value is dropped. None where nobody watches the connection.
    pub(crate) fn begin(request: &HttpRequest) -> Option<InFlight> {
        let connection = request.conn_data::<Connection>()?;
        let line = connection.line.clone()?;
        line.in_flight.fetch_add(1, Ordering::AcqRel);
        Some(InFlight { inner: connection.inner.clone(), line })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut table = self.inner.table.lock();
        table.count -= 1;
        table.open.remove(&self.number);
        let Some(address) = self.address else { return };
        if let Some(of_address) = table.of_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                table.of_address.remove(&address);
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.line.quiet_since_ms.store(self.inner.now_ms(), Ordering::Release);
        self.line.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Ties a request in flight to its answer: a body that takes a while to send keeps it in flight.
pub(crate) fn until_sent(response: ServiceResponse, in_flight: Option<InFlight>) -> ServiceResponse {
    response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) if bytes.len() <= PIECE_BYTES => BoxBody::new(bytes),
        Ok(bytes) => BoxBody::new(Pieces { rest: bytes, _in_flight: in_flight }),
        Err(body) => BoxBody::new(Flowing { body, _in_flight: in_flight }),
    })
}

/// Bytes that go out piece by piece.
struct Pieces {
    rest: Bytes,
    _in_flight: Option<InFlight>,
}

impl MessageBody for Pieces {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let len = self.rest.len().min(PIECE_BYTES);
        Poll::Ready((len > 0).then(|| Ok(self.rest.split_to(len))))
    }
}

/// A body that is made while it is sent.
struct Flowing {
    body: BoxBody,
    _in_flight: Option<InFlight>,
}

impl MessageBody for Flowing {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

async fn watch(inner: Weak<Inner>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        metrics::gauge!("darkroom_connections").set(inner.table.lock().count as f64);
        inner.cut_silent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(max_connections: usize, max_address_connections: usize) -> Connections {
        let max_quiet = Duration::ZERO;
        let limits = ConnectionLimits { max_connections, max_address_connections, max_quiet };
        Connections::watched(limits, Addresses::new(Vec::new()))
    }

    fn standing(of: &(Connection, bool)) -> (Standing, bool) {
        (of.0.standing, of.1)
    }

    #[tokio::test]
    async fn one_connection_more_than_the_limit_is_not_welcome_until_another_ends() {
        let connections = connections(2, 0);
        let first = connections.enter(None, || None);
        let _second = connections.enter(None, || None);
        assert_eq!(standing(&connections.enter(None, || None)), (Standing::OverAll, false));
        drop(first);
        assert_eq!(standing(&connections.enter(None, || None)), (Standing::Welcome, false));
    }

    #[tokio::test]
    async fn an_address_has_a_limit_of_its_own_and_is_cut_off_at_twice_of_it() {
        let connections = connections(100, 2);
        let address = Some("203.0.113.9".parse().unwrap());
        let held: Vec<_> = (0..5).map(|_| connections.enter(address, || None)).collect();
        let told: Vec<_> = held.iter().map(standing).collect();
        let (welcome, over) = (Standing::Welcome, Standing::OverAddress);
        assert_eq!(told, [(welcome, false), (welcome, false), (over, false), (over, false), (over, true)]);
        let other = Some("203.0.113.10".parse().unwrap());
        assert_eq!(standing(&connections.enter(other, || None)), (welcome, false));
        assert_eq!(standing(&connections.enter(None, || None)), (welcome, false));
        drop(held);
        let table = connections.inner.table.lock();
        assert!(table.count == 0 && table.of_address.is_empty() && table.open.is_empty());
    }

    #[tokio::test]
    async fn a_connection_is_silent_only_while_no_request_is_in_flight() {
        let connections = connections(9, 0);
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (connection, _) = connections.enter(None, || Some(ours.into()));
        let line = connection.line.clone().unwrap();
        assert!(line.is_silent(1_000, 999) && !line.is_silent(1_000, 1_000));
        line.in_flight.fetch_add(1, Ordering::AcqRel);
        let in_flight = InFlight { inner: connection.inner.clone(), line: line.clone() };
        assert!(!line.is_silent(u64::MAX, 0));
        drop(in_flight);
        assert!(line.is_silent(u64::MAX, 1_000_000));
    }
}
