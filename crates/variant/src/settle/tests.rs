//! What a wish comes to: sizes, cuts, formats and qualities.

use domain::Accepts;
use proptest::prelude::*;

use super::*;
use crate::{Found, Quality, Rotate, Width};

fn facts(format: Format, width: u32, height: u32) -> Facts {
    Facts::new(format, width, height)
}

fn settled(options: &str, facts: &Facts, webp: bool) -> Recipe {
    visited(options, facts, &Hints::from(Accepts { webp, ..Accepts::default() }))
}

fn visited(options: &str, facts: &Facts, hints: &Hints) -> Recipe {
    settle(&Options::parse(options).unwrap(), facts, None, hints, &Limits::default()).unwrap()
}

fn photo(options: &str) -> Recipe {
    settled(options, &facts(Format::Jpeg, 1080, 720), false)
}

/// The examples of the contract, and what follows from its table of fits.
#[test]
fn sizes_are_those_of_the_contract() {
    let cases: [(&str, (u32, u32)); 33] = [
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
        ("fit=squeeze,w=500,h=700", (500, 700)),
        ("fit=squeeze,w=540", (540, 360)),
        ("fit=scale-up,w=2160,h=720", (2160, 1440)),
        ("fit=scale-up,w=500,h=1440", (2160, 1440)),
        ("fit=scale-up,w=500,h=500", (1080, 720)),
        ("fit=scale-up,w=2160", (2160, 1440)),
        ("fit=aspect-crop,w=500,h=500", (500, 500)),
        ("fit=aspect-crop,w=2000,h=2000", (720, 720)),
        ("fit=aspect-crop,w=4000,h=1000", (1080, 270)),
        ("fit=aspect-crop,w=540", (540, 360)),
        ("w=100,h=100,fit=cover,dpr=2.5", (250, 250)),
    ];
    for (options, canvas) in cases {
        assert_eq!(photo(options).canvas, canvas, "{options}");
    }
    let kitten = facts(Format::Jpeg, 612, 613);
    assert_eq!(settled("fit=aspect-crop,w=1920,h=1120", &kitten, false).canvas, (612, 357));
    let pad = photo("fit=pad,w=1080,h=1080");
    assert_eq!(pad.place, (0, 180));
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
    assert_eq!(photo("w=5,blurr=3").warnings, ["option blurr is not known here and was ignored"]);
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
        let seen = (recipe.encoding.format(), recipe.is_negotiated());
        assert_eq!(seen, (format, negotiated), "{original:?} {options} {webp}");
    }
    for (alpha, format) in [(false, Jpeg), (true, Png)] {
        let facts = Facts { alpha, ..facts(Webp, 100, 100) };
        let accepts = Accepts { webp_refused: true, ..Accepts::default() };
        let recipe = visited("q=80", &facts, &Hints::from(accepts));
        assert_eq!((recipe.encoding.format(), recipe.is_negotiated()), (format, true), "WebP refused");
    }
    let too_large = settled("fit=contain,w=2561,f=webp", &facts(Jpeg, 100, 100), false);
    assert_eq!(too_large.warnings, ["a WebP has at most 2560 pixels a side here; JPEG was made instead"]);
}

/// Contract R-63 and section 9: an AVIF that nobody named is made for later.
#[test]
fn avif_goes_out_where_accept_names_it_and_its_size_allows() {
    use Format::{Avif, Jpeg, Webp};
    let hints = |avif, webp| Hints::from(Accepts { avif, webp, ..Accepts::default() });
    let large = facts(Jpeg, 4000, 3000);
    let check = |options: &str, hints: &Hints, format, meanwhile, negotiated| {
        let recipe = visited(options, &large, hints);
        let next = recipe.meanwhile.as_ref().map(|recipe| recipe.encoding.format());
        assert_eq!(
            (recipe.encoding.format(), next, recipe.is_negotiated()),
            (format, meanwhile, negotiated),
            "{options}"
        );
        if let Some(next) = recipe.meanwhile {
            assert_eq!(
                (next.source, next.canvas, &next.varies),
                (recipe.source, recipe.canvas, &recipe.varies)
            );
            assert!(next.meanwhile.is_none());
        }
    };
    check("w=1200", &hints(true, true), Avif, Some(Webp), true);
    check("w=1200", &hints(true, false), Avif, Some(Jpeg), true);
    check("w=1201", &hints(true, true), Webp, None, true);
    check("w=1201", &hints(true, false), Jpeg, None, true);
    check("w=2561", &hints(true, true), Jpeg, None, false);
    check("w=1200,compression=fast", &hints(true, true), Jpeg, None, false);
    check("w=1600,f=avif", &hints(false, false), Avif, None, false);
    check("w=1601,f=avif", &hints(false, false), Webp, None, false);
    check("w=2561,f=avif", &hints(false, false), Jpeg, None, false);
    let told = visited("w=1601,f=avif", &large, &hints(false, false)).warnings;
    assert_eq!(told, ["an AVIF has at most 1600 pixels a side here; WebP was made instead"]);
    let limits = Limits { max_avif_side_pixels: 4_000, ..Limits::default() };
    let options = Options::parse("w=4000").unwrap();
    let raised = settle(&options, &large, None, &hints(true, true), &limits).unwrap();
    assert_eq!(raised.encoding.format(), Avif, "an operator raised the cap");
}

/// Contract R-65.
#[test]
fn an_animation_stays_one_where_a_format_moves() {
    use Format::{Gif, Jpeg, Png, Webp};
    let moving = |format| Facts { frames: 10, ..facts(format, 400, 300) };
    let check = |options: &str, original, webp, format, is_animated| {
        let recipe = settled(options, &moving(original), webp);
        assert_eq!(
            (recipe.encoding.format(), recipe.is_animated),
            (format, is_animated),
            "{options} {original:?}"
        );
    };
    check("w=200", Gif, true, Webp, true);
    check("w=200", Gif, false, Gif, true);
    check("w=200", Webp, false, Webp, true);
    check("w=200", Png, false, Gif, true);
    check("w=200,f=gif", Webp, true, Gif, true);
    check("w=200,f=webp", Gif, false, Webp, true);
    check("w=200,f=avif", Gif, false, Webp, true);
    check("w=200,f=jpeg", Gif, true, Jpeg, false);
    check("w=200,f=png", Gif, true, Png, false);
    check("w=200,anim=false", Gif, true, Webp, false);
    check("w=200,anim=false", Gif, false, Png, false);
    check("fit=contain,w=2561", Gif, true, Gif, true);
    let told = settled("w=200,f=avif", &moving(Gif), false).warnings;
    assert_eq!(told, ["an AVIF does not move here; WebP was made instead"]);
    let huge = Facts { frames: 100, ..facts(Gif, 1000, 600) };
    let recipe = settled("w=200", &huge, true);
    assert!(recipe.as_is && recipe.is_animated && recipe.encoding == Encoding::Gif);
    assert_eq!((recipe.canvas, recipe.warnings.len()), ((1000, 600), 1));
    assert!(!settled("w=200,anim=false", &huge, true).as_is);
}

/// Contract R-66.
#[test]
fn an_svg_is_served_as_it_is_whatever_is_wished() {
    let drawing = facts(Format::Svg, 300, 150);
    let plain = settled("f=auto", &drawing, true);
    assert!(plain.as_is && plain.encoding == Encoding::Svg && plain.warnings.is_empty());
    for options in ["w=100", "f=jpeg,q=5", "f=png,blur=3,rotate=90", "f=avif", "fit=cover,w=1,h=1"] {
        let recipe = settled(options, &drawing, true);
        assert_eq!(
            (recipe.digest(), recipe.varies.len(), recipe.warnings.len()),
            (plain.digest(), 0, 1),
            "{options}"
        );
    }
    assert_eq!(settled("f=json,w=10", &drawing, true).encoding, Encoding::Json);
}

/// Contract R-79.
#[test]
fn json_has_the_size_of_what_would_be_made_and_depends_on_no_visitor() {
    let recipe = photo("w=540,f=json");
    assert_eq!((recipe.encoding, recipe.size(), recipe.varies.len()), (Encoding::Json, (540, 360), 0));
}

#[test]
fn a_turn_is_exif_then_flip_then_rotation_and_boxes_follow_it() {
    let turned = |options: &str| photo(options).turn.0;
    assert_eq!(turned("w=5"), 1);
    assert_eq!(turned("flip=h"), 2);
    assert_eq!(turned("rotate=90"), 6);
    assert_eq!(turned("rotate=360"), 1);
    assert_eq!(turned("flip=hv,rotate=180"), 1);
    assert_eq!(turned("flip=h,rotate=90"), 7, "mirrored first");
    let sideways = Facts { orientation: Orientation(6), ..facts(Format::Jpeg, 1080, 720) };
    assert_eq!(settled("rotate=270", &sideways, false).turn.0, 1);
    let recipe = photo("rotate=90,w=360");
    assert_eq!((recipe.canvas, recipe.source), ((360, 540), [0.0, 0.0, 720.0, 1080.0]));
    // Of the whole picture's left 100 pixels nothing is left; turned clockwise they were above.
    let recipe = photo("rotate=90,trim=0;0;0;100");
    assert_eq!(recipe.source, [0.0, 100.0, 720.0, 980.0]);
    let recipe = photo("flip=h,trim=0;0;0;100");
    assert_eq!(recipe.source, [0.0, 0.0, 980.0, 720.0]);
    // Gravity is of the turned picture.
    let recipe = photo("rotate=90,fit=cover,w=100,h=100,g=top");
    assert_eq!(recipe.source, [0.0, 0.0, 720.0, 720.0]);
}

#[test]
fn trims_leave_what_they_say() {
    let left = |options: &str| photo(options).source;
    assert_eq!(left("trim=10;20;30;40"), [40.0, 10.0, 1020.0, 680.0]);
    assert_eq!(left("trim=0.5;0;0;0.25"), [270.0, 360.0, 810.0, 360.0]);
    assert_eq!(left("trim=10;0;0;0,dpr=2"), [0.0, 20.0, 1080.0, 700.0]);
    assert_eq!(left("trim.top=10,trim.left=20,trim.width=100,trim.height=0.5"), [20.0, 10.0, 100.0, 360.0]);
    assert_eq!(left("trim.width=2000"), [0.0, 0.0, 1080.0, 720.0]);
    assert_eq!(photo("trim=0;540;0;0,w=270").canvas, (270, 360));
    for options in ["trim=0;600;0;600", "trim.top=720", "trim=1.0;0;0;0", "trim.width=0"] {
        let told = settle(
            &Options::parse(options).unwrap(),
            &facts(Format::Jpeg, 1080, 720),
            None,
            &Hints::default(),
            &Limits::default(),
        );
        assert!(
            matches!(told, Err(Error::Options(text)) if text.starts_with("trim must leave")),
            "{options}"
        );
    }
}

#[test]
fn what_only_pixels_tell_is_looked_for_only_where_it_matters() {
    let look = |options: &str| photo(options).look;
    assert_eq!(look("fit=cover,w=100,h=100,g=auto").unwrap().focus, Some(Focus::Saliency));
    assert_eq!(look("fit=crop,w=100,h=100,g=entropy").unwrap().focus, Some(Focus::Entropy));
    assert_eq!(look("fit=cover,w=108,h=72,g=auto"), None, "nothing is cut");
    assert_eq!(look("fit=contain,w=100,h=100,g=auto"), None);
    assert_eq!(look("w=100,g=entropy"), None);
    let trim = look("trim=border,trim.border.keep=4,trim.border.color=red").unwrap();
    let red = Some(Background { rgba: [255, 0, 0, 255] });
    assert_eq!(trim.trim, Some(crate::BorderTrim { color: red, tolerance: 10, keep: 4 }));
    assert_eq!(trim.focus, None);
    assert_eq!(look("trim=border,fit=cover,w=108,h=72,g=auto").unwrap().focus, Some(Focus::Saliency));
}

#[test]
fn a_focal_point_lies_in_the_middle_of_a_cut_as_far_as_edges_allow() {
    let at = |options: &str, focal| {
        let options = Options::parse(options).unwrap();
        let photo = facts(Format::Jpeg, 1080, 720);
        settle(&options, &photo, Some(focal), &Hints::default(), &Limits::default()).unwrap()
    };
    let left = |options: &str, focal| at(options, focal).source[0];
    assert_eq!(left("fit=cover,w=100,h=100,g=focal", (0.5, 0.5)), 180.0);
    assert_eq!(left("fit=cover,w=100,h=100,g=focal", (0.0, 0.5)), 0.0);
    assert_eq!(left("fit=cover,w=100,h=100,g=auto", (1.0, 0.5)), 360.0);
    assert!(at("fit=cover,w=100,h=100,g=auto", (1.0, 0.5)).look.is_none());
    assert_eq!(left("fit=cover,w=100,h=100,g=left", (1.0, 0.5)), 0.0);
    assert_eq!(left("flip=h,fit=cover,w=100,h=100,g=focal", (1.0, 0.5)), 0.0, "it is mirrored too");
    assert_eq!(left("fit=cover,w=100,h=100", (0.0, 0.5)), 0.0, "also where no gravity is named");
    assert_eq!(left("fit=cover,w=100,h=100,g=center", (0.0, 0.5)), 180.0);
    let without = photo("fit=cover,w=100,h=100,g=focal");
    assert_eq!((without.source[0], without.look), (180.0, None));
}

#[test]
fn what_was_found_completes_a_recipe() {
    let estimate = photo("trim=border,fit=cover,w=200,h=100,g=auto,border=10,f=jpeg");
    assert_eq!(estimate.size(), (220, 120));
    let found = Found { trimmed: [100.0, 50.0, 800.0, 600.0], focus: (1000.0, 60.0) };
    let recipe = estimate.settled(&found).unwrap();
    assert_eq!((recipe.source, recipe.canvas, recipe.look), ([100.0, 50.0, 800.0, 400.0], (200, 100), None));
    let tall = photo("trim=border,fit=contain,w=2000");
    let sliver = Found { trimmed: [0.0, 0.0, 10.0, 720.0], focus: (0.0, 0.0) };
    assert!(matches!(tall.settled(&sliver), Err(Error::Options(text)) if text.contains("2000x144000")));
    let plain = photo("w=100");
    assert_eq!(plain.clone().settled(&sliver).unwrap(), plain);
}

/// Contract 8 and R-80.
#[test]
fn an_automatic_width_fills_the_screen_with_the_next_breakpoint() {
    let large = facts(Format::Jpeg, 6000, 4000);
    let check = |options: &str, hints: &Hints, width: u32| {
        let recipe = visited(&format!("w=auto,f=jpeg{options}"), &large, hints);
        assert_eq!(recipe.canvas.0, width, "{options} {hints:?}");
        let names: Vec<&str> = recipe.varies.iter().map(|header| header.name()).collect();
        assert_eq!(names, ["Sec-CH-Width", "Sec-CH-DPR", "Sec-CH-Viewport-Width", "User-Agent"]);
    };
    let hints = Hints::default();
    check("", &hints, 1200);
    check("", &Hints { is_mobile: true, ..hints }, 768);
    check(",wmobile=300", &Hints { is_mobile: true, ..hints }, 320);
    check(",wdesktop=900", &hints, 960);
    check("", &Hints { width_pixels: Some(321), ..hints }, 768);
    check("", &Hints { width_pixels: Some(5000), ..hints }, 1200);
    check("", &Hints { viewport_pixels: Some(400), dpr: Some(2.0), ..hints }, 960);
    check(",dpr=1", &Hints { viewport_pixels: Some(400), dpr: Some(2.0), ..hints }, 768);
    check(",wbreakpoints=1000;500;2000", &Hints { viewport_pixels: Some(600), ..hints }, 1000);
}

#[test]
fn a_slow_connection_gets_its_own_quality() {
    let quality = |options: &str, hints: Hints| {
        let recipe = visited(options, &facts(Format::Jpeg, 1080, 720), &hints);
        let Encoding::Jpeg { quality, .. } = recipe.encoding else { panic!("{recipe:?}") };
        (quality, recipe.varies.len())
    };
    let slow = [
        Hints { saves_data: true, ..Hints::default() },
        Hints { is_on_slow_network: true, ..Hints::default() },
        Hints { rtt_ms: Some(151), ..Hints::default() },
        Hints { downlink_mbps: Some(4.9), ..Hints::default() },
    ];
    for hints in slow {
        assert_eq!(quality("f=jpeg,q=90,scq=50", hints), (49, 4), "{hints:?}");
        assert_eq!(quality("f=jpeg,q=90", hints), (89, 0), "{hints:?}");
    }
    let fast = Hints { rtt_ms: Some(150), downlink_mbps: Some(5.0), ..Hints::default() };
    assert_eq!(quality("f=jpeg,q=90,scq=50", fast), (89, 4));
}

#[test]
fn colour_blur_border_and_overlays_are_noted_where_they_do_something() {
    let plain = photo("w=100");
    for options in
        ["brightness=1", "gamma=0,contrast=0,brightness=0", "sharpen=0", "border.color=red", "border=0"]
    {
        assert_eq!(photo(&format!("w=100,{options}")).digest(), plain.digest(), "{options}");
    }
    let recipe =
        photo("w=100,saturation=0,gamma=1.5,blur=3,sharpen=2,dpr=2,border=3,border.left=1,border.color=red");
    assert_eq!((recipe.adjust.saturation, recipe.adjust.gamma), (0.0, 1.5));
    assert_eq!((recipe.blur, recipe.sharpen), (Some(3.0), Some(2.0)));
    let border = recipe.border.unwrap();
    assert_eq!([border.top, border.right, border.bottom, border.left], [6, 6, 6, 2]);
    assert_eq!((recipe.canvas.0, recipe.size().0), (200, 208));
    let recipe = photo("w=100,dpr=2,draw=(image=logo;width=40;height=0.5;left=5)(text=Hi;size=10)");
    assert_eq!(
        (recipe.overlays[0].left, recipe.overlays[0].width),
        (Some(10), Some(crate::Length::Pixels(80)))
    );
    assert_eq!(recipe.overlay_images().collect::<Vec<_>>(), ["logo"]);
}

#[test]
fn qualities_are_anchored_at_what_was_measured() {
    let effort = Effort::Usual;
    let made = |options: &str| photo(&format!("w=100,{options}")).encoding;
    assert_eq!(made("f=jpeg"), Encoding::Jpeg { quality: 79, progressive: true, effort });
    assert_eq!(made("f=jpeg,q=80"), made("f=jpeg"));
    assert_eq!(made("f=webp"), Encoding::Webp { quality: 81, effort });
    assert_eq!(made("f=webp,q=80"), made("f=webp"));
    assert_eq!(made("f=webp,q=99"), Encoding::Webp { quality: 100, effort });
    assert_eq!(made("f=webp,q=100"), Encoding::WebpLossless { effort });
    assert_eq!(made("f=jpeg,q=high"), Encoding::Jpeg { quality: 89, progressive: true, effort });
    assert_eq!(made("f=jpeg,q=1"), Encoding::Jpeg { quality: 1, progressive: true, effort });
    assert_eq!(made("f=png"), Encoding::Png { effort });
    assert_eq!(made("f=png,q=100"), Encoding::Png { effort });
    assert_eq!(made("f=png,q=50"), Encoding::PngPalette { quality: 50, effort });
    assert_eq!(made("f=avif,q=50"), Encoding::Avif { quality: 50, effort });
    assert_eq!(made("f=gif,q=50"), Encoding::Gif);
    let effort = Effort::Fast;
    assert_eq!(made("f=jpeg,compression=fast"), Encoding::Jpeg { quality: 79, progressive: false, effort });
    assert_eq!(made("f=webp,compression=fast"), Encoding::Webp { quality: 81, effort });
    for number in 2..=100 {
        assert!(quality::jpeg(number) >= quality::jpeg(number - 1));
    }
    assert_eq!(quality::number(Some(Quality::Low)), 35);
}

#[test]
fn an_automatic_quality_is_a_look_to_keep() {
    let score = |options: &str| photo(&format!("w=100,{options}")).auto_quality;
    assert_eq!(score("f=jpeg,q=auto"), Some(75));
    assert_eq!(score("f=webp,q=auto-high"), Some(85));
    assert_eq!(score("f=avif,q=auto-low"), Some(65));
    assert_eq!(score("f=png,q=auto"), None);
    assert_eq!(score("f=jpeg,q=80"), None);
    assert_eq!(photo("w=100,f=jpeg,q=auto").encoding, photo("w=100,f=jpeg").encoding);
    let moving = Facts { frames: 2, ..facts(Format::Gif, 10, 10) };
    assert_eq!(settled("q=auto", &moving, true).auto_quality, None);
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
        settle(&Options::parse(options).unwrap(), facts, None, &Hints::default(), &Limits::default())
            .unwrap_err()
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
        fit in prop::sample::select(vec![Fit::ScaleDown, Fit::Contain, Fit::Cover, Fit::Crop, Fit::Pad, Fit::AspectCrop, Fit::Squeeze, Fit::ScaleUp]),
        (orientation, rotate) in (1_u8..=8, prop::sample::select(vec![Rotate::None, Rotate::Right, Rotate::Half, Rotate::Left])),
        (x, y) in (0.0_f32..=1.0, 0.0_f32..=1.0),
    ) {
        let options =
            Options { width: w.map(Width::Pixels), height: h, fit: Some(fit), gravity: Some(Gravity::Point { x, y }), rotate: Some(rotate), ..Options::default() };
        let facts = Facts { orientation: Orientation(orientation), ..facts(Format::Jpeg, width, height) };
        let settled = settle(&options, &facts, None, &Hints::default(), &Limits::default());
        let turned = matches!(rotate, Rotate::Right | Rotate::Left);
        let (width, height) = if turned { (height, width) } else { (width, height) };
        if let Ok(recipe) = settled {
            let [left, top, across, down] = recipe.source;
            prop_assert!(left >= 0.0 && top >= 0.0 && across > 0.0 && down > 0.0);
            prop_assert!(left + across <= f64::from(width) + 1e-6 && top + down <= f64::from(height) + 1e-6);
            prop_assert!(recipe.width >= 1 && recipe.width <= recipe.canvas.0);
            prop_assert!(recipe.height >= 1 && recipe.height <= recipe.canvas.1);
            if matches!(fit, Fit::ScaleDown | Fit::Crop | Fit::AspectCrop) {
                prop_assert!(recipe.canvas.0 <= width && recipe.canvas.1 <= height);
            }
            if matches!(fit, Fit::Cover | Fit::Pad | Fit::Squeeze)
                && let (Some(w), Some(h)) = (w, h)
            {
                prop_assert_eq!(recipe.canvas, (w, h));
            }
        }
    }
}
