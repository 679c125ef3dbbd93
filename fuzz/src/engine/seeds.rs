//! The seeds of a target: small pictures that our own encoders make, wishes of every kind, messages of the protocol; and
//! where `TEST_SHARED` names the outside collections, their small files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::Hints;
use variant::{Limits, Options, Originals};

/// Files of the collections up to here are seeds.
const MAX_BYTES: u64 = 20_000;

/// Wishes of every kind.
const OPTIONS: [&str; 12] = [
    "w=400,h=300,fit=cover,gravity=0.2x0.7,q=80",
    "width=auto,dpr=2,quality=auto-high,f=auto",
    "trim=1;2;3;4,rotate=90,flip=hv,blur=3",
    "trim=border,trim.border.tolerance=9,f=png",
    "border=(color=red;width=3),background=rgba(1%2C2%2C3%2C0.5),fit=pad,w=9,h=9",
    "brightness=1.2,contrast=0.8,saturation=0,gamma=2,sharpen=2",
    "draw=(image=logo;w=100;bottom=10;right=10;opacity=0.5)(text=Hello;size=48;color=white)",
    "f=json,anim=false,metadata=copyright,max_bytes=20000,compression=fast",
    "rs:fit:300:200/g:sm/q:80/plain/x.jpg",
    "/300x200/smart/filters:quality(80):blur(3)/x.jpg",
    "?func=crop&width=300&height=200&org_if_sml=1",
    "w_300,h_200,c_fill/x.jpg",
];

/// Two SVGs that are small and harmless.
const SVGS: [&str; 2] = [
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><style>.a{fill:red}</style><g class=\"a\">\
     <path d=\"M0 0h9v9z\"/><use href=\"#a\"/></g></svg>",
    "<?xml version=\"1.0\"?><s:svg xmlns:s=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><s:defs>\
     <s:linearGradient id=\"g\"><s:stop offset=\"1\" stop-color=\"#0f0\"/></s:linearGradient></s:defs>\
     <s:rect width=\"9\" height=\"9\" fill=\"url(#g)\"/></s:svg>",
];

/// Writes the seeds of a target into a folder.
pub(crate) fn write(target: &str, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (number, seed) in own(target).into_iter().enumerate() {
        std::fs::write(folder.join(format!("own-{number}")), seed).expect("a seed is written");
    }
    let Some(shared) = std::env::var_os("TEST_SHARED") else { return };
    for file in small_files(&PathBuf::from(shared).join("bad-inputs").join(target)) {
        let name = file.file_name().expect("a name").to_owned();
        std::fs::copy(&file, folder.join(name)).expect("a seed is copied");
    }
}

/// The seeds that are ours.
pub(crate) fn own(target: &str) -> Vec<Vec<u8>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "options" => texts(&OPTIONS),
        "svg" => texts(&SVGS),
        "protocol" => workers::testing::said(),
        "probe" => ["jpeg", "png", "gif", "webp", "avif"]
            .into_iter()
            .flat_map(pictures)
            .chain(texts(&SVGS))
            .collect(),
        format => pictures(format),
    }
}

/// A picture of 16 × 12 pixels in a format, as our encoders make it; none of a format that only comes in.
fn pictures(format: &str) -> Vec<Vec<u8>> {
    let limits = Limits::default();
    let drawn = portable(16, 12);
    let made = |wish: &str| {
        let facts = variant::probe(&drawn, &limits).ok()?;
        let recipe =
            variant::settle(&Options::parse(wish).ok()?, &facts, None, &Hints::default(), &limits).ok()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        Some(variant::render(&Originals::plain(&drawn, &facts), &recipe, &limits, deadline).ok()?.bytes)
    };
    let wishes = ["", ",q=30", ",q=100,w=7", ",compression=fast"].map(|more| format!("f={format}{more}"));
    let mut all: Vec<Vec<u8>> = wishes.iter().filter_map(|wish| made(wish)).collect();
    all.dedup();
    all
}

/// A PNG with alpha, written by hand: stored, not compressed.
fn portable(width: u32, height: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..height {
        rows.push(0);
        rows.extend((0..width).flat_map(|x| [(x * 16) as u8, (y * 20) as u8, 90, 255 - (x * y) as u8]));
    }
    let length = rows.len() as u16;
    let mut data = vec![0x78, 0x01, 1];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&rows);
    data.extend(adler(&rows).to_be_bytes());
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]);
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &data), chunk(b"IEND", &[])]
        .concat()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name.as_slice(), data].concat();
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    let crc =
        !named.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)));
    [&(data.len() as u32).to_be_bytes(), named.as_slice(), &crc.to_be_bytes()].concat()
}

fn adler(bytes: &[u8]) -> u32 {
    let sums = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (sums.1 << 16) | sums.0
}

/// The small files of a folder, where there is one.
fn small_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let small = entries
        .filter(|entry| entry.metadata().is_ok_and(|facts| facts.is_file() && facts.len() <= MAX_BYTES));
    small.map(|entry| entry.path()).collect()
}
