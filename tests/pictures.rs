//! Colour, orientation, depth and alpha: our renditions beside what another image tool makes of the same original,
//! compared by distance. Both are kept below the target folder, to be looked at.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GenericImageView as _, Rgba, Rgba32FImage};
use serde::Deserialize;

use crate::harness::{TestAccount, TestServer, drawn, node, shared};

/// Width of the compared renditions, in pixels.
const WIDTH: u32 = 300;

/// How far apart the mean pixel may be, of 255.
const MAX_MEAN: f64 = 1.2;

/// The same where black is printed with four colours: the other tool compensates for a black that is lighter than
/// the screen's, which makes shadows darker than the profile alone does.
const MAX_MEAN_CMYK: f64 = 4.5;

/// How far apart the mean block may be where the rendition is stored with a loss.
const MAX_MEAN_LOSSY: f64 = 2.0;

/// The side of the blocks whose means are compared where the rendition is stored with a loss.
const LOSSY_BLOCK: u32 = 4;

/// The corpus's pictures of the kinds that this is about.
const CORPUS: [&str; 14] = [
    "jpeg-exif6-portrait.jpg",
    "jpeg-exif6-landscape.jpg",
    "jpeg-cmyk-swop.jpg",
    "jpeg-icc-adobe-rgb.jpg",
    "jpeg-gray-icc.jpg",
    "jpeg-saw-6mp-420.jpg",
    "jpeg-ultrahdr-gainmap-8mp.jpg",
    "png-16bit-weld-1024x684.png",
    "png-alpha-bird-576x384.png",
    "png-alpha-phone-706x1442.png",
    "png-icc-p3-ring-1000.png",
    "png-palette-290x442.png",
    "webp-lossy-1024x772.webp",
    "webp-lossy-alpha-300.webp",
];

/// An original and how another tool renders it.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    file: PathBuf,
    wanted: PathBuf,
}

#[tokio::test]
async fn every_kind_of_picture_comes_out_as_it_should_look() {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&kept).unwrap();
    let server = TestServer::start().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    let cases = cases(&kept).await;
    println!("{} pictures", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let wanted = image::open(&case.wanted).unwrap();
        let cmyk = if case.name.contains("cmyk") { MAX_MEAN_CMYK } else { 0.0 };
        let exact = (format!("w={WIDTH},f=png"), 1, MAX_MEAN.max(cmyk));
        let lossy = (format!("w={WIDTH}"), LOSSY_BLOCK, MAX_MEAN_LOSSY.max(cmyk));
        for (last, block, limit) in [exact, lossy] {
            let ours = rendered(&account, case, &last, &kept).await;
            let found = distance(&ours, &wanted, block);
            let row = format!("{:32} {last:14} {found:.2}", case.name);
            println!("{row}");
            if found > limit {
                wrong.push(row);
            }
        }
    }
    assert!(wrong.is_empty(), "further than that from the other tool, see {}: {wrong:#?}", kept.display());
}

#[tokio::test]
async fn an_orientation_is_applied_and_forgotten() {
    let server = TestServer::start().await;
    let account = server.account().await;
    account.set("flexible_variants", "all").await;
    // For each orientation, where the corners of the stored picture come to stand (EXIF 2.3, 4.6.4).
    let turns = [
        [0, 1, 2, 3],
        [1, 0, 3, 2],
        [3, 2, 1, 0],
        [2, 3, 0, 1],
        [0, 2, 1, 3],
        [2, 0, 3, 1],
        [3, 1, 2, 0],
        [1, 3, 0, 2],
    ];
    for (orientation, corners) in (1..=8).zip(turns) {
        let bytes = drawn::jpeg_with_orientation(&drawn::photo(600, 400), orientation);
        let image = account.with_image("turned.jpg").with_bytes(bytes).await;
        for last in ["w=200,f=jpeg,metadata=keep", "w=200,f=png"] {
            let picture = image.get(last).await.expect(200).picture();
            let shown: Vec<usize> = (0..4).map(|corner| drawn::corner_shown(&picture, corner)).collect();
            assert_eq!(shown, corners, "orientation {orientation}, {last}");
            assert_eq!(picture.width(), 200);
            assert_eq!(picture.height() > 200, orientation > 4, "orientation {orientation}");
        }
    }
}

/// What another tool makes, and of which originals.
async fn cases(folder: &Path) -> Vec<Case> {
    let source = folder.join("source.png");
    std::fs::write(&source, drawn::png(&DynamicImage::ImageRgb8(drawn::photo(900, 600)))).unwrap();
    let more: Vec<String> = CORPUS
        .iter()
        .filter_map(|name| shared::path(&format!("corpus/{name}")))
        .map(|path| path.display().to_string())
        .collect();
    let script =
        node("pictures/sharp.mjs").env("FOLDER", folder.to_str().unwrap()).env("WIDTH", &WIDTH.to_string());
    let script = script.env("SOURCE", source.to_str().unwrap()).env("MORE", &more.join("\n"));
    serde_json::from_str(&script.ok().await).unwrap()
}

/// Our rendition, kept beside the other tool's.
async fn rendered(account: &TestAccount<'_>, case: &Case, last: &str, kept: &Path) -> DynamicImage {
    let bytes = std::fs::read(&case.file).unwrap();
    let image = account.with_image(&case.name).with_bytes(bytes).await;
    let reply = image.get(last).await.expect(200);
    let ending = reply.header("content-type").unwrap().rsplit('/').next().unwrap().to_owned();
    std::fs::write(kept.join(format!("{}.ours.{ending}", case.name)), &reply.body).unwrap();
    reply.picture()
}

/// The mean distance of two pictures in all channels, of 255, colours weighed by their alpha, block by block.
fn distance(ours: &DynamicImage, wanted: &DynamicImage, block: u32) -> f64 {
    assert_eq!((ours.width(), ours.height()), (wanted.width(), wanted.height()), "the same size");
    let (ours, wanted) = (blocks(&weighed(ours), block), blocks(&weighed(wanted), block));
    let apart: f64 = ours.iter().zip(wanted.iter()).map(|(a, b)| f64::from((a - b).abs())).sum();
    apart / ours.len() as f64 * 255.0
}

fn weighed(picture: &DynamicImage) -> Rgba32FImage {
    let mut picture = picture.to_rgba32f();
    for pixel in picture.pixels_mut() {
        let alpha = pixel.0[3];
        pixel.0[..3].iter_mut().for_each(|channel| *channel *= alpha);
    }
    picture
}

/// The mean of each whole block.
fn blocks(picture: &Rgba32FImage, side: u32) -> Rgba32FImage {
    let pixels = (side * side) as f32;
    Rgba32FImage::from_fn(picture.width() / side, picture.height() / side, |x, y| {
        let block = picture.view(x * side, y * side, side, side);
        let mut mean = [0.0; 4];
        for (_, _, pixel) in block.pixels() {
            (0..4).for_each(|channel| mean[channel] += pixel.0[channel] / pixels);
        }
        Rgba(mean)
    })
}
