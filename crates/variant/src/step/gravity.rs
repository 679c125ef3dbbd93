//! `gravity`: what stays in view when something is cut.

use serde::{Deserialize, Serialize};

/// What stays in view when something is cut.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Gravity {
    /// The middle.
    Center,
    /// The left side.
    Left,
    /// The right side.
    Right,
    /// The top.
    Top,
    /// The bottom.
    Bottom,
    /// The image's focal point; where it has none, where the eye goes first.
    Auto,
    /// Where most happens.
    Entropy,
    /// The image's focal point; where it has none, the middle.
    Focal,
    /// A point, each coordinate 0 to 1.
    Point {
        /// From the left.
        x: f32,
        /// From the top.
        y: f32,
    },
}

const NAMES: [(&str, Gravity); 8] = [
    ("center", Gravity::Center),
    ("left", Gravity::Left),
    ("right", Gravity::Right),
    ("top", Gravity::Top),
    ("bottom", Gravity::Bottom),
    ("auto", Gravity::Auto),
    ("entropy", Gravity::Entropy),
    ("focal", Gravity::Focal),
];

/// Reads a gravity. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Gravity, String> {
    if value == "face" {
        return Err("face is not built into this build".to_owned());
    }
    let named = NAMES.iter().find_map(|(name, gravity)| (*name == value).then_some(*gravity));
    named.or_else(|| point(value)).ok_or_else(|| {
        "must be center, left, right, top, bottom, auto, entropy, focal or a point such as 0.5x0.25, each part from \
         0 to 1"
            .to_owned()
    })
}

/// Prints a gravity.
pub(crate) fn print(gravity: &Gravity) -> String {
    match gravity {
        Gravity::Point { x, y } => format!("{x}x{y}"),
        named => NAMES
            .iter()
            .find(|(_, known)| known == named)
            .map_or_else(String::new, |(name, _)| (*name).to_owned()),
    }
}

/// The share of what is cut that is cut on the left, and on the top. What has to be looked for is the middle until it
/// was found.
pub(crate) fn shares(gravity: Gravity) -> (f64, f64) {
    match gravity {
        Gravity::Center | Gravity::Auto | Gravity::Entropy | Gravity::Focal => (0.5, 0.5),
        Gravity::Left => (0.0, 0.5),
        Gravity::Right => (1.0, 0.5),
        Gravity::Top => (0.5, 0.0),
        Gravity::Bottom => (0.5, 1.0),
        Gravity::Point { x, y } => (f64::from(x), f64::from(y)),
    }
}

fn point(value: &str) -> Option<Gravity> {
    let (x, y) = value.split_once('x')?;
    Some(Gravity::Point { x: coordinate(x)?, y: coordinate(y)? })
}

/// Plain decimals only, kept to a millionth: no sign, exponent, `inf` or `nan`.
fn coordinate(text: &str) -> Option<f32> {
    let plain = (1..=20).contains(&text.len())
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = plain.then(|| text.parse::<f64>().ok()).flatten()?;
    (0.0..=1.0).contains(&value).then(|| ((value * 1e6).round() / 1e6) as f32)
}
