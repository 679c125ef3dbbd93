//! A real server of a test's own: on a free port, in a folder that goes with it, by a clock that the test sets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use catalog::Catalog;
use parking_lot::Mutex;
use server::{Config, Server};

use super::account::AccountFixture;
use super::{Cli, Reply, TestClock};

/// A running server.
pub(crate) struct TestServer {
    pub(crate) clock: TestClock,
    server: Server,
    client: reqwest::Client,
    said: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl TestServer {
    /// Starts one as a first start leaves it.
    pub(crate) async fn start() -> TestServer {
        TestServer::start_with(|_| {}).await
    }

    /// Starts one with another configuration than the default.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> TestServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = TestClock::new();
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = said.clone();
        let mut config = Config::new(folder.path().to_owned());
        config.bind = ([127, 0, 0, 1], 0).into();
        change(&mut config);
        let server = Server::start(config, clock.clock(), move |text| listener.lock().push(text.to_owned()));
        let server = server.await.expect("the server starts");
        TestServer { clock, server, client: client(), said, folder }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A whole URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Its catalog.
    pub(crate) fn catalog(&self) -> &Catalog {
        self.server.catalog()
    }

    /// Its storage, for originals that no upload brought.
    pub(crate) fn storage(&self) -> &storage::Storage {
        self.server.storage()
    }

    /// Requests that were made of its storage.
    pub(crate) fn storage_counts(&self) -> storage::Counts {
        self.server.storage().counts()
    }

    /// Renders that it has made.
    pub(crate) fn renders(&self) -> u64 {
        self.server.renditions().renders()
    }

    /// What it has printed for people: the address of the setup page.
    pub(crate) fn announced(&self) -> Vec<String> {
        self.said.lock().clone()
    }

    /// The account that a first start makes, with a token that may do everything.
    pub(crate) fn account(&self) -> AccountFixture<'_> {
        AccountFixture::new(self, "default")
    }

    /// Another account of that handle.
    pub(crate) fn account_named(&self, handle: &'static str) -> AccountFixture<'_> {
        AccountFixture::new(self, handle)
    }

    /// A command of the real binary beside this server, on the same data.
    pub(crate) fn cli<const N: usize>(&self, arguments: [&str; N]) -> Cli {
        Cli::new(self.data_dir(), &arguments)
    }

    /// A request to a path, to be filled and sent. It follows no redirect.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, self.url(path))
    }

    /// GET of a path.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    /// GET of a path with headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.ask("GET", path, headers).await
    }

    /// HEAD of a path.
    pub(crate) async fn head(&self, path: &str) -> Reply {
        self.ask("HEAD", path, &[]).await
    }

    /// Any method on a path with headers and no body.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::of(request.send().await.expect("the server answers")).await
    }

    /// GET of a target exactly as written, which no library would send so.
    pub(crate) async fn get_raw(&self, target: &str) -> Reply {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address());
        Reply::raw(self.address(), request.as_bytes()).await
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}
