//! What scaling promises: the same bytes with and without vectors, close to a resizer that is not ours.

use fast_image_resize as fir;
use proptest::prelude::*;

use super::*;
use crate::decode::Samples;
use crate::testing::{distance, draw, half_clear, texture};

/// Scales a canvas as if a decoder had given it.
fn scale(canvas: &Canvas, source: [f64; 4], target: (u32, u32)) -> Canvas {
    let mut scaler = Scaler::new(source, target);
    let samples = if canvas.channels == 4 { Samples::Rgba } else { Samples::Rgb };
    let picture = Picture::new(canvas.width, canvas.height, samples);
    scaler.begin(&picture).unwrap();
    for row in canvas.pixels.chunks_exact(canvas.stride()) {
        if scaler.row(row).unwrap().is_break() {
            break;
        }
    }
    scaler.finish().unwrap()
}

fn whole(canvas: &Canvas) -> [f64; 4] {
    [0.0, 0.0, f64::from(canvas.width), f64::from(canvas.height)]
}

/// The same by fast_image_resize in linear light, as a second opinion.
fn reference(canvas: &Canvas, source: [f64; 4], (width, height): (u32, u32)) -> Canvas {
    let light = |byte: u8| {
        let value = f64::from(byte) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let values = canvas.pixels.iter().map(|byte| light(*byte) as f32).flat_map(f32::to_ne_bytes).collect();
    let from =
        fir::images::Image::from_vec_u8(canvas.width, canvas.height, values, fir::PixelType::F32x3).unwrap();
    let mut to = fir::images::Image::new(width, height, fir::PixelType::F32x3);
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Lanczos3))
        .crop(source[0], source[1], source[2], source[3]);
    fir::Resizer::new().resize(&from, &mut to, &options).unwrap();
    let back = |light: f64| {
        let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
        (value * 255.0).round().clamp(0.0, 255.0) as u8
    };
    let floats = to.buffer().as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_ne_bytes(*bytes)));
    Canvas { width, height, channels: 3, pixels: floats.map(|light| back(light.clamp(0.0, 1.0))).collect() }
}

#[test]
fn another_library_comes_to_the_same_pixels() {
    let picture = texture(331, 207);
    for (target, most) in
        [((200, 120), 0.6), ((331, 207), 0.0), ((500, 400), 0.6), ((120, 170), 0.6), ((50, 30), 2.5)]
    {
        let far = distance(
            &scale(&picture, whole(&picture), target),
            &reference(&picture, whole(&picture), target),
        );
        assert!(far <= most, "{target:?}: {far}");
    }
}

#[test]
fn a_fractional_source_is_exact() {
    let picture = draw(200, 100, |x, y| [x as u8, (2 * y) as u8, 77]);
    let source = [20.5, 10.25, 120.25, 60.5];
    let far = distance(&scale(&picture, source, (60, 30)), &reference(&picture, source, (60, 30)));
    assert!(far < 0.7, "{far}");
}

#[test]
fn scaling_averages_light_and_not_numbers() {
    let checks = draw(64, 64, |x, y| if (x + y) % 2 == 0 { [255; 3] } else { [0; 3] });
    let grey = scale(&checks, whole(&checks), (8, 8));
    // Half of the light is 188 in sRGB, and not 128.
    assert!(grey.pixels.iter().all(|value| value.abs_diff(188) <= 1), "{:?}", &grey.pixels[..12]);
}

#[test]
fn every_level_survives_its_own_size() {
    let levels = draw(256, 2, |x, _| [x as u8, 255 - x as u8, x as u8]);
    assert_eq!(scale(&levels, whole(&levels), (256, 2)), levels);
    let clear = half_clear(levels);
    let same = scale(&clear, whole(&clear), (256, 2));
    assert_eq!(same.pixels[..128 * 4], clear.pixels[..128 * 4]);
}

#[test]
fn extreme_sizes_work_and_flat_stays_flat() {
    let flat = |width, height| draw(width, height, |_, _| [200, 100, 50]);
    for (width, height, target) in [
        (4000, 3, (1, 1)),
        (3, 4000, (1, 1)),
        (1, 1, (300, 200)),
        (2, 1, (1, 9)),
        (1999, 1001, (7, 5)),
        (17, 13, (16, 12)),
    ] {
        let picture = flat(width, height);
        let scaled = scale(&picture, whole(&picture), target);
        let wanted = flat(target.0, target.1);
        assert_eq!(scaled, wanted, "{width}x{height} to {target:?}");
    }
}

#[test]
fn rows_that_are_missing_are_noticed() {
    let mut scaler = Scaler::new([0.0, 0.0, 9.0, 9.0], (3, 3));
    assert!(scaler.row(&[0; 27]).unwrap().is_break(), "nothing was described yet");
    scaler.begin(&Picture::new(9, 9, Samples::Rgb)).unwrap();
    for _ in 0..5 {
        assert!(scaler.row(&[9; 27]).unwrap().is_continue());
    }
    assert!(matches!(scaler.finish(), Err(Error::Damaged(_))));
}

/// Scales one pixel, and gives it.
fn one(samples: Samples, deep: bool, icc: Option<Vec<u8>>, gamma: Option<f64>, pixel: &[u8]) -> Vec<u8> {
    let mut scaler = Scaler::new([0.0, 0.0, 1.0, 1.0], (1, 1));
    scaler.begin(&Picture { deep, icc, gamma, ..Picture::new(1, 1, samples) }).unwrap();
    assert!(scaler.row(pixel).is_ok());
    scaler.finish().unwrap().pixels
}

#[test]
fn every_kind_of_pixel_becomes_srgb() {
    assert_eq!(one(Samples::Grey, false, None, None, &[99]), [99; 3]);
    assert_eq!(one(Samples::GreyAlpha, false, None, None, &[99, 255]), [99, 99, 99, 255]);
    assert_eq!(one(Samples::Rgba, false, None, None, &[9, 8, 7, 0]), [0; 4]);
    assert_eq!(one(Samples::Rgb, true, None, None, &[0x80, 0x80, 0, 0, 0xFF, 0xFF]), [128, 0, 255]);
    assert_eq!(one(Samples::GreyAlpha, true, None, None, &[0x40, 0x40, 0xFF, 0xFF]), [64, 64, 64, 255]);
    assert_eq!(one(Samples::Cmyk, false, None, None, &[255, 0, 0, 0]), [0, 255, 255]);
    assert_eq!(one(Samples::Cmyk, false, None, None, &[0, 0, 0, 255]), [0; 3]);
    assert_eq!(one(Samples::Grey, false, None, Some(1.0), &[128]), [188; 3], "linear light");
}

#[test]
fn profiles_are_obeyed_where_they_fit_and_dropped_elsewhere() {
    let profile = |profile: moxcms::ColorProfile| Some(profile.encode().unwrap());
    let wide = profile(moxcms::ColorProfile::new_display_p3());
    let green = one(Samples::Rgb, false, wide.clone(), None, &[100, 200, 100]);
    assert!(green[0] < 90 && green[1] >= 200, "more saturated in sRGB: {green:?}");
    let deep = one(Samples::Rgb, true, wide.clone(), None, &[100, 100, 200, 200, 100, 100]);
    assert!(deep.iter().zip(&green).all(|(a, b)| a.abs_diff(*b) <= 1), "{deep:?} and {green:?}");
    let clear = one(Samples::Rgba, false, wide.clone(), None, &[100, 200, 100, 255]);
    assert_eq!(clear[..3], green[..], "with alpha too");
    let srgb = profile(moxcms::ColorProfile::new_srgb());
    assert_eq!(one(Samples::Rgb, false, srgb, None, &[1, 200, 99]), [1, 200, 99]);
    assert_eq!(one(Samples::Grey, false, wide.clone(), None, &[99]), [99; 3], "a profile for other pixels");
    assert_eq!(
        one(Samples::Rgb, false, Some(vec![7; 300]), None, &[1, 2, 3]),
        [1, 2, 3],
        "no profile at all"
    );
    let grey = profile(moxcms::ColorProfile::new_gray_with_gamma(1.0));
    let light = one(Samples::Grey, false, grey, None, &[128]);
    assert!(light.iter().all(|value| value.abs_diff(188) <= 1), "{light:?}");
}

/// Scales one pixel of a picture that names primaries and transfer by code points.
fn coded(cicp: [u8; 2], deep: bool, icc: Option<Vec<u8>>, pixel: &[u8]) -> Vec<u8> {
    let mut scaler = Scaler::new([0.0, 0.0, 1.0, 1.0], (1, 1));
    scaler.begin(&Picture { deep, icc, cicp: Some(cicp), ..Picture::new(1, 1, Samples::Rgb) }).unwrap();
    assert!(scaler.row(pixel).is_ok());
    scaler.finish().unwrap().pixels
}

#[test]
fn code_points_count_where_there_is_no_profile() {
    let by_profile = one(
        Samples::Rgb,
        false,
        Some(moxcms::ColorProfile::new_display_p3().encode().unwrap()),
        None,
        &[100, 200, 100],
    );
    let by_code = coded([12, 13], false, None, &[100, 200, 100]);
    assert!(by_code.iter().zip(&by_profile).all(|(a, b)| a.abs_diff(*b) <= 1), "{by_code:?}, {by_profile:?}");
    assert_eq!(coded([1, 13], false, None, &[9, 99, 199]), [9, 99, 199], "sRGB");
    assert_eq!(coded([1, 1], false, None, &[9, 99, 199]), [9, 99, 199], "video, as browsers show it");
    assert_eq!(coded([2, 2], false, None, &[9, 99, 199]), [9, 99, 199], "nobody knows");
    assert_eq!(coded([77, 77], false, None, &[9, 99, 199]), [9, 99, 199], "nonsense");
    // Diffuse white of PQ is nearly white, where its number is only a little above the middle.
    let white = coded([9, 16], true, None, &[0x94, 0xA4].repeat(3));
    assert!(white.iter().all(|value| (220..=240).contains(value)), "{white:?}");
    let srgb = moxcms::ColorProfile::new_srgb().encode().unwrap();
    let by_profile = coded([9, 16], true, Some(srgb), &[0x94, 0xA4].repeat(3));
    assert!(by_profile.iter().all(|value| value.abs_diff(0x94) <= 1), "a profile has the first word");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A profile comes from a stranger too.
    #[test]
    fn changed_profiles_are_used_or_dropped(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (profile, samples) = match which {
            0 => (moxcms::ColorProfile::new_display_p3(), Samples::Rgb),
            1 => (moxcms::ColorProfile::new_adobe_rgb(), Samples::Rgba),
            _ => (moxcms::ColorProfile::new_gray_with_gamma(1.8), Samples::Grey),
        };
        let mut icc = profile.encode().unwrap();
        for (index, value) in changes {
            let at = index.index(icc.len());
            icc[at] = value;
        }
        if let Some(cut) = cut {
            icc.truncate(cut.index(icc.len()));
        }
        one(samples, false, Some(icc), None, &[10, 20, 30, 255][..samples.count()]);
    }
}
