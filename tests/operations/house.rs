//! A house of the real binary with an image in it, and requests of every kind.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Cli, Reply, Running, drawn, eventually};

/// The password of its first administrator.
pub(crate) const ADMIN_PASSWORD: &str = "first in, last out, lights off";

/// A running server of the real binary, with one image.
pub(crate) struct House {
    pub(crate) running: Running,
    pub(crate) folder: TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) account: String,
    pub(crate) token: String,
    /// The path of the image's variant `public`.
    pub(crate) public: String,
    pub(crate) image: String,
}

impl House {
    /// Starts one with these variables.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> House {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cat.jpg");
        std::fs::write(&file, drawn::file("cat.jpg")).unwrap();
        let command = |arguments: &[&str]| Cli::new(folder.path(), arguments);
        let accounts = json_of(&command(&["account", "list", "--json"]).ok().await);
        let account = accounts[0]["id"].as_str().unwrap().to_owned();
        let token = command(&["token", "issue", "--permission", "admin"]).ok().await;
        let uploaded = json_of(&command(&["upload", file.to_str().unwrap(), "--json"]).ok().await);
        let public = uploaded["variants"][0].as_str().unwrap().replace("http://127.0.0.1:8080", "");
        let image = uploaded["id"].as_str().unwrap().to_owned();
        let serve = command(&["serve"]).env("DARKROOM_ADMIN_EMAIL", "root@example.org");
        let serve = serve.env("DARKROOM_ADMIN_PASSWORD", ADMIN_PASSWORD);
        let serve = variables.iter().fold(serve, |cli, (name, value)| cli.env(name, value));
        let running = serve.serve().await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        House { running, folder, client, account, token, public, image }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.url.trim_start_matches("http://").parse().unwrap()
    }

    /// A request to a path.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.running.url))
    }

    /// GET of a path.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request("GET", path).send().await.unwrap()).await
    }

    /// An API request about images, with the token.
    pub(crate) async fn api(&self, method: &str, rest: &str, body: Option<Value>) -> Reply {
        let path = format!("/client/v4/accounts/{}/images{rest}", self.account);
        let request = self.request(method, &path).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Reply::of(request.send().await.unwrap()).await
    }

    /// An upload by API under this file name.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> Reply {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let path = format!("/client/v4/accounts/{}/images/v1", self.account);
        Reply::of(self.request("POST", &path).bearer_auth(&self.token).multipart(form).send().await.unwrap())
            .await
    }

    /// Makes its image private.
    pub(crate) async fn hide(&self) {
        let body = json!({ "requireSignedURLs": true });
        self.api("PATCH", &format!("/v1/{}", self.image), Some(body)).await.expect(200);
    }

    /// A signed URL's path and query for the image.
    pub(crate) async fn sign(&self) -> String {
        let url = format!("{}{}", self.running.url, self.public);
        let signed = Cli::new(self.folder.path(), &["sign", &url]).ok().await;
        signed.replace(&self.running.url, "")
    }

    /// Where its address for operators is.
    pub(crate) async fn operators(&mut self) -> String {
        let find = |log: &[String]| {
            let line = log.iter().find(|line| line.starts_with("Metrics: "))?;
            Some(line.trim_start_matches("Metrics: ").trim_end_matches("/metrics").to_owned())
        };
        let end = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(url) = find(self.running.log()) {
                return url;
            }
            assert!(std::time::Instant::now() < end, "the server says where its metrics are");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The page of metrics.
    pub(crate) async fn scrape(&mut self) -> String {
        let url = format!("{}/metrics", self.operators().await);
        Reply::of(self.client.get(url).send().await.unwrap()).await.expect(200).text()
    }

    /// Waits until a line of the log is so.
    pub(crate) async fn logged(&mut self, what: &str, so: impl Fn(&str) -> bool) {
        let running = std::sync::Mutex::new(&mut self.running);
        eventually(what, Duration::from_secs(10), async || {
            running.lock().unwrap().log().iter().any(|line| so(line))
        })
        .await;
    }
}

/// Reads JSON.
pub(crate) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
