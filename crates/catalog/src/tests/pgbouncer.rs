//! PostgreSQL behind PgBouncer, which lends a connection to a session for as long as that lasts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::{Config, ImageChange};

/// A PgBouncer of its own, in front of the server for tests.
struct PgBouncer {
    program: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    fn start(url: &Secret) -> PgBouncer {
        let (user, rest) = url.reveal().strip_prefix("postgres://").unwrap().split_once(':').unwrap();
        let (password, rest) = rest.split_once('@').unwrap();
        let (host, port) = rest.split('/').next().unwrap().split_once(':').unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (settings, users) = (folder.path().join("settings"), folder.path().join("users"));
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            "[databases]\n* = host={host} port={port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {free}\n\
             auth_type = plain\nauth_file = {}\npool_mode = session\ndefault_pool_size = 40\nunix_socket_dir =\n",
            users.display()
        );
        std::fs::write(&settings, text).unwrap();
        std::fs::write(&users, format!("\"{user}\" \"{password}\"\n")).unwrap();
        for (path, mode) in [(folder.path(), 0o755), (&settings, 0o644), (&users, 0o644)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let program = command().arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        PgBouncer { program: program.expect("pgbouncer starts"), port: free, _folder: folder }
    }
}

/// The program. It refuses to be root, who runs it as the user of the database's package.
fn command() -> Command {
    let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
    let program = program.into_iter().find(|path| Path::new(path).exists());
    let program = program.expect("pgbouncer is not installed; `make test` brings it");
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", program]);
    command
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[tokio::test]
async fn sessions_and_the_feed_work_behind_pgbouncer() {
    let test = fresh().await;
    let DatabaseUrl::Postgres(url) = &test.config.database else { panic!("no PostgreSQL") };
    let pgbouncer = PgBouncer::start(url);
    let (before, host) = url.reveal().rsplit_once('@').unwrap();
    let database = host.split_once('/').unwrap().1;
    let url = format!("{before}@127.0.0.1:{}/{database}", pgbouncer.port);
    let config = Config { database: DatabaseUrl::Postgres(Secret::new(url)), ..test.config.clone() };
    let opened = parking_lot::Mutex::new(None);
    until("pgbouncer answers", || async {
        *opened.lock() = Catalog::open(config.clone(), Clock::system()).await.ok();
        opened.lock().is_some()
    })
    .await;
    let catalog = opened.into_inner().unwrap();
    let account = account_of(&catalog).await;
    for number in 0..20 {
        put_image(&catalog, new_image(account, &format!("image-{number}"))).await;
    }
    let hash = catalog.account(&account).await.unwrap().hash;
    let cat = url_of(&hash.to_string(), "image-7");
    let opens = async || {
        let rights = catalog.rights(&cat).await;
        rights.is_ok_and(|rights| rights.admit(&cat, Timestamp::from_seconds(0)).is_ok())
    };
    assert!(opens().await);
    let change = ImageChange { private: Some(true), ..ImageChange::default() };
    test.catalog.update_image(&account, &id("image-7"), change, &actor()).await.unwrap();
    until("the change of another process is obeyed", async || !opens().await).await;
}

fn url_of(hash: &str, image: &str) -> DeliveryUrl {
    url(&format!("/{hash}/{image}/public"))
}
