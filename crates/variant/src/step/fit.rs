//! `fit`: how an image meets its box, and the sizes that follow (contract 8).

use serde::{Deserialize, Serialize};

/// How an image meets its box (contract 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fit {
    /// Within the box, never enlarged.
    ScaleDown,
    /// Within the box.
    Contain,
    /// Fills the box, the rest is cut.
    Cover,
    /// As cover, never enlarged.
    Crop,
    /// Within the box, filled up with background.
    Pad,
    /// Cut to the ratio of the box, never enlarged.
    AspectCrop,
    /// Exactly the box, distorted.
    Squeeze,
    /// At least the box, never made smaller.
    ScaleUp,
}

const NAMES: [(&str, Fit); 8] = [
    ("scale-down", Fit::ScaleDown),
    ("contain", Fit::Contain),
    ("cover", Fit::Cover),
    ("crop", Fit::Crop),
    ("pad", Fit::Pad),
    ("aspect-crop", Fit::AspectCrop),
    ("squeeze", Fit::Squeeze),
    ("scale-up", Fit::ScaleUp),
];

/// Reads a fit. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Fit, String> {
    NAMES.iter().find_map(|(name, fit)| (*name == value).then_some(*fit)).ok_or_else(|| {
        "must be scale-down, contain, cover, crop, aspect-crop, pad, squeeze or scale-up".to_owned()
    })
}

/// Prints a fit.
pub(crate) fn print(fit: &Fit) -> String {
    NAMES.iter().find(|(_, known)| known == fit).map_or_else(String::new, |(name, _)| (*name).to_owned())
}

/// Sizes that follow from a fit, before anything is cut at a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizes {
    /// The part of the image that is used, in its pixels.
    pub(crate) used: (f64, f64),
    /// What that part is scaled to.
    pub(crate) scaled: (f64, f64),
    /// The whole rendition, where it is larger than the scaled part.
    pub(crate) canvas: Option<(u32, u32)>,
    /// The box is larger than the image, which the fit does not enlarge.
    pub(crate) smaller: bool,
}

/// The sizes of an image of `image` pixels in a box, whose missing sides are free.
pub(crate) fn sizes(fit: Fit, image: (f64, f64), (width, height): (Option<u32>, Option<u32>)) -> Sizes {
    let across = width.map(|w| f64::from(w) / image.0);
    let down = height.map(|h| f64::from(h) / image.1);
    let (inside, around) = match (across, down) {
        (Some(a), Some(d)) => (a.min(d), a.max(d)),
        (Some(one), None) | (None, Some(one)) => (one, one),
        (None, None) => (1.0, 1.0),
    };
    let whole = |scale: f64| Sizes {
        used: image,
        scaled: (image.0 * scale, image.1 * scale),
        canvas: None,
        smaller: false,
    };
    match (fit, width.zip(height)) {
        (Fit::ScaleDown, _) | (Fit::Crop | Fit::AspectCrop, None) => {
            Sizes { smaller: inside > 1.0, ..whole(inside.min(1.0)) }
        }
        (Fit::Contain, _) | (Fit::Cover | Fit::Pad | Fit::Squeeze, None) => whole(inside),
        (Fit::ScaleUp, _) => whole(around.max(1.0)),
        (Fit::Squeeze, Some((w, h))) => Sizes { scaled: (f64::from(w), f64::from(h)), ..whole(1.0) },
        (Fit::Pad, Some(canvas)) => Sizes { canvas: Some(canvas), ..whole(inside) },
        (Fit::Cover, Some((w, h))) => cut(image, around, (f64::from(w), f64::from(h)), false),
        (Fit::Crop, Some((w, h))) => {
            let scale = around.min(1.0);
            let room = (f64::from(w).min(image.0 * scale), f64::from(h).min(image.1 * scale));
            cut(image, scale, room, around > 1.0)
        }
        (Fit::AspectCrop, Some((w, h))) => aspect(image, around, (f64::from(w), f64::from(h))),
    }
}

/// The image cut to the ratio of a box, and never enlarged to fill it.
fn aspect(image: (f64, f64), around: f64, room: (f64, f64)) -> Sizes {
    if around <= 1.0 {
        return cut(image, around, room, false);
    }
    let share = (image.0 / room.0).min(image.1 / room.1);
    cut(image, 1.0, (room.0 * share, room.1 * share), true)
}

/// The image at a scale, cut to `scaled`.
fn cut(image: (f64, f64), scale: f64, scaled: (f64, f64), smaller: bool) -> Sizes {
    let used = ((scaled.0 / scale).min(image.0), (scaled.1 / scale).min(image.1));
    Sizes { used, scaled, canvas: None, smaller }
}
