//! `gravity`: what stays in view when something is cut.

/// What stays in view when something is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// A point, each coordinate 0 to 1.
    Point {
        /// From the left.
        x: f32,
        /// From the top.
        y: f32,
    },
}

const NAMES: [(&str, Gravity); 5] = [
    ("center", Gravity::Center),
    ("left", Gravity::Left),
    ("right", Gravity::Right),
    ("top", Gravity::Top),
    ("bottom", Gravity::Bottom),
];

/// Reads a gravity. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Gravity, String> {
    if matches!(value, "auto" | "face" | "entropy") {
        return Err(format!("{value} is not built in this build"));
    }
    let named = NAMES.iter().find_map(|(name, gravity)| (*name == value).then_some(*gravity));
    named.or_else(|| point(value)).ok_or_else(|| {
        "must be center, left, right, top, bottom or a point such as 0.5x0.25, each part from 0 to 1"
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

/// The share of what is cut that is cut on the left, and on the top.
pub(crate) fn shares(gravity: Gravity) -> (f64, f64) {
    match gravity {
        Gravity::Center => (0.5, 0.5),
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
