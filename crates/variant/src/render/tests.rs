//! What comes out: every format from every format, turned, cut, laid on its background, within its time.

use std::time::Duration;

use domain::Hints;
use proptest::prelude::*;

use super::*;
use crate::testing::*;
use crate::{Effort, MetadataPolicy, Options};

const FORMATS: [&str; 4] = ["jpeg", "baseline-jpeg", "png", "webp"];

/// Every format to every format, and both ways of WebP.
#[test]
fn every_format_becomes_every_format() {
    for from in DRAWN {
        let original = file(&quarters(120, 80), from);
        for to in FORMATS.into_iter().chain(["webp,q=100"]) {
            let rendition = rendered(&original, &format!("w=60,f={to}"), false).unwrap();
            let what = format!("{from:?} to {to}");
            assert_eq!((rendition.width, rendition.height), (60, 40), "{what}");
            let facts = crate::probe(&rendition.bytes, &Limits::default()).unwrap();
            assert_eq!((facts.format, facts.width, facts.height), (rendition.format, 60, 40), "{what}");
            assert!(!facts.alpha, "{what}");
            let picture = decoded(&rendition.bytes);
            for (x, y, colour) in [(0.2, 0.2, RED), (0.8, 0.2, GREEN), (0.2, 0.8, BLUE), (0.8, 0.8, YELLOW)] {
                assert_alike(&at(&picture, x, y), &colour, &what);
            }
        }
    }
}

#[test]
fn at_its_own_size_a_png_keeps_every_pixel() {
    let picture = texture(97, 61);
    for to in ["png", "webp,q=100"] {
        let rendition = rendered(&file(&picture, Format::Png), &format!("f={to}"), false).unwrap();
        assert_eq!(decoded(&rendition.bytes), picture, "{to}");
    }
    let clear = half_clear(quarters(20, 20));
    let rendition = rendered(&file(&clear, Format::Png), "f=png", false).unwrap();
    assert_alike(&at(&decoded(&rendition.bytes), 0.2, 0.2), &[220, 30, 30, 255], "opaque");
    assert_eq!(at(&decoded(&rendition.bytes), 0.8, 0.2)[3], 0);
}

#[test]
fn lossy_renditions_are_close_to_the_picture() {
    let picture = texture(300, 200);
    let original = file(&picture, Format::Png);
    for (to, most) in
        [("jpeg", 8.0), ("baseline-jpeg", 8.0), ("webp", 8.0), ("jpeg,q=100", 5.0), ("png", 0.0)]
    {
        let rendition = rendered(&original, &format!("f={to}"), false).unwrap();
        let far = distance(&decoded(&rendition.bytes), &picture);
        assert!(far <= most, "{to}: {far}");
    }
}

#[test]
fn a_better_quality_has_more_bytes() {
    let original = file(&texture(300, 200), Format::Jpeg);
    for to in ["jpeg", "webp"] {
        let sizes: Vec<usize> = ["low", "medium-low", "medium-high", "80", "high", "100"]
            .iter()
            .map(|q| rendered(&original, &format!("f={to},q={q}"), false).unwrap().bytes.len())
            .collect();
        assert!(sizes.is_sorted_by(|a, b| a < b), "{to}: {sizes:?}");
    }
}

#[test]
fn orientation_is_applied_to_the_pixels_and_to_gravity() {
    // Stored for each orientation so that it shows red, green over blue, yellow.
    let swap = |canvas: Canvas, a: u16| crate::step::orient::turn(canvas, a as u8);
    for orientation in 1..=8_u16 {
        // The turn that undoes one: its own, but for the two quarter turns.
        let back = match orientation {
            6 => 8,
            8 => 6,
            same => same,
        };
        let stored = swap(quarters(160, 80), back);
        let original = with_exif(&file(&stored, Format::Jpeg), &exif(orientation));
        let rendition = rendered(&original, "w=80,f=png", false).unwrap();
        assert_eq!((rendition.width, rendition.height), (80, 40), "{orientation}");
        let picture = decoded(&rendition.bytes);
        for (x, y, colour) in [(0.1, 0.1, RED), (0.9, 0.1, GREEN), (0.1, 0.9, BLUE), (0.9, 0.9, YELLOW)] {
            assert_alike(&at(&picture, x, y), &colour, &format!("orientation {orientation}"));
        }
        let cut = decoded(&rendered(&original, "w=20,h=10,fit=cover,g=1x0,f=png", false).unwrap().bytes);
        assert_alike(&at(&cut, 0.2, 0.2), &RED, "the whole picture fits");
        let right = decoded(&rendered(&original, "w=20,h=40,fit=cover,g=right,f=png", false).unwrap().bytes);
        assert_alike(&at(&right, 0.1, 0.1), &GREEN, &format!("the right side, orientation {orientation}"));
    }
}

#[test]
fn a_pad_lies_around_the_picture() {
    let original = file(&quarters(80, 40), Format::Png);
    let white = decoded(&rendered(&original, "w=40,h=40,fit=pad,f=png", false).unwrap().bytes);
    assert_eq!(at(&white, 0.5, 0.05), WHITE);
    assert_alike(&at(&white, 0.1, 0.3), &RED, "in the middle");
    for to in FORMATS {
        let options = format!("w=40,h=40,fit=pad,background=rgb(0,80,160),f={to}");
        let padded = decoded(&rendered(&original, &options, false).unwrap().bytes);
        assert_alike(&at(&padded, 0.5, 0.05), &[0, 80, 160], to);
        assert_alike(&at(&padded, 0.5, 0.95), &[0, 80, 160], to);
    }
    let clear = file(&half_clear(quarters(80, 40)), Format::Png);
    let padded = decoded(&rendered(&clear, "w=40,h=40,fit=pad,f=webp", false).unwrap().bytes);
    assert_eq!(at(&padded, 0.5, 0.02)[3], 0, "what was clear stays clear, and so does its pad");
}

#[test]
fn transparency_stays_where_the_format_can_and_lies_on_a_background_elsewhere() {
    for from in [Format::Png, Format::Webp, Format::Gif, Format::Avif, Format::Jxl] {
        let original = file(&half_clear(quarters(80, 40)), from);
        for to in ["png", "webp", "webp,q=100"] {
            let picture = decoded(&rendered(&original, &format!("w=40,f={to}"), false).unwrap().bytes);
            assert_eq!(at(&picture, 0.9, 0.5)[3], 0, "{from:?} to {to}");
            assert_alike(&at(&picture, 0.1, 0.2), &[220, 30, 30, 255], to);
        }
        let on_white = decoded(&rendered(&original, "w=40,f=jpeg", false).unwrap().bytes);
        assert_alike(&at(&on_white, 0.9, 0.5), &WHITE, "white by default");
        let on_blue = decoded(&rendered(&original, "w=40,f=png,background=blue", false).unwrap().bytes);
        assert_eq!(at(&on_blue, 0.9, 0.5), [0, 0, 255]);
        let on_half =
            decoded(&rendered(&original, "w=40,f=jpeg,background=%230000ff80", false).unwrap().bytes);
        assert_alike(&at(&on_half, 0.9, 0.5), &[127, 127, 255], "half clear blue on white");
    }
}

/// Colours under clear pixels must not shine through at an edge.
#[test]
fn an_edge_of_transparency_has_no_halo() {
    let mut picture = half_clear(draw(80, 40, |x, _| if x < 40 { [250, 250, 250] } else { [0, 255, 0] }));
    picture.pixels.chunks_exact_mut(4).filter(|p| p[3] == 0).for_each(|p| p[1] = 255);
    let scaled = decoded(&rendered(&file(&picture, Format::Png), "w=37,f=png", false).unwrap().bytes);
    for pixel in scaled.pixels.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
        assert!(pixel[0].abs_diff(pixel[1]) <= 2, "{pixel:?}");
    }
}

#[test]
fn of_an_animation_the_first_frame_is_rendered() {
    let frames = [quarters(40, 40), draw(40, 40, |_, _| BLUE)];
    let rendition = rendered(&gif_file(&frames), "w=20,f=png", false).unwrap();
    assert_alike(&at(&decoded(&rendition.bytes), 0.1, 0.1), &RED, "the first");
}

fn exif_of(rendition: &Rendition) -> Option<exif::Exif> {
    let header = rendition.format.header(&rendition.bytes, &Limits::default()).unwrap();
    exif::Reader::new().read_raw(header.exif?.to_vec()).ok()
}

#[test]
fn metadata_leaves_only_as_the_policy_says_and_only_in_a_jpeg() {
    let original = with_exif(&file(&quarters(40, 40), Format::Jpeg), &exif(6));
    let made = |options: &str| rendered(&original, options, false).unwrap();
    let tags = |exif: &exif::Exif| exif.fields().map(|field| field.tag).collect::<Vec<_>>();

    let copyright = exif_of(&made("f=jpeg")).unwrap();
    assert_eq!(tags(&copyright), [exif::Tag::Copyright], "by default nothing but the copyright");
    let kept = exif_of(&made("f=jpeg,metadata=keep")).unwrap();
    let turned = kept.get_field(exif::Tag::Orientation, exif::In::PRIMARY).unwrap();
    assert_eq!(turned.value.get_uint(0), Some(1), "the pixels stand upright already");
    assert!(tags(&kept).contains(&exif::Tag::Software));
    assert!(!tags(&kept).contains(&exif::Tag::ImageWidth), "it is the original's");
    assert!(exif_of(&made("f=jpeg,metadata=none")).is_none());
    assert!(exif_of(&made("f=png,metadata=keep")).is_none());
    assert!(exif_of(&made("f=webp,metadata=keep")).is_none());
    assert_eq!(crate::step::metadata::kept(MetadataPolicy::Keep, Some(b"no exif at all")), None);
}

#[test]
fn a_passed_deadline_ends_every_render() {
    let limits = Limits::default();
    for format in DRAWN {
        let original = file(&quarters(100, 100), format);
        let facts = crate::probe(&original, &limits).unwrap();
        let options = Options::parse("w=10,f=png").unwrap();
        let recipe = crate::settle(&options, &facts, None, &Hints::default(), &limits).unwrap();
        let passed = Instant::now() - Duration::from_millis(1);
        assert_eq!(
            crate::render(&Originals::plain(&original, &facts), &recipe, &limits, passed),
            Err(Error::Timeout),
            "{format:?}"
        );
    }
    let passed = Instant::now() - Duration::from_millis(1);
    for encoding in [
        crate::Encoding::Webp { quality: 80, effort: Effort::Usual },
        crate::Encoding::Jpeg { quality: 80, progressive: true, effort: Effort::Usual },
    ] {
        assert_eq!(
            encoding.encode(texture(300, 300), Extras::default(), passed),
            Err(Error::Timeout),
            "{encoding:?}"
        );
    }
}

#[test]
fn facts_of_another_file_are_an_error() {
    let limits = Limits::default();
    for format in DRAWN {
        let (small, large) = (file(&quarters(20, 20), format), file(&quarters(40, 40), format));
        let facts = crate::probe(&small, &limits).unwrap();
        let options = Options::parse("w=10").unwrap();
        let recipe = crate::settle(&options, &facts, None, &Hints::default(), &limits).unwrap();
        let answer = crate::render(&Originals::plain(&large, &facts), &recipe, &limits, later());
        assert!(matches!(answer, Err(Error::Damaged(_))), "{format:?}: {answer:?}");
    }
}

#[test]
fn equal_recipes_make_equal_bytes() {
    let original = file(&texture(200, 150), Format::Jpeg);
    for to in FORMATS {
        let options = format!("w=77,f={to}");
        assert_eq!(rendered(&original, &options, false), rendered(&original, &options, false), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a file has become, there is an answer, and no panic.
    #[test]
    fn changed_files_are_rendered_or_refused(
        which in 0..DRAWN.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        options in prop::sample::select(vec!["w=9,f=jpeg", "w=20,h=9,fit=cover,f=webp", "fit=pad,w=9,h=70,f=png"]),
    ) {
        let mut bytes = file(&half_clear(quarters(48, 40)), DRAWN[which]);
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = rendered(&bytes, options, true);
        if let Ok(facts) = crate::probe(&bytes, &Limits::default()) {
            let _ = crate::placeholder(&bytes, &facts, &Limits::default(), later());
        }
    }
}
