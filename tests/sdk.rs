//! The official clients, unmodified, against the real binary: what they upload, list, edit and delete. What each
//! client asks and expects stands in `tests/sdk/`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Place, Running, Tool, drawn, node, python, shared};

#[tokio::test]
async fn the_npm_client_keeps_its_images_here() {
    let house = House::open().await;
    house.shown_to(node("sdk/client.mjs")).env("CLIENT", "cloudflare").ok().await;
}

#[tokio::test]
async fn the_npm_client_of_two_years_ago_keeps_its_images_here() {
    let house = House::open().await;
    house.shown_to(node("sdk/client.mjs")).env("CLIENT", "cloudflare-6").ok().await;
}

#[tokio::test]
async fn the_python_client_keeps_its_images_here() {
    let house = House::open().await;
    house.shown_to(python("sdk/client.py")).ok().await;
}

/// A server of the real binary with what a client needs to know of it.
struct House {
    server: Running,
    place: Place,
    account: String,
    token: String,
    reading_token: String,
    pictures: Vec<PathBuf>,
}

impl House {
    async fn open() -> House {
        let place = Place::new().await;
        let cli = |arguments: &[&str]| place.cli(arguments);
        let server = cli(&["serve"]).serve().await;
        let accounts: Value = serde_json::from_str(&cli(&["account", "list", "--json"]).ok().await).unwrap();
        let account = first_id(&accounts).unwrap_or_else(|| panic!("an account with an id: {accounts}"));
        let token = cli(&["token", "issue", "--permission", "write"]).ok().await;
        let reading_token = cli(&["token", "issue"]).ok().await;
        let pictures = pictures(place.folder());
        House { server, account, token, reading_token, pictures, place }
    }

    /// Tells a client's script where the house is and what to upload.
    fn shown_to(&self, tool: Tool) -> Tool {
        let pictures: Vec<&str> = self.pictures.iter().map(|path| path.to_str().unwrap()).collect();
        tool.env("BASE_URL", &format!("{}/client/v4", self.server.url))
            .env("ACCOUNT", &self.account)
            .env("TOKEN", &self.token)
            .env("READING_TOKEN", &self.reading_token)
            .env("SCRATCH", self.place.folder().to_str().unwrap())
            .env("PICTURES", &pictures.join("\n"))
    }
}

/// Photographs to upload: those of the collection where it is there, drawn ones else.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let corpus = [
        "jpeg-saw-6mp-420.jpg",
        "jpeg-exif6-portrait.jpg",
        "jpeg-cmyk-swop.jpg",
        "png-alpha-bird-576x384.png",
        "webp-lossy-1024x772.webp",
        "gif-anim-alpha-30f.gif",
    ];
    if shared::path("corpus").is_some() {
        return corpus.iter().filter_map(|name| shared::path(&format!("corpus/{name}"))).collect();
    }
    ["cat.jpg", "logo.png", "sky.webp", "mark.gif"].map(|name| drawn_into(folder, name)).to_vec()
}

fn drawn_into(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, drawn::file(name)).unwrap();
    path
}

fn first_id(accounts: &Value) -> Option<String> {
    let list = accounts.as_array().or_else(|| accounts["accounts"].as_array())?;
    list.first()?["id"].as_str().map(str::to_owned)
}
