//! Many photographs, each asked for once over HTTP by two clients, as image servers are compared; what one large render
//! takes of memory in all processes of the server together; and how much of its time is not the engine's.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::peer::{Peer, Wish};
use crate::darkroom::Darkroom;
use crate::http::ask;
use crate::process::{family_peak_mib, reset_family_peak};
use crate::{median, verdict};

/// Photographs, cut out of those of the collection.
const PHOTOGRAPHS: usize = 120;
const CLIENTS: usize = 2;
/// The box that they are fitted into.
const SIDE: u32 = 512;
/// Photographs of the collection.
const ORIGINALS: [&str; 3] =
    ["jpeg-bar-24mp-baseline.jpg", "jpeg-bar-24mp-progressive.jpg", "jpeg-crane-12mp-420-icc-srgb.jpg"];
/// How often a large render is asked of the server and of the engine alone.
const ROUNDS: usize = 15;

/// Long enough for a working copy to be made.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    for name in ORIGINALS {
        super::task::copied(name, folder)?;
    }
    let mut sharp = Peer::sharp()?;
    let files = photographs(folder, &mut sharp)?;
    let home = tempfile::tempdir()?;
    let darkroom = Darkroom::start(binary, home.path())?;
    let account = darkroom.account()?;
    darkroom.fitted_variant(&account, "fit", SIDE)?;
    let mut targets = Vec::new();
    for file in &files {
        let id = darkroom.upload(&account, &std::fs::read(file)?, false)?;
        targets.push(format!("/{}/{id}/fit", account.hash));
    }
    let ours = fetched_s(darkroom.at, &targets)?;
    let oximg = Peer::oximg_on(folder, None)?;
    let name = |file: &PathBuf| file.file_name().map(|name| name.to_string_lossy().into_owned());
    let options = format!("width={SIDE},height={SIDE},quality=80,format=jpeg");
    let targets: Option<Vec<_>> =
        files.iter().map(|file| name(file).map(|name| format!("/image/{options}/{name}"))).collect();
    let theirs = fetched_s(oximg.at().context("it serves")?, &targets.context("names")?)?;
    let rate = |seconds: f64| PHOTOGRAPHS as f64 / seconds;
    println!(
        "\n{PHOTOGRAPHS} photographs over HTTP, {CLIENTS} clients, all cores: darkroom {:.1}/s, oximg {:.1}/s",
        rate(ours),
        rate(theirs)
    );
    verdict("darkroom / oximg", theirs / ours, " x", theirs / ours >= 1.0, "at least 1");
    darkroom.variant(&account, "w640", 640)?;
    share(&darkroom, folder)?;
    // Another server of the same program would have a share of its pages.
    drop(darkroom);
    memory(binary, folder)
}

/// What a cold render over HTTP takes beside the engine's work on it: look-up, storage, the sandbox and the answer. Each
/// is of a new upload, which has no working copy yet; before the next that copy is made, beside nothing that is measured.
fn share(darkroom: &Darkroom, folder: &Path) -> Result<()> {
    let account = darkroom.account()?;
    let mut engine = Peer::ours_on(None)?;
    let wish = wish_of(folder, ORIGINALS[2])?;
    let bytes = std::fs::read(&wish.file)?;
    let (mut over_http, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let id = darkroom.upload(&account, &bytes, false)?;
        let began = Instant::now();
        darkroom.picture(&format!("/{}/{id}/w640", account.hash))?;
        over_http.push(began.elapsed().as_secs_f64() * 1000.0);
        std::thread::sleep(PAUSE);
        alone.push(engine.render(&wish)?.0);
    }
    let (over_http, alone) = (median(over_http), median(alone));
    println!("12 MP to 640 WebP: {over_http:.1} ms over HTTP, {alone:.1} ms in the engine alone");
    let share = (1.0 - alone / over_http) * 100.0;
    verdict("outside of the engine", share, " %", share < 5.0, "under 5");
    Ok(())
}

/// An original of the folder to 640 pixels of WebP.
fn wish_of(folder: &Path, name: &str) -> Result<Wish> {
    let file = folder.join(name);
    let facts = variant::probe(&std::fs::read(&file)?, &variant::Limits::default())?;
    let height = (f64::from(facts.height) * 640.0 / f64::from(facts.width)).round() as u32;
    let (out, format) = (file.with_extension("out"), "webp".into());
    Ok(Wish {
        out,
        file,
        width: 640,
        height,
        format,
        quality: 80,
        effort: None,
        has_copy: false,
        is_fast: false,
    })
}

/// Seconds until every target was fetched once.
fn fetched_s(at: std::net::SocketAddr, targets: &[String]) -> Result<f64> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let client = || -> Result<()> {
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = ask(at, "GET", target, "Accept: image/jpeg\r\n", b"")?;
                ensure!(answer.status == 200, "{target}: {}", answer.status);
            }
            Ok(())
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("it fetched"))
    })?;
    Ok(began.elapsed().as_secs_f64())
}

/// Cuts of 1500 x 1000 at places that spread over each original.
fn photographs(folder: &Path, sharp: &mut Peer) -> Result<Vec<PathBuf>> {
    let [baseline, _, crane] = ORIGINALS;
    let originals = [baseline, crane];
    let mut files = Vec::new();
    for number in 0..PHOTOGRAPHS {
        let original = folder.join(originals[number % originals.len()]);
        let facts = variant::probe(&std::fs::read(&original)?, &variant::Limits::default())?;
        let step =
            |room: u32, way: usize| (room as usize * (number * way % PHOTOGRAPHS) / PHOTOGRAPHS) as u32;
        let file = folder.join(format!("photograph-{number}.jpg"));
        let (left, top) = (step(facts.width - 1500, 7), step(facts.height - 1000, 11));
        sharp.cut(&original, &file, (left, top, 1500, 1000))?;
        files.push(file);
    }
    Ok(files)
}

/// The most memory that a render of 24 megapixels takes: server and workers together, and sharp. Each has done nothing
/// before that would have left it larger.
fn memory(binary: &Path, folder: &Path) -> Result<()> {
    for name in &ORIGINALS[..2] {
        let (home, mut sharp) = (tempfile::tempdir()?, Peer::sharp()?);
        let darkroom = Darkroom::start(binary, home.path())?;
        let account = darkroom.account()?;
        darkroom.variant(&account, "w640", 640)?;
        let wish = wish_of(folder, name)?;
        let id = darkroom.upload(&account, &std::fs::read(&wish.file)?, false)?;
        reset_family_peak(darkroom.pid())?;
        darkroom.picture(&format!("/{}/{id}/w640", account.hash))?;
        let ours = family_peak_mib(darkroom.pid())?;
        let theirs = sharp.peak_mib(&wish)?.context("sharp stays")?;
        println!("{name}: server and workers {ours:.0} MiB at most, sharp {theirs:.0} MiB");
        verdict("  darkroom / sharp", ours / theirs, "", ours / theirs <= 0.5, "at most 0.5");
    }
    Ok(())
}
