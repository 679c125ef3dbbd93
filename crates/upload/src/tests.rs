//! What this crate promises, on storage in memory and a fresh catalog; no HTTP.

mod accepting;
mod forms;
mod removing;

use std::time::Duration;

use bytes::Bytes;
use catalog::testing::TestCatalog;
use catalog::{Account, Actor};
use domain::Clock;
use futures_util::stream;
use storage::{Sealed, Storage};
use workers::Workers;

use crate::{Config, Error, Form, FormLimits, Incoming, NewUpload, Uploads};

const BOUNDARY: &str = "----form-data-boundary";

/// One part: head lines without the last empty one, and a body.
fn part(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(), body, b"\r\n"]
        .concat()
}

fn text(name: &str, value: &str) -> Vec<u8> {
    part(&format!("name=\"{name}\""), value.as_bytes())
}

fn file(bytes: &[u8]) -> Vec<u8> {
    part("name=\"file\"; filename=\"cat.png\"\r\nContent-Type: application/octet-stream", bytes)
}

fn end() -> Vec<u8> {
    format!("--{BOUNDARY}--\r\n").into_bytes()
}

/// Reads a body that comes in pieces of this many bytes.
async fn read_pieces(body: &[u8], piece: usize, limits: FormLimits) -> Result<Form, Error> {
    let pieces: Vec<_> = body.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let incoming = Incoming::new(Some(&content_type), None, stream::iter(pieces), limits)?;
    incoming.read(&Storage::memory()).await
}

async fn read(parts: &[Vec<u8>]) -> Result<Form, Error> {
    let body = [parts.concat(), end()].concat();
    let whole = read_pieces(&body, body.len(), FormLimits::default()).await;
    // Byte by byte it is the same.
    let bytewise = read_pieces(&body, 1, FormLimits::default()).await;
    assert_eq!(whole.is_ok(), bytewise.is_ok());
    whole
}

/// A small drawn PNG; another `shade` is another picture.
fn png(shade: u8) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([(x * 6) as u8, (y * 8) as u8, shade]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The flow with its neighbours.
struct House {
    uploads: Uploads,
    catalog: TestCatalog,
    storage: Storage,
    account: Account,
}

impl House {
    async fn new() -> House {
        House::on(Storage::memory()).await
    }

    async fn on(storage: Storage) -> House {
        let catalog = catalog::testing::fresh().await;
        let account = catalog.catalog.accounts().await.unwrap().remove(0);
        let workers = Workers::new(workers::testing::config()).unwrap();
        let uploads = Uploads::new(
            Config::default(),
            catalog.catalog.clone(),
            storage.clone(),
            workers,
            Clock::system(),
        );
        House { uploads, catalog, storage, account }
    }

    async fn sealed(&self, bytes: &[u8]) -> Sealed {
        let mut scratch = self.storage.scratch().await.unwrap();
        scratch.write(bytes).await.unwrap();
        scratch.seal().await.unwrap()
    }

    async fn new_upload(&self, id: Option<&str>, bytes: &[u8]) -> NewUpload {
        NewUpload {
            account: self.account.id,
            id: id.map(|id| domain::ImageId::custom(id).unwrap()),
            file: self.sealed(bytes).await,
            filename: "cat.png".into(),
            metadata: serde_json::Map::new(),
            creator: None,
            private: false,
            idempotency_key: None,
        }
    }

    async fn places(&self) -> usize {
        use futures_util::StreamExt as _;
        self.storage.list().await.unwrap().count().await
    }

    /// Sweeps objects of at least that age; returns how many places went.
    async fn sweep(&self, min_age: Duration) -> u64 {
        use futures_util::TryStreamExt as _;
        let listed: Vec<_> = self.storage.list().await.unwrap().try_collect().await.unwrap();
        self.uploads.remove_orphans(&listed, min_age).await.unwrap()
    }

    async fn images(&self) -> i64 {
        self.catalog.catalog.account(&self.account.id).await.unwrap().totals.images
    }
}

fn actor() -> Actor {
    Actor { name: "token:test".into(), ..Actor::default() }
}
