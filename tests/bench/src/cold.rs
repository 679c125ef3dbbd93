//! A cold large JPEG to a 640 wide WebP over HTTP, beside sharp on the same picture at equal bytes: milliseconds,
//! bytes and score, in interleaved rounds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::darkroom::{Account, Darkroom};
use crate::process::cpu_s;
use crate::score::{reference, score};
use crate::{drawn, median, verdict};

const WIDTH: u32 = 640;
const ROUNDS: usize = 11;

/// A large picture.
pub(crate) struct Picture {
    pub(crate) label: String,
    pub(crate) bytes: Vec<u8>,
}

/// Those of the collection where it is there, drawn ones else.
pub(crate) fn pictures() -> Result<Vec<Picture>> {
    let Some(shared) = std::env::var_os("TEST_SHARED") else {
        println!("TEST_SHARED is not set: pictures are drawn");
        let drawn = |label: &str, width, height| Picture {
            label: format!("drawn {label}"),
            bytes: drawn::jpeg(&drawn::photo(width, height), 85),
        };
        return Ok(vec![drawn("12 MP", 4000, 3000), drawn("24 MP", 6000, 4000)]);
    };
    let names =
        ["jpeg-crane-12mp-420-icc-srgb.jpg", "jpeg-bar-24mp-baseline.jpg", "jpeg-bar-24mp-progressive.jpg"];
    let read = |name: &str| {
        let path = Path::new(&shared).join("corpus").join(name);
        Ok(Picture {
            label: name.into(),
            bytes: std::fs::read(&path).with_context(|| path.display().to_string())?,
        })
    };
    names.into_iter().map(read).collect()
}

pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let darkroom = Darkroom::start(binary, folder.path())?;
    let account = darkroom.account()?;
    darkroom.variant(&account, "w640", WIDTH)?;
    let mut sharp = Sharp::start()?;
    for picture in pictures()? {
        let file = folder.path().join("picture.jpg");
        std::fs::write(&file, &picture.bytes)?;
        compare(&darkroom, &account, &mut sharp, &picture, &file)?;
    }
    Ok(())
}

fn compare(
    darkroom: &Darkroom,
    account: &Account,
    sharp: &mut Sharp,
    picture: &Picture,
    file: &Path,
) -> Result<()> {
    let ideal = reference(&picture.bytes, WIDTH)?;
    let (_, _, ours) = cold(darkroom, account, picture)?;
    let quality = sharp.quality_for(file, ours.len())?;
    let (mut our_ms, mut their_ms) = (Vec::new(), Vec::new());
    let (mut our_cpu_ms, mut their_cpu_ms) = (Vec::new(), Vec::new());
    let mut theirs = Vec::new();
    for _ in 0..ROUNDS {
        let (ms, cpu_ms, _) = cold(darkroom, account, picture)?;
        our_ms.push(ms);
        our_cpu_ms.push(cpu_ms);
        let before = cpu_s(sharp.child.id())?;
        let (ms, bytes) = sharp.render(file, quality)?;
        their_ms.push(ms);
        their_cpu_ms.push((cpu_s(sharp.child.id())? - before) * 1000.0);
        theirs = bytes;
    }
    println!("{}", picture.label);
    let tell = |who: &str, ms: &[f64], cpu_ms: &[f64], bytes: &[u8]| -> Result<()> {
        let (best, middle, cpu) = (least(ms), median(ms.to_vec()), median(cpu_ms.to_vec()));
        let (length, score) = (bytes.len(), score(bytes, &ideal)?);
        println!(
            "  {who}: {best:.0} ms at best, {middle:.0} middle, CPU {cpu:.0} ms, {length} bytes, score {score:.1}"
        );
        Ok(())
    };
    tell("darkroom over HTTP", &our_ms, &our_cpu_ms, &ours)?;
    tell(&format!("sharp q{quality}"), &their_ms, &their_cpu_ms, &theirs)?;
    // What else runs on the machine only adds: the best of each is what it can do.
    let ratio = least(&our_ms) / least(&their_ms);
    verdict("  time, darkroom / sharp, the best of each", ratio, "", ratio <= 1.0, "at most 1");
    Ok(())
}

fn least(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Uploads a picture under a new id, so that nothing of it is cached, and times its first rendition: milliseconds,
/// milliseconds of processor time, the bytes.
fn cold(darkroom: &Darkroom, account: &Account, picture: &Picture) -> Result<(f64, f64, Vec<u8>)> {
    let id = darkroom.upload(account, &picture.bytes, false)?;
    let target = format!("/{}/{id}/w640", account.hash);
    let (began, before) = (Instant::now(), cpu_s(darkroom.pid())?);
    let bytes = darkroom.picture(&target)?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    Ok((ms, (cpu_s(darkroom.pid())? - before) * 1000.0, bytes))
}

/// sharp in a process of its own, warm, asked a line at a time.
struct Sharp {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Sharp {
    fn start() -> Result<Sharp> {
        let node = std::env::var_os("TEST_NODE").unwrap_or_else(|| "node".into());
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut command = Command::new(node);
        command.arg("bench/sharp.mjs").current_dir(tests).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("node")?;
        let (to, from) =
            (child.stdin.take().context("its input")?, child.stdout.take().context("its output")?);
        Ok(Sharp { child, to, from: BufReader::new(from) })
    }

    /// Renders a file: milliseconds within sharp, and the bytes.
    fn render(&mut self, file: &Path, quality: u32) -> Result<(f64, Vec<u8>)> {
        let out = file.with_extension("sharp.webp");
        let wish = json!({ "file": file, "out": out, "width": WIDTH, "quality": quality });
        writeln!(self.to, "{wish}")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line)?;
        Ok((answer["ms"].as_f64().context("a time")?, std::fs::read(out)?))
    }

    /// The quality whose bytes come closest to a length.
    fn quality_for(&mut self, file: &Path, bytes: usize) -> Result<u32> {
        let (mut low, mut high) = (20, 98);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if self.render(file, middle)?.1.len() <= bytes { low = middle } else { high = middle }
        }
        let far = |found: usize| found.abs_diff(bytes);
        let (below, above) = (self.render(file, low)?.1.len(), self.render(file, high)?.1.len());
        Ok(if far(below) <= far(above) { low } else { high })
    }
}

impl Drop for Sharp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
