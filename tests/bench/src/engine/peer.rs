//! Whoever renders a file: ourselves, sharp, Pillow and oximg as processes that stay and are asked again and again,
//! vipsthumbnail as one that is started for each picture.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::process::{memory_mib, on_cores, reset_peak};

/// The core that the measured process has for itself; the bench and everything else has the others.
pub(crate) const CORE: &str = "1";

/// What is wished of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) file: PathBuf,
    pub(crate) out: PathBuf,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// `jpeg`, `webp`, `avif` or `png`.
    pub(crate) format: String,
    /// 1 to 100, on the scale of whoever renders.
    pub(crate) quality: u32,
    /// How hard an encoder tries; absent is its default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<u32>,
    /// Ours alone: a smaller copy of the original is there already.
    #[serde(default)]
    pub(crate) has_copy: bool,
    /// Ours alone: time counts more than bytes.
    #[serde(default)]
    pub(crate) is_fast: bool,
}

#[derive(Deserialize)]
struct Done {
    ms: f64,
}

/// A program that renders.
pub(crate) struct Peer {
    pub(crate) name: String,
    kind: Kind,
}

enum Kind {
    /// Reads wishes as lines of JSON.
    Lines { child: Child, to: ChildStdin, from: BufReader<ChildStdout> },
    /// Serves a folder.
    Oximg { child: Child, at: std::net::SocketAddr, folder: PathBuf },
    /// Is started each time.
    Vips,
}

impl Peer {
    /// This bench itself, as `bench engine-lines`.
    pub(crate) fn ours() -> Result<Peer> {
        Peer::ours_on(Some(CORE))
    }

    /// The same on these cores only, or on any.
    pub(crate) fn ours_on(cores: Option<&str>) -> Result<Peer> {
        let mut command = on_cores(&std::env::current_exe()?, cores);
        command.arg("engine-lines");
        Peer::lines("darkroom", command)
    }

    pub(crate) fn sharp() -> Result<Peer> {
        let node = std::env::var_os("TEST_NODE").unwrap_or_else(|| "node".into());
        let mut command = on_cores(Path::new(&node), Some(CORE));
        command.arg("bench/sharp.mjs").current_dir(tests());
        Peer::lines("sharp", command)
    }

    pub(crate) fn pillow() -> Result<Peer> {
        let python = tests().join("../.tools/python/bin/python");
        ensure!(python.exists(), "Python's packages are missing: `make bench-engine` brings them");
        let mut command = on_cores(&python, Some(CORE));
        command.arg("bench/pillow.py").current_dir(tests());
        Peer::lines("Pillow", command)
    }

    /// oximg, which serves what lies in a folder.
    pub(crate) fn oximg(folder: &Path) -> Result<Peer> {
        Peer::oximg_on(folder, Some(CORE))
    }

    /// The same on these cores only, or on any.
    pub(crate) fn oximg_on(folder: &Path, cores: Option<&str>) -> Result<Peer> {
        let program = std::env::var_os("BENCH_OXIMG").context("BENCH_OXIMG names no program")?;
        let at = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = on_cores(Path::new(&program), cores);
        command.arg("serve").env("OXIMG_BIND", "127.0.0.1").env("PORT", at.port().to_string());
        command.env("IMAGES_DIR", folder).env("OXIMG_OPTIONS_PREFIX", "/image");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let began = Instant::now();
        while std::net::TcpStream::connect(at).is_err() {
            ensure!(began.elapsed().as_secs() < 10, "oximg does not listen");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let kind = Kind::Oximg { child, at, folder: folder.into() };
        Ok(Peer { name: "oximg".into(), kind })
    }

    pub(crate) fn vips() -> Peer {
        Peer { name: "vipsthumbnail".into(), kind: Kind::Vips }
    }

    fn lines(name: &str, mut command: Command) -> Result<Peer> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(name.to_owned())?;
        let to = child.stdin.take().context("its input")?;
        let from = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Peer { name: name.into(), kind: Kind::Lines { child, to, from } })
    }

    /// Where it listens, if it does.
    pub(crate) fn at(&self) -> Option<std::net::SocketAddr> {
        if let Kind::Oximg { at, .. } = &self.kind { Some(*at) } else { None }
    }

    /// Cuts left, top, width, height out of a file, unscaled. Only sharp is asked for that.
    pub(crate) fn cut(
        &mut self,
        from: &Path,
        to: &Path,
        (left, top, width, height): (u32, u32, u32, u32),
    ) -> Result<()> {
        let Kind::Lines { to: input, from: output, .. } = &mut self.kind else {
            bail!("{} cuts nothing", self.name)
        };
        let wish = serde_json::json!({
            "file": from, "out": to, "left": left, "top": top, "width": width, "height": height,
            "format": "crop", "quality": 92,
        });
        writeln!(input, "{wish}")?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        serde_json::from_str::<Done>(&line).map(drop).with_context(|| format!("{} said: {line}", self.name))
    }

    /// Whether it writes a format.
    pub(crate) fn writes(&self, format: &str) -> bool {
        !matches!((&self.kind, format), (Kind::Oximg { .. } | Kind::Vips, "avif"))
    }

    /// Renders a file: milliseconds, and the bytes.
    pub(crate) fn render(&mut self, wish: &Wish) -> Result<(f64, Vec<u8>)> {
        match &mut self.kind {
            Kind::Lines { to, from, .. } => {
                writeln!(to, "{}", serde_json::to_string(wish)?)?;
                let mut line = String::new();
                from.read_line(&mut line)?;
                let done: Done =
                    serde_json::from_str(&line).with_context(|| format!("{} said: {line}", self.name))?;
                Ok((done.ms, std::fs::read(&wish.out)?))
            }
            Kind::Oximg { at, folder, .. } => oximg_renders(*at, folder, wish),
            Kind::Vips => vips_renders(wish),
        }
    }

    /// The most memory that it holds while it renders, in MiB; none where it cannot be told.
    pub(crate) fn peak_mib(&mut self, wish: &Wish) -> Result<Option<f64>> {
        let (Kind::Lines { child, .. } | Kind::Oximg { child, .. }) = &self.kind else { return Ok(None) };
        let pid = child.id();
        reset_peak(pid)?;
        self.render(wish)?;
        memory_mib(pid, "VmHWM").map(Some)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Kind::Lines { child, .. } | Kind::Oximg { child, .. } = &mut self.kind {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One request on one connection, whose beginning is no part of the time.
fn oximg_renders(at: std::net::SocketAddr, folder: &Path, wish: &Wish) -> Result<(f64, Vec<u8>)> {
    let name = wish.file.strip_prefix(folder).context("the file lies in its folder")?;
    let Wish { width, height, format, quality, .. } = wish;
    let options = format!("width={width},height={height},quality={quality},format={format}");
    let mut stream = std::net::TcpStream::connect(at)?;
    let began = Instant::now();
    write!(
        stream,
        "GET /image/{options}/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        name.display()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("an answer")?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "oximg: {}", String::from_utf8_lossy(&answer[..end]));
    Ok((ms, answer.split_off(end + 4)))
}

fn vips_renders(wish: &Wish) -> Result<(f64, Vec<u8>)> {
    let Wish { width, height, format, quality, .. } = wish;
    let extension = if format == "jpeg" { "jpg" } else { format };
    // Beside the original, which may have the same extension.
    let out = wish.out.with_extension(format!("vips.{extension}"));
    let settings = if format == "png" { String::new() } else { format!("[Q={quality}]") };
    let mut command = on_cores(Path::new("vipsthumbnail"), Some(CORE));
    command.arg(&wish.file).arg("--size").arg(format!("{width}x{height}"));
    command.arg("-o").arg(format!("{}{settings}", out.display())).env("VIPS_CONCURRENCY", "1");
    let began = Instant::now();
    let output = command.output().context("vipsthumbnail")?;
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    if !output.status.success() {
        bail!("vipsthumbnail: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok((ms, std::fs::read(out)?))
}
