//! What a header tells, and which headers are refused, whatever bytes a stranger sends.

use domain::Fault as _;
use proptest::prelude::*;

use super::*;
use crate::testing::*;

fn probed(bytes: &[u8]) -> Result<Facts, Error> {
    probe(bytes, &Limits::default())
}

#[test]
fn facts_are_those_of_the_header() {
    for format in DRAWN {
        let facts = probed(&file(&quarters(30, 20), format)).unwrap();
        let wanted = Facts {
            is_lossless: !matches!(format, Format::Jpeg | Format::Avif),
            ..Facts::new(format, 30, 20)
        };
        assert_eq!(facts, wanted);
        if format != Format::Jpeg {
            let clear = probed(&file(&half_clear(quarters(30, 20)), format)).unwrap();
            assert_eq!(clear, Facts { alpha: true, ..wanted });
        }
    }
    assert_eq!(probed(&gif_file(&vec![quarters(30, 20); 5])).unwrap().frames, 5);
}

#[test]
fn orientation_turns_the_size_and_nonsense_does_not() {
    let jpeg = file(&quarters(30, 20), Format::Jpeg);
    for orientation in 0..=10_u16 {
        let facts = probed(&with_exif(&jpeg, &exif(orientation))).unwrap();
        let turned = (5..=8).contains(&orientation);
        assert_eq!((facts.width, facts.height), if turned { (20, 30) } else { (30, 20) }, "{orientation}");
        let known = (1..=8).contains(&orientation);
        assert_eq!(facts.orientation.0, if known { orientation as u8 } else { 1 });
    }
    assert_eq!(probed(&with_exif(&jpeg, b"II*\0\xFF\xFF\xFF\xFF")).unwrap().orientation, Orientation(1));
}

#[test]
fn what_is_no_image_is_called_by_its_name() {
    let cases: &[(&[u8], &str)] = &[
        (b"II*\0abcdefgh", "TIFF"),
        (b"BM000000", "BMP"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x1CftypheicXXXX", "HEIC"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"I call myself photo.jpg", "text"),
        (b"\x1F\x8B\x08\0", "a gzip file"),
        (b"\0\x01\x02", "this file"),
    ];
    for (bytes, name) in cases {
        assert_eq!(probed(bytes), Err(Error::NotAnImage((*name).to_owned())), "{name}");
    }
    let told = probed(b"II*\0").unwrap_err().to_string();
    assert_eq!(told, "TIFF is not accepted. Use JPEG, PNG, WebP, AVIF, GIF, JPEG XL or SVG");
    assert_eq!(probed(b""), Err(Error::Empty));
}

#[test]
fn a_jpeg_of_a_kind_that_is_not_read_says_so() {
    let mut jpeg = file(&quarters(30, 20), Format::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 4] = 12;
    assert_eq!(probed(&jpeg), Err(Error::NotAnImage("12-bit JPEG".to_owned())));
    jpeg[frame + 1] = 0xC3;
    assert_eq!(probed(&jpeg), Err(Error::NotAnImage("lossless JPEG".to_owned())));
}

#[test]
fn each_limit_is_met_from_the_header() {
    let still = file(&quarters(30, 20), Format::Png);
    let animation = gif_file(&vec![quarters(30, 20); 5]);
    let said = |bytes: &[u8], limits: Limits| probe(bytes, &limits).unwrap_err();
    let exact = Limits {
        max_side_pixels: 30,
        max_pixels: 600,
        max_animation_pixels: 3_000,
        max_frames: 5,
        ..Limits::default()
    };
    assert!(probe(&still, &exact).is_ok() && probe(&animation, &exact).is_ok());
    let passes = |bytes: &[u8], limits: Limits, words: &str| {
        let error = said(bytes, limits);
        let limit = error.limit().map(|limit| limit.name);
        assert!(error.to_string().contains(words), "{error}");
        limit.unwrap()
    };
    let side = passes(&still, Limits { max_side_pixels: 29, ..exact.clone() }, "30 pixels; the limit is 29");
    assert_eq!(side, "max_side_pixels");
    let area = passes(&still, Limits { max_pixels: 599, ..exact.clone() }, "megapixels");
    assert_eq!(area, "max_pixels");
    let frames = passes(&animation, Limits { max_frames: 4, ..exact.clone() }, "5 frames; the limit is 4");
    assert_eq!(frames, "max_frames");
    let all = passes(&animation, Limits { max_animation_pixels: 2_999, ..exact }, "5 frames");
    assert_eq!(all, "max_animation_pixels");
    let chunks = passes(&still, Limits { max_png_chunks: 2, ..Limits::default() }, "2 chunks");
    assert_eq!(chunks, "max_png_chunks");
    let progressive = crate::Encoding::Jpeg { quality: 80, progressive: true, effort: crate::Effort::Usual };
    let jpeg = progressive.encode(quarters(60, 60), crate::canvas::Extras::default(), later()).unwrap();
    let scans = passes(&jpeg, Limits { max_jpeg_scans: 3, ..Limits::default() }, "3 scans");
    assert_eq!(scans, "max_jpeg_scans");
}

#[test]
fn an_area_and_its_limit_are_told_apart() {
    assert_eq!(megapixels(210_000_000, 100_000_000), ("210".to_owned(), "100".to_owned()));
    assert_eq!(megapixels(100_000_001, 100_000_000), ("101".to_owned(), "100".to_owned()));
    assert_eq!(megapixels(600_000, 500_000), ("1".to_owned(), "0.5".to_owned()));
    assert_ne!(megapixels(999_999, 990_000).0, "0.99");
}

proptest! {
    #[test]
    fn any_bytes_are_probed_or_refused(start in 0..5_usize, rest in prop::collection::vec(any::<u8>(), 0..400)) {
        let starts: [&[u8]; 5] =
            [b"", b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR", b"RIFF\0\0\0\0WEBPVP8X", b"GIF89a"];
        let bytes = [starts[start], &rest].concat();
        if let Ok(facts) = probed(&bytes) {
            prop_assert!(facts.width > 0 && facts.height > 0 && facts.frames > 0);
            let _ = crate::placeholder(&bytes, &facts, &Limits::default(), later());
        }
    }
}
