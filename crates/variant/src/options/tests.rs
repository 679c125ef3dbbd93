//! What options promise: text and value are the same wish, and a wrong word is told by its name.

use proptest::prelude::*;

use super::*;

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
        width: Some(400),
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
    check("w=1,width=2", Options { width: Some(2), ..Options::default() });
    check(
        "w=9,x=1,w=3,x=2",
        Options { width: Some(3), ignored: vec![("x".to_owned(), "2".to_owned())], ..Options::default() },
    );
}

#[test]
fn what_is_not_built_or_not_known_is_kept_apart() {
    for word in [
        "dpr=2",
        "blur=3",
        "sharpen=1",
        "trim=1;2;3;4",
        "rotate=90",
        "anim=false",
        "onerror=redirect",
        "zz=1",
    ] {
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
fn a_value_that_is_not_built_is_refused_by_name() {
    for text in
        ["format=avif", "format=json", "gravity=face", "gravity=auto", "gravity=entropy", "fit=scale-up"]
    {
        refused(text, &format!("{text} is not built in this build"));
    }
    refused("f=avif", "format=avif");
    refused("w=auto", "width=auto");
    refused("fit=squeeze", "squeeze is not built");
    refused("fit=aspect-crop", "aspect-crop is not built");
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
        let options = Options { background: Some(Background { rgba }), width: Some(5), ..Options::default() };
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

fn any_options() -> impl Strategy<Value = Options> {
    let fit = prop::sample::select(vec![Fit::ScaleDown, Fit::Contain, Fit::Cover, Fit::Crop, Fit::Pad]);
    let coordinate = || (0..=1_000_000_u32).prop_map(|parts| (f64::from(parts) / 1e6) as f32);
    let gravity = prop_oneof![
        prop::sample::select(vec![
            Gravity::Center,
            Gravity::Left,
            Gravity::Right,
            Gravity::Top,
            Gravity::Bottom
        ]),
        (coordinate(), coordinate()).prop_map(|(x, y)| Gravity::Point { x, y }),
    ];
    let quality = prop_oneof![
        (1..=100_u8).prop_map(Quality::Number),
        prop::sample::select(vec![Quality::High, Quality::MediumHigh, Quality::MediumLow, Quality::Low]),
    ];
    let format = prop::sample::select(vec![
        FormatWish::Auto,
        FormatWish::Jpeg,
        FormatWish::BaselineJpeg,
        FormatWish::Png,
        FormatWish::Webp,
    ]);
    let metadata =
        prop::sample::select(vec![MetadataPolicy::Copyright, MetadataPolicy::Keep, MetadataPolicy::None]);
    let sides = (prop::option::of(1..=12_000_u32), prop::option::of(1..=12_000_u32));
    let background = any::<[u8; 4]>().prop_map(|rgba| Background { rgba });
    let ignored = prop::collection::hash_map("z[a-z-]{0,8}", "[a-z0-9.;%]{1,9}", 0..4);
    let rest = (prop::option::of(background), prop::option::of(metadata), ignored);
    (
        sides,
        prop::option::of(fit),
        prop::option::of(gravity),
        prop::option::of(quality),
        prop::option::of(format),
        rest,
    )
        .prop_map(|((width, height), fit, gravity, quality, format, (background, metadata, ignored))| {
            Options {
                width,
                height,
                fit,
                gravity,
                background,
                metadata,
                quality,
                format,
                ignored: ignored.into_iter().collect(),
            }
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
    fn near_misses_are_read_or_refused(text in "(w|h|q|fit|g|background|f|x)=[0-9a-z.,()#%x-]{1,12}(,(w|q|g)=[0-9.x]{1,5})?") {
        if let Ok(options) = Options::parse(&text) {
            prop_assert_eq!(Options::parse(&options.to_string()), Ok(options));
        }
    }
}
