//! The release binary as a server of its own, with what the benches ask of it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::http::{Answer, ask};
use crate::process::on_cores;

/// A running server; it ends with this value.
pub(crate) struct Darkroom {
    pub(crate) at: SocketAddr,
    /// From the start of the program to its first "ready", in milliseconds.
    pub(crate) ready_ms: f64,
    child: Child,
    binary: PathBuf,
    data_dir: PathBuf,
}

/// The account to upload into, with a token.
pub(crate) struct Account {
    id: String,
    pub(crate) hash: String,
    token: String,
}

impl Darkroom {
    /// Starts it on a data directory and waits until it is ready.
    pub(crate) fn start(binary: &Path, data_dir: &Path) -> Result<Darkroom> {
        Darkroom::start_on(binary, data_dir, None)
    }

    /// The same on these cores only.
    pub(crate) fn start_on(binary: &Path, data_dir: &Path, cores: Option<&str>) -> Result<Darkroom> {
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let began = Instant::now();
        let mut command = on_cores(binary, cores);
        command.arg("serve").env("DARKROOM_BIND", at.to_string()).env("DARKROOM_DATA_DIR", data_dir);
        command
            .env("DARKROOM_MAX_UPLOAD_BYTES", "100000000")
            .env("DARKROOM_MAX_API_REQUESTS_PER_S", "1000000")
            .env("DARKROOM_LOG", "error")
            .current_dir(data_dir);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut darkroom =
            Darkroom { at, ready_ms: 0.0, child, binary: binary.into(), data_dir: data_dir.into() };
        while !ask(at, "GET", "/readyz", "", b"").is_ok_and(|answer| answer.status == 200) {
            ensure!(began.elapsed() < Duration::from_secs(30), "it is ready within 30 s");
            std::thread::sleep(Duration::from_millis(1));
        }
        darkroom.ready_ms = began.elapsed().as_secs_f64() * 1000.0;
        Ok(darkroom)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A command beside it; what it printed.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Result<String> {
        let output =
            Command::new(&self.binary).args(arguments).env("DARKROOM_DATA_DIR", &self.data_dir).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The account of the first start.
    pub(crate) fn account(&self) -> Result<Account> {
        let accounts: Value = serde_json::from_str(&self.cli(&["account", "list", "--json"])?)?;
        let text = |name: &str| accounts[0][name].as_str().map(str::to_owned).context("an account");
        Ok(Account {
            id: text("id")?,
            hash: text("hash")?,
            token: self.cli(&["token", "issue", "--permission", "write"])?,
        })
    }

    /// Uploads an image; its id.
    pub(crate) fn upload(&self, account: &Account, bytes: &[u8], private: bool) -> Result<String> {
        let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"");
        let mut form = format!("{}\r\n\r\n{private}\r\n", part("requireSignedURLs")).into_bytes();
        form.extend(format!("{}; filename=\"picture\"\r\n\r\n", part("file")).into_bytes());
        form.extend(bytes);
        form.extend(b"\r\n--b--\r\n");
        let answer = self.api(account, "POST", "/v1", "multipart/form-data; boundary=b", &form)?;
        answer["result"]["id"].as_str().map(str::to_owned).context("an id")
    }

    /// Makes an image private, or public.
    pub(crate) fn set_private(&self, account: &Account, id: &str, is_private: bool) -> Result<()> {
        let body = serde_json::json!({ "requireSignedURLs": is_private }).to_string();
        self.api(account, "PATCH", &format!("/v1/{id}"), "application/json", body.as_bytes()).map(drop)
    }

    /// Makes a variant of a width.
    pub(crate) fn variant(&self, account: &Account, name: &str, width: u32) -> Result<()> {
        let body = serde_json::json!({ "id": name, "options": { "width": width } }).to_string();
        self.api(account, "POST", "/v1/variants", "application/json", body.as_bytes()).map(drop)
    }

    /// Makes a variant that fits into a square.
    pub(crate) fn fitted_variant(&self, account: &Account, name: &str, side: u32) -> Result<()> {
        let options = serde_json::json!({ "width": side, "height": side, "fit": "scale-down" });
        let body = serde_json::json!({ "id": name, "options": options }).to_string();
        self.api(account, "POST", "/v1/variants", "application/json", body.as_bytes()).map(drop)
    }

    /// Fetches a picture as a browser that takes WebP would.
    pub(crate) fn picture(&self, target: &str) -> Result<Vec<u8>> {
        let Answer { status, body } = ask(self.at, "GET", target, "Accept: image/webp,*/*\r\n", b"")?;
        ensure!(status == 200, "{target}: {status} {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    fn api(
        &self,
        account: &Account,
        method: &str,
        rest: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<Value> {
        let target = format!("/client/v4/accounts/{}/images{rest}", account.id);
        let headers = format!("Authorization: Bearer {}\r\nContent-Type: {media_type}\r\n", account.token);
        let answer = ask(self.at, method, &target, &headers, body)?;
        if answer.status != 200 {
            bail!("{method} {rest}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

impl Drop for Darkroom {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
