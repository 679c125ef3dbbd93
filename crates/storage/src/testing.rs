//! A store that misbehaves, for tests: it stands before a real S3 server, passes requests on, and spoils the answers
//! that it is told to spoil.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, ETAG, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// What is done to one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The server is not asked; the answer has this status, S3's code in its body, and these headers.
    Answer(u16, &'static str, Vec<(&'static str, String)>),
    /// The answer comes so much later.
    Late(Duration),
    /// No answer comes as long as the client waits.
    Silence,
    /// The connection ends before an answer.
    Reset,
    /// The connection ends after so many bytes of the body.
    BreakAfter(usize),
    /// The body ends so many bytes early, and the head says so.
    ShortBy(usize),
    /// One bit of the body is another, at this byte.
    FlipBit(usize),
    /// The ETag is that of something else.
    WrongEtag,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers by name, in lower case.
    pub headers: HashMap<String, String>,
}

/// Says what is done to the answer of a request; requests are counted from 0.
pub type Rule = Box<dyn Fn(&Seen, usize) -> Option<Fault> + Send + Sync>;

/// A store that misbehaves. Dropped, it is gone with all its connections.
pub struct FaultyStore {
    address: SocketAddr,
    inner: Arc<Inner>,
    accepting: AbortHandle,
}

struct Inner {
    upstream: SocketAddr,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<Seen>>,
}

type Answer = Response<BoxBody<Bytes, io::Error>>;

impl FaultyStore {
    /// Stands before the S3 server at this address; spoils nothing yet.
    pub async fn before(upstream: SocketAddr) -> io::Result<FaultyStore> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let inner =
            Arc::new(Inner { upstream, rule: Mutex::new(Box::new(|_, _| None)), seen: Mutex::default() });
        let accepting = tokio::spawn(accept(listener, inner.clone())).abort_handle();
        Ok(FaultyStore { address, inner, accepting })
    }

    /// Its endpoint, as a client takes it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on answers are spoiled by this rule; requests are counted anew and forgotten.
    pub fn spoil(&self, rule: impl Fn(&Seen, usize) -> Option<Fault> + Send + Sync + 'static) {
        *self.inner.rule.lock() = Box::new(rule);
        self.inner.seen.lock().clear();
    }

    /// The requests since the rule was set.
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().clone()
    }
}

impl Drop for FaultyStore {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Seen {
    fn of<B>(request: &Request<B>) -> Seen {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
        Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: headers.collect(),
        }
    }

    /// A header's value; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    // Connections live as long as this task.
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let inner = inner.clone();
        connections.spawn(async move {
            let _ = socket.set_nodelay(true);
            let service = service_fn(|request| answer(inner.clone(), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers one request. An error ends the connection.
async fn answer(inner: Arc<Inner>, request: Request<Incoming>) -> io::Result<Answer> {
    let seen = Seen::of(&request);
    let number = {
        let mut all = inner.seen.lock();
        all.push(seen.clone());
        all.len() - 1
    };
    let fault = (inner.rule.lock())(&seen, number);
    // The body is taken in any case, so that the connection can go on.
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    match &fault {
        Some(Fault::Answer(status, code, headers)) => return Ok(told(&seen, *status, code, headers)),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Reset) => return Err(io::Error::other("reset")),
        Some(Fault::Late(by)) => tokio::time::sleep(*by).await,
        _ => {}
    }
    let (mut head, body) =
        pass_on(inner.upstream, Request::from_parts(head, Full::new(body))).await?.into_parts();
    if seen.method == "HEAD" {
        return Ok(Response::from_parts(head, whole(body)));
    }
    let body = spoiled(fault.as_ref(), body, &mut head.headers);
    Ok(Response::from_parts(head, body))
}

async fn pass_on(upstream: SocketAddr, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
    let socket = TcpStream::connect(upstream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
    let mut running = JoinSet::new();
    running.spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, body))
}

fn spoiled(fault: Option<&Fault>, body: Bytes, headers: &mut hyper::HeaderMap) -> BoxBody<Bytes, io::Error> {
    match fault {
        Some(Fault::BreakAfter(bytes)) => {
            let sent = body.slice(..(*bytes).min(body.len()));
            let broken = [Ok(Frame::data(sent)), Err(io::Error::other("broken off"))];
            // The head still tells the whole length.
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len().max(*bytes + 1)));
            StreamBody::new(stream::iter(broken)).boxed()
        }
        Some(Fault::ShortBy(bytes)) => {
            let short = body.slice(..body.len().saturating_sub(*bytes));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(short.len()));
            whole(short)
        }
        Some(Fault::FlipBit(at)) if !body.is_empty() => {
            let mut flipped = body.to_vec();
            flipped[at % body.len()] ^= 1;
            whole(flipped.into())
        }
        Some(Fault::WrongEtag) => {
            headers.insert(ETAG, HeaderValue::from_static("\"d41d8cd98f00b204e9800998ecf8427e\""));
            whole(body)
        }
        _ => whole(body),
    }
}

fn whole(body: Bytes) -> BoxBody<Bytes, io::Error> {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed()
}

/// An answer of S3's form.
fn told(seen: &Seen, status: u16, code: &str, headers: &[(&'static str, String)]) -> Answer {
    let ok = (200..300).contains(&status);
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
    let body = if seen.method == "HEAD" || ok { Bytes::new() } else { text.into() };
    let mut answer = Response::new(whole(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}
