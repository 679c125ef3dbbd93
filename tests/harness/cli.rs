//! The real binary: one command of it, or a server of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

/// One command of the real binary.
pub(crate) struct Cli {
    command: Command,
    shown: String,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    /// Exit code: 0 done, 1 refused or failed, 2 wrong usage.
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cli {
    /// A command on a data directory, in an environment that names nothing else of ours.
    pub(crate) fn new(data_dir: &Path, arguments: &[&str]) -> Cli {
        let mut command = Command::new(program());
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("DARKROOM_") || name.starts_with("OTEL_"))
        {
            command.env_remove(name);
        }
        command.args(arguments).env("DARKROOM_DATA_DIR", data_dir).current_dir(data_dir);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Cli { command, shown: arguments.join(" ") }
    }

    /// With one more variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Cli {
        self.command.env(name, value);
        self
    }

    /// Run by another program, as `strace -f` runs one: its own words come before ours.
    pub(crate) fn under(mut self, words: &[&str]) -> Cli {
        let inner = self.command.as_std();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(inner.get_current_dir().expect("a folder to run in"));
        command.stdin(Stdio::null()).kill_on_drop(true);
        self.command = command;
        self
    }

    /// Starts it and lets it run, silent; it ends with the value that comes back.
    pub(crate) fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        self.command.spawn().expect("the binary runs")
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Said {
        let output = self.command.output().await.expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it with this on its standard input.
    pub(crate) async fn run_with_input(mut self, input: &str) -> Said {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("a standard input");
        stdin.write_all(input.as_bytes()).await.expect("the binary reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("the binary ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it; what it printed, without the last line's end. A panic where it failed.
    pub(crate) async fn ok(self) -> String {
        let shown = self.shown.clone();
        let said = self.run().await;
        assert_eq!(said.code, 0, "darkroom {shown}: {said:?}");
        said.out.trim_end().to_owned()
    }

    /// Starts it as a server on a free port and waits until it is ready.
    pub(crate) async fn serve(mut self) -> Running {
        self.command.env("DARKROOM_BIND", "127.0.0.1:0");
        if !self.command.as_std().get_envs().any(|(name, _)| name == "DARKROOM_LOG_FORMAT") {
            self.command.env("DARKROOM_LOG_FORMAT", "json");
        }
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the binary runs");
        let (send, mut lines) = tokio::sync::mpsc::unbounded_channel();
        forward(BufReader::new(child.stdout.take().expect("its output")), send.clone());
        forward(BufReader::new(child.stderr.take().expect("its errors")), send);
        let mut log = Vec::new();
        let wait = async {
            loop {
                let line = lines.recv().await.unwrap_or_else(|| panic!("the server ended: {log:#?}"));
                log.push(line);
                if let Some(url) = log.last().and_then(|line| address_in(line)) {
                    return url;
                }
            }
        };
        let url = tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .expect("the server says where it listens");
        Running { child, url, log, lines }
    }
}

/// A server of the real binary; it ends with this value.
pub(crate) struct Running {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    log: Vec<String>,
    lines: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Running {
    /// Every line that it has printed so far.
    pub(crate) fn log(&mut self) -> &[String] {
        while let Ok(line) = self.lines.try_recv() {
            self.log.push(line);
        }
        &self.log
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it as a power cut ends it, without a word to it, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Asks it to stop as a service manager does.
    pub(crate) async fn ask_to_stop(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().await;
        assert!(kill.expect("kill runs").success());
    }

    /// Waits for its exit code; -1 where a signal ended it.
    pub(crate) async fn exit_code(&mut self) -> i32 {
        self.child.wait().await.expect("it ends").code().unwrap_or(-1)
    }

    /// Asks it to stop as a service manager does, and waits for its exit code.
    pub(crate) async fn terminate(&mut self) -> i32 {
        self.ask_to_stop().await;
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.expect("it stops within 30 s").expect("it ends").code().unwrap_or(-1)
    }
}

/// The binary that Cargo built for these tests; in a gate, the release build that `TEST_PROGRAM` names.
pub(super) fn program() -> PathBuf {
    std::env::var_os("TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_darkroom").into(), PathBuf::from)
}

/// The first `http://127.0.0.1:PORT` of a line.
fn address_in(line: &str) -> Option<String> {
    let start = line.find("http://127.0.0.1:")?;
    let port_at = start + "http://127.0.0.1:".len();
    let digits = line[port_at..].chars().take_while(char::is_ascii_digit).count();
    (digits > 0).then(|| line[start..port_at + digits].to_owned())
}

fn forward<R>(reader: BufReader<R>, send: tokio::sync::mpsc::UnboundedSender<String>)
where
    R: tokio::io::AsyncRead + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let mut lines = reader.lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if send.send(line).is_err() {
                return;
            }
        }
    });
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository's root")
}
