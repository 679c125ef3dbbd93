//! `darkroom doctor`: holds the whole house against what it promises, and repairs nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::ExitCode;
use std::time::Duration;

use ::catalog::{Catalog, DatabaseUrl, OwnedOriginal, Totals};
use clap::Args;
use domain::Clock;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use server::{Config, master_key};
use sha2::{Digest as _, Sha256};
use storage::{Prefix, Storage};

use super::backup_folder::progress;

/// Checks database, storage, originals, totals, audit log, key and permissions. Nothing is changed.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Only look for each original and its length, do not read its bytes
    #[arg(long)]
    quick: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Originals that are asked for at once, and those that are read at the same time.
const ORIGINALS_AT_ONCE: u32 = 500;
const READS_AT_ONCE: usize = 4;

/// Objects that are younger may belong to an upload that runs.
const YOUNG: Duration = Duration::from_secs(24 * 3600);

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Rows with an original.
    images: i64,
    /// Bytes of those originals, by their rows.
    original_bytes: i64,
    /// Objects without a row; `sweep` takes those that are old enough.
    objects_without_row: u64,
    /// The same that should have been swept by now.
    old_objects_without_row: u64,
    /// Places of removed images that are not freed yet.
    doomed: u64,
    /// Rows of the audit log that seals cover, and those since the last seal.
    audit_sealed: u64,
    audit_unsealed: u64,
    /// Whether the bytes of originals were read, or only their lengths.
    bytes_read: bool,
    /// What the kernel lacks to shut workers in.
    missing_from_sandbox: Vec<String>,
    /// What is wrong.
    findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
struct Finding {
    /// Which check found it: `permissions`, `workers`, `database`, `secrets`, `storage`, `original`,
    /// `totals`, `audit`.
    check: &'static str,
    /// What it is about.
    subject: String,
    /// What is wrong with it.
    says: String,
}

impl Report {
    fn find(&mut self, check: &'static str, subject: impl Into<String>, says: impl Into<String>) {
        self.findings.push(Finding { check, subject: subject.into(), says: says.into() });
    }
}

/// Checks everything, tells what was found; fails where anything is wrong.
pub(super) async fn run(doctor: &Doctor, config: &Config) -> anyhow::Result<ExitCode> {
    let mut report = Report { bytes_read: !doctor.quick, ..Report::default() };
    look_at_files(config, &mut report);
    look_at_workers(config, &mut report).await;
    if let Some(catalog) = open_catalog(config, &mut report).await {
        look_at_database(&catalog, &mut report).await;
        look_at_audit_log(&catalog, &mut report).await;
        if let Some(storage) = open_storage(config, &mut report).await {
            let looked = look_at_objects(doctor, &catalog, &storage, &mut report).await;
            if let Err(error) = looked {
                report.find("originals", "all of them", format!("could not be looked at: {error:#}"));
            }
        }
    }
    tell(doctor, &report)?;
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Starts a worker. A kernel that has not all that shuts one in is no finding: nobody can mend it here.
async fn look_at_workers(config: &Config, report: &mut Report) {
    let workers = workers::Workers::new(config.workers.clone());
    let missing = async { workers?.missing_from_sandbox().await };
    match missing.await {
        Ok(missing) => report.missing_from_sandbox = missing,
        Err(error) => {
            let says = format!("cannot be started: {:#}", anyhow::Error::from(error));
            report.find("workers", "processes that decode", says);
        }
    }
}

/// Nobody else may read what lies in the data directory.
fn look_at_files(config: &Config, report: &mut Report) {
    let database = match config.database() {
        DatabaseUrl::Sqlite(file) => Some(file),
        DatabaseUrl::Postgres(_) => None,
    };
    if let Some(file) = database.as_ref().filter(|file| !file.exists()) {
        let says = "is not there; DARKROOM_DATA_DIR or DARKROOM_DATABASE_URL has to name the server's";
        report.find("database", file.display().to_string(), says);
    }
    // What lies in the folder is closed by itself; whoever may write to the folder could put something else there.
    let secret =
        [(Some(config.data_dir.clone()), 0o022), (Some(master_key::path(config)), 0o077), (database, 0o077)];
    for (path, closed) in secret {
        let Some(path) = path else { continue };
        let Ok(facts) = fs::metadata(&path) else { continue };
        let mode = facts.permissions().mode() & 0o777;
        if mode & closed != 0 {
            let says = format!("is open to others (mode {mode:03o}); run: chmod go= {}", path.display());
            report.find("permissions", path.display().to_string(), says);
        }
    }
}

/// The catalog as it is: neither made nor brought up to date.
async fn open_catalog(config: &Config, report: &mut Report) -> Option<Catalog> {
    if report.findings.iter().any(|finding| finding.check == "database") {
        return None;
    }
    let config = Config { migrate: false, ..config.clone() };
    match server::open_catalog(&config, Clock::system()).await {
        Ok(catalog) => Some(catalog),
        Err(error) => {
            report.find("database", config.database().to_string(), format!("{error:#}"));
            None
        }
    }
}

async fn open_storage(config: &Config, report: &mut Report) -> Option<Storage> {
    let opened = match server::open_storage(config).await {
        Ok(storage) => storage.check().await.map(|()| storage).map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    opened.map_err(|error| report.find("storage", "write, read and delete", format!("{error:#}"))).ok()
}

async fn look_at_database(catalog: &Catalog, report: &mut Report) {
    match catalog.integrity_problems().await {
        Ok(problems) => {
            problems.into_iter().for_each(|problem| report.find("database", "integrity", problem));
        }
        Err(error) => report.find(
            "database",
            "integrity",
            format!("cannot be checked: {:#}", anyhow::Error::from(error)),
        ),
    }
    match catalog.unreadable_secrets().await {
        Ok(unreadable) => {
            for subject in unreadable {
                report.find("secrets", subject, "does not open under the master key, or was altered");
            }
        }
        Err(error) => report.find(
            "secrets",
            "all of them",
            format!("cannot be checked: {:#}", anyhow::Error::from(error)),
        ),
    }
    match catalog.wrong_totals().await {
        Ok(wrong) => {
            for wrong in wrong {
                let says =
                    format!("are {}, and its images add up to {}", shown(wrong.kept), shown(wrong.counted));
                report.find("totals", wrong.handle.to_string(), says);
            }
        }
        Err(error) => report.find(
            "totals",
            "all accounts",
            format!("cannot be counted: {:#}", anyhow::Error::from(error)),
        ),
    }
}

async fn look_at_audit_log(catalog: &Catalog, report: &mut Report) {
    let chains = match catalog.verify_audit().await {
        Ok(chains) => chains,
        Err(error) => {
            return report.find(
                "audit",
                "the whole log",
                format!("cannot be verified: {:#}", anyhow::Error::from(error)),
            );
        }
    };
    for chain in chains {
        report.audit_sealed += chain.sealed;
        report.audit_unsealed += chain.unsealed;
        if let Some(broken) = chain.broken {
            let whose = chain.account.map_or("the server".to_owned(), |account| format!("account {account}"));
            report.find("audit", format!("the log of {whose}"), format!("is not whole: {broken}"));
        }
    }
}

fn shown(totals: Totals) -> String {
    format!("{} images of {} bytes", totals.images, totals.bytes)
}

async fn look_at_objects(
    doctor: &Doctor,
    catalog: &Catalog,
    storage: &Storage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let totals = catalog.owned_totals().await?;
    (report.images, report.original_bytes) = (totals.images, totals.bytes);
    let bar = progress(totals.bytes);
    let mut after = 0;
    loop {
        let originals = catalog.owned_originals(after, ORIGINALS_AT_ONCE).await?;
        let Some(last) = originals.last() else { break };
        after = last.number;
        let looks =
            stream::iter(originals).map(|original| look_at_original(doctor, catalog, storage, original));
        let mut looks = looks.buffered(READS_AT_ONCE);
        while let Some((original, wrong)) = looks.try_next().await? {
            bar.inc(original.bytes);
            if let Some(wrong) = wrong {
                report.find("original", format!("{}/{}", original.handle, original.image), wrong);
            }
        }
    }
    bar.finish_and_clear();
    count_what_no_row_owns(catalog, storage, report).await
}

/// An original, and what is wrong with it. One whose image was removed meanwhile is fine.
async fn look_at_original(
    doctor: &Doctor,
    catalog: &Catalog,
    storage: &Storage,
    original: OwnedOriginal,
) -> anyhow::Result<(OwnedOriginal, Option<String>)> {
    let wrong = if doctor.quick {
        wrong_length(storage, &original).await
    } else {
        wrong_bytes(storage, &original).await
    };
    let removed = wrong.is_some() && !catalog.owns_object(&original.account, &original.object).await?;
    Ok((original, wrong.filter(|_| !removed)))
}

async fn wrong_length(storage: &Storage, original: &OwnedOriginal) -> Option<String> {
    let place = Prefix::new(original.day, &original.account, &original.object);
    match storage.head(&place.original()).await {
        Ok(length) if length == original.bytes => None,
        Ok(length) => Some(format!("its original has {length} bytes instead of {}", original.bytes)),
        Err(error) => Some(unreadable(&error)),
    }
}

async fn wrong_bytes(storage: &Storage, original: &OwnedOriginal) -> Option<String> {
    let place = Prefix::new(original.day, &original.account, &original.object);
    let read = async {
        let mut body = storage.get(&place.original()).await?.body;
        let (mut hash, mut length) = (Sha256::new(), 0);
        while let Some(piece) = body.try_next().await? {
            hash.update(&piece);
            length += piece.len() as u64;
        }
        Ok((length, <[u8; 32]>::from(hash.finalize())))
    };
    match read.await {
        Ok((length, _)) if length != original.bytes => {
            Some(format!("its original has {length} bytes instead of {}", original.bytes))
        }
        Ok((_, sha256)) if sha256 != original.sha256 => {
            Some("its original is damaged: other bytes than were uploaded".to_owned())
        }
        Ok(_) => None,
        Err(error) => Some(unreadable(&error)),
    }
}

fn unreadable(error: &storage::Error) -> String {
    match error {
        storage::Error::Missing => "its original is missing".to_owned(),
        storage::Error::Damaged => "its original is damaged".to_owned(),
        other => format!("its original cannot be read: {other}"),
    }
}

async fn count_what_no_row_owns(
    catalog: &Catalog,
    storage: &Storage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let youngest_s = Clock::system().now().minus(YOUNG).as_seconds();
    let mut listing = storage.list().await?;
    while let Some(listed) = listing.try_next().await? {
        let (_, account, object) = listed.prefix.parts();
        if catalog.owns_object(&account, &object).await? {
            continue;
        }
        report.objects_without_row += 1;
        report.old_objects_without_row += u64::from(listed.written_s <= youngest_s);
    }
    report.doomed = catalog.doomed_count().await?;
    Ok(())
}

fn tell(doctor: &Doctor, report: &Report) -> anyhow::Result<()> {
    if doctor.json {
        say!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    let checked = if doctor.quick { "looked for" } else { "read whole" };
    say!("{} originals of {} bytes: {checked}.", report.images, report.original_bytes);
    say!(
        "{} objects without a row ({} older than a day), {} removed images not freed yet: `darkroom sweep` takes them.",
        report.objects_without_row,
        report.old_objects_without_row,
        report.doomed
    );
    say!(
        "{} rows of the audit log are sealed, {} wait for a seal.",
        report.audit_sealed,
        report.audit_unsealed
    );
    match report.missing_from_sandbox.join(", ") {
        missing if missing.is_empty() => say!("Workers are shut in by all that Darkroom knows."),
        missing => say!("Workers are shut in without what this kernel lacks: {missing}."),
    }
    for finding in &report.findings {
        say!("{}: {} {}", finding.check, finding.subject, finding.says);
    }
    match report.findings.len() {
        0 => say!("Nothing is wrong."),
        many => say!("{many} findings."),
    }
    Ok(())
}
