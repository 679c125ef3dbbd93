//! Overlays at a picture: where they lie, how large they are, what shows through.

use super::*;
use crate::step::fit::Fit;
use crate::step::gravity::Gravity;
use crate::testing::*;
use crate::{Background, Length, Originals};

/// An image that is laid over, a flat blue of 40 x 20 pixels, or a text.
fn logo() -> Overlay {
    Overlay::plain(OverlaySource::Image { id: "logo".into(), object: String::new() })
}

fn text(text: &str, size: f32) -> Overlay {
    Overlay::plain(OverlaySource::Text {
        text: text.into(),
        size,
        color: Background { rgba: [0, 0, 0, 255] },
    })
}

/// A red picture of 200 x 100 pixels with overlays.
fn over(overlays: Vec<Overlay>) -> Canvas {
    over_file(overlays, &file(&draw(40, 20, |_, _| BLUE), Format::Png))
}

fn over_file(overlays: Vec<Overlay>, logo: &[u8]) -> Canvas {
    let limits = Limits::default();
    let picture = file(&draw(200, 100, |_, _| RED), Format::Png);
    let (facts, logo_facts) =
        (crate::probe(&picture, &limits).unwrap(), crate::probe(logo, &limits).unwrap());
    let images = overlays.iter().filter(|overlay| matches!(overlay.what, OverlaySource::Image { .. }));
    let images = images.map(|_| (logo, logo_facts.clone())).collect();
    let encoding = Encoding::Png { effort: crate::Effort::Fast };
    let recipe = Recipe { overlays, ..Recipe::scaling([0.0, 0.0, 200.0, 100.0], (200, 100), encoding) };
    let originals = Originals { overlays: images, ..Originals::plain(&picture, &facts) };
    decoded(&crate::render(&originals, &recipe, &limits, later()).unwrap().bytes)
}

/// The box of all pixels that are not the red of the picture: left, top, width, height.
fn marked(canvas: &Canvas) -> (u32, u32, u32, u32) {
    let width = canvas.width as usize;
    let seen: Vec<usize> = canvas
        .pixels
        .chunks_exact(canvas.channels)
        .enumerate()
        .filter(|(_, pixel)| pixel[0].abs_diff(RED[0]) > 20 || pixel[2].abs_diff(RED[2]) > 20)
        .map(|(index, _)| index)
        .collect();
    let (left, right) = (seen.iter().map(|at| at % width).min(), seen.iter().map(|at| at % width).max());
    let (top, bottom) = (seen.first().map(|at| at / width), seen.last().map(|at| at / width));
    let [left, right, top, bottom] = [left, right, top, bottom].map(|at| at.unwrap() as u32);
    (left, top, right - left + 1, bottom - top + 1)
}

#[test]
fn an_image_lies_where_it_is_told_to() {
    for (overlay, wanted) in [
        (logo(), (80, 40, 40, 20)),
        (Overlay { left: Some(5), top: Some(7), ..logo() }, (5, 7, 40, 20)),
        (Overlay { right: Some(5), bottom: Some(7), ..logo() }, (155, 73, 40, 20)),
        (Overlay { left: Some(0), ..logo() }, (0, 40, 40, 20)),
        (Overlay { left: Some(190), ..logo() }, (190, 40, 10, 20)),
    ] {
        assert_eq!(marked(&over(vec![overlay.clone()])), wanted, "{overlay:?}");
    }
}

#[test]
fn its_box_is_in_pixels_or_shares() {
    let wide = |length| Overlay { left: Some(0), top: Some(0), width: Some(length), ..logo() };
    assert_eq!(marked(&over(vec![wide(Length::Pixels(20))])), (0, 0, 20, 10));
    assert_eq!(marked(&over(vec![wide(Length::Share(0.1))])), (0, 0, 20, 10));
    assert_eq!(marked(&over(vec![wide(Length::Pixels(80))])), (0, 0, 40, 20), "scale-down by default");
    let contained = Overlay { fit: Fit::Contain, ..wide(Length::Pixels(80)) };
    assert_eq!(marked(&over(vec![contained])), (0, 0, 80, 40));
    let huge = Overlay { fit: Fit::Contain, width: Some(Length::Pixels(12_000)), ..logo() };
    assert_eq!(marked(&over(vec![huge])), (0, 0, 200, 100), "never larger than the picture");
    let square = Overlay { fit: Fit::Cover, height: Some(Length::Pixels(30)), ..wide(Length::Pixels(30)) };
    assert_eq!(marked(&over(vec![square])), (0, 0, 30, 30));
    let padded = Overlay {
        fit: Fit::Pad,
        height: Some(Length::Pixels(40)),
        background: Some(Background::WHITE),
        ..wide(Length::Pixels(40))
    };
    let seen = over(vec![padded]);
    assert_eq!((marked(&seen), at(&seen, 0.05, 0.02)), ((0, 0, 40, 40), WHITE.to_vec()));
    assert_alike(&at(&seen, 0.05, 0.2), &BLUE, "within its pad");
}

#[test]
fn opacity_repeats_and_turns_show() {
    let half = over(vec![Overlay { opacity: 0.5, ..logo() }]);
    assert_alike(&at(&half, 0.5, 0.5), &[130, 40, 125], "half of either");
    let all = over(vec![Overlay { repeat: Repeat::Both, ..logo() }]);
    assert!(all.pixels.chunks_exact(3).all(|pixel| pixel == BLUE));
    let across = over(vec![Overlay { repeat: Repeat::Across, top: Some(0), ..logo() }]);
    assert_eq!(marked(&across), (0, 0, 200, 20));
    let down = over(vec![Overlay { repeat: Repeat::Down, left: Some(3), ..logo() }]);
    assert_eq!(marked(&down), (3, 0, 40, 100));
    let turned = over(vec![Overlay { rotate: 6, left: Some(0), top: Some(0), ..logo() }]);
    assert_eq!(marked(&turned), (0, 0, 20, 40));
    let turned = over_file(
        vec![Overlay { rotate: 6, left: Some(0), top: Some(0), ..logo() }],
        &file(&quarters(40, 20), Format::Png),
    );
    assert_alike(&turned.pixels[2 * 200 * 3 + 6..][..3], &BLUE, "clockwise");
}

#[test]
fn what_is_clear_in_an_overlay_lets_the_picture_through() {
    let seen = over_file(vec![logo()], &file(&half_clear(draw(40, 20, |_, _| BLUE)), Format::Png));
    assert_eq!(marked(&seen), (80, 40, 20, 20));
    let under = Overlay { background: Some(Background::WHITE), ..logo() };
    let seen = over_file(vec![under], &file(&half_clear(draw(40, 20, |_, _| BLUE)), Format::Png));
    assert_eq!(marked(&seen), (80, 40, 40, 20));
    assert_eq!(at(&seen, 0.55, 0.5), WHITE);
}

#[test]
fn later_overlays_lie_over_earlier_ones() {
    let white = Overlay { background: Some(Background::WHITE), opacity: 1.0, ..text(" ", 40.0) };
    let seen = over(vec![logo(), white.clone()]);
    assert_eq!(at(&seen, 0.5, 0.5), WHITE);
    assert_alike(&at(&over(vec![white, logo()]), 0.5, 0.5), &BLUE, "the other way around");
}

#[test]
fn a_text_is_written() {
    let seen = over(vec![Overlay { left: Some(10), top: Some(10), ..text("Hi", 40.0) }]);
    let (left, top, width, height) = marked(&seen);
    assert!((12..18).contains(&left) && (20..30).contains(&top), "{left}, {top}");
    assert!((30..45).contains(&width) && (27..34).contains(&height), "{width} x {height}");
    assert!(seen.pixels.chunks_exact(3).any(|pixel| pixel == [0; 3]));
    let right = over(vec![Overlay { right: Some(0), bottom: Some(0), ..text("Hi", 40.0) }]);
    assert!(marked(&right).0 > 150);
    let turned = over(vec![Overlay { rotate: 6, ..text("Hi", 40.0) }]);
    assert!(marked(&turned).3 > marked(&turned).2);
    let lines =
        Overlay { width: Some(Length::Pixels(60)), gravity: Gravity::Right, ..text("one two six", 20.0) };
    assert!(marked(&over(vec![lines])).3 > 40, "it breaks");
    over(vec![text(&"W".repeat(200), 2_000.0)]);
}

#[test]
fn an_overlay_meets_the_picture_as_it_is_told_to() {
    let met = |composite| over(vec![Overlay { composite, ..logo() }]);
    let inside = met(Composite::In);
    assert_eq!(at(&inside, 0.1, 0.1)[3], 0, "nothing but the overlay is left");
    assert_alike(&at(&inside, 0.5, 0.5), &[40, 50, 220, 255], "and it is whole");
    assert_eq!(at(&met(Composite::Xor), 0.5, 0.5)[3], 0, "where both are, none is");
    assert_alike(&at(&met(Composite::Xor), 0.1, 0.1), &[220, 30, 30, 255], "elsewhere the picture");
    assert_alike(&at(&met(Composite::Lighter), 0.5, 0.5), &[255, 80, 250], "added");
    assert_alike(&at(&met(Composite::Atop), 0.5, 0.5), &BLUE, "over what is there");
}

#[test]
fn an_overlay_whose_image_is_missing_is_an_error() {
    let recipe = Recipe {
        overlays: vec![logo()],
        ..Recipe::scaling([0.0, 0.0, 9.0, 9.0], (9, 9), Encoding::Png { effort: crate::Effort::Fast })
    };
    let answer = Layers::new(&recipe, &[], &Limits::default(), later());
    assert!(matches!(answer.map(|_| ()), Err(Error::Options(told)) if told.contains("draw")));
}
