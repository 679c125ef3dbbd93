//! What a question of the catalog costs among ten thousand images, and what it costs among a million: on SQLite, and on
//! PostgreSQL where `TEST_POSTGRES_URL` names a server. Every question goes to the database: memory keeps one image.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use catalog::testing::{FACTS, database_bytes, master_key, put_images, settle};
use catalog::{
    Account, Actor, Catalog, Config, DatabaseUrl, Image, ImageFilter, MetaFilter, MetaOperator, MetaValue,
    NewImage, Order, Page,
};
use domain::{Clock, ImageId, ObjectId};
use signing::DeliveryUrl;
use variant::Glimpse;

use crate::{median, verdict};

/// Sizes of the account, in images. `BENCH_SCALE_IMAGES` adds one.
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

/// Times that each question is asked.
const ROUNDS: u64 = 400;

/// What a question may cost more than among ten thousand images.
const MAX_FACTOR: f64 = 1.3;

/// An account of so many images, in a database of its own.
struct Size {
    images: u64,
    catalog: Catalog,
    account: Account,
}

/// Measures both databases.
pub(crate) fn run(_binary: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let file = |images| Ok(DatabaseUrl::Sqlite(folder.path().join(format!("{images}.db"))));
    runtime.block_on(measure("SQLite", file))?;
    let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
        anyhow::bail!("TEST_POSTGRES_URL names no server; `make bench-scale` brings one");
    };
    runtime.block_on(measure("PostgreSQL", |images| fresh_database(&server, images)))
}

/// A database of our own on a server. The server goes with it, so it is not removed.
fn fresh_database(server: &str, images: u64) -> Result<DatabaseUrl> {
    let name = format!("scale_{}_{images}", std::process::id());
    let status = std::process::Command::new("psql")
        .args(["--quiet", "--no-psqlrc", server, "--command", &format!("create database {name}")])
        .status()
        .context("psql")?;
    anyhow::ensure!(status.success(), "no database can be made on the server");
    let (before, _) = server.rsplit_once('/').context("TEST_POSTGRES_URL")?;
    Ok(format!("{before}/{name}").parse()?)
}

async fn measure(name: &str, database: impl Fn(u64) -> Result<DatabaseUrl>) -> Result<()> {
    let mut sizes = Vec::new();
    let more = std::env::var("BENCH_SCALE_IMAGES").ok().map(|images| images.parse::<u64>()).transpose()?;
    for images in SIZES.into_iter().chain(more) {
        let size = Size::fill(database(images)?, images).await?;
        let bytes = database_bytes(&size.catalog).await as f64 / images as f64;
        println!("{name}, {images} images: {bytes:.0} bytes of database an image");
        sizes.push(size);
    }
    let counts: Vec<u64> = sizes.iter().map(|size| size.images).collect();
    println!("\n{name}, median µs among {counts:?} images");
    let mut verdicts = Vec::new();
    for question in Question::ALL {
        let costs_us = question.costs_us(&sizes).await?;
        let row: Vec<String> = costs_us.iter().map(|cost_us| format!("{cost_us:>9.0}")).collect();
        println!("{:<32}{}", question.name(), row.concat());
        let most = costs_us.iter().fold(0.0, |most: f64, cost_us| most.max(cost_us / costs_us[0]));
        verdicts.push((question, most));
    }
    for (question, factor) in verdicts {
        let what = format!("{name}, {}", question.name());
        verdict(&what, factor, " ×", factor <= MAX_FACTOR, "at most 1.30 ×");
    }
    Ok(())
}

impl Size {
    async fn fill(database: DatabaseUrl, images: u64) -> Result<Size> {
        let mut config = Config::new(database, master_key());
        config.max_cached_rights = 1;
        let catalog = Catalog::open(config, Clock::system()).await?;
        let account = catalog.accounts().await?.remove(0);
        put_images(&catalog, &account.id, 0, images).await;
        settle(&catalog).await;
        Ok(Size { images, catalog, account })
    }

    async fn list(&self, filter: ImageFilter, after: Option<&str>) -> Result<Page<Image>, catalog::Error> {
        self.catalog.page_images(&self.account.id, &filter, Order::Newest, after, 60).await
    }
}

/// What is asked.
#[derive(Clone, Copy)]
enum Question {
    Rights,
    FirstPage,
    LaterPage,
    FewMatch,
    HalfMatch,
    ByNumber,
    Upload,
    Delete,
}

impl Question {
    const ALL: [Question; 8] = [
        Question::Rights,
        Question::FirstPage,
        Question::LaterPage,
        Question::FewMatch,
        Question::HalfMatch,
        Question::ByNumber,
        Question::Upload,
        Question::Delete,
    ];

    fn name(self) -> &'static str {
        match self {
            Question::Rights => "delivery look-up",
            Question::FirstPage => "list, first page of 60",
            Question::LaterPage => "list, first and second page",
            Question::FewMatch => "metadata, 20 match",
            Question::HalfMatch => "metadata, half of all match",
            Question::ByNumber => "metadata, 500 match by number",
            Question::Upload => "upload",
            Question::Delete => "delete",
        }
    }

    /// The median of many rounds for each size, in µs. The sizes take turns, so that what else the machine does is
    /// alike for all; the first rounds are not counted.
    async fn costs_us(self, sizes: &[Size]) -> Result<Vec<f64>> {
        let mut costs_us = vec![Vec::new(); sizes.len()];
        for round in 0..ROUNDS {
            for (size, costs_us) in sizes.iter().zip(&mut costs_us) {
                let began = Instant::now();
                self.ask(size, round).await?;
                costs_us.push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        Ok(costs_us
            .into_iter()
            .map(|mut costs_us| median(costs_us.split_off(ROUNDS as usize / 10)))
            .collect())
    }

    async fn ask(self, size: &Size, round: u64) -> Result<(), catalog::Error> {
        let place = place(round, size.images);
        match self {
            Question::Rights => rights(size, place).await,
            Question::FirstPage => size.list(ImageFilter::default(), None).await.map(drop),
            Question::LaterPage => later_page(size).await,
            Question::FewMatch => {
                size.list(with("shelf", format!("shelf-{}", place / 20)), None).await.map(drop)
            }
            Question::HalfMatch => size.list(with("kind", "odd".to_owned()), None).await.map(drop),
            Question::ByNumber => size.list(below("rank", 500.0), None).await.map(drop),
            Question::Upload => upload(size, round).await,
            Question::Delete => remove(size, round).await,
        }
    }
}

/// One of the images, another each round, all over the account.
fn place(round: u64, images: u64) -> u64 {
    (round * 0x9e37_79b9 + 7) % images
}

async fn rights(size: &Size, number: u64) -> Result<(), catalog::Error> {
    let target = format!("/{}/img-{number}/public", size.account.hash);
    let url = DeliveryUrl::parse(&target).map_err(catalog::Error::Signature)?;
    size.catalog.rights(&url).await.map(drop)
}

async fn later_page(size: &Size) -> Result<(), catalog::Error> {
    let first = size.list(ImageFilter::default(), None).await?;
    let next = first.next.as_ref().map(catalog::Cursor::as_str);
    size.list(ImageFilter::default(), next).await.map(drop)
}

fn with(field: &str, value: String) -> ImageFilter {
    let condition =
        MetaFilter { field: field.into(), operator: MetaOperator::Eq, values: vec![MetaValue::Text(value)] };
    ImageFilter { metadata: vec![condition], ..ImageFilter::default() }
}

fn below(field: &str, number: f64) -> ImageFilter {
    let condition = MetaFilter {
        field: field.into(),
        operator: MetaOperator::Lt,
        values: vec![MetaValue::Number(number)],
    };
    ImageFilter { metadata: vec![condition], ..ImageFilter::default() }
}

fn id(round: u64) -> Result<ImageId, catalog::Error> {
    format!("new-{round}").parse().map_err(|_| catalog::Error::Missing)
}

async fn upload(size: &Size, round: u64) -> Result<(), catalog::Error> {
    let metadata = serde_json::json!({ "shelf": "new", "kind": "even", "rank": 1_000_000_000 });
    let new = NewImage {
        account: size.account.id,
        id: id(round)?,
        object: ObjectId::random(),
        day: 20_000,
        filename: "photograph.jpg".into(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        creator: None,
        private: false,
        facts: FACTS,
        bytes: 200_000,
        sha256: [7; 32],
        glimpse: Glimpse { thumbhash: vec![1; 25], dominant: [90, 90, 90], phash: 1 },
        idempotency: None,
    };
    size.catalog.insert_image(new, &Actor::command()).await.map(drop)
}

async fn remove(size: &Size, round: u64) -> Result<(), catalog::Error> {
    size.catalog.remove_image(&size.account.id, &id(round)?, &Actor::command()).await.map(drop)
}
