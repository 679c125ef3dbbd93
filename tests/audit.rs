//! The audit log from outside: what is done leaves one line that names who, and what is done to the log is found.

use std::path::Path;

use catalog::{AuditEntry, AuditFilter, Role};
use reqwest::multipart::{Form, Part};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::durability::gate::figure;
use crate::harness::{Session, TestAccount, TestServer, drawn, sign_in};

/// The log of a server, and how much of it was looked at.
struct Log<'s> {
    server: &'s TestServer,
    seen: usize,
    acts: usize,
}

impl<'s> Log<'s> {
    async fn of(server: &'s TestServer) -> Log<'s> {
        let mut log = Log { server, seen: 0, acts: 0 };
        log.seen = log.lines().await.len();
        log
    }

    async fn lines(&self) -> Vec<AuditEntry> {
        let all = AuditFilter { limit: 1_000, ..AuditFilter::default() };
        self.server.catalog().audit(&all).await.expect("the catalog answers")
    }

    /// Does something: it leaves one line, of this act, with this result, by somebody of this name.
    async fn one<T>(&mut self, act: &str, result: &str, who: &str, doing: impl Future<Output = T>) -> T {
        let done = doing.await;
        let lines = self.lines().await;
        assert_eq!(lines.len(), self.seen + 1, "{act}: {:?}", &lines[..lines.len() - self.seen]);
        let line = &lines[0];
        assert_eq!((line.act.as_str(), line.result.as_str()), (act, result), "{line:?}");
        assert!(line.actor.name.starts_with(who), "{line:?}");
        let over_network = line.actor.address.is_some() && line.actor.request_id.is_some();
        assert_eq!(over_network, who != "command", "{line:?}");
        (self.seen, self.acts) = (lines.len(), self.acts + 1);
        done
    }
}

/// Twelve acts by the API.
async fn act_by_api(log: &mut Log<'_>, account: &TestAccount<'_>) {
    let by = "token:";
    let api = async |method: &str, rest: &str| _ = account.api(method, rest).await.expect(200);
    let sent =
        async |method: &str, rest: &str, body| _ = account.api_json(method, rest, &body).await.expect(200);
    let file = Part::bytes(drawn::file("cat.jpg")).file_name("cat.jpg");
    let form = Form::new().part("file", file).text("id", "cat");
    log.one("image.upload", "done", by, account.api_form("POST", "/v1", form)).await.expect(200);
    log.one("image.update", "done", by, sent("PATCH", "/v1/cat", json!({"metadata": {"a": 1}}))).await;
    log.one("image.privacy", "done", by, sent("PATCH", "/v1/cat", json!({"requireSignedURLs": true}))).await;
    log.one("image.download", "done", by, api("GET", "/v1/cat/blob")).await;
    log.one("image.remove", "done", by, api("DELETE", "/v1/cat")).await;
    let hero =
        json!({"id": "hero", "options": {"fit": "cover", "width": 40, "height": 30, "metadata": "none"}});
    log.one("variant.create", "done", by, sent("POST", "/v1/variants", hero.clone())).await;
    log.one("variant.update", "done", by, sent("PATCH", "/v1/variants/hero", hero)).await;
    log.one("variant.remove", "done", by, api("DELETE", "/v1/variants/hero")).await;
    log.one("key.reveal", "done", by, api("GET", "/v1/keys")).await;
    log.one("account.set", "done", by, sent("PATCH", "/v1/config", json!({"browser_ttl": 7_200}))).await;
    let reader = account.issue_token("images:read").await;
    log.seen += 1;
    let refused = async {
        let bearer = format!("Bearer {reader}");
        let path = account.api_path("/v1/keys/web");
        account.server.ask("PUT", &path, &[("authorization", &bearer)]).await.expect(403);
    };
    log.one("api.request", "refused", by, refused).await;
}

/// Sixteen acts on the command line.
async fn act_by_command(log: &mut Log<'_>, account: &TestAccount<'_>, folder: &Path) {
    let server = account.server;
    let by = "command";
    let password = folder.join("password");
    std::fs::write(&password, "a long enough sentence").unwrap();
    let secret = folder.join("secret");
    std::fs::write(&secret, "a secret from elsewhere").unwrap();
    let (password, secret) = (password.to_str().unwrap(), secret.to_str().unwrap());
    let picture = folder.join("dog.jpg");
    std::fs::write(&picture, drawn::file("cat.jpg")).unwrap();
    let (bob, picture) = ("bob@example.org", picture.to_str().unwrap());
    let run = async |words: &[&str]| server.place().cli(words).ok().await;
    let of = ["--account", "default"];
    let of = |words: &[&'static str]| [words, &of].concat();
    log.one("account.create", "done", by, run(&["account", "create", "other"])).await;
    log.one("account.set", "done", by, run(&["account", "set", "other", "browser_ttl=3600"])).await;
    log.one("token.issue", "done", by, run(&of(&["token", "issue", "--label", "ci"]))).await;
    let tokens = server.catalog().tokens(&account.account.id).await.unwrap();
    let token = &tokens.iter().find(|token| token.label == "ci").unwrap().id;
    log.one("token.revoke", "done", by, run(&["token", "revoke", token, "--account", "default"])).await;
    log.one("key.create", "done", by, run(&of(&["key", "create", "web"]))).await;
    let import = ["key", "import", "old", "--secret-file", secret, "--account", "default"];
    log.one("key.import", "done", by, run(&import)).await;
    log.one("key.rotate", "done", by, run(&of(&["key", "rotate", "web", "--as", "web-2"]))).await;
    log.one("key.use", "done", by, run(&of(&["key", "use", "default"]))).await;
    log.one("key.revoke", "done", by, run(&of(&["key", "revoke", "old"]))).await;
    log.one("key.reveal", "done", by, run(&of(&["key", "list", "--values"]))).await;
    run(&of(&["key", "list"])).await;
    log.one("master_key.rotate", "done", by, run(&["key", "rotate-master"])).await;
    let create =
        ["user", "create", bob, "--account", "default", "--role", "editor", "--password-file", password];
    log.one("person.create", "done", by, run(&create)).await;
    log.one(
        "person.password",
        "done",
        by,
        run(&["user", "reset-password", bob, "--password-file", password]),
    )
    .await;
    log.one("person.unlock", "done", by, run(&["user", "unlock", bob])).await;
    log.one("image.upload", "done", by, run(&["upload", picture, "--account", "default"])).await;
}

/// Sixteen acts on the dashboard.
async fn act_by_dashboard(log: &mut Log<'_>, account: &TestAccount<'_>) {
    let by = "person:ada@example.org";
    account.with_person("ada@example.org", "another long sentence", Role::Admin).await;
    let image = account.with_image("cat.jpg").await;
    log.seen += 2;
    let wrong = async { sign_in(account.server, "ada@example.org", "not the password").await.expect(422) };
    log.one("session.start", "refused", "sign-in", wrong).await;
    let right = Session::enter(account, "ada@example.org", "another long sentence");
    let ada = log.one("session.start", "done", by, right).await;
    let on = |page: &str| format!("{page}?id={}", image.id);
    let submit = async |page: &str, fields: &[(&str, &str)]| _ = ada.submit(page, fields).await;
    log.one("key.create", "done", by, submit("keys/new", &[("name", "ios")])).await;
    let reveal =
        async |fields: &[(&str, &str)]| _ = ada.send("keys", "keys/ios/reveal", fields).await.expect(200);
    log.one("key.reveal", "done", by, reveal(&[])).await;
    log.one("key.copy", "done", by, reveal(&[("copy", "1")])).await;
    log.one("key.use", "done", by, submit("keys/ios/use", &[])).await;
    log.one("key.rotate", "done", by, submit("keys/ios/rotate", &[("new_name", "ios-2")])).await;
    log.one("key.revoke", "done", by, submit("keys/ios/revoke", &[("confirm", "ios")])).await;
    log.one("image.update", "done", by, submit(&on("image/edit"), &[("filename", "new.jpg")])).await;
    let metadata = [("meta_key", "a"), ("meta_value", "1")];
    let save = async { ada.send(&on("image"), &on("image/metadata"), &metadata).await.expect(303) };
    log.one("image.update", "done", by, save).await;
    log.one("image.privacy", "done", by, submit(&on("image/privacy"), &[("private", "true")])).await;
    log.one("image.download", "done", by, async { ada.open(&on("original")).await.expect(200) }).await;
    log.one("image.remove", "done", by, submit(&on("image/delete"), &[])).await;
    let jonas = Session::begin(account, "jonas@example.org", Role::Viewer).await;
    log.seen += 2;
    let refused = async { jonas.open("keys").await.expect(403) };
    log.one("dashboard.request", "refused", "person:jonas@example.org", refused).await;
    let out = async { ada.leave().await.expect(303) };
    log.one("session.end", "done", by, out).await;
}

#[tokio::test]
async fn t_29_forty_acts_leave_forty_lines_that_name_who() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::of(&server).await;
    act_by_api(&mut log, &account).await;
    act_by_command(&mut log, &account, folder.path()).await;
    act_by_dashboard(&mut log, &account).await;
    assert!(log.acts >= 40, "{}", log.acts);
    let acts = log.acts;
    figure("T29", &format!("{acts} acts by API, command line and dashboard: one line each, with a name"));
    for line in log.lines().await {
        let told = format!("{line:?}");
        assert!(!told.contains("drk_") && !told.contains("long enough sentence"), "{told}");
    }
    server.catalog().seal_audit().await.unwrap();
    for chain in server.catalog().verify_audit().await.unwrap() {
        assert_eq!((chain.broken, chain.unsealed), (None, 0), "{chain:?}");
    }
}

/// Does to the database what no program of ours does.
async fn tamper(server: &TestServer, statement: &'static str) {
    match server.place().database_url() {
        Some(url) => {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        None => {
            let url = format!("sqlite://{}", server.data_dir().join("darkroom.db").display());
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
    }
}

/// What `doctor` says after somebody did this to a sealed log.
async fn examined_after(statement: &'static str) -> String {
    let server = TestServer::start().await;
    let account = server.account().await;
    let cat = account.with_image("cat.jpg").await;
    cat.set_private(true).await;
    server
        .catalog()
        .record(None, &catalog::Actor::command(), "person.unlock", "person:x", "done")
        .await
        .unwrap();
    server.catalog().seal_audit().await.unwrap();
    let before = server.cli(["doctor"]).run().await;
    assert!(!before.out.contains("\naudit"), "{before:?}");
    tamper(&server, statement).await;
    let said = server.cli(["doctor"]).run().await;
    assert_eq!(said.code, 1, "{statement}: {said:?}");
    said.out.lines().filter(|line| line.starts_with("audit")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn t_29_doctor_finds_a_row_that_was_edited_removed_or_inserted() {
    let edited = "update audit set actor = 'nobody' where act = 'image.privacy'";
    assert!(examined_after(edited).await.contains("a row was edited"));
    let removed = "delete from audit where act = 'image.privacy'";
    assert!(examined_after(removed).await.contains("rows were removed"));
    let inserted = "update audit set account = (select account from audit where act = 'image.privacy')
                    where act = 'person.unlock'";
    assert!(examined_after(inserted).await.contains("removed"), "the other chain lost what this one won");
}
