//! Animations through everything: what a player would see of them, when and how often.

use proptest::prelude::*;

use super::*;
use crate::decode::Order;
use crate::testing::*;
use crate::{Format, Rendition, render, settle};

/// What a player is shown: RGBA and how long, and how often all of it.
type Film = (Vec<(Canvas, u32)>, u32);

fn film(bytes: &[u8]) -> Film {
    let limits = Limits::default();
    let facts = crate::probe(bytes, &limits).unwrap();
    let size = (facts.width, facts.height);
    let order = Order { bytes, size, limits: &limits, deadline: later(), shrink: 1.0, thorough: false };
    let mut frames = facts.format.frames(&order).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        let pixels = frame.pixels.to_vec();
        seen.push((Canvas { width: size.0, height: size.1, channels: 4, pixels }, frame.delay_ms));
    }
    (seen, frames.plays())
}

/// A square that wanders over a picture, one step a frame; on a clear ground, half of it.
fn wandering(clear: bool) -> Vec<Canvas> {
    (0..4)
        .map(|step| {
            let ground = draw(40, 20, |x, y| {
                let inside = (step * 10..step * 10 + 8).contains(&x) && (6..14).contains(&y);
                if inside { RED } else { [0, 80, 160] }
            });
            let mut canvas = ground.with_alpha();
            for pixel in canvas.pixels.chunks_exact_mut(4).filter(|pixel| clear && pixel[0] == 0) {
                pixel.fill(0);
            }
            canvas
        })
        .collect()
}

fn written(encoding: Encoding, frames: &[(Canvas, u32)], plays: u32) -> Vec<u8> {
    let (width, height) = (frames[0].0.width, frames[0].0.height);
    let reel = Reel { width, height, frames: frames.len() as u32, plays };
    let mut sink = encoding.animation(reel, later()).unwrap();
    for (canvas, delay_ms) in frames {
        sink.push(canvas.clone(), *delay_ms).unwrap();
    }
    sink.finish().unwrap()
}

const LOSSLESS: Encoding = Encoding::WebpLossless { effort: crate::Effort::Usual };

fn rendered_film(bytes: &[u8], options: &str, webp: bool) -> (Rendition, Film) {
    let rendition = rendered(bytes, options, webp).unwrap();
    let film = film(&rendition.bytes);
    (rendition, film)
}

/// A filter swings a little over so small a square.
fn is_red(pixel: &[u8]) -> bool {
    pixel[0] > 190 && pixel[1] < 70 && pixel[2] < 70
}

#[test]
fn frames_times_and_plays_survive_every_way_round() {
    for clear in [false, true] {
        let frames: Vec<(Canvas, u32)> = wandering(clear).into_iter().zip([40, 0, 250, 10]).collect();
        for plays in [0, 1, 2, 7] {
            for encoding in [Encoding::Gif, LOSSLESS] {
                let (seen, seen_plays) = film(&written(encoding, &frames, plays));
                let delays: Vec<u32> = seen.iter().map(|(_, delay_ms)| *delay_ms).collect();
                assert_eq!((delays, seen_plays), (vec![40, 100, 250, 100], plays), "{encoding:?} {clear}");
                for ((seen, _), (meant, _)) in seen.iter().zip(&frames) {
                    assert_eq!(seen, meant, "{encoding:?} {clear}");
                }
            }
        }
    }
}

#[test]
fn every_animation_becomes_every_other_and_stays_what_it_shows() {
    let frames: Vec<(Canvas, u32)> = wandering(true).into_iter().zip([50, 70, 90, 110]).collect();
    for from in [Encoding::Gif, LOSSLESS] {
        let original = written(from, &frames, 3);
        for options in ["f=gif", "f=webp", "f=webp,q=100", "w=20,f=gif", "w=20,f=webp"] {
            let (rendition, (seen, plays)) = rendered_film(&original, options, false);
            let what = format!("{from:?} {options}");
            assert_eq!((seen.len(), plays), (4, 3), "{what}");
            assert_eq!(seen.iter().map(|(_, ms)| *ms).collect::<Vec<u32>>(), [50, 70, 90, 110], "{what}");
            assert_eq!((seen[0].0.width, seen[0].0.height), (rendition.width, rendition.height), "{what}");
            for (step, (canvas, _)) in seen.iter().enumerate() {
                let x = (f64::from(step as u32) * 10.0 + 4.0) / 40.0;
                let square = at(canvas, x, 0.5);
                assert!(is_red(&square) && square[3] >= 250, "{what}: {square:?}");
                assert!(at(canvas, x, 0.1)[3] <= 4, "{what}: nothing is there that was not meant");
                if step > 0 {
                    // A filter and a loss may leave a trace.
                    assert!(at(canvas, x - 0.25, 0.5)[3] <= 4, "{what}: the last square has gone");
                }
            }
        }
    }
}

#[test]
fn steps_are_led_through_for_each_frame() {
    let frames: Vec<(Canvas, u32)> = wandering(false).into_iter().map(|canvas| (canvas, 100)).collect();
    let original = written(Encoding::Gif, &frames, 0);
    let (_, (seen, _)) =
        rendered_film(&original, "w=20,h=20,fit=pad,background=yellow,rotate=90,f=webp,q=100", false);
    assert_eq!(seen.len(), 4);
    for (step, (canvas, _)) in seen.iter().enumerate() {
        assert_eq!((canvas.width, canvas.height), (20, 20));
        assert_alike(&at(canvas, 0.05, 0.5), &[255, 255, 0, 255], "the pad");
        // A quarter turn to the right: what was left is above, what was in the middle stays there.
        let y = (f64::from(step as u32) * 10.0 + 4.0) / 40.0;
        assert!(is_red(&at(canvas, 0.5, y)), "the square");
    }
    let (_, (seen, _)) = rendered_film(&original, "w=10,h=20,fit=cover,g=right,f=gif", false);
    assert!(is_red(&at(&seen[3].0, 0.4, 0.5)), "the last quarter");
    assert!(!is_red(&at(&seen[0].0, 0.4, 0.5)), "the last quarter, before the square came");
}

#[test]
fn browsers_choose_and_wishes_for_one_frame_are_obeyed() {
    let frames: Vec<(Canvas, u32)> = wandering(false).into_iter().map(|canvas| (canvas, 100)).collect();
    let check = |original: &[u8], options: &str, webp: bool, format: Format, count: u32| {
        let rendition = rendered(original, options, webp).unwrap();
        let facts = crate::probe(&rendition.bytes, &Limits::default()).unwrap();
        assert_eq!(
            (rendition.format, facts.format, facts.frames),
            (format, format, count),
            "{options} {webp}"
        );
    };
    let gif = written(Encoding::Gif, &frames, 0);
    check(&gif, "w=20", true, Format::Webp, 4);
    check(&gif, "w=20", false, Format::Gif, 4);
    check(&gif, "w=20,f=avif", true, Format::Webp, 4);
    check(&gif, "w=20,anim=false", true, Format::Webp, 1);
    check(&gif, "w=20,anim=false,f=gif", true, Format::Gif, 1);
    check(&gif, "w=20,f=jpeg", true, Format::Jpeg, 1);
    check(&gif, "w=20,f=png", true, Format::Png, 1);
    let webp = written(LOSSLESS, &frames, 0);
    check(&webp, "w=20", false, Format::Webp, 4);
    check(&webp, "w=20,f=gif", false, Format::Gif, 4);
}

#[test]
fn an_animation_past_the_limit_of_resizing_goes_out_as_it_is_but_bare() {
    let frames: Vec<(Canvas, u32)> = wandering(false).into_iter().map(|canvas| (canvas, 100)).collect();
    let limits = Limits { max_resized_animation_pixels: 40 * 20 * 4 - 1, ..Limits::default() };
    for (encoding, secret) in
        [(Encoding::Gif, &b"\x21\xFE\x06secret\0"[..]), (LOSSLESS, b"XMP \x06\0\0\0secret")]
    {
        let mut original = written(encoding, &frames, 5);
        let end = if encoding == Encoding::Gif { original.len() - 1 } else { original.len() };
        original.splice(end..end, secret.iter().copied());
        if encoding != Encoding::Gif {
            let length = (original.len() - 8) as u32;
            original[4..8].copy_from_slice(&length.to_le_bytes());
        }
        let facts = crate::probe(&original, &limits).unwrap();
        let options = crate::Options::parse("w=10").unwrap();
        let hints = domain::Hints::from(domain::Accepts { webp: true, ..domain::Accepts::default() });
        let recipe = settle(&options, &facts, None, &hints, &limits).unwrap();
        let originals = crate::Originals::plain(&original, &facts);
        let rendition = render(&originals, &recipe, &limits, later()).unwrap();
        assert_eq!((rendition.format, rendition.width), (facts.format, 40));
        assert!(!rendition.bytes.windows(6).any(|window| window == b"secret"));
        assert_eq!(film(&rendition.bytes), film(&original));
        assert!(recipe.warnings.iter().any(|warning| warning.contains("too large to be resized")));
    }
}

/// An animated PNG by `png`'s own writer: the second frame is smaller, blends over the first and is undone.
fn apng() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 4);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_animated(3, 2).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.set_frame_delay(1, 4).unwrap();
    writer.write_image_data(&[10, 20, 30, 255].repeat(32)).unwrap();
    writer.set_frame_dimension(4, 2).unwrap();
    writer.set_frame_position(4, 1).unwrap();
    writer.set_frame_delay(5, 0).unwrap();
    writer.set_dispose_op(png::DisposeOp::Previous).unwrap();
    writer.set_blend_op(png::BlendOp::Over).unwrap();
    writer.write_image_data(&[250, 220, 230, 128].repeat(8)).unwrap();
    writer.set_frame_dimension(1, 1).unwrap();
    writer.set_frame_position(0, 0).unwrap();
    writer.set_dispose_op(png::DisposeOp::None).unwrap();
    writer.set_blend_op(png::BlendOp::Source).unwrap();
    writer.write_image_data(&[0, 0, 0, 0]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn an_animated_png_is_played_as_its_specification_says() {
    let (seen, plays) = film(&apng());
    assert_eq!((seen.len(), plays), (3, 2));
    assert_eq!(seen.iter().map(|(_, ms)| *ms).collect::<Vec<u32>>(), [250, 50, 50]);
    let ground = vec![10, 20, 30, 255];
    assert_eq!(at(&seen[0].0, 0.9, 0.5), ground);
    assert_alike(&at(&seen[1].0, 0.9, 0.5), &[130, 120, 130, 255], "half of each");
    assert_eq!(at(&seen[1].0, 0.2, 0.5), ground);
    assert_eq!(at(&seen[2].0, 0.9, 0.5), ground, "the second frame is undone");
    assert_eq!(at(&seen[2].0, 0.0, 0.0)[3], 0);
    let (rendition, (seen, plays)) = rendered_film(&apng(), "f=webp", false);
    assert_eq!((rendition.format, seen.len(), plays), (Format::Webp, 3, 2));
}

#[test]
fn photographs_keep_their_look_in_256_colours() {
    let frames: Vec<(Canvas, u32)> = (0..3)
        .map(|step| (draw(120, 80, |x, y| [(x * 2) as u8, (y * 3) as u8, (step * 40 + x / 2) as u8]), 100))
        .collect();
    let (seen, _) = film(&written(Encoding::Gif, &frames, 0));
    for ((seen, _), (meant, _)) in seen.iter().zip(&frames) {
        let far = distance(seen, &meant.clone().with_alpha());
        assert!(far < 6.0, "{far}");
    }
}

#[test]
fn what_does_not_change_costs_next_to_nothing() {
    let still: Vec<(Canvas, u32)> = vec![(texture(200, 150), 100); 10];
    let one = written(Encoding::Gif, &still[..1], 0).len();
    assert!(written(Encoding::Gif, &still, 0).len() < one + 9 * 40);
    assert_eq!(film(&written(Encoding::Gif, &still, 0)).0.len(), 10);
}

proptest! {
    /// Any frames of few colours and any clear pixels come back as they were, whatever has to be disposed of between.
    #[test]
    fn any_frames_come_back(
        pixels in proptest::collection::vec(proptest::collection::vec(0..4_u8, 12), 1..6),
        delays in proptest::collection::vec(20..400_u32, 6),
    ) {
        let colours = [[0; 4], [255, 0, 0, 255], [0, 255, 0, 255], [9, 9, 9, 255]];
        let frames: Vec<(Canvas, u32)> = pixels
            .iter()
            .zip(delays)
            .map(|(picks, delay)| {
                let pixels = picks.iter().flat_map(|pick| colours[usize::from(*pick)]).collect();
                (Canvas { width: 4, height: 3, channels: 4, pixels }, delay / 10 * 10)
            })
            .collect();
        let (seen, _) = film(&written(Encoding::Gif, &frames, 0));
        prop_assert_eq!(seen, frames);
    }

    #[test]
    fn no_bytes_make_a_player_stumble(at in 0..2_000_usize, byte: u8, cut in 0..2_000_usize, which in 0..3_usize) {
        let frames: Vec<(Canvas, u32)> = wandering(true).into_iter().map(|canvas| (canvas, 50)).collect();
        let mut bytes = match which {
            0 => written(Encoding::Gif, &frames, 0),
            1 => written(LOSSLESS, &frames, 0),
            _ => apng(),
        };
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(length - (cut % length) / 8);
        let _ = rendered(&bytes, "w=10,f=webp", false);
        let _ = rendered(&bytes, "w=10,f=gif", false);
    }
}
