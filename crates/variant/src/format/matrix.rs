//! Every input by every output by every fit: the size, the format and the place of each colour.

use crate::testing::{
    BLUE, DRAWN, GREEN, RED, WHITE, YELLOW, assert_alike, at, decoded, file, half_clear, later, quarters,
    rendered,
};
use crate::{Effort, Encoding, Format, Limits};

/// What may be wished for, and what comes out.
const OUTPUTS: [(&str, Format); 9] = [
    ("f=jpeg", Format::Jpeg),
    ("f=baseline-jpeg", Format::Jpeg),
    ("f=png", Format::Png),
    ("f=png,q=60", Format::Png),
    ("f=webp", Format::Webp),
    ("f=webp,q=100", Format::Webp),
    ("f=avif", Format::Avif),
    ("f=gif", Format::Gif),
    ("f=jpeg,compression=fast", Format::Jpeg),
];

/// Each fit, and what it makes of 120 × 80 in a box of 60 × 60.
const FITS: [(&str, (u32, u32)); 8] = [
    ("scale-down", (60, 40)),
    ("contain", (60, 40)),
    ("cover", (60, 60)),
    ("crop", (60, 60)),
    ("aspect-crop", (60, 60)),
    ("pad", (60, 60)),
    ("squeeze", (60, 60)),
    ("scale-up", (120, 80)),
];

/// Originals of every format, and those kinds of it that are read in another way.
fn originals() -> Vec<(String, Vec<u8>)> {
    let picture = quarters(120, 80);
    let mut all: Vec<(String, Vec<u8>)> =
        DRAWN.into_iter().map(|format| (format.label().to_owned(), file(&picture, format))).collect();
    let kinds = [
        ("progressive JPEG", Encoding::Jpeg { quality: 95, progressive: true, effort: Effort::Usual }),
        ("palette PNG", Encoding::PngPalette { quality: 100, effort: Effort::Usual }),
        ("lossy WebP", Encoding::Webp { quality: 95, effort: Effort::Usual }),
    ];
    for (name, encoding) in kinds {
        all.push((name.to_owned(), encoding.encode(picture.clone(), Default::default(), later()).unwrap()));
    }
    all
}

#[test]
fn every_input_becomes_every_output_in_every_fit() {
    for (name, original) in originals() {
        for (output, format) in OUTPUTS {
            for (fit, size) in FITS {
                let what = format!("{name}, {output}, {fit}");
                let rendition = rendered(&original, &format!("w=60,h=60,fit={fit},{output}"), false).unwrap();
                assert_eq!((rendition.width, rendition.height), size, "{what}");
                let facts = crate::probe(&rendition.bytes, &Limits::default()).unwrap();
                assert_eq!((facts.format, facts.width, facts.height), (format, size.0, size.1), "{what}");
                assert!(!facts.alpha, "{what}");
                let picture = decoded(&rendition.bytes).without_alpha();
                let places = [(0.2, 0.35, RED), (0.8, 0.35, GREEN), (0.2, 0.65, BLUE), (0.8, 0.65, YELLOW)];
                for (x, y, colour) in places {
                    assert_alike(&at(&picture, x, y), &colour, &what);
                }
                if fit == "pad" {
                    assert_alike(&at(&picture, 0.5, 0.05), &WHITE, &what);
                    assert_alike(&at(&picture, 0.5, 0.95), &WHITE, &what);
                }
            }
        }
    }
}

#[test]
fn what_is_clear_stays_clear_wherever_the_output_can() {
    for from in DRAWN.into_iter().filter(|format| *format != Format::Jpeg) {
        let original = file(&half_clear(quarters(120, 80)), from);
        for (output, format) in OUTPUTS {
            let what = format!("{from:?}, {output}");
            let rendition = rendered(&original, &format!("w=60,{output}"), false).unwrap();
            let picture = decoded(&rendition.bytes);
            if format == Format::Jpeg {
                assert_alike(&at(&picture, 0.8, 0.5), &WHITE, &what);
                continue;
            }
            assert!(crate::probe(&rendition.bytes, &Limits::default()).unwrap().alpha, "{what}");
            assert!(at(&picture, 0.8, 0.5)[3] <= 8, "{what}: {:?}", at(&picture, 0.8, 0.5));
            assert_alike(&at(&picture, 0.2, 0.2), &[RED[0], RED[1], RED[2], 255], &what);
        }
    }
}
