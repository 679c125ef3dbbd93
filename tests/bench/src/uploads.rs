//! Uploads of a 200 KB JPEG by eight clients, beside the least that a server could do for them: a loop, eight times at
//! once, that decodes the picture as we do, writes it, flushes it, renames it, flushes the folder and commits a row in
//! SQLite. No HTTP, no form, no digest, no rights.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::runtime::Runtime;

use crate::darkroom::{Account, Darkroom};
use crate::{drawn, median, verdict};

const CLIENTS: usize = 8;
const UPLOADS: usize = 240;
const ROUNDS: usize = 5;

/// At least this much of what the loop does.
const MIN_RATIO: f64 = 0.6;

pub(crate) fn run(binary: &Path) -> Result<()> {
    let picture = picture();
    println!("a JPEG of {} bytes, {CLIENTS} clients, {UPLOADS} uploads a round", picture.len());
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let darkroom = Darkroom::start(binary, ours.path())?;
    let account = darkroom.account()?;
    let bare = Bare::open(theirs.path())?;
    let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        rates.push(rate(|_| upload(&darkroom, &account, &picture))?);
        bare_rates.push(rate(|number| bare.keep(&picture, number))?);
    }
    let (rate, bare_rate) = (median(rates), median(bare_rates));
    println!("{rate:.0} uploads a second, the loop {bare_rate:.0}");
    verdict("uploads", rate / bare_rate, " × the loop", rate / bare_rate >= MIN_RATIO, "at least 0.60 ×");
    Ok(())
}

/// A drawn photograph of about 200 KB.
fn picture() -> Vec<u8> {
    let sizes = (8..).map(|eighths| drawn::jpeg(&drawn::photo(160 * eighths, 120 * eighths), 92));
    sizes.into_iter().find(|bytes| bytes.len() >= 200_000).unwrap_or_default()
}

fn upload(darkroom: &Darkroom, account: &Account, picture: &[u8]) -> Result<()> {
    darkroom.upload(account, picture, false).map(drop)
}

/// Pieces of work a second, by as many threads as there are clients.
fn rate(work: impl Fn(usize) -> Result<()> + Sync) -> Result<f64> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let client = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= UPLOADS {
                    return Ok(());
                }
                work(number)?;
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
    })?;
    Ok(UPLOADS as f64 / began.elapsed().as_secs_f64())
}

/// A folder and a table.
struct Bare<'f> {
    folder: &'f Path,
    rows: SqlitePool,
    runtime: Runtime,
}

impl<'f> Bare<'f> {
    fn open(folder: &'f Path) -> Result<Bare<'f>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("rows.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let rows = runtime.block_on(async {
            let rows = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            sqlx::query("create table images (id integer primary key, name text)").execute(&rows).await?;
            Ok::<_, sqlx::Error>(rows)
        })?;
        Ok(Bare { folder, rows, runtime })
    }

    fn keep(&self, picture: &[u8], number: usize) -> Result<()> {
        let limits = variant::Limits::default();
        let facts = variant::probe(picture, &limits)?;
        variant::placeholder(picture, &facts, &limits, Instant::now() + Duration::from_secs(10))?;
        let name = format!("{number}-{:?}", std::thread::current().id());
        let (temporary, kept) = (self.folder.join(format!("{name}.tmp")), self.folder.join(&name));
        fs::write(&temporary, picture)?;
        File::open(&temporary)?.sync_data()?;
        fs::rename(&temporary, &kept)?;
        File::open(self.folder)?.sync_all()?;
        let row = sqlx::query("insert into images (name) values ($1)").bind(name).execute(&self.rows);
        self.runtime.block_on(row).context("a row")?;
        Ok(())
    }
}
