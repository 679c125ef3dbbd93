//! A house of the real binary: a data directory, an account with a token, a server that is started, killed and started
//! again, and a client of it that takes no answer for an answer.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Cli, Objects, Place, Running, Setup};

/// A data directory with its account `default` and a token that may do everything.
pub(crate) struct Site {
    folder: Folder,
    environment: Vec<(String, String)>,
    account: String,
    hash: String,
    token: String,
}

enum Folder {
    Own(Place),
    Given(PathBuf),
}

impl Site {
    /// A fresh one on that set-up.
    pub(crate) async fn on(setup: Setup) -> Site {
        Site::in_place(Place::on(setup).await).await
    }

    /// A fresh one on SQLite and disk, for what only they do.
    pub(crate) async fn embedded() -> Site {
        Site::on(Setup::Embedded).await
    }

    /// A fresh one in a place that was made for it.
    pub(crate) async fn in_place(place: Place) -> Site {
        let mut site = Site::before_first_start(place);
        site.first_start().await;
        site
    }

    /// One in a place that was made for it, before anything has run there.
    pub(crate) fn before_first_start(place: Place) -> Site {
        let environment = place.environment();
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
        let environment = environment.collect();
        let nothing = String::new;
        Site {
            folder: Folder::Own(place),
            environment,
            account: nothing(),
            hash: nothing(),
            token: nothing(),
        }
    }

    /// One in this folder, with these variables for every process.
    pub(crate) async fn at(folder: &Path, environment: &[(&str, &str)]) -> Site {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (environment, nothing) = (environment.collect(), String::new);
        let folder = Folder::Given(folder.to_owned());
        let mut site = Site { folder, environment, account: nothing(), hash: nothing(), token: nothing() };
        site.first_start().await;
        site
    }

    /// Makes the house by its first command, and learns its account.
    pub(crate) async fn first_start(&mut self) {
        self.token = self.cli(&["token", "issue", "--permission", "admin"]).ok().await;
        let accounts = self.cli(&["account", "list", "--json"]).ok().await;
        let accounts: Value = serde_json::from_str(&accounts).expect("a list of accounts");
        let word = |name: &str| accounts[0][name].as_str().expect("a word").to_owned();
        (self.account, self.hash) = (word("id"), word("hash"));
    }

    /// The same account and token in another data directory, as a restored one has them.
    pub(crate) fn moved_to(&self, folder: &Path) -> Site {
        Site {
            folder: Folder::Given(folder.to_owned()),
            environment: self.environment.clone(),
            account: self.account.clone(),
            hash: self.hash.clone(),
            token: self.token.clone(),
        }
    }

    /// With one more variable for every process that is started from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Its data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        match &self.folder {
            Folder::Own(place) => place.folder(),
            Folder::Given(path) => path,
        }
    }

    /// The place that is its own.
    pub(crate) fn place(&self) -> &Place {
        match &self.folder {
            Folder::Own(place) => place,
            Folder::Given(_) => panic!("only a site with a place of its own is looked into"),
        }
    }

    /// Its objects, seen past the house.
    pub(crate) fn objects(&self) -> Objects {
        self.place().objects()
    }

    /// A command on it. No limit by rate stands in the way of a load.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Cli {
        let cli = Cli::new(self.data_dir(), arguments).env("DARKROOM_MAX_API_REQUESTS_PER_S", "1000000");
        self.environment.iter().fold(cli, |cli, (name, value)| cli.env(name, value))
    }

    /// Starts the server; comes back when it is ready.
    pub(crate) async fn serve(&self) -> Door {
        self.serve_by(self.cli(&["serve"])).await
    }

    /// Starts it by a command that was changed.
    pub(crate) async fn serve_by(&self, command: Cli) -> Door {
        let began = Instant::now();
        let running = command.serve().await;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
        let api = Api {
            client: client.expect("a client"),
            url: running.url.clone(),
            account: self.account.clone(),
            hash: self.hash.clone(),
            token: self.token.clone(),
        };
        let ready = || async { api.get("/readyz").await.is_some_and(|reply| reply.status == 200) };
        crate::harness::eventually("a server that listens is ready", Duration::from_secs(10), ready).await;
        Door { running, api, ready_after: began.elapsed() }
    }

    /// What `doctor --json` finds. Only findings that it names make it fail.
    pub(crate) async fn doctor(&self, more: &[&str]) -> Value {
        let said = self.cli(&[&["doctor", "--json"], more].concat()).run().await;
        let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        let findings = told["findings"].as_array().expect("a list of findings").len();
        assert_eq!(said.code, i32::from(findings > 0), "{said:?}");
        told
    }

    /// Sweeps until nothing is left to sweep, and panics where `doctor` finds anything at all then.
    pub(crate) async fn assert_whole(&self) {
        let swept = || async {
            let said = self.cli(&["sweep", "--min-age", "1s"]).ok().await;
            let told = self.doctor(&["--quick"]).await;
            let left = [&told["objects_without_row"], &told["doomed"]];
            left.iter().all(|count| count.as_u64() == Some(0)) || {
                println!("swept: {said}; left: {told}");
                false
            }
        };
        crate::harness::eventually("no orphan is left by the sweep", Duration::from_secs(20), swept).await;
        let told = self.doctor(&[]).await;
        assert_eq!(told["findings"], json!([]), "{told}");
    }
}

/// A running server and its client.
pub(crate) struct Door {
    pub(crate) running: Running,
    pub(crate) api: Api,
    /// From the start of the process to the first `/readyz` that says yes.
    pub(crate) ready_after: Duration,
}

impl Door {
    /// Where it listens, as `host:port`.
    pub(crate) fn address(&self) -> String {
        self.running.url.trim_start_matches("http://").to_owned()
    }
}

/// A client of one run of the server. Clones share connections.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    url: String,
    account: String,
    hash: String,
    token: String,
}

/// An answer that came whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Whole {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON was expected: {self:?}"))
    }

    /// SHA-256 of the body.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.body).into()
    }
}

impl Api {
    /// Uploads a JPEG under a custom id. None: no whole answer came, so nobody knows.
    pub(crate) async fn upload(&self, id: &str, bytes: Vec<u8>) -> Option<Whole> {
        let file = reqwest::multipart::Part::bytes(bytes).file_name(format!("{id}.jpg"));
        let form = reqwest::multipart::Form::new().part("file", file).text("id", id.to_owned());
        self.whole(self.request("POST", &self.images("/v1")).multipart(form)).await
    }

    /// Sets the one field `mark` in the metadata of an image.
    pub(crate) async fn mark(&self, id: &str, mark: u64) -> Option<Whole> {
        let change = json!({ "metadata": { "mark": mark } });
        self.whole(self.request("PATCH", &self.images(&format!("/v1/{id}"))).json(&change)).await
    }

    /// Deletes an image.
    pub(crate) async fn delete(&self, id: &str) -> Option<Whole> {
        self.whole(self.request("DELETE", &self.images(&format!("/v1/{id}")))).await
    }

    /// What the API tells of an image.
    pub(crate) async fn image(&self, id: &str) -> Option<Whole> {
        self.whole(self.request("GET", &self.images(&format!("/v1/{id}")))).await
    }

    /// The original of an image.
    pub(crate) async fn blob(&self, id: &str) -> Option<Whole> {
        self.whole(self.request("GET", &self.images(&format!("/v1/{id}/blob")))).await
    }

    /// A rendition of an image: the variant `public`.
    pub(crate) async fn rendition(&self, id: &str) -> Option<Whole> {
        self.get(&self.rendition_path(id)).await
    }

    /// The path of that rendition.
    pub(crate) fn rendition_path(&self, id: &str) -> String {
        self.options_path(id, "public")
    }

    /// The path of a rendition by options in the URL, or by the name of a variant.
    pub(crate) fn options_path(&self, id: &str, options: &str) -> String {
        format!("/{}/{id}/{options}", self.hash)
    }

    /// The bytes of a whole request that uploads a JPEG, for whoever sends it in pieces.
    pub(crate) fn raw_upload(&self, host: &str, id: &str, bytes: &[u8]) -> Vec<u8> {
        let mut body = format!(
            "--cut\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n--cut\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"{id}.jpg\"\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--cut--\r\n");
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: multipart/form-data; boundary=cut\r\ncontent-length: {}\r\n\r\n",
            self.images("/v1"),
            self.token,
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    /// A path, without any right.
    pub(crate) async fn get(&self, path: &str) -> Option<Whole> {
        self.whole(self.client.get(format!("{}{path}", self.url))).await
    }

    /// The id of every image of the account.
    pub(crate) async fn ids(&self) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let page = format!("/v2?per_page=10000&continuation_token={after}");
            let reply = self.whole(self.request("GET", &self.images(&page))).await.expect("a list");
            assert_eq!(reply.status, 200, "{reply:?}");
            let result = &reply.json()["result"];
            let images = result["images"].as_array().expect("images");
            ids.extend(images.iter().filter_map(|image| image["id"].as_str().map(str::to_owned)));
            match result["continuation_token"].as_str() {
                Some(token) => after = token.to_owned(),
                None => return ids,
            }
        }
    }

    fn images(&self, rest: &str) -> String {
        format!("/client/v4/accounts/{}/images{rest}", self.account)
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    async fn whole(&self, request: reqwest::RequestBuilder) -> Option<Whole> {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        Some(Whole { status, body: response.bytes().await.ok()? })
    }
}
