//! A cached private rendition, its signature checked on every request, beside nginx serving the same bytes as a
//! static file: requests per second and processor time per request, in interleaved rounds.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::darkroom::{Account, Darkroom};
use crate::process::{cpu_s, on_cores};
use crate::{drawn, median, verdict};

const BODY_BYTES: usize = 20_000;
const ROUNDS: usize = 5;
/// How long a side is loaded at a time, in seconds.
pub(crate) const ROUND_S: u32 = 3;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let free = compare(binary, None, "2")?;
    verdict("both cores shared: darkroom / nginx", free, "", free >= 0.85, "at least 0.85, better 1.0");
    let pinned = compare(binary, Some(("0", "1")), "1")?;
    println!("server and client on a core each: darkroom / nginx: {pinned:.2}");
    Ok(())
}

/// A server under load.
pub(crate) struct Side {
    pub(crate) url: String,
    pub(crate) pid: u32,
}

/// The signed target and the bytes of a rendition of about the wanted length, of a private image.
pub(crate) fn rendition(darkroom: &Darkroom, account: &Account) -> Result<(String, Vec<u8>)> {
    let id = darkroom.upload(account, &drawn::jpeg(&drawn::photo(1600, 1200), 90), true)?;
    let mut all = Vec::new();
    for width in (160..=800).step_by(40) {
        let name = format!("w{width}");
        darkroom.variant(account, &name, width)?;
        let url = darkroom.cli(&["sign", &format!("http://{}/{}/{id}/{name}", darkroom.at, account.hash)])?;
        let target =
            url.split_once("//").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
        let target = target.context("a whole URL")?;
        // wrk sends no Accept: this is what it will get.
        let answer = crate::http::ask(darkroom.at, "GET", &target, "", b"")?;
        ensure!(answer.status == 200, "{target}: {}", answer.status);
        all.push((target, answer.body));
    }
    all.into_iter().min_by_key(|(_, body)| body.len().abs_diff(BODY_BYTES)).context("a rendition")
}

/// The middle ratio of requests per second, both sides loaded in turn. `cores` are those of server and client.
fn compare(binary: &Path, cores: Option<(&str, &str)>, threads: &str) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let darkroom = Darkroom::start_on(binary, folder.path(), cores.map(|cores| cores.0))?;
    let (target, bytes) = rendition(&darkroom, &darkroom.account()?)?;
    println!(
        "a rendition of {} bytes, wrk with 64 connections, {ROUNDS} rounds of {ROUND_S} s each",
        bytes.len()
    );
    let nginx = Nginx::start(folder.path(), &bytes, cores.map(|cores| cores.0))?;
    let ours = Side { url: format!("http://{}{target}", darkroom.at), pid: darkroom.pid() };
    let theirs = Side { url: format!("http://{}/picture", nginx.at), pid: nginx.child.id() };
    let client = cores.map(|cores| cores.1);
    let (mut ratios, mut our_cpu, mut their_cpu) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (our_rate, our_us) = load(&ours, threads, client)?;
        let (their_rate, their_us) = load(&theirs, threads, client)?;
        let ratio = our_rate / their_rate;
        println!(
            "  round {round}: darkroom {our_rate:.0}/s, nginx {their_rate:.0}/s, ratio {ratio:.2}; \
             CPU a request {our_us:.1} and {their_us:.1} µs"
        );
        ratios.push(ratio);
        our_cpu.push(our_us);
        their_cpu.push(their_us);
    }
    println!(
        "  CPU a request, middle: darkroom {:.1} µs, nginx {:.1} µs",
        median(our_cpu),
        median(their_cpu)
    );
    Ok(median(ratios))
}

/// Requests per second, and microseconds of the server's processor time for each.
pub(crate) fn load(side: &Side, threads: &str, cores: Option<&str>) -> Result<(f64, f64)> {
    let before = cpu_s(side.pid)?;
    let mut command = on_cores(Path::new("wrk"), cores);
    command.args(["-t", threads, "-c", "64", "-d", &format!("{ROUND_S}s"), &side.url]);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !text.contains("Non-2xx"), "wrk: {text}");
    let figure = |word: &str| {
        text.lines().find(|line| line.contains(word)).map(str::to_owned).context("wrk's figures")
    };
    let rate: f64 = figure("Requests/sec:")?.split_whitespace().last().context("a rate")?.parse()?;
    let requests: f64 = figure("requests in")?.split_whitespace().next().context("a number")?.parse()?;
    Ok((rate, (cpu_s(side.pid)? - before) * 1e6 / requests))
}

/// nginx with one static file; it ends with this value.
struct Nginx {
    at: SocketAddr,
    child: Child,
}

impl Nginx {
    fn start(folder: &Path, bytes: &[u8], cores: Option<&str>) -> Result<Nginx> {
        let root = folder.join("nginx");
        std::fs::create_dir_all(&root)?;
        std::fs::write(root.join("picture"), bytes)?;
        let at = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let workers = if cores.is_some() { 1 } else { 2 };
        std::fs::write(root.join("nginx.conf"), config(&root, at, workers))?;
        let mut command = on_cores(Path::new("nginx"), cores);
        command
            .arg("-p")
            .arg(&root)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .arg("-e")
            .arg(root.join("error.log"));
        let child = command.args(["-g", "daemon off;"]).stdin(Stdio::null()).spawn().context("nginx")?;
        let nginx = Nginx { at, child };
        let began = Instant::now();
        while TcpStream::connect(at).is_err() {
            ensure!(began.elapsed() < Duration::from_secs(10), "nginx listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master takes its workers along on TERM, not when it is killed.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn config(root: &Path, at: SocketAddr, workers: u32) -> String {
    // Root's workers would run as nobody, who may not enter a private temporary folder.
    let user =
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            "user root;"
        } else {
            ""
        };
    let root = root.display();
    format!(
        "{user} worker_processes {workers}; pid {root}/pid; events {{ worker_connections 1024; }}
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type image/jpeg;
         server {{ listen {at}; root {root}; }} }}"
    )
}
