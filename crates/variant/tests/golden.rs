//! Golden pictures: what this engine made of a drawing when each option was built, compared by distance and not by bytes,
//! so that a better encoder changes nothing here and a moved pixel does. `GOLDEN=write` makes them anew.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use domain::Hints;
use variant::{Limits, Options, Originals};

/// Each with its name and its options.
const PICTURES: &[(&str, &str)] = &[
    ("scaled", "w=96"),
    ("enlarged", "w=400,fit=contain"),
    ("covered", "w=64,h=96,fit=cover,g=auto"),
    ("padded", "w=96,h=96,fit=pad,background=%23204060"),
    ("squeezed", "w=96,h=40,fit=squeeze"),
    ("turned", "w=96,flip=h,rotate=90"),
    ("adjusted", "w=96,brightness=1.2,contrast=1.4,saturation=0.5,gamma=1.3"),
    ("blurred", "w=96,blur=4"),
    ("sharpened", "w=96,sharpen=3"),
    ("bordered", "w=96,border.color=%23c04000,border.width=3,border.bottom=12"),
    (
        "written",
        "w=160,draw=(text=Darkroom%20Ünïcode;size=18;color=white;bottom=6;right=6)(text=AV;size=40;opacity=0.5)",
    ),
];

/// The most that a channel may be off, in the mean.
const MAX_DISTANCE: f64 = 0.6;

/// A sky, a hill, a sun and a fence of fine lines, 240 x 160 pixels, as a PNG.
fn drawing() -> Result<Vec<u8>, Box<dyn Error>> {
    let (width, height) = (240_u32, 160_u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let hill = 100.0 + 25.0 * (f64::from(x) / 40.0).sin();
            let sun = (f64::from(x) - 180.0).hypot(f64::from(y) - 45.0) < 22.0;
            let fence = y > 120 && x % 6 < 2;
            pixels.extend(match (sun, fence, f64::from(y) > hill) {
                (true, ..) => [250, 200, 60],
                (_, true, _) => [90, 60, 40],
                (_, _, true) => [60 + (y / 4) as u8, 120 + (x % 16) as u8, 50],
                _ => [120 + (y / 2) as u8, 170, 230 - (y / 3) as u8],
            });
        }
    }
    encoded(width, height, png::ColorType::Rgb, &pixels)
}

fn encoded(
    width: u32,
    height: u32,
    colour: png::ColorType,
    pixels: &[u8],
) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn made(original: &[u8], options: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let limits = Limits::default();
    let facts = variant::probe(original, &limits)?;
    let options = Options::parse(&format!("{options},f=png"))?;
    let recipe = variant::settle(&options, &facts, None, &Hints::default(), &limits)?;
    let deadline = Instant::now() + Duration::from_secs(120);
    Ok(variant::render(&Originals::plain(original, &facts), &recipe, &limits, deadline)?.bytes)
}

/// Width, height and samples of a PNG.
fn pixels(bytes: &[u8]) -> Result<(u32, u32, Vec<u8>), Box<dyn Error>> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info()?;
    let mut samples = vec![0; reader.output_buffer_size().ok_or("too large")?];
    let info = reader.next_frame(&mut samples)?;
    Ok((info.width, info.height, samples))
}

fn distance(a: &[u8], b: &[u8]) -> Result<f64, Box<dyn Error>> {
    let (a, b) = (pixels(a)?, pixels(b)?);
    if (a.0, a.1, a.2.len()) != (b.0, b.1, b.2.len()) {
        return Ok(f64::INFINITY);
    }
    let sum: u64 = a.2.iter().zip(&b.2).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    Ok(sum as f64 / a.2.len() as f64)
}

#[test]
fn every_golden_picture_looks_as_it_did() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let original = drawing().unwrap();
    let writes = std::env::var_os("GOLDEN").is_some_and(|value| value == "write");
    let mut off = Vec::new();
    for (name, options) in PICTURES {
        let (path, seen) = (folder.join(format!("{name}.png")), made(&original, options).unwrap());
        if writes {
            std::fs::write(&path, &seen).unwrap();
            continue;
        }
        let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let far = distance(&seen, &golden).unwrap();
        if far > MAX_DISTANCE {
            off.push(format!("{name} ({options}) is off by {far:.2}"));
        }
    }
    assert!(off.is_empty() && !writes, "{}", off.join("\n"));
}
