//! What is promised of working copies: which originals have one, what it serves, and that what it serves looks the same.

use super::*;
use crate::testing::*;
use crate::{Limits, Originals, Rendition};

const WEBP: Encoding = Encoding::Webp { quality: 81, effort: Effort::Usual };
const LOSSLESS: Encoding = Encoding::Png { effort: Effort::Usual };

fn photograph() -> Facts {
    Facts::new(Format::Jpeg, 4_000, 3_000)
}

/// All of an original that is shown so, scaled to a width.
fn to_width(facts: &Facts, width: u32) -> Recipe {
    let height = facts.height * width / facts.width;
    let source = [0.0, 0.0, f64::from(facts.width), f64::from(facts.height)];
    Recipe { turn: facts.orientation, ..Recipe::scaling(source, (width, height), WEBP) }
}

#[test]
fn originals_that_are_large_or_slow_to_decode_have_a_copy_and_others_none() {
    let check = |facts: Facts, has_one| assert_eq!(WorkingCopy::of(&facts).is_some(), has_one, "{facts:?}");
    check(photograph(), true);
    check(Facts { width: 3_999, ..photograph() }, false);
    check(Facts { is_progressive: true, ..Facts::new(Format::Jpeg, 3_000, 2_000) }, true);
    check(Facts { is_progressive: true, ..Facts::new(Format::Jpeg, 2_999, 2_000) }, false);
    check(Facts::new(Format::Webp, 3_000, 2_000), true);
    check(Facts { alpha: true, ..Facts::new(Format::Webp, 6_000, 4_000) }, false);
    check(Facts { is_lossless: true, ..Facts::new(Format::Webp, 6_000, 4_000) }, false);
    check(Facts { frames: 2, ..Facts::new(Format::Webp, 6_000, 4_000) }, false);
    check(Facts::new(Format::Png, 6_000, 4_000), false);
    check(Facts::new(Format::Gif, 6_000, 4_000), false);
}

#[test]
fn a_copy_has_the_shape_of_its_original_and_stands_upright() {
    for (width, height) in [(4_000, 3_000), (3_000, 4_000), (6_000, 4_000), (12_000, 1_000)] {
        let facts = Facts { orientation: Orientation(6), ..Facts::new(Format::Jpeg, width, height) };
        let copy = WorkingCopy::of(&facts).unwrap();
        assert_eq!((copy.recipe.width, copy.recipe.height), (copy.facts.width, copy.facts.height));
        assert_eq!((copy.recipe.turn, copy.facts.orientation), (Orientation(6), Orientation(1)));
        let area = f64::from(copy.facts.width) * f64::from(copy.facts.height);
        assert!((0.99..1.01).contains(&(area / COPY_PIXELS)), "{area}");
        assert!(WorkingCopy::of(&copy.facts).is_none(), "a copy has no copy");
        assert!(copy.serve(&copy.recipe).is_none(), "nor does it serve to make itself");
    }
}

#[test]
fn it_serves_what_is_smaller_and_nothing_that_needs_more() {
    let facts = photograph();
    let copy = WorkingCopy::of(&facts).unwrap();
    let serves = |recipe: Recipe| copy.serve(&recipe).is_some();
    let largest = (f64::from(copy.facts.width) / MIN_LEFT) as u32;
    assert!(serves(to_width(&facts, largest)) && !serves(to_width(&facts, largest + 2)));
    let part = |source| Recipe { source, ..to_width(&facts, 400) };
    assert!(!serves(part([1_000.0, 750.0, 800.0, 600.0])), "a small part has few pixels in the copy");
    assert!(serves(part([500.0, 375.0, 3_000.0, 2_250.0])));
    assert!(!serves(Recipe { as_is: true, ..to_width(&facts, 400) }));
    assert!(!serves(Recipe { is_animated: true, ..to_width(&facts, 400) }));
    assert!(!serves(Recipe { encoding: Encoding::Json, ..to_width(&facts, 400) }));
}

#[test]
fn a_part_of_the_original_is_the_same_part_of_the_copy() {
    let facts = photograph();
    let copy = WorkingCopy::of(&facts).unwrap();
    let recipe = Recipe { source: [1_000.0, 600.0, 2_000.0, 1_500.0], ..to_width(&facts, 100) };
    let mapped = copy.serve(&recipe).unwrap();
    let scale = [f64::from(copy.facts.width) / 4_000.0, f64::from(copy.facts.height) / 3_000.0];
    let expected = [1_000.0 * scale[0], 600.0 * scale[1], 2_000.0 * scale[0], 1_500.0 * scale[1]];
    assert!(mapped.source.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{:?}", mapped.source);
    assert_eq!(Recipe { source: recipe.source, ..mapped }, recipe, "all else is as it was");
}

#[test]
fn only_what_may_come_out_otherwise_is_not_exact() {
    let (small, large) = (Facts::new(Format::Jpeg, 1_000, 750), photograph());
    assert!(to_width(&small, 320).is_exact(&small));
    assert!(!to_width(&large, 320).is_exact(&large));
    assert!(to_width(&large, 3_000).is_exact(&large), "no copy serves it");
    assert!(!Recipe { auto_quality: Some(75), ..to_width(&small, 320) }.is_exact(&small));
}

fn made(bytes: &[u8], facts: &Facts, recipe: &Recipe) -> Rendition {
    crate::render(&Originals::plain(bytes, facts), recipe, &Limits::default(), later()).unwrap()
}

/// However an original is stored and whichever way its rendition is turned, the copy shows the same.
#[test]
fn a_rendition_from_the_copy_shows_what_one_from_the_original_shows() {
    for stored in 1..=8 {
        let plain = file(&quarters(240, 160), Format::Jpeg);
        let bytes = with_exif(&plain, &exif(stored));
        let facts = crate::probe(&bytes, &Limits::default()).unwrap();
        let copy = WorkingCopy::sized(&facts, (facts.width / 2, facts.height / 2));
        let copied = made(&bytes, &facts, &copy.recipe).bytes;
        assert_eq!(
            crate::probe(&copied, &Limits::default()).unwrap(),
            copy.facts,
            "its facts are as foretold"
        );
        for turned in 1..=8 {
            let turn = orient::then(stored as u8, turned);
            let (width, height) = orient::swapped(turned, (facts.width, facts.height));
            let source = [0.0, 0.0, f64::from(width) * 0.75, f64::from(height)];
            let size = (width * 3 / 16, height / 4);
            let recipe = Recipe { turn: Orientation(turn), ..Recipe::scaling(source, size, LOSSLESS) };
            let direct = decoded(&made(&bytes, &facts, &recipe).bytes);
            let served = decoded(&made(&copied, &copy.facts, &copy.serve(&recipe).unwrap()).bytes);
            assert!(distance(&direct, &served) < 3.0, "{stored} {turned}: {}", distance(&direct, &served));
        }
    }
}

#[test]
fn what_a_copy_costs_cannot_be_seen() {
    let bytes = file(&photograph_like(4_000, 3_000), Format::Jpeg);
    let facts = crate::probe(&bytes, &Limits::default()).unwrap();
    let copy = WorkingCopy::of(&facts).unwrap();
    let copied = made(&bytes, &facts, &copy.recipe).bytes;
    for (width, most) in [(320, 1.5), (640, 2.0), (1_280, 3.5)] {
        let recipe = to_width(&facts, width);
        let reference =
            decoded(&made(&bytes, &facts, &Recipe { encoding: LOSSLESS, ..recipe.clone() }).bytes);
        let direct = look(&reference, &made(&bytes, &facts, &recipe).bytes);
        let served = look(&reference, &made(&copied, &copy.facts, &copy.serve(&recipe).unwrap()).bytes);
        assert!(direct - served <= most, "{width} wide: {served}, from the original {direct}");
    }
}

/// The score of an encoded picture against what it was made from.
fn look(reference: &crate::canvas::Canvas, bytes: &[u8]) -> f64 {
    crate::step::quality::look::Reference::new(reference)
        .unwrap()
        .score(Format::of(bytes).unwrap(), bytes, &Limits::default(), later())
        .unwrap()
}

/// Soft light, edges and fine lines, as photographs have them.
fn photograph_like(width: u32, height: u32) -> crate::canvas::Canvas {
    draw(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let hills = (40.0 * u + 12.0 * (9.0 * v).sin()).sin() * 0.25 + (23.0 * v * u).cos() * 0.2;
        let lines = if (x / 7 + y / 11) % 29 == 0 { 0.25 } else { 0.0 };
        let grain = f64::from((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 24) / 255.0 * 0.06;
        let light = (0.5 + hills - lines + grain).clamp(0.0, 1.0);
        [
            (255.0 * light) as u8,
            (235.0 * light * (0.7 + 0.3 * u)) as u8,
            (210.0 * light * (0.6 + 0.4 * v)) as u8,
        ]
    })
}
