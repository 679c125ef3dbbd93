//! `darkroom upload`: puts files into an account, with progress, and prints their delivery URLs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::upload::{NewUpload, Uploads};
use anyhow::{Context as _, bail};
use catalog::{Account, Actor};
use clap::Args;
use domain::{Clock, ImageId, VariantName};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use server::Config;
use signing::DeliveryUrl;
use tokio::io::AsyncReadExt as _;

/// Uploads files and prints id and delivery URLs of each.
#[derive(Debug, Args)]
pub(super) struct Upload {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The account's handle
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only signed URLs deliver the images
    #[arg(long)]
    private: bool,
    /// The id of the image; for one file only
    #[arg(long)]
    id: Option<String>,
    /// As JSON, a line a file
    #[arg(long)]
    json: bool,
}

const PIECE_BYTES: usize = 128 * 1024;

/// Uploads one file after the other; a file that is refused does not stop the rest.
pub(super) async fn run(upload: &Upload, config: &Config) -> anyhow::Result<ExitCode> {
    if upload.id.is_some() && upload.files.len() > 1 {
        bail!("--id names one image; give one file with it");
    }
    let (catalog, uploads) = server::open_uploads(config, Clock::system()).await?;
    let account = super::account(&catalog, upload.account.as_deref()).await?;
    let variants = catalog.variants(&account.id).await?;
    let names: Vec<VariantName> = variants.into_iter().map(|variant| variant.name).collect();
    let bars = MultiProgress::new();
    let mut failed = 0;
    for file in &upload.files {
        match one(upload, file, &account, &uploads, &bars).await {
            Ok(id) => bars.suspend(|| print(upload.json, config, &account, file, &id, &names)),
            Err(error) => {
                failed += 1;
                bars.suspend(|| eprintln!("{}: {error:#}", file.display()));
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn one(
    upload: &Upload,
    file: &Path,
    account: &Account,
    uploads: &Uploads,
    bars: &MultiProgress,
) -> anyhow::Result<ImageId> {
    let id = upload.id.as_deref().map(ImageId::custom).transpose()?;
    let mut source = tokio::fs::File::open(file).await.context("cannot be read")?;
    let length = source.metadata().await?.len();
    let limit = uploads.config().form.max_upload_bytes;
    if length > limit {
        return Err(::upload::Error::TooLarge { size_bytes: length, limit_bytes: limit }.into());
    }
    let bar = bars.add(progress(file, length));
    let mut scratch = uploads.storage().scratch().await?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = source.read(&mut piece).await.context("cannot be read")?;
        if read == 0 {
            break;
        }
        scratch.write(&piece[..read]).await?;
        bar.inc(read as u64);
    }
    bar.set_message("processing");
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let new = NewUpload {
        account: account.id,
        id,
        file: scratch.seal().await?,
        filename: name,
        metadata: serde_json::Map::new(),
        creator: None,
        private: upload.private,
        idempotency_key: None,
    };
    let accepted = uploads.accept(new, &Actor::command()).await;
    bar.finish_and_clear();
    Ok(accepted?.image.id)
}

fn progress(file: &Path, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:24!} {bar:30} {bytes}/{total_bytes} {msg}");
    let bar = ProgressBar::new(length).with_prefix(file.display().to_string());
    style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
}

fn print(
    json: bool,
    config: &Config,
    account: &Account,
    file: &Path,
    id: &ImageId,
    variants: &[VariantName],
) {
    let host = config.delivery_url.clone().or_else(|| config.public_url.clone());
    let host = host.unwrap_or_else(|| format!("http://{}", config.bind));
    let urls: Vec<String> = variants
        .iter()
        .map(|name| format!("{host}{}", DeliveryUrl::path_of(&account.hash, id, name.as_str())))
        .collect();
    if json {
        say!(
            "{}",
            serde_json::json!({ "file": file.display().to_string(), "id": id.as_str(), "variants": urls })
        );
        return;
    }
    say!("{}  {}", file.display(), id);
    urls.iter().for_each(|url| say!("  {url}"));
}
