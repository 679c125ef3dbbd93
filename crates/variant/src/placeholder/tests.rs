//! What the one decode at upload promises: damage is found, and a glimpse is left.

use super::*;
use crate::Format;
use crate::testing::*;

fn placed(bytes: &[u8]) -> Result<Glimpse, Error> {
    let limits = Limits::default();
    placeholder(bytes, &crate::probe(bytes, &limits)?, &limits, later())
}

#[test]
fn a_thumbhash_is_small_and_shows_the_picture() {
    for format in DRAWN {
        // What draws a JPEG XL for tests draws no line.
        let thin = if format == Format::Jxl { 2 } else { 1 };
        for (width, height) in [(300, 200), (40, 900), (thin, thin), (1000, thin)] {
            let hash = placed(&file(&quarters(width, height), format)).unwrap().thumbhash;
            assert!((5..40).contains(&hash.len()), "{format:?} {width}x{height}: {} bytes", hash.len());
        }
        let (width, height, pixels) =
            thumbhash::thumb_hash_to_rgba(&placed(&file(&quarters(300, 200), format)).unwrap().thumbhash)
                .unwrap();
        assert!(width > height);
        let corner = &pixels[..3];
        assert!(corner[0] > corner[1] && corner[0] > corner[2], "red comes first: {corner:?}");
    }
}

/// Red on the left, a hill of light on the right.
fn half_hill(side: u32) -> crate::canvas::Canvas {
    draw(side, side, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(side), f64::from(y) / f64::from(side));
        let light = (1.0 - 2.0 * (u - 0.7).powi(2) - (v - 0.4).powi(2)) * (0.8 + 0.2 * (7.0 * u * v).sin());
        if u < 0.5 { [200, 40, 30] } else { [(250.0 * light.max(0.0)) as u8; 3] }
    })
}

#[test]
fn a_picture_has_one_glimpse_in_whatever_format_and_size_it_comes() {
    let of = |side: u32, format| placed(&file(&half_hill(side), format)).unwrap();
    let first = of(400, Format::Png);
    for (side, format) in [(400, Format::Jpeg), (400, Format::Webp), (900, Format::Png)] {
        let other = of(side, format);
        assert!((first.phash ^ other.phash).count_ones() <= 6, "{format:?}");
        let near = first.dominant.iter().zip(other.dominant).all(|(one, other)| one.abs_diff(other) < 12);
        assert!(near, "{format:?}: {:?} and {:?}", first.dominant, other.dominant);
    }
    assert!(first.dominant[0] > 190, "most of it is red");
}

#[test]
fn orientation_is_applied() {
    let turned = with_exif(&file(&quarters(300, 100), Format::Jpeg), &exif(6));
    let (width, height, _) = thumbhash::thumb_hash_to_rgba(&placed(&turned).unwrap().thumbhash).unwrap();
    assert!(width < height);
}

#[test]
fn a_file_that_ends_early_is_refused_in_every_format() {
    let photograph = texture(200, 150);
    let animation = gif_file(&[quarters(90, 60), draw(90, 60, |x, _| [x as u8; 3])]);
    let mut whole: Vec<(Format, Vec<u8>)> =
        [Format::Jpeg, Format::Png, Format::Webp].map(|format| (format, file(&photograph, format))).into();
    whole.push((Format::Gif, animation));
    let progressive = crate::Encoding::Jpeg { quality: 80, progressive: true, effort: crate::Effort::Usual };
    whole.push((
        Format::Jpeg,
        progressive.encode(photograph, crate::canvas::Extras::default(), later()).unwrap(),
    ));
    for (format, bytes) in whole {
        assert!(placed(&bytes).is_ok(), "{format:?}");
        for share in [0.5, 0.8, 0.95] {
            let cut = &bytes[..(bytes.len() as f64 * share) as usize];
            assert!(matches!(placed(cut), Err(Error::Damaged(_))), "{format:?} {share}: {:?}", placed(cut));
        }
    }
}

#[test]
fn a_harmless_oddity_passes() {
    let jpeg = file(&texture(60, 60), Format::Jpeg);
    let marker = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDB]).unwrap();
    let stray = [&jpeg[..marker], b"stray", &jpeg[marker..]].concat();
    assert!(placed(&stray).is_ok(), "{:?}", placed(&stray));
    let trailed = [&jpeg[..], b"and a video after the image"].concat();
    assert!(placed(&trailed).is_ok());
}

#[test]
fn noise_instead_of_data_is_refused() {
    let png = file(&texture(60, 60), Format::Png);
    let start = png.windows(4).position(|kind| kind == b"IDAT").unwrap() + 10;
    let mut broken = png.clone();
    broken[start..start + 40].fill(0xAA);
    assert!(matches!(placed(&broken), Err(Error::Damaged(_))));
}
