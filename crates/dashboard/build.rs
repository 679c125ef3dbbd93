//! Takes in `static/`: each file gets a name with its digest, text is compressed once, and scripts import each
//! other by these names. The result is a table in Rust, `assets.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const ROOT: &str = "../../static";

fn main() {
    println!("cargo::rerun-if-changed={ROOT}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo names OUT_DIR"));
    let mut files = Files { contents: BTreeMap::new(), urls: BTreeMap::new() };
    files.read(Path::new(ROOT));
    let names: Vec<String> = files.contents.keys().cloned().collect();
    names.iter().for_each(|name| {
        files.settle(name, 0);
    });
    fs::write(out.join("assets.rs"), files.table(&out)).expect("OUT_DIR can be written");
}

/// The static files by name, and the addresses that are known already.
struct Files {
    contents: BTreeMap<String, Vec<u8>>,
    urls: BTreeMap<String, String>,
}

impl Files {
    fn read(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("static/ can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.read(&path);
            } else if media_type(&path.to_string_lossy()).is_some() {
                let name = path.strip_prefix(ROOT).expect("below static/").to_string_lossy().into_owned();
                self.contents.insert(name, fs::read(&path).expect("a static file can be read"));
            }
        }
    }

    /// The address of a file: its digest counts what it imports, so imports come first.
    fn settle(&mut self, name: &str, depth: usize) -> String {
        assert!(depth < 16, "scripts import each other in a circle at {name}");
        if let Some(url) = self.urls.get(name) {
            return url.clone();
        }
        if name.ends_with(".js") {
            self.settle_imports(name, depth);
        }
        let digest = hex::encode(&Sha256::digest(&self.contents[name])[..8]);
        let (stem, extension) = name.rsplit_once('.').expect("a static file has an extension");
        let url = format!("/static/{stem}.{digest}.{extension}");
        self.urls.insert(name.to_owned(), url.clone());
        url
    }

    /// Replaces each `"./other.js"` by the other's address.
    fn settle_imports(&mut self, name: &str, depth: usize) {
        let text = String::from_utf8(self.contents[name].clone()).expect("a script is UTF-8");
        let mut text = if name.starts_with("vendor/") { text } else { without_comments(&text) };
        let others: Vec<String> =
            self.contents.keys().filter(|other| other.ends_with(".js")).cloned().collect();
        for other in others {
            let written = format!("\"./{other}\"");
            if text.contains(&written) {
                let url = self.settle(&other, depth + 1);
                text = text.replace(&written, &format!("\"{url}\""));
            }
        }
        self.contents.insert(name.to_owned(), text.into_bytes());
    }

    fn table(&self, out: &Path) -> String {
        let mut table = String::from("&[\n");
        for (index, (name, bytes)) in self.contents.iter().enumerate() {
            let file = out.join(format!("asset-{index}"));
            fs::write(&file, bytes).expect("OUT_DIR can be written");
            let media = media_type(name).expect("only known files were read");
            let gzip = match media.starts_with("image/") && !media.ends_with("svg+xml") {
                true => "None".to_owned(),
                false => {
                    let packed = out.join(format!("asset-{index}.gz"));
                    fs::write(&packed, gzip(bytes)).expect("OUT_DIR can be written");
                    format!("Some(include_bytes!({packed:?}))")
                }
            };
            let url = &self.urls[name];
            let _ = writeln!(
                table,
                "Asset {{ name: {name:?}, url: {url:?}, media_type: {media:?}, bytes: include_bytes!({file:?}), \
                 gzip: {gzip} }},"
            );
        }
        table.push(']');
        table
    }
}

/// A script of ours without its lines of comment: they are for those who read the source.
fn without_comments(script: &str) -> String {
    let is_comment =
        |line: &&str| line.trim_start().starts_with("//") || line.trim_start().starts_with("/**");
    script.lines().filter(|line| !is_comment(line)).fold(String::new(), |text, line| text + line + "\n")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes what is written")
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        _ => return None,
    })
}
