//! `darkroom render`: the engine on two files, without a server, a database or an account. The picture is decoded in a
//! worker that is shut in, as every picture of the house is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::Args;
use domain::{AccountId, Hints, grouped};
use serde_json::json;
use server::Config;
use variant::{Facts, Format, Options, OverlaySource, Rendition};
use workers::{Inputs, Lane, Workers};

/// Makes a rendition of a file, as the server would, and tells what it is.
#[derive(Debug, Args)]
#[command(after_help = "Without a format in OPTIONS the name of OUT decides: cat.avif is an AVIF.\n\
    Options are those of delivery URLs, e.g. w=640,h=480,fit=cover,q=80,sharpen=1.")]
pub(super) struct Render {
    /// The original
    #[arg(value_name = "IN")]
    original: PathBuf,
    /// The rendition's file
    #[arg(value_name = "OUT")]
    rendition: PathBuf,
    /// What is wished for, as in a delivery URL: "w=640,f=avif"
    #[arg(long, short, value_name = "OPTIONS", default_value = "")]
    options: String,
    /// Replace OUT where it is there already
    #[arg(long)]
    force: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// An original on the command line may be larger than an upload, and no larger than this.
const MAX_ORIGINAL_BYTES: u64 = 1 << 30;

/// Endings of file names and the formats that they name.
const ENDINGS: [(&str, &str); 9] = [
    ("jpg", "jpeg"),
    ("jpeg", "jpeg"),
    ("png", "png"),
    ("webp", "webp"),
    ("avif", "avif"),
    ("gif", "gif"),
    ("jxl", "jxl"),
    ("svg", "svg"),
    ("json", "json"),
];

/// What was made, and from what.
struct Made {
    facts: Facts,
    rendition: Rendition,
    took: Duration,
    warnings: Vec<String>,
}

/// Renders; nothing is written where anything fails.
pub(super) async fn run(render: &Render, config: &Config) -> anyhow::Result<ExitCode> {
    let options = wish(&render.options, &render.rendition)?;
    let replaced = fs::symlink_metadata(&render.rendition);
    if replaced.is_ok() && !render.force {
        bail!("{} is there already; --force replaces it", render.rendition.display());
    }
    let original = read(&render.original).with_context(|| format!("{}", render.original.display()))?;
    let made = make(config, original, &options).await;
    let made = made.with_context(|| format!("{} cannot be rendered", render.original.display()))?;
    write(&render.rendition, &made.rendition.bytes, render.force)
        .with_context(|| format!("{} cannot be written", render.rendition.display()))?;
    tell(render, &made);
    Ok(ExitCode::SUCCESS)
}

/// The options, with the format that the name of the file asks for where they ask for none.
fn wish(text: &str, rendition: &Path) -> anyhow::Result<Options> {
    let mut options =
        if text.is_empty() { Options::default() } else { Options::parse(text).context("--options")? };
    let ending =
        rendition.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let named = ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format);
    if let (None, Some(format)) = (options.format, named) {
        options.set("format", format).with_context(|| format!("{}", rendition.display()))?;
    }
    let overlays = options.draw.iter().flat_map(|draw| &draw.0);
    if overlays.into_iter().any(|overlay| matches!(overlay.what, OverlaySource::Image { .. })) {
        bail!(
            "--options: images that are laid over others belong to an account; only text can be drawn here"
        );
    }
    Ok(options)
}

fn read(path: &Path) -> anyhow::Result<Bytes> {
    let file = File::open(path).context("it cannot be read")?;
    if file.metadata().context("it cannot be read")?.is_dir() {
        bail!("it is a folder");
    }
    let mut bytes = Vec::new();
    file.take(MAX_ORIGINAL_BYTES + 1).read_to_end(&mut bytes).context("it cannot be read")?;
    if bytes.len() as u64 > MAX_ORIGINAL_BYTES {
        bail!("it has more than {} bytes", grouped(MAX_ORIGINAL_BYTES));
    }
    Ok(bytes.into())
}

async fn make(config: &Config, original: Bytes, options: &Options) -> anyhow::Result<Made> {
    let workers = Workers::new(config.workers.clone())?;
    let facts = workers.probe_slot().await?.probe(original.clone()).await?;
    let recipe = variant::settle(options, &facts, None, &Hints::default(), &config.workers.limits)?;
    let warnings = recipe.warnings.clone();
    let account = AccountId::random();
    let slot = workers.render_slot(Lane::Interactive, &account, &facts, &[], &recipe).await?;
    let began = Instant::now();
    let rendition = slot.render(Inputs::plain(original, facts.clone()), recipe).await?;
    Ok(Made { facts, rendition, took: began.elapsed(), warnings })
}

/// Writes whole or not at all, and replaces only where it may.
fn write(path: &Path, bytes: &[u8], may_replace: bool) -> io::Result<()> {
    let written = if may_replace { beside(path)? } else { path.to_owned() };
    let mut file = OpenOptions::new().write(true).create_new(true).open(&written)?;
    let done =
        file.write_all(bytes).and_then(|()| if may_replace { fs::rename(&written, path) } else { Ok(()) });
    done.inspect_err(|_| {
        let _ = fs::remove_file(&written);
    })
}

/// A name in the same folder that nobody else has.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    Ok(path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id())))
}

fn tell(render: &Render, made: &Made) {
    let Made { facts, rendition, took, warnings } = made;
    let (file, milliseconds) = (render.rendition.display().to_string(), took.as_secs_f64() * 1e3);
    if render.json {
        let format = |format: Format| format.label();
        say!(
            "{}",
            json!({
                "file": file,
                "format": format(rendition.format),
                "width": rendition.width,
                "height": rendition.height,
                "bytes": rendition.bytes.len(),
                "quality": rendition.quality,
                "milliseconds": milliseconds,
                "original": { "format": format(facts.format), "width": facts.width, "height": facts.height },
                "warnings": warnings,
            })
        );
        return;
    }
    for warning in warnings {
        eprintln!("darkroom: {warning}");
    }
    say!(
        "{file}: {} × {}, {}, {} bytes, {milliseconds:.0} ms",
        rendition.width,
        rendition.height,
        rendition.format.label(),
        grouped(rendition.bytes.len() as u64)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_asks_for_a_format_where_the_options_do_not() {
        let asked =
            |options: &str, file: &str| wish(options, Path::new(file)).map(|options| options.to_string());
        assert_eq!(asked("", "cat.WEBP").unwrap(), "format=webp");
        assert_eq!(asked("w=9", "cat.jpg").unwrap(), "w=9,format=jpeg");
        assert_eq!(asked("f=avif", "cat.jpg").unwrap(), "format=avif");
        assert_eq!(asked("w=9", "cat.bin").unwrap(), "w=9");
        assert!(asked("w=-9", "cat.jpg").unwrap_err().root_cause().to_string().contains("w"));
        assert!(asked("draw=(image=logo)", "cat.jpg").is_err());
    }
}
