//! A PostgreSQL that belongs to one test: its server is a child of the test, so it can be killed and started again.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand::RngExt as _;
use tokio::process::{Child, Command};

/// A cluster that survives a crash as a real one does: nothing of its durability is switched off.
pub(crate) struct PrivatePostgres {
    folder: tempfile::TempDir,
    port: u16,
    secret: String,
    server: Option<Child>,
}

impl PrivatePostgres {
    /// Makes an empty cluster and starts it.
    pub(crate) async fn start() -> PrivatePostgres {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut postgres = PrivatePostgres {
            folder,
            port: free_port(),
            secret: uuid::Uuid::new_v4().simple().to_string(),
            server: None,
        };
        postgres.make().await;
        postgres.go_on().await;
        postgres
    }

    /// The URL of its first database, with a role that may do everything.
    pub(crate) fn url(&self) -> String {
        format!("postgres://darkroom:{}@127.0.0.1:{}/postgres", self.secret, self.port)
    }

    /// Kills all of it at once, as a power cut does.
    pub(crate) async fn crash(&mut self) {
        let mut server = self.server.take().expect("it runs");
        let process = server.id().expect("it runs");
        let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
        let children: Vec<String> =
            children.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        server.kill().await.expect("it can be killed");
        let _ = Command::new("kill").arg("-KILL").args(&children).stderr(Stdio::null()).status().await;
    }

    /// Stops it in order, closing every connection, as a restart for an upgrade does.
    pub(crate) async fn stop(&mut self) {
        let mut server = self.server.take().expect("it runs");
        let process = server.id().expect("it runs").to_string();
        let _ = Command::new("kill").args(["-INT", &process]).status().await;
        server.wait().await.expect("it ends");
    }

    /// Starts it again and waits until it answers.
    pub(crate) async fn go_on(&mut self) {
        // What a crash left behind goes a moment later; until then a start is refused.
        for _ in 0..100 {
            let mut server = self.spawn();
            for _ in 0..300 {
                if self.answers().await {
                    self.server = Some(server);
                    return;
                }
                if server.try_wait().expect("a child").is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    async fn make(&self) {
        let password = self.folder.path().join("password");
        std::fs::write(&password, &self.secret).expect("a password file");
        if is_root() {
            let owner =
                Command::new("chown").args(["-R", "postgres:"]).arg(self.folder.path()).status().await;
            assert!(owner.expect("chown runs").success(), "there is a user of PostgreSQL");
        }
        let mut initdb = self.command("initdb");
        initdb.args(["-U", "darkroom", "-A", "password", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
        initdb.arg("--pwfile").arg(&password).arg("-D").arg(self.data());
        let made = initdb.output().await.expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn spawn(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"));
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            // In its own folder, so that nothing stays behind when it is killed.
            "dynamic_shared_memory_type=mmap",
        ];
        for setting in settings {
            command.args(["-c", setting]);
        }
        command.stdout(Stdio::null()).stderr(log.expect("a log")).kill_on_drop(true);
        command.spawn().expect("PostgreSQL runs")
    }

    async fn answers(&self) -> bool {
        use sqlx::Connection as _;
        sqlx::PgConnection::connect(&self.url()).await.is_ok()
    }

    /// A program of PostgreSQL, which refuses root, so that it ends with the test at the latest.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        command.arg(programs().join(program)).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // Its children notice that it is gone and end by themselves.
        if let Some(server) = &mut self.server {
            let _ = server.start_kill();
        }
    }
}

/// Where the newest PostgreSQL's programs are; Debian keeps them out of the path.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path));
    newest.map_or_else(|| "/usr/local/bin".into(), |path| path.join("bin"))
}

/// A free port, below those that the system gives to outgoing connections.
fn free_port() -> u16 {
    let tried = std::iter::repeat_with(|| rand::rng().random_range(15_000..32_000));
    tried.take(1_000).find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).expect("a free port")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
