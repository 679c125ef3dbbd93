//! What an SVG may bring and what leaves: attacks of every kind, drawings that stay as they are, every limit from both
//! sides, and whatever chance makes.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::testing::later;

const OPEN: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">"#;

fn no_picture(_: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    None
}

fn gif(bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    bytes.starts_with(b"GIF").then(|| ("image/gif", bytes.to_vec()))
}

fn clean(text: &str) -> Result<String, Error> {
    let bytes = sanitised(text.as_bytes(), &Limits::default(), later(), &gif)?;
    Ok(String::from_utf8(bytes).unwrap())
}

/// What stays of the inside of a document.
fn inside(body: &str) -> String {
    let text = clean(&format!("{OPEN}{body}</svg>")).unwrap();
    let Some(rest) = text.strip_prefix(OPEN) else { return String::new() };
    rest.strip_suffix("</svg>").unwrap().to_owned()
}

#[test]
fn a_drawing_stays_as_it_is() {
    for body in [
        r##"<defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs>"##,
        r##"<rect x="1" y="2" width="3" height="4" fill="url(#g)" transform="rotate(45 1 1)"/>"##,
        r##"<g id="a" class="b c" opacity=".5"><path d="M0 0L9,9z"/></g><use xlink:href="#a"/><use href="#a"/>"##,
        "<text x=\"1\">a <tspan>b</tspan><tspan>c</tspan>\n d</text>",
        "<style>.a{fill:red}@media (min-width:9px){b{fill:blue}}</style>",
        r#"<animate attributeName="cx" values="1;2;3" dur="1s" begin="0s;a.end" repeatCount="indefinite"/>"#,
        r##"<filter id="f"><feGaussianBlur stdDeviation="2"/></filter><g filter="url(#f)"/>"##,
        r#"<title>A &amp; B &lt; C</title><g role="img" aria-label="x" xml:space="preserve"/>"#,
        r#"<image href="data:image/gif;base64,R0lGODlh" width="1" height="1"/>"#,
        r#"<path style="fill:red;stroke:url(#g)" font-family="'A B', serif"/>"#,
        "<text>Größe \u{1F600}</text>",
    ] {
        assert_eq!(inside(body), body);
    }
}

#[test]
fn what_runs_embeds_or_links_is_left_behind() {
    for (body, kept) in [
        ("<script>alert(1)</script>", ""),
        ("<script><![CDATA[alert(1)]]></script><g/>", "<g/>"),
        ("<script xlink:href=\"http://a.test/x.js\"/>", ""),
        ("<h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">alert(1)</h:script>", ""),
        ("<foreignObject><iframe xmlns=\"http://www.w3.org/1999/xhtml\" src=\"//a\"/></foreignObject>", ""),
        ("<g onload=\"alert(1)\" ONCLICK=\"x\" onBegin=\"y\"/>", "<g/>"),
        ("<a href=\"javascript:alert(1)\"><rect/></a>", "<a><rect/></a>"),
        ("<a xlink:href=\"jav&#x61;script&#58;alert(1)\"/>", "<a/>"),
        ("<a href=\"https://a.test\" target=\"_top\" ping=\"//a\" download=\"x\"><g/></a>", "<a><g/></a>"),
        ("<set attributeName=\"href\" to=\"javascript:alert(1)\"/>", ""),
        ("<set attributeName=\" xlink:href \" to=\"javascript:alert(1)\"/>", ""),
        ("<set attributeName=\"onclick\" to=\"alert(1)\"/>", ""),
        ("<animate attributeName=\"style\" values=\"fill:url(//a)\"/>", ""),
        (
            "<animate attributeName=\"fill\" values=\"red;url(//a.test)\"/>",
            "<animate attributeName=\"fill\"/>",
        ),
        ("<use href=\"/acct/other/public#x\"/>", "<use/>"),
        ("<use href=\"data:image/gif;base64,R0lGODlh\"/>", "<use/>"),
        ("<image href=\"http://a.test/t.png\" xlink:href=\"//a.test\"/>", "<image/>"),
        ("<image href=\"data:image/svg+xml;base64,PHN2Zz4=\"/>", "<image/>"),
        ("<image href=\"data:image/gif;base64,PHNjcmlwdD4=\"/>", "<image/>"),
        ("<feImage href=\"file:///etc/passwd\"/>", "<feImage/>"),
        ("<g fill=\"url(http://a.test/#g)\" filter=\"url('x.svg#y')\"/>", "<g/>"),
        ("<g fill=\"u\\72l(//a)\" id=\"a\\b\"/>", "<g/>"),
        ("<g style=\"fill:red;background:url(//a)\"/>", "<g style=\"fill:red\"/>"),
        ("<style>@import '//a';a{fill:url(//b)}c{fill:red}</style>", "<style>c{fill:red}</style>"),
        ("<style type=\"text/xsl\">a{fill:red}</style>", ""),
        ("<style>a{fill:red}<script>x</script></style>", "<style>a{fill:red}</style>"),
        ("<style><![CDATA[a{x:'</style><script>alert(1)</script>'}]]></style>", ""),
        ("<g xml:base=\"javascript:alert(1);//\" data-x=\"y\" src=\"z\"/>", "<g/>"),
        ("<metadata><x/>secret</metadata><desc>secret</desc><!-- secret --><?secret x?>", ""),
        ("<g>secret</g>secret", "<g/>"),
        ("<i:g xmlns:i=\"urn:i\" i:x=\"secret\"/><g xmlns:i=\"urn:i\" i:x=\"secret\"/>", "<g/>"),
        ("<handler/><listener/><discard/><audio/><unknown><rect/></unknown>", ""),
        ("<text>javascript:x onerror=y</text>", "<text>javascript&#58;x onerror&#61;y</text>"),
        ("<svg:g xmlns:svg=\"http://www.w3.org/2000/svg\"><svg:rect/></svg:g>", "<g><rect/></g>"),
    ] {
        assert_eq!(inside(body), kept, "{body}");
    }
}

#[test]
fn prefixes_are_resolved_and_not_cut_off() {
    let html = r#"<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns="http://www.w3.org/1999/xhtml" width="9">
        <s:rect/><iframe src="//a"/><script>x</script></s:svg>"#;
    assert_eq!(clean(html).unwrap(), OPEN.replace('>', " width=\"9\"><rect/></svg>"));
    let plain = "<svg><rect/></svg>";
    assert_eq!(clean(plain).unwrap(), format!("{OPEN}<rect/></svg>"));
    let other = r#"<svg xmlns="http://www.w3.org/1999/xhtml"><rect/></svg>"#;
    assert!(clean(other).is_err());
}

#[test]
fn what_is_not_well_formed_or_declares_an_entity_is_refused() {
    for text in [
        "",
        "<svg>",
        "<svg></g>",
        "<svg/><svg/>",
        "<svg/>x",
        "<svg a=\"1\" a=\"2\"/>",
        "<svg xmlns:a=\"urn:x\" xmlns:b=\"urn:x\" a:c=\"1\" b:c=\"2\"/>",
        "<svg x:a=\"1\"/>",
        "<x:svg/>",
        "<svg>&nbsp;</svg>",
        "<svg>&#0;</svg>",
        "<svg>&#x1F;</svg>",
        "<svg>&lt</svg>",
        "<svg xmlns:a=\"\"/>",
        "<svg xmlns:xml=\"urn:x\"/>",
        "<g/>",
        "<SVG/>",
        "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg>&a;</svg>",
        "<!DOCTYPE svg [<!entity a \"b\">]><svg/>",
        "<svg><!-- <!ENTITY a 'b'> --></svg>",
        "<?xml version=\"1.0\" encoding=\"UTF-7\"?><svg/>",
        "<?xml version=\"1.0\" encoding=\"Windows-1252\"?><svg/>",
    ] {
        assert!(matches!(clean(text), Err(Error::Damaged(_))), "{text}");
    }
    assert!(sanitised(b"<svg>\xFF</svg>", &Limits::default(), later(), &no_picture).is_err());
    let doctype = r#"<?xml version="1.0" encoding="utf-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://a.test/svg11.dtd"><svg/>"#;
    assert_eq!(clean(doctype).unwrap(), OPEN.replace('>', "/>"));
}

#[test]
fn every_limit_holds_from_both_sides() {
    let limits = Limits {
        max_svg_bytes: 400,
        max_svg_depth: 4,
        max_svg_elements: 5,
        max_svg_attributes: 3,
        max_svg_namespaces: 2,
        ..Limits::default()
    };
    let refused = |text: &str| match sanitised(text.as_bytes(), &limits, later(), &no_picture) {
        Ok(_) => None,
        Err(Error::TooManyPieces { limit, .. }) => Some(limit),
        Err(other) => panic!("{text}: {other}"),
    };
    let check = |within: &str, past: &str, limit: &'static str| {
        assert_eq!(refused(within), None, "{within}");
        assert_eq!(refused(past), Some(limit), "{past}");
    };
    let padded = |length: usize| format!("<svg>{}</svg>", " ".repeat(length - 11));
    check(&padded(400), &padded(401), "max_svg_bytes");
    check("<svg><g><g><g/></g></g></svg>", "<svg><g><g><g><g/></g></g></g></svg>", "max_svg_depth");
    check("<svg><g/><g/><g/><g/></svg>", "<svg><g/><g/><g/><g/><x/></svg>", "max_svg_elements");
    check("<svg x='1' y='2' z='3'/>", "<svg x='1' y='2' z='3' w='4'/>", "max_svg_attributes");
    check(
        "<svg xmlns:a='urn:a'><g xmlns:a='urn:b'/><g xmlns:a='urn:b'/></svg>",
        "<svg xmlns:a='urn:a'><g xmlns:a='urn:b'/><g xmlns:b='urn:b'/></svg>",
        "max_svg_namespaces",
    );
}

#[test]
fn bombs_are_refused_in_no_time() {
    let nested = "<g>".repeat(100_000) + &"</g>".repeat(100_000);
    assert!(matches!(clean(&format!("{OPEN}{nested}</svg>")), Err(Error::TooManyPieces { .. })));
    let doubling: String = (0..30)
        .map(|n| format!("<g id=\"a{}\"><use href=\"#a{n}\"/><use href=\"#a{n}\"/></g>", n + 1))
        .collect();
    let bomb = format!("{OPEN}<g id=\"a0\"/>{doubling}</svg>");
    assert!(matches!(clean(&bomb), Err(Error::TooManyPieces { limit: "max_svg_elements", .. })));
    let growing = format!("{OPEN}<text>{}</text></svg>", "\"&lt;".repeat(10) + &"'>".repeat(200_000));
    assert!(matches!(clean(&growing), Err(Error::Damaged(_))));
    let over = Instant::now() - Duration::from_secs(1);
    let large = format!("{OPEN}{}</svg>", "<g/>".repeat(1_000));
    assert_eq!(sanitised(large.as_bytes(), &Limits::default(), over, &no_picture), Err(Error::Timeout));
}

#[test]
fn an_svg_is_known_by_its_first_element() {
    for head in [
        "<svg>",
        "\u{feff}<svg ",
        " \n<?xml version='1.0'?>\n<svg\n",
        "<!-- <html> --><!DOCTYPE svg><s:svg>",
        "<?xml?><!DOCTYPE svg PUBLIC 'a' 'b' [<!ENTITY a 'b'>]><svg/>",
    ] {
        assert!(begins(head.as_bytes()), "{head}");
    }
    for head in ["", "<", "<svg", "<html><svg>", "svg", "<svgx>", "<!-- <svg>", "x<svg>", "<?xml?>", "{<svg>"]
    {
        assert!(!begins(head.as_bytes()), "{head}");
    }
}

#[test]
fn an_svg_is_as_large_as_its_root_says() {
    let limits = Limits::default();
    let check = |text: &str, wanted: (u32, u32)| {
        let header = header(text.as_bytes(), &limits).unwrap();
        assert_eq!((header.width, header.height, header.frames, header.alpha), (wanted.0, wanted.1, 1, true));
    };
    check("<svg width='20mm' viewBox='0 0 4 2'>", (76, 38));
    check("<svg viewBox='0 0 640 480'/>", (640, 480));
    check("<svg width='99999' height='99999'/>", (10_000, 10_000));
}

/// Pieces from which chance builds documents that hurt.
const PIECES: [&str; 40] = [
    "<svg",
    "<g",
    "<a",
    "<use",
    "<image",
    "<style",
    "<script",
    "<set",
    "<text",
    "<x:y",
    ">",
    "/>",
    "</svg>",
    "</g>",
    "</style>",
    " xmlns=\"http://www.w3.org/2000/svg\"",
    " xmlns:x=\"http://www.w3.org/2000/svg\"",
    " href=\"",
    " xlink:href=\"",
    " style=\"",
    " fill=\"",
    " onload=\"",
    " attributeName=\"",
    "\"",
    "'",
    "javascript:",
    "url(",
    "#a",
    ")",
    "//a.test",
    "data:image/gif;base64,R0lG",
    "\\75",
    "/*",
    "*/",
    "@import ",
    "{fill:red}",
    "<![CDATA[",
    "]]>",
    "&#x61;",
    "<!--",
];

proptest! {
    /// Whatever comes is refused, or leaves clean: the check within sees to that. And what is clean stays as it is.
    #[test]
    fn chance_finds_no_way_through(picks in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let body: String = picks.iter().map(|pick| PIECES[*pick]).collect();
        for text in [body.clone(), format!("{OPEN}{body}</svg>"), format!("{OPEN}<g {body}/></svg>")] {
            let first = clean(&text);
            if let Err(Error::Damaged(sentence)) = &first {
                prop_assert!(!sentence.contains("when it is cleaned"), "{}: {}", text, sentence);
            }
            if let Ok(first) = first {
                prop_assert_eq!(clean(&first).unwrap(), first);
            }
        }
    }

    #[test]
    fn a_style_of_any_pieces_leaves_clean(text in "[a-z{}();:'\"@/*\\\\ #<>=,.\n!-]{0,80}") {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
        let quoted = escaped.replace('"', "&quot;");
        let body = format!("<style>{escaped}</style><g style=\"{quoted}\" fill=\"{quoted}\"/>");
        let first = clean(&format!("{OPEN}{body}</svg>"));
        if let Err(Error::Damaged(sentence)) = &first {
            prop_assert!(!sentence.contains("when it is cleaned"), "{}: {}", text, sentence);
        }
        if let Ok(first) = first {
            prop_assert_eq!(clean(&first).unwrap(), first);
        }
    }

    #[test]
    fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        begins(&bytes);
        let _ = header(&bytes, &Limits::default());
        let _ = sanitised(&bytes, &Limits::default(), later(), &no_picture);
    }
}

#[test]
fn references_in_style_sheets_count_against_the_limits() {
    let patterns = |many: usize, refer: fn(usize) -> String| {
        let of =
            |n| format!("<pattern id=\"p{n}\"><g class=\"c{n}\"><rect/><rect/></g></pattern>{}", refer(n));
        let body: String = (0..many).map(of).collect();
        clean(&format!("{OPEN}{body}</svg>"))
    };
    let rule = |n: usize| format!("<style>g.c{n}, .x{{fill:url(#p{})}}</style>", n + 1);
    let nested =
        |n: usize| format!("<style>@media screen{{.a .c{n}{{--ink: url( '#p{}' )}}}}</style>", n + 1);
    let animated = |n: usize| format!("<set attributeName=\"fill\" href=\"#p{n}\" to=\"url(#p{})\"/>", n + 1);
    for refer in [rule, nested, animated] {
        assert!(patterns(3, refer).is_ok());
        let refused = patterns(60, refer).unwrap_err();
        assert!(matches!(refused, Error::TooManyPieces { .. }), "{refused:?}");
    }
}

#[test]
fn a_rule_with_very_many_selectors_and_references_is_refused_and_not_gone_through() {
    let selectors: Vec<String> = (0..50_000).map(|n| format!(".a{n}")).collect();
    let sheet = format!("{}{{{}}}", selectors.join(","), "fill:url(#a);".repeat(50_000));
    let refused = clean(&format!("{OPEN}<style>{sheet}</style><g id=\"a\"/></svg>")).unwrap_err();
    assert!(matches!(refused, Error::TooManyPieces { .. }), "{refused:?}");
}
