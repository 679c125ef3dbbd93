//! A real server of a test's own: on a free port, in a place that goes with it, by a clock that the test sets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catalog::Catalog;
use parking_lot::Mutex;
use server::{Config, Server};

use super::account::AccountFixture;
use super::{Cli, Place, Reply, TestClock};

/// A running server.
pub(crate) struct TestServer {
    pub(crate) clock: TestClock,
    server: Server,
    client: reqwest::Client,
    said: Arc<Mutex<Vec<String>>>,
    place: Arc<Place>,
    /// The data directory of one that runs beside another.
    folder: Option<tempfile::TempDir>,
}

impl TestServer {
    /// Starts one as a first start leaves it.
    pub(crate) async fn start() -> TestServer {
        TestServer::start_with(|_| {}).await
    }

    /// Starts one with another configuration than the default.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::start_on(&Arc::new(Place::new().await), change).await
    }

    /// Starts one at a place.
    pub(crate) async fn start_on(place: &Arc<Place>, change: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::run(place, None, TestClock::new(), change).await
    }

    /// Starts another process's server on the rows and objects of this one: with a data directory of its own and the
    /// same master key, by the same clock. SQLite allows none.
    pub(crate) async fn start_beside(&self, change: impl FnOnce(&mut Config)) -> TestServer {
        assert!(self.place.database_address().is_some(), "SQLite and the disk have one server");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(self.place.folder().join("master.key"), folder.path().join("master.key"))
            .expect("the first one has a master key");
        TestServer::run(&self.place, Some(folder), self.clock.clone(), change).await
    }

    async fn run(
        place: &Arc<Place>,
        folder: Option<tempfile::TempDir>,
        clock: TestClock,
        change: impl FnOnce(&mut Config),
    ) -> TestServer {
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = said.clone();
        let mut config = place.config_in(folder.as_ref().map_or(place.folder(), |folder| folder.path()));
        change(&mut config);
        let server = Server::start(config, clock.clock(), move |text| listener.lock().push(text.to_owned()));
        let server = server.await.expect("the server starts");
        TestServer { clock, server, client: client(), said, place: place.clone(), folder }
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
        self.folder.as_ref().map_or(self.place.folder(), |folder| folder.path())
    }

    /// Where its rows and objects are.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Files that uploads are writing now, on this machine's disk.
    pub(crate) fn scratch_files(&self) -> usize {
        let folder = self.place.scratch_in(self.data_dir());
        std::fs::read_dir(folder).into_iter().flatten().flatten().count()
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

    /// Whether nothing is left to be made in the background, and what was made lies at rest.
    pub(crate) fn is_idle(&self) -> bool {
        let renditions = self.server.renditions();
        renditions.background_queued() + renditions.kept_beside() == 0
    }

    /// Waits until it is idle.
    pub(crate) async fn until_idle(&self) {
        while !self.is_idle() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Renders of these that began from a working copy.
    pub(crate) fn renders_from_copies(&self) -> u64 {
        self.server.renditions().renders_from_copies()
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
        self.place.cli(&arguments)
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
        self.get_raw_with(target, &[]).await
    }

    /// The same with headers.
    pub(crate) async fn get_raw_with(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let host = self.address();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n");
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
