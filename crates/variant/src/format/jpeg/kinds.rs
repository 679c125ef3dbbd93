//! Tests of what a JPEG may be: sampling, restarts, colours of print, a missing end.
#![expect(unsafe_code, reason = "a C library")]

use super::*;
use crate::testing::{
    BLUE, RED, assert_alike, at, decoded, distance, draw, later, quarters, rendered, texture,
};

/// What is unusual about a JPEG.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Samples of each channel, across and down.
    pub(super) factors: [(c_int, c_int); 3],
    /// Blocks between restarts; 0 for none.
    pub(super) restart: c_uint,
    pub(super) progressive: bool,
}

pub(super) const USUAL: Kind = Kind { factors: [(2, 2), (1, 1), (1, 1)], restart: 0, progressive: false };

pub(super) fn made(canvas: &Canvas, kind: Kind) -> Vec<u8> {
    let made = caught(|| {
        let mut encoder = Encoder::new(later());
        encoder.set_up(canvas, 95, kind.progressive, Effort::Usual);
        encoder.info.restart_interval = kind.restart;
        for (index, (across, down)) in kind.factors.into_iter().enumerate() {
            // SAFETY: set_up fills three components.
            let component = unsafe { &mut *encoder.info.comp_info.add(index) };
            (component.h_samp_factor, component.v_samp_factor) = (across, down);
        }
        encoder.write(canvas, Extras::default())
    });
    made.unwrap()
}

/// A JPEG of the brightness alone.
pub(super) fn grey(canvas: &Canvas) -> Vec<u8> {
    let made = caught(|| {
        let mut encoder = Encoder::new(later());
        encoder.set_up(canvas, 95, false, Effort::Usual);
        // SAFETY: the struct is set up.
        unsafe { c::jpeg_set_colorspace(&mut encoder.info, c::JCS_GRAYSCALE) };
        encoder.write(canvas, Extras::default())
    });
    made.unwrap()
}

/// A JPEG of four inks; `space` is how they are stored, `adobe` whether the marker says that they are inverted.
fn printed(canvas: &Canvas, space: c::J_COLOR_SPACE, adobe: bool) -> Vec<u8> {
    let made = caught(|| {
        let mut encoder = Encoder::new(later());
        let info = &mut *encoder.info;
        (info.image_width, info.image_height) = (canvas.width, canvas.height);
        (info.in_color_space, info.input_components) = (c::JCS_CMYK, 4);
        // SAFETY: the struct is made and its input described.
        unsafe {
            c::jpeg_set_defaults(info);
            c::jpeg_set_colorspace(info, space);
            c::jpeg_set_quality(info, 95, 1);
        }
        info.write_Adobe_marker = c::boolean::from(adobe);
        encoder.write(canvas, Extras::default())
    });
    made.unwrap()
}

#[test]
fn every_sampling_is_read() {
    let picture = quarters(67, 45);
    let samplings = [
        [(1, 1), (1, 1), (1, 1)],
        [(2, 1), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(4, 1), (1, 1), (1, 1)],
        [(4, 2), (1, 1), (1, 1)],
        [(2, 2), (2, 1), (2, 1)],
        [(2, 2), (1, 2), (1, 2)],
        [(1, 1), (2, 2), (2, 2)],
        [(3, 1), (1, 1), (1, 1)],
        [(2, 2), (1, 1), (2, 2)],
    ];
    for factors in samplings {
        let seen = decoded(&made(&picture, Kind { factors, ..USUAL }));
        assert_eq!((seen.width, seen.height), (67, 45), "{factors:?}");
        assert_alike(&at(&seen, 0.2, 0.2), &RED, &format!("{factors:?}"));
        assert_alike(&at(&seen, 0.2, 0.8), &BLUE, &format!("{factors:?}"));
    }
}

#[test]
fn restarts_change_no_pixel() {
    let picture = texture(130, 90);
    let usual = decoded(&made(&picture, USUAL));
    for (restart, progressive) in [(1, false), (3, false), (7, false), (1, true), (7, true)] {
        let bytes = made(&picture, Kind { restart, progressive, ..USUAL });
        assert!(bytes.windows(2).any(|pair| pair[0] == 0xFF && matches!(pair[1], 0xD0..=0xD7)));
        assert_eq!(distance(&decoded(&bytes), &usual), 0.0, "every {restart}");
    }
}

#[test]
fn inks_are_light_whichever_way_they_are_stored() {
    // Full magenta and yellow: red.
    let inks =
        |values: [u8; 4]| Canvas { width: 24, height: 16, channels: 4, pixels: values.repeat(24 * 16) };
    let (inverted, plain) = (inks([255, 0, 0, 255]), inks([0, 255, 255, 0]));
    for space in [c::JCS_CMYK, c::JCS_YCCK] {
        let seen = decoded(&printed(&inverted, space, true));
        assert_alike(&at(&seen, 0.5, 0.5), &[255, 0, 0], "inverted, as Adobe stores them");
    }
    let seen = decoded(&printed(&plain, c::JCS_CMYK, false));
    assert_alike(&at(&seen, 0.5, 0.5), &[255, 0, 0], "as they are");
    let black = decoded(&printed(&inks([255, 255, 255, 0]), c::JCS_CMYK, true));
    assert_alike(&at(&black, 0.5, 0.5), &[0, 0, 0], "black alone");
}

#[test]
fn a_missing_end_is_no_damage_and_missing_rows_are() {
    let limits = Limits::default();
    let whole = made(&texture(200, 160), USUAL);
    let check = |bytes: &[u8]| {
        let facts = crate::probe(bytes, &limits).unwrap();
        crate::placeholder(bytes, &facts, &limits, later()).map(|_| ())
    };
    assert_eq!(check(&whole), Ok(()));
    assert_eq!(check(&whole[..whole.len() - 2]), Ok(()), "without its end marker");
    assert!(matches!(check(&whole[..whole.len() / 2]), Err(Error::Damaged(_))));
    let scans = made(&texture(200, 160), Kind { progressive: true, ..USUAL });
    assert_eq!(check(&scans[..scans.len() - 2]), Ok(()), "without its end marker");
    let last = scans.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    assert!(matches!(check(&scans[..last]), Err(Error::Damaged(_))), "without its last scan");
    // What could be read of it is still rendered: it may be an original that was taken before.
    assert!(rendered(&whole[..whole.len() / 2], "w=50,f=png", false).is_ok());
}

#[test]
fn in_haste_a_picture_is_larger_and_looks_the_same() {
    let picture = texture(300, 200);
    let made = |effort| encode(&picture, 79, true, effort, Extras::default(), later()).unwrap();
    let (usual, fast) = (made(Effort::Usual), made(Effort::Fast));
    assert!(fast.len() > usual.len(), "{} and {}", fast.len(), usual.len());
    assert_eq!(distance(&decoded(&usual), &decoded(&fast)), 0.0);
    let frame = |bytes: &[u8]| Markers::read(bytes, None).frame.unwrap().progressive;
    assert!(frame(&usual) && !frame(&fast));
}

#[test]
fn grey_is_read_as_grey() {
    let seen = decoded(&grey(&draw(40, 30, |x, _| if x < 20 { [60; 3] } else { [200; 3] })));
    assert_alike(&at(&seen, 0.2, 0.5), &[60; 3], "dark");
    assert_alike(&at(&seen, 0.8, 0.5), &[200; 3], "light");
}
