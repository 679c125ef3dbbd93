//! What a scenario plays on: a server, the line to it, and an address at which the script sets the clock, makes
//! fixtures and asks what only the inside knows.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::{Actor, AuditFilter, ImageFilter, Order, Role};
use serde_json::{Value, json};
use server::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::line::Line;
use crate::harness::{TestServer, drawn, node};

/// The longest scenario looks at sixty pages; a machine that builds beside it makes it slow.
const PATIENCE: Duration = Duration::from_secs(600);

/// A server with a line to it.
pub struct Stage {
    server: TestServer,
    line: Line,
}

impl Stage {
    /// A server that has never been set up.
    pub async fn fresh() -> Stage {
        Stage::with(|_| {}).await
    }

    /// The same with another configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Stage {
        let (listener, line) = Line::lay().await;
        let server = TestServer::start_with(|config| {
            config.public_url = Some(format!("http://{}", line.address()));
            config.memory_storage = true;
            change(config);
        });
        let server = server.await;
        line.lead(listener, server.address());
        Stage { server, line }
    }

    /// Makes the first account the one of the scenarios: Fernhill with Mira, Ada and Jonas, variants and all.
    pub async fn at_fernhill(self) -> Stage {
        let account = self.server.account().await;
        let catalog = self.server.catalog();
        catalog
            .rename_account(&account.account.id, "Fernhill", &Actor::command())
            .await
            .expect("a display name");
        for (email, role) in [("mira", Role::Owner), ("ada", Role::Editor), ("jonas", Role::Viewer)] {
            account.with_person(&format!("{email}@fernhill.example"), "correct horse battery", role).await;
        }
        account.with_variant("card", "w=480,fit=cover").await;
        account.with_public_variant("og", "w=1200,h=630,fit=cover").await;
        self
    }

    /// Plays a scenario of `tests/browser/`; a panic that shows what went wrong.
    pub async fn play(self, scenario: &str) {
        let desk = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = desk.local_addr().expect("an address");
        let script = node("browser/play.mjs")
            .arg(scenario)
            .env("DARKROOM_URL", &format!("http://{}", self.line.address()))
            .env("HARNESS_URL", &format!("http://{address}"));
        let serve = async {
            loop {
                let (stream, _) = desk.accept().await.expect("a connection");
                self.serve(stream).await;
            }
        };
        let played = async {
            tokio::select! {
                said = script.ok() => said,
                () = serve => unreachable!("the desk never closes"),
            }
        };
        let said = tokio::time::timeout(PATIENCE, played).await;
        println!("{}", said.unwrap_or_else(|_| panic!("{scenario} took more than {PATIENCE:?}")));
    }

    /// One request of the script: JSON in, JSON out.
    async fn serve(&self, mut stream: TcpStream) {
        let Some(asked) = read_json(&mut stream).await else { return };
        let answer = self.answer(&asked).await.to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
        let _ = stream.write_all([head.as_bytes(), answer.as_bytes()].concat().as_slice()).await;
    }

    async fn answer(&self, asked: &Value) -> Value {
        match text(asked, "act") {
            "announced" => json!(self.server.announced()),
            "advance" => {
                self.server.clock.advance(Duration::from_secs(number(asked, "seconds")));
                json!(null)
            }
            "photo" => json!(STANDARD.encode(photo(asked, number(asked, "quality")))),
            "image" => self.insert(asked).await,
            "images" => self.images().await,
            "audit" => self.audit(asked).await,
            "secret" => json!(self.server.account().await.secret(text(asked, "name")).await),
            "has_people" => json!(self.server.catalog().has_people().await.expect("the catalog answers")),
            "unlock" => json!(self.server.cli(["user", "unlock", text(asked, "email")]).ok().await),
            "line" => self.line(text(asked, "is")),
            unknown => panic!("the harness knows no {unknown:?}"),
        }
    }

    fn line(&self, is: &str) -> Value {
        match is {
            "cut" => self.line.cut(),
            "losing uploads" => self.line.lose_uploads(),
            "mended" => self.line.mend(),
            _ => {}
        }
        json!({ "sent_bytes": self.line.sent_bytes(), "lost_answers": self.line.lost_answers() })
    }

    async fn insert(&self, asked: &Value) -> Value {
        let bytes = photo(asked, 85);
        let image = self.server.account().await.with_image(text(asked, "name")).with_bytes(bytes);
        let image = if asked["private"] == true { image.private().await } else { image.await };
        json!({ "id": image.id, "path": image.path("") })
    }

    async fn images(&self) -> Value {
        let account = self.server.account().await.account.id;
        let (catalog, all) = (self.server.catalog(), ImageFilter::default());
        let page = catalog.page_images(&account, &all, Order::Newest, None, 100).await;
        let items = page.expect("the catalog answers").items;
        items
            .iter()
            .map(|image| json!({ "id": image.id.as_str(), "name": image.filename, "bytes": image.bytes }))
            .collect()
    }

    async fn audit(&self, asked: &Value) -> Value {
        let act = asked["of"].as_str().map(str::to_owned);
        let filter = AuditFilter { act, limit: 100, ..AuditFilter::default() };
        let entries = self.server.catalog().audit(&filter).await.expect("the catalog answers");
        let shown = |entry: &catalog::AuditEntry| json!({ "actor": entry.actor.name, "act": entry.act, "target": entry.target, "result": entry.result });
        entries.iter().map(shown).collect()
    }
}

fn photo(asked: &Value, quality: u64) -> Vec<u8> {
    drawn::photograph(number(asked, "width") as u32, number(asked, "height") as u32, quality as u8)
}

fn text<'v>(asked: &'v Value, name: &str) -> &'v str {
    asked[name].as_str().unwrap_or_else(|| panic!("the script sends no {name:?}: {asked}"))
}

fn number(asked: &Value, name: &str) -> u64 {
    asked[name].as_u64().unwrap_or_else(|| panic!("the script sends no {name:?}: {asked}"))
}

/// The body of a small HTTP request; none where the connection ends before it is whole.
async fn read_json(stream: &mut TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..at]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))?
            .trim()
            .parse::<usize>()
            .ok()?;
        if request.len() >= at + 4 + length {
            return serde_json::from_slice(&request[at + 4..at + 4 + length]).ok();
        }
    }
}
