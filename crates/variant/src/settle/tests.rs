//! What a wish comes to: sizes, cuts, formats and qualities.

use proptest::prelude::*;

use super::*;
use crate::{Orientation, Quality};

fn facts(format: Format, width: u32, height: u32) -> Facts {
    Facts { format, width, height, orientation: Orientation(1), frames: 1, alpha: false }
}

fn settled(options: &str, facts: &Facts, webp: bool) -> Recipe {
    let accepts = Accepts { webp, ..Accepts::default() };
    settle(&Options::parse(options).unwrap(), facts, accepts, &Limits::default()).unwrap()
}

fn photo(options: &str) -> Recipe {
    settled(options, &facts(Format::Jpeg, 1080, 720), false)
}

/// The examples of the contract, and what follows from its table of fits.
#[test]
fn sizes_are_those_of_the_contract() {
    let cases: [(&str, (u32, u32)); 22] = [
        ("w=500,h=500", (500, 333)),
        ("fit=scale-down,w=500,h=500", (500, 333)),
        ("fit=scale-down,w=2000,h=2000", (1080, 720)),
        ("w=540", (540, 360)),
        ("h=360", (540, 360)),
        ("w=2000", (1080, 720)),
        ("q=50", (1080, 720)),
        ("fit=contain,w=500,h=500", (500, 333)),
        ("fit=contain,w=2160,h=9000", (2160, 1440)),
        ("fit=contain,w=2160", (2160, 1440)),
        ("fit=cover,w=500,h=500", (500, 500)),
        ("fit=cover,w=2000,h=100", (2000, 100)),
        ("fit=cover,w=540", (540, 360)),
        ("fit=cover,h=1440", (2160, 1440)),
        ("fit=crop,w=1296,h=1296", (1080, 720)),
        ("fit=crop,w=500,h=500", (500, 500)),
        ("fit=crop,w=500,h=1000", (500, 720)),
        ("fit=crop,w=2000", (1080, 720)),
        ("fit=pad,w=1080,h=1080", (1080, 1080)),
        ("fit=pad,w=2000,h=300", (2000, 300)),
        ("fit=pad,w=540", (540, 360)),
        ("w=1,h=1", (1, 1)),
    ];
    for (options, canvas) in cases {
        assert_eq!(photo(options).canvas, canvas, "{options}");
    }
    let pad = photo("fit=pad,w=1080,h=1080");
    assert_eq!((pad.width, pad.height), (1080, 720), "the picture within its pad");
}

#[test]
fn a_cut_is_exact_and_lies_where_gravity_puts_it() {
    let cases: [(&str, [f64; 4]); 8] = [
        ("fit=cover,w=100,h=100", [180.0, 0.0, 720.0, 720.0]),
        ("fit=cover,w=100,h=100,g=left", [0.0, 0.0, 720.0, 720.0]),
        ("fit=cover,w=100,h=100,g=right", [360.0, 0.0, 720.0, 720.0]),
        ("fit=cover,w=100,h=100,g=0.25x0", [90.0, 0.0, 720.0, 720.0]),
        ("fit=cover,w=300,h=100,g=top", [0.0, 0.0, 1080.0, 360.0]),
        ("fit=cover,w=300,h=100,g=bottom", [0.0, 360.0, 1080.0, 360.0]),
        ("fit=crop,w=270,h=270,g=1x1", [360.0, 0.0, 720.0, 720.0]),
        ("fit=contain,w=300,h=100,g=left", [0.0, 0.0, 1080.0, 720.0]),
    ];
    for (options, source) in cases {
        let seen = photo(options).source;
        assert!(seen.iter().zip(source).all(|(a, b)| (a - b).abs() < 1e-9), "{options}: {seen:?}");
    }
    let [_, y, width, height] = photo("fit=cover,w=700,h=300").source;
    assert!((width - 1080.0).abs() < 1e-9 && (height - 1080.0 * 3.0 / 7.0).abs() < 1e-9 && y > 128.0);
}

#[test]
fn warnings_say_what_was_not_done() {
    assert_eq!(photo("fit=cover,w=500").warnings, ["cover fit mode needs both width and height"]);
    assert_eq!(photo("w=2000,h=900").warnings, ["original is smaller than the requested size"]);
    assert_eq!(photo("fit=crop,w=1296,h=1296").warnings, ["original is smaller than the requested size"]);
    assert_eq!(photo("w=5,blur=3").warnings, ["option blur is not built in this build and was ignored"]);
    assert_eq!(photo("f=png,q=50").warnings, ["quality makes no difference to a PNG in this build"]);
    assert!(photo("fit=contain,w=5000,h=5000").warnings.is_empty());
    // A name that could break out of a header is no name.
    assert!(Options::parse("w=5,a\u{e9}\"b=1").is_err());
}

/// Contract R-63: the format by wish, by `Accept`, by what the original is.
#[test]
fn accept_decides_only_where_it_is_asked() {
    use Format::{Gif, Jpeg, Png, Webp};
    let cases = [
        (Jpeg, false, "w=9", true, Webp, true),
        (Jpeg, false, "w=9", false, Jpeg, true),
        (Png, true, "f=auto", false, Png, true),
        (Gif, false, "f=auto", false, Png, true),
        (Gif, false, "f=auto", true, Webp, true),
        (Webp, false, "w=9", false, Webp, true),
        (Webp, true, "w=9", true, Webp, true),
        (Jpeg, false, "f=jpeg", true, Jpeg, false),
        (Jpeg, false, "f=webp", false, Webp, false),
        (Png, true, "f=jpeg", true, Jpeg, false),
        (Jpeg, false, "f=png", true, Png, false),
        (Jpeg, false, "fit=contain,w=2561", true, Jpeg, false),
        (Jpeg, false, "fit=contain,w=2560", true, Webp, true),
        (Jpeg, false, "fit=contain,w=1921,q=100", true, Jpeg, false),
        (Png, true, "fit=contain,w=2561,f=webp", true, Png, false),
    ];
    for (original, alpha, options, webp, format, negotiated) in cases {
        let facts = Facts { alpha, ..facts(original, 100, 100) };
        let recipe = settled(options, &facts, webp);
        let seen = (recipe.encoding.format(), recipe.negotiated);
        assert_eq!(seen, (format, negotiated), "{original:?} {options} {webp}");
    }
    for (alpha, format) in [(false, Jpeg), (true, Png)] {
        let facts = Facts { alpha, ..facts(Webp, 100, 100) };
        let accepts = Accepts { webp_refused: true, ..Accepts::default() };
        let recipe = settle(&Options::default(), &facts, accepts, &Limits::default()).unwrap();
        assert_eq!((recipe.encoding.format(), recipe.negotiated), (format, true), "WebP refused");
    }
    let too_large = settled("fit=contain,w=2561,f=webp", &facts(Jpeg, 100, 100), false);
    assert_eq!(too_large.warnings, ["a WebP has at most 2560 pixels a side here; JPEG was made instead"]);
}

#[test]
fn qualities_are_anchored_at_what_was_measured() {
    let jpeg = |options: &str| photo(&format!("w=100,f=jpeg{options}")).encoding;
    let webp = |options: &str| photo(&format!("w=100,f=webp{options}")).encoding;
    assert_eq!(jpeg(""), Encoding::Jpeg { quality: 79, progressive: true });
    assert_eq!(jpeg(",q=80"), jpeg(""));
    assert_eq!(webp(""), Encoding::Webp { quality: 81 });
    assert_eq!(webp(",q=80"), webp(""));
    assert_eq!(webp(",q=99"), Encoding::Webp { quality: 100 });
    assert_eq!(webp(",q=100"), Encoding::WebpLossless);
    assert_eq!(jpeg(",q=high"), Encoding::Jpeg { quality: 89, progressive: true });
    assert_eq!(jpeg(",q=1"), Encoding::Jpeg { quality: 1, progressive: true });
    for number in 2..=100 {
        assert!(quality::jpeg(number) >= quality::jpeg(number - 1));
    }
    assert_eq!(quality::number(Some(Quality::Low)), 35);
}

/// Contract R-67.
#[test]
fn a_jpeg_is_progressive_unless_it_is_tiny_huge_or_asked_not_to_be() {
    let progressive = |options: &str| {
        let recipe = photo(options);
        matches!(recipe.encoding, Encoding::Jpeg { progressive: true, .. })
    };
    assert!(progressive("f=jpeg"));
    assert!(progressive("f=jpeg,fit=cover,w=50,h=50"));
    assert!(!progressive("f=jpeg,fit=cover,w=50,h=49"));
    assert!(progressive("f=jpeg,fit=cover,w=3000,h=3000"));
    assert!(!progressive("f=jpeg,fit=cover,w=3001,h=3000"));
    assert!(!progressive("f=baseline-jpeg"));
}

#[test]
fn a_background_is_noted_only_where_it_shows() {
    let white = Some(Background::WHITE);
    let red = Some(Background { rgba: [255, 0, 0, 255] });
    let clear = Facts { alpha: true, ..facts(Format::Png, 100, 50) };
    assert_eq!(photo("f=jpeg").background, None);
    assert_eq!(photo("f=jpeg,background=red").background, None);
    assert_eq!(photo("fit=pad,w=9,h=9").background, white);
    assert_eq!(photo("fit=pad,w=9,h=9,background=red").background, red);
    assert_eq!(settled("f=png", &clear, false).background, None);
    assert_eq!(settled("f=jpeg", &clear, false).background, white);
    assert_eq!(settled("f=png,background=red", &clear, false).background, red);
    assert_eq!(settled("fit=pad,w=9,h=9,f=webp", &clear, false).background, None);
}

#[test]
fn metadata_concerns_jpeg_alone() {
    assert_eq!(photo("f=jpeg").metadata, MetadataPolicy::Copyright);
    assert_eq!(photo("f=jpeg,metadata=keep").metadata, MetadataPolicy::Keep);
    assert_eq!(photo("f=webp,metadata=keep").metadata, MetadataPolicy::None);
    assert_eq!(photo("f=png,metadata=keep").metadata, MetadataPolicy::None);
}

#[test]
fn a_rendition_is_held_against_the_limits() {
    let refuse = |options: &str, facts: &Facts| {
        settle(&Options::parse(options).unwrap(), facts, Accepts::default(), &Limits::default()).unwrap_err()
    };
    let thin = facts(Format::Jpeg, 1, 1000);
    assert!(matches!(refuse("fit=contain,w=13", &thin), Error::Options(text) if text.contains("13x13000")));
    let square = facts(Format::Jpeg, 10, 10);
    assert!(
        matches!(refuse("fit=cover,w=12000,h=12000", &square), Error::Options(text) if text.contains("megapixels"))
    );
}

proptest! {
    #[test]
    fn whatever_is_wished_the_source_lies_in_the_original(
        width in 1_u32..12_000,
        height in 1_u32..8_000,
        w in prop::option::of(1_u32..12_000),
        h in prop::option::of(1_u32..8_000),
        fit in prop::sample::select(vec![Fit::ScaleDown, Fit::Contain, Fit::Cover, Fit::Crop, Fit::Pad]),
        (x, y) in (0.0_f32..=1.0, 0.0_f32..=1.0),
    ) {
        let options =
            Options { width: w, height: h, fit: Some(fit), gravity: Some(Gravity::Point { x, y }), ..Options::default() };
        let settled = settle(&options, &facts(Format::Jpeg, width, height), Accepts::default(), &Limits::default());
        if let Ok(recipe) = settled {
            let [left, top, across, down] = recipe.source;
            prop_assert!(left >= 0.0 && top >= 0.0 && across > 0.0 && down > 0.0);
            prop_assert!(left + across <= f64::from(width) + 1e-6 && top + down <= f64::from(height) + 1e-6);
            prop_assert!(recipe.width >= 1 && recipe.width <= recipe.canvas.0);
            prop_assert!(recipe.height >= 1 && recipe.height <= recipe.canvas.1);
            if matches!(fit, Fit::ScaleDown | Fit::Crop) {
                prop_assert!(recipe.canvas.0 <= width && recipe.canvas.1 <= height);
            }
            if matches!(fit, Fit::Cover | Fit::Pad)
                && let (Some(w), Some(h)) = (w, h)
            {
                prop_assert_eq!(recipe.canvas, (w, h));
            }
        }
    }
}
