//! What options promise: text and value are the same wish, and a wrong word is told by its name.

use proptest::prelude::*;

use super::*;
use crate::{Composite, Overlay, OverlaySource, Repeat};

fn check(text: &str, expected: Options) {
    assert_eq!(Options::parse(text), Ok(expected), "{text}");
}

fn refused(text: &str, word: &str) {
    let error = Options::parse(text).expect_err(text);
    assert!(matches!(&error, Error::Options(sentence) if sentence.contains(word)), "{text}: {error}");
}

#[test]
fn options_are_read_under_both_of_their_names() {
    let wanted = Options {
        width: Some(Width::Pixels(400)),
        height: Some(300),
        quality: Some(Quality::MediumHigh),
        format: Some(FormatWish::Webp),
        gravity: Some(Gravity::Point { x: 0.5, y: 0.25 }),
        ..Options::default()
    };
    check("w=400,h=300,q=medium-high,f=webp,g=0.5x0.25", wanted.clone());
    check("width=400,height=300,quality=medium-high,format=webp,gravity=.5x.25", wanted);
}

#[test]
fn a_later_value_replaces_an_earlier_one_under_any_name() {
    check("w=1,width=2", Options { width: Some(Width::Pixels(2)), ..Options::default() });
    check(
        "w=9,x=1,w=3,x=2",
        Options {
            width: Some(Width::Pixels(3)),
            ignored: vec![("x".to_owned(), "2".to_owned())],
            ..Options::default()
        },
    );
}

#[test]
fn what_is_not_known_is_kept_apart() {
    for word in ["zz=1", "trim.middle=5", "Width=4", "blurr=3"] {
        let (name, value) = word.split_once('=').unwrap();
        check(word, Options { ignored: vec![(name.to_owned(), value.to_owned())], ..Options::default() });
    }
}

#[test]
fn what_cannot_be_a_name_is_refused_and_not_ignored() {
    for text in ["public;a=b", "public?exp=1", "a b=1", "1=1", "é=1", "-w=1", "w=1,\"x\"=2", ";=1"] {
        assert!(Options::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_needs_a_model_of_pictures_is_refused_by_a_clear_word() {
    for text in ["gravity=face", "zoom=0.5", "segment=foreground", "upscale=generate", "format=jxl"] {
        if text != "format=jxl" || !crate::step::format::JXL_IS_BUILT {
            refused(text, &format!("{text} is not built into this build"));
        }
    }
    refused("face-zoom=0.5", "zoom=0.5 is not built");
    refused("zoom=2", "zoom must be a number from 0 to 1");
    refused("segment=background", "segment must be foreground");
    refused("upscale=1", "upscale must be interpolate");
}

/// What is no factor of light or colour.
const NOT_A_FACTOR: [&str; 8] = ["-1", "x", "1e1", "nan", "inf", "10.1", "0x1", "１"];

/// Each option with values that it takes and values that it refuses.
const CASES: [(&str, &[&str], &[&str]); 43] = [
    ("width", &["1", "12000", "auto"], &["0", "12001", "1.5", "Auto", "-1"]),
    ("height", &["1", "12000"], &["0", "12001", "auto", "-1"]),
    ("dpr", &["1", "0.1", "2.5", "8"], &["0", "8.1", "-1", "nan", "2x"]),
    ("wbreakpoints", &["320", "320;768;960;1200", "9;8"], &["0", "1;", ";1", "1;x", "12001", "auto"]),
    ("wmobile", &["1", "768"], &["0", "auto", "1.5"]),
    ("wdesktop", &["1", "1200"], &["0", "auto", "1.5"]),
    (
        "fit",
        &["scale-down", "contain", "cover", "crop", "aspect-crop", "pad", "squeeze", "scale-up"],
        &["fill", "Cover", "1"],
    ),
    (
        "gravity",
        &["auto", "left", "right", "top", "bottom", "center", "entropy", "focal", "0x1", "0.5x0.25"],
        &["middle", "1.1x0", "0.5", "0;1", "face"],
    ),
    ("trim", &["border", "1;2;3;4", "0.1;0.2;0;0.25"], &["1", "1;2;3", "1;2;3;4;5", "1.5;0;0;0", "-1;0;0;0"]),
    ("trim.top", &["0", "5", "0.5", "1.0"], &["1.5", "-1", "x"]),
    ("trim.left", &["5"], &["x"]),
    ("trim.width", &["5", "0.5"], &["x"]),
    ("trim.height", &["5", "0.5"], &["x"]),
    ("trim.border.color", &["red", "%23fff"], &["reddish"]),
    ("trim.border.tolerance", &["0", "255"], &["256", "-1", "1.5"]),
    ("trim.border.keep", &["0", "20"], &["-1", "0.5"]),
    ("flip", &["h", "v", "hv", "vh"], &["x", "horizontal", "hh"]),
    ("rotate", &["0", "90", "180", "270", "360"], &["45", "-90", "91", "auto"]),
    ("brightness", &["0", "0.5", "1", "10"], &NOT_A_FACTOR),
    ("contrast", &["0", "0.5", "1", "10"], &NOT_A_FACTOR),
    ("saturation", &["0", "0.5", "1", "10"], &NOT_A_FACTOR),
    ("gamma", &["0", "0.5", "1", "10"], &NOT_A_FACTOR),
    ("blur", &["1", "2.5", "250"], &["0", "0.5", "251", "-1", "x"]),
    ("sharpen", &["0", "0.5", "10"], &["10.1", "-1", "x"]),
    ("background", &["red", "%23ff8800", "rgba(1,2,3,0.5)"], &["reddish", "rgb(1)"]),
    ("border.color", &["red"], &["reddish"]),
    ("border.width", &["0", "5", "1000"], &["1001", "0.5", "-1", "red"]),
    ("border.top", &["5"], &["x"]),
    ("border.right", &["5"], &["x"]),
    ("border.bottom", &["5"], &["x"]),
    ("border.left", &["5"], &["x"]),
    ("metadata", &["copyright", "keep", "none"], &["all", "true"]),
    (
        "quality",
        &["1", "100", "high", "medium-high", "medium-low", "low", "auto", "auto-high", "auto-low"],
        &["0", "101", "medium", "85.5", "-1"],
    ),
    ("slow-connection-quality", &["1", "low", "auto-low"], &["0", "101", "slow"]),
    ("max_bytes", &["1000", "100000000"], &["999", "1kb", "-1"]),
    (
        "format",
        &["auto", "avif", "webp", "jpeg", "baseline-jpeg", "json", "png", "png-force", "gif", "svg"],
        &["mp4", "jpg", "JPEG", "tiff"],
    ),
    ("anim", &["true", "false"], &["1", "0", "no"]),
    ("compression", &["fast"], &["slow", "true"]),
    ("onerror", &["redirect"], &["ignore", "true"]),
    ("upscale", &["interpolate"], &["generate", "x"]),
    ("segment", &[], &["foreground", "x"]),
    ("zoom", &[], &["0", "0.5", "2"]),
    ("draw", &["(image=logo)", "(text=Hi)(image=a%2Fb)"], &["logo", "(logo)", "(image=logo", "()"]),
];

#[test]
fn every_option_takes_its_values_and_refuses_all_others_by_its_name() {
    for (name, right, wrong) in CASES {
        let words = Options::WORDS.iter().find(|words| words.contains(&name)).expect(name);
        for word in *words {
            for value in right {
                let text = format!("{word}={value}");
                let read = Options::parse(&text).unwrap_or_else(|why| panic!("{text}: {why}"));
                assert_eq!(Options::parse(&read.to_string()), Ok(read), "{text}");
            }
            for value in wrong {
                refused(&format!("{word}={value}"), name);
            }
        }
    }
    for words in Options::WORDS {
        let is_checked = CASES.iter().any(|(name, ..)| words.contains(name));
        assert!(is_checked, "{words:?} is not checked");
    }
}

#[test]
fn two_forms_of_one_trim_are_refused() {
    for text in ["trim=1;2;3;4,trim.top=5", "trim=border,trim.width=5", "trim.border.keep=1,trim.left=2"] {
        refused(text, "trim must");
    }
    assert!(Options::parse("trim=border,trim.border.keep=1,trim.border.tolerance=3").is_ok());
}

#[test]
fn what_an_earlier_build_kept_and_this_one_refuses_is_ignored() {
    let options = Options::kept("w=400,blur=999,zz=1,trim=1;2;3;4,trim.top=5");
    assert_eq!((options.width, options.blur), (Some(Width::Pixels(400)), None));
    let ignored: Vec<&str> = options.ignored.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(ignored, ["blur", "zz", "trim.top"]);
    assert_eq!(Options::kept(""), Options::default());
}

#[test]
fn overlays_are_read_with_all_their_words() {
    let text = "draw=(image=brand/logo;width=0.25;h=80;fit=contain;gravity=left;bottom=10;right=12;opacity=0.5;\
                repeat=x;rotate=90;background=red;composite=atop)(text=50%25%3B%20(off%29;size=48;color=white;top=0)";
    let Draw(overlays) = Options::parse(text).unwrap().draw.unwrap();
    let logo = OverlaySource::Image { id: "brand/logo".into(), object: String::new() };
    let expected = Overlay {
        width: Some(Length::Share(0.25)),
        height: Some(Length::Pixels(80)),
        fit: Fit::Contain,
        gravity: Gravity::Left,
        bottom: Some(10),
        right: Some(12),
        opacity: 0.5,
        repeat: Repeat::Across,
        rotate: 6,
        background: Some(Background { rgba: [255, 0, 0, 255] }),
        composite: Composite::Atop,
        ..Overlay::plain(logo)
    };
    assert_eq!(overlays[0], expected);
    let told =
        OverlaySource::Text { text: "50%; (off)".into(), size: 48.0, color: Background { rgba: [255; 4] } };
    assert_eq!(overlays[1], Overlay { top: Some(0), ..Overlay::plain(told) });
}

#[test]
fn an_overlay_that_cannot_be_meant_is_refused_and_its_word_named() {
    let check = |groups: &str, word: &str| {
        refused(&format!("draw={groups}"), "draw must");
        refused(&format!("draw={groups}"), word);
    };
    check("(image=logo;opacity=2)", "opacity");
    check("(image=logo;width=0)", "width");
    check("(image=logo;width=1.5)", "width");
    check("(image=logo;gravity=auto)", "gravity");
    check("(image=logo;fit=fill)", "fit");
    check("(image=logo;top=1;bottom=1)", "opposite");
    check("(image=logo;left=1;right=1)", "opposite");
    check("(image=logo;text=a)", "either");
    check("(width=5)", "either");
    check("(image=logo;zz=1)", "zz");
    check("(image=a//b)", "image");
    check("(image=)", "name=value");
    check("(text=a%0Ab)", "text");
    check("(text=a%ff)", "name=value");
    check("(text=a;size=0)", "size");
    check("(text=a;color=nothing)", "color");
    check("(image=logo;repeat=z)", "repeat");
    check("(image=logo;rotate=45)", "rotate");
    check("(image=logo;composite=under)", "composite");
    check(&"(image=logo)".repeat(9), "8 overlays");
}

#[test]
fn a_malformed_value_is_refused_by_name() {
    for value in ["0", "12001", "-1", "+1", "1.5", "1e3", "400px", "", " 1", "99999999999999999999", "０"] {
        assert!(Options::parse(&format!("w={value}")).is_err(), "{value}");
    }
    refused("w=0", "width must be a whole number of pixels from 1 to 12000");
    refused("h=x", "height must be");
    refused("q=0", "quality must be a whole number from 1 to 100");
    refused("q=101", "quality");
    refused("fit=fill", "fit must be scale-down");
    refused("f=mp4", "format must be auto");
    refused("metadata=all", "metadata must be");
    for point in ["1.1x0", "0x", "x", "-0.1x0", "nanx0", "infx1", "0.5", "1e-1x0", ".x."] {
        refused(&format!("g={point}"), "gravity must be");
    }
}

#[test]
fn text_that_is_no_list_of_options_is_refused() {
    refused("", "at least one");
    refused("public", "'public' is not an option");
    refused("w=1,", "not an option");
    refused(",w=1", "not an option");
    refused("=1", "not an option");
    refused("w=1, h=2", "without spaces");
    refused("w=1\u{a0}", "without spaces");
    refused(&vec!["w=1"; MAX_OPTIONS + 1].join(","), "more than 64 options");
    let many: Vec<String> = (0..=MAX_OPTIONS).map(|index| format!("x{index}=1")).collect();
    refused(&many.join(","), "more than 64 options");
}

#[test]
fn a_strangers_word_cannot_leave_through_the_sentence() {
    let Err(Error::Options(sentence)) = Options::parse("<script>\u{1F600}\"\\") else { panic!("taken") };
    assert!(sentence.is_ascii() && !sentence.contains(['"', '\\']), "{sentence}");
}

#[test]
fn colours_are_read_in_every_css_form() {
    let cases: [(&str, [u8; 4]); 15] = [
        ("red", [255, 0, 0, 255]),
        ("RebeccaPurple", [0x66, 0x33, 0x99, 255]),
        ("transparent", [0; 4]),
        ("#f80", [255, 0x88, 0, 255]),
        ("%23f80", [255, 0x88, 0, 255]),
        ("#f808", [255, 0x88, 0, 0x88]),
        ("#FF8800", [255, 0x88, 0, 255]),
        ("%23ff880080", [255, 0x88, 0, 128]),
        ("rgb(1,2,3)", [1, 2, 3, 255]),
        ("rgba(1,2,3,0.5)", [1, 2, 3, 128]),
        ("rgb(1,2,3,1)", [1, 2, 3, 255]),
        ("rgba(100%,0%,50%,25%)", [255, 0, 128, 64]),
        ("aliceblue", [0xF0, 0xF8, 0xFF, 255]),
        ("yellowgreen", [0x9A, 0xCD, 0x32, 255]),
        ("grey", [128, 128, 128, 255]),
    ];
    for (text, rgba) in cases {
        let options = Options {
            background: Some(Background { rgba }),
            width: Some(Width::Pixels(5)),
            ..Options::default()
        };
        check(&format!("background={text},w=5"), options);
    }
    for text in [
        "reddish",
        "#12345",
        "#ggg",
        "rgb(1,2)",
        "rgb(256,0,0)",
        "rgb(1,2,3",
        "rgba(1,2,3,2)",
        "#",
        "hsl(1,2,3)",
    ] {
        refused(
            &format!("background={text}"),
            if text.ends_with("(1,2,3") { "background" } else { "CSS colour" },
        );
    }
}

/// A value for an option, of the kinds that there are.
fn any_value() -> impl Strategy<Value = String> {
    let chosen = prop::sample::select(vec![
        "auto",
        "cover",
        "aspect-crop",
        "scale-up",
        "left",
        "entropy",
        "focal",
        "0.5x0.25",
        "red",
        "%23ff8800",
        "border",
        "1;2;3;4",
        "0.1;0;0.25;1.0",
        "320;768",
        "h",
        "hv",
        "90",
        "270",
        "keep",
        "none",
        "high",
        "auto-low",
        "avif",
        "json",
        "true",
        "false",
        "fast",
        "redirect",
        "interpolate",
        "(image=a;width=0.5;opacity=0.25)(text=%C3%A4%20b;size=20)",
        "(text=x;left=5;rotate=270;composite=xor;repeat=true)",
    ]);
    let decimal = (0..=100_000_u32).prop_map(|parts| (f64::from(parts) / 1e4).to_string());
    prop_oneof![chosen.prop_map(str::to_owned), decimal, (0..=12_000_u32).prop_map(|n| n.to_string())]
}

/// Options of words and values that go together.
fn any_options() -> impl Strategy<Value = Options> {
    let names: Vec<&str> = Options::WORDS.iter().flat_map(|words| words.iter().copied()).collect();
    let pairs = prop::collection::vec((prop::sample::select(names), any_value()), 1..24);
    let ignored = prop::collection::vec(("z[a-z-]{0,8}", "[a-z0-9.;%]{1,9}"), 0..4);
    (pairs, ignored).prop_map(|(pairs, ignored)| {
        let mut options = Options::default();
        for (name, value) in &pairs {
            let mut changed = options.clone();
            if changed.set(name, value).is_ok() && changed.check().is_ok() {
                options = changed;
            }
        }
        for (name, value) in &ignored {
            options.set(name, value).unwrap();
        }
        options
    })
}

proptest! {
    #[test]
    fn printed_options_are_read_back_as_they_were(options in any_options()) {
        prop_assume!(options != Options::default());
        prop_assert_eq!(Options::parse(&options.to_string()), Ok(options));
    }

    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_prints_the_same(text in "\\PC{0,60}") {
        if let Ok(options) = Options::parse(&text) {
            prop_assert_eq!(Options::parse(&options.to_string()), Ok(options));
        }
    }

    #[test]
    fn near_misses_are_read_or_refused(text in "(w|h|q|fit|g|background|f|x|trim|draw|dpr|rotate|blur)=[0-9a-z.,;()#%x=-]{1,16}(,(w|q|g)=[0-9.x]{1,5})?") {
        if let Ok(options) = Options::parse(&text) {
            prop_assert_eq!(Options::parse(&options.to_string()), Ok(options));
        }
    }
}
