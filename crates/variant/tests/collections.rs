//! The outside collections, read from the folder that `TEST_SHARED` names; left out without it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::Hints;
use serde_json::Value;
use variant::{Error, Facts, Limits, Options, Originals};

const RENDITIONS: [&str; 6] = [
    "w=200,f=webp",
    "w=200,f=jpeg",
    "w=200,f=gif",
    "w=64,f=avif,compression=fast",
    "w=90,h=120,fit=cover,f=png",
    "w=64,h=64,fit=pad,f=jpeg,metadata=none",
];

fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("TEST_SHARED").map(PathBuf::from);
    if folder.is_none() {
        println!("TEST_SHARED is not set: the outside collections are left out");
    }
    folder
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn accept(bytes: &[u8]) -> Result<Facts, Error> {
    let limits = Limits::default();
    let facts = variant::probe(bytes, &limits)?;
    variant::placeholder(bytes, &facts, &limits, Instant::now() + Duration::from_secs(60))?;
    Ok(facts)
}

fn render(bytes: &[u8], facts: &Facts, options: &str) -> Result<variant::Rendition, Error> {
    let limits = Limits::default();
    let recipe = variant::settle(&Options::parse(options)?, facts, None, &Hints::default(), &limits)?;
    let originals = Originals::plain(bytes, facts);
    variant::render(&originals, &recipe, &limits, Instant::now() + Duration::from_secs(60))
}

/// What is wrong with the answer to one file of the manifest; nothing when all is well.
fn fault(folder: &Path, entry: &Value) -> Option<String> {
    let file = entry["file"].as_str()?;
    let bytes = read(&folder.join(file));
    let expected = entry["expected"].as_str()?;
    let facts = match (accept(&bytes), expected) {
        (Ok(facts), "accept" | "either") => facts,
        (Ok(_), _) => return Some(format!("{file}: taken, but {}", entry["reason"])),
        (Err(error), "accept") => return Some(format!("{file}: refused: {error}")),
        (Err(_), _) => return None,
    };
    for options in RENDITIONS {
        match render(&bytes, &facts, options) {
            Ok(rendition) => {
                if let Some(fault) = leaked(entry, options, &rendition.bytes) {
                    return Some(format!("{file} {options}: {fault}"));
                }
            }
            Err(error) if expected == "accept" => return Some(format!("{file} {options}: {error}")),
            Err(_) => {}
        }
    }
    wrong_facts(entry, &facts).map(|fault| format!("{file}: {fault}"))
}

fn wrong_facts(entry: &Value, facts: &Facts) -> Option<String> {
    let (width, height) = (entry["width"].as_u64()?, entry["height"].as_u64()?);
    let turned = (u64::from(facts.height), u64::from(facts.width));
    let upright = (turned.1, turned.0);
    let seen = if facts.orientation.0 >= 5 { turned } else { upright };
    let frames = entry["frames"].as_u64().unwrap_or(1);
    (seen != (width, height) || u64::from(facts.frames) != frames)
        .then(|| format!("{seen:?} and {} frames, not {:?} and {frames}", facts.frames, (width, height)))
}

/// What a rendition holds that it must not.
fn leaked(entry: &Value, options: &str, bytes: &[u8]) -> Option<String> {
    let checks: Vec<&str> = entry["checks"].as_array()?.iter().filter_map(Value::as_str).collect();
    let mut marks: Vec<&[u8]> = Vec::new();
    if checks.contains(&"no_payload") {
        marks.extend([&b"<script"[..], b"<?php", b"javascript:", b"onerror=", b"root:x:0"]);
    }
    if checks.contains(&"no_metadata") && !options.ends_with("f=jpeg") {
        marks.extend([
            &b"Exif"[..],
            b"EXIF",
            b"http://ns.adobe",
            b"Photoshop",
            b"tEXt",
            b"iTXt",
            b"zTXt",
            b"eXIf",
        ]);
    }
    // Three letters alone are found in compressed pixels too.
    marks.extend([&b"GPSLatitude"[..], b"exif:GPS", b"GPSLEAK"]);
    let found = marks.into_iter().find(|mark| bytes.windows(mark.len()).any(|window| window == *mark))?;
    Some(format!("it holds {}", String::from_utf8_lossy(found)))
}

#[test]
fn bad_inputs_are_answered_as_their_manifest_says() {
    let Some(folder) = shared().map(|shared| shared.join("bad-inputs")) else { return };
    let manifest: Value = serde_json::from_slice(&read(&folder.join("manifest.json"))).unwrap();
    let entries = manifest["files"].as_array().unwrap();
    let faults: Vec<String> = entries.iter().filter_map(|entry| fault(&folder, entry)).collect();
    println!("{} files of the manifest", entries.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_corpus_is_read_and_its_bad_files_are_refused() {
    let Some(folder) = shared().map(|shared| shared.join("corpus")) else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        seen += 1;
        let bytes = read(&path);
        let answer = accept(&bytes);
        let refused = ["bad-", "bomb-"].iter().any(|start| name.starts_with(start))
            || (name.starts_with("heic-") && !cfg!(feature = "heic"));
        assert_eq!(answer.is_err(), refused, "{name}: {answer:?}");
        if let Ok(facts) = answer {
            let rendition = render(&bytes, &facts, "w=320,h=320,f=webp").unwrap();
            let fits = rendition.width <= 320 && rendition.height <= 320;
            let pixels = u64::from(facts.width) * u64::from(facts.height) * u64::from(facts.frames);
            let as_it_is = pixels > Limits::default().max_resized_animation_pixels;
            assert!(fits || as_it_is || name.starts_with("svg-"), "{name}");
        }
    }
    assert!(seen > 30, "{seen} files");
}

#[test]
fn files_that_changed_anywhere_never_panic() {
    let Some(folder) = shared().map(|shared| shared.join("corpus")) else { return };
    let names = [
        "jpeg-gray-icc.jpg",
        "png-palette-290x442.png",
        "webp-lossy-alpha-300.webp",
        "gif-anim-alpha-30f.gif",
    ];
    let more = ["jpeg-icc-adobe-rgb.jpg", "webp-anim-alpha-9f.webp", "jpeg-exif6-portrait.jpg"];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for name in names.into_iter().chain(more) {
        let original = read(&folder.join(name));
        for _ in 0..60 {
            let mut bytes = original.clone();
            for _ in 0..=random(6) {
                // Half of the changes hit the header, where they do most.
                let most = if random(2) == 0 { bytes.len().min(700) } else { bytes.len() };
                let at = random(most);
                bytes[at] = random(256) as u8;
            }
            if random(4) == 0 {
                bytes.truncate(random(original.len()));
            }
            if let Ok(facts) = variant::probe(&bytes, &Limits::default()) {
                let _ = accept(&bytes);
                let _ = render(&bytes, &facts, "w=50,f=webp");
                let _ = render(&bytes, &facts, "w=50,f=jpeg,metadata=keep");
            }
        }
    }
}
