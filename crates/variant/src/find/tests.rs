//! What a look finds: edges to the pixel, whatever the turn and the format; a focus within what is left.

use super::*;
use crate::step::fit::Fit;
use crate::step::gravity::Gravity;
use crate::testing::*;
use crate::{BorderTrim, Encoding, Format, GeometryWish, Orientation};

fn look(trim: Option<BorderTrim>, focus: Option<Focus>, size: (f64, f64)) -> Look {
    let wish = GeometryWish {
        fit: Fit::Cover,
        width: Some(40),
        height: Some(40),
        gravity: Gravity::Center,
        focal: None,
        is_baseline: false,
        max_side_pixels: 12_000,
        max_pixels: 100_000_000,
    };
    Look { trim, focus, part: [0.0, 0.0, size.0, size.1], wish }
}

fn found(bytes: &[u8], turn: u8, trim: Option<BorderTrim>, focus: Option<Focus>) -> Found {
    let limits = Limits::default();
    let facts = crate::probe(bytes, &limits).unwrap();
    let size = orient::swapped(turn, (f64::from(facts.width), f64::from(facts.height)));
    let source = [0.0, 0.0, size.0, size.1];
    let encoding = Encoding::Png { effort: crate::Effort::Fast };
    let recipe = Recipe { turn: Orientation(turn), ..Recipe::scaling(source, (40, 40), encoding) };
    find(bytes, &facts, &recipe, &look(trim, focus, size), &limits, later()).unwrap()
}

const TRIM: BorderTrim = BorderTrim { color: None, tolerance: 10, keep: 0 };

/// Noise at 30, 10 to 90, 50 of a white page of 120 x 80 pixels.
fn page() -> crate::canvas::Canvas {
    draw(120, 80, |x, y| {
        let inside = (30..90).contains(&x) && (10..50).contains(&y);
        if inside { [(x * 7 + y * 13) as u8 / 2; 3] } else { [255; 3] }
    })
}

#[test]
fn a_border_ends_where_it_ends_whatever_the_turn() {
    let bytes = file(&page(), Format::Png);
    assert_eq!(found(&bytes, 1, Some(TRIM), None).trimmed, [30.0, 10.0, 60.0, 40.0]);
    assert_eq!(found(&bytes, 2, Some(TRIM), None).trimmed, [30.0, 10.0, 60.0, 40.0]);
    assert_eq!(found(&bytes, 3, Some(TRIM), None).trimmed, [30.0, 30.0, 60.0, 40.0]);
    assert_eq!(found(&bytes, 6, Some(TRIM), None).trimmed, [30.0, 30.0, 40.0, 60.0]);
    let kept = found(&bytes, 1, Some(BorderTrim { keep: 15, ..TRIM }), None);
    assert_eq!(kept.trimmed, [15.0, 0.0, 90.0, 65.0], "as far as there is any");
}

#[test]
fn every_kind_of_pixel_has_edges() {
    for format in [Format::Png, Format::Jpeg, Format::Webp, Format::Gif] {
        let [x, y, width, height] = found(&file(&page(), format), 1, Some(TRIM), None).trimmed;
        let near = |a: f64, b: f64| (a - b).abs() <= if format == Format::Jpeg { 2.0 } else { 0.0 };
        assert!(
            near(x, 30.0) && near(y, 10.0) && near(width, 60.0) && near(height, 40.0),
            "{format:?}: {x} {y}"
        );
    }
}

#[test]
fn a_focus_lies_within_what_is_left() {
    // A ball on a page with a border, and a louder one outside of the part that trim leaves.
    let picture = draw(400, 200, |x, y| {
        let ball = |middle: u32| x.abs_diff(middle).pow(2) + y.abs_diff(100).pow(2) < 40 * 40;
        match (ball(320), ball(60)) {
            (true, _) => RED,
            (_, true) => [255, 255, 0],
            _ => [100; 3],
        }
    });
    let limits = Limits::default();
    let bytes = file(&picture, Format::Png);
    let facts = crate::probe(&bytes, &limits).unwrap();
    let encoding = Encoding::Png { effort: crate::Effort::Fast };
    let recipe = Recipe::scaling([150.0, 0.0, 200.0, 200.0], (40, 40), encoding);
    for focus in [Focus::Saliency, Focus::Entropy] {
        let mut look = look(None, Some(focus), (400.0, 200.0));
        look.part = [150.0, 0.0, 250.0, 200.0];
        let found = find(&bytes, &facts, &recipe, &look, &limits, later()).unwrap();
        assert_eq!(found.trimmed, look.part);
        assert!((250.0..350.0).contains(&found.focus.0), "{focus:?}: {:?}", found.focus);
    }
}
