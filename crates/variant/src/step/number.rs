//! Plain numbers and lengths, as options write them.

use serde::{Deserialize, Serialize};

/// A length: pixels, or a share of the side that it lies along.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Length {
    /// Pixels.
    Pixels(u32),
    /// 0 to 1 of the side.
    Share(f32),
}

impl Length {
    /// The length on a side of so many pixels, in pixels. Fixed ones are multiplied by a ratio of device pixels.
    pub fn on(self, side: f64, dpr: f64) -> f64 {
        match self {
            Length::Pixels(pixels) => f64::from(pixels) * dpr,
            Length::Share(share) => f64::from(share) * side,
        }
    }
}

/// The longest length that may be wished for, in pixels.
const MAX_PIXELS: u32 = 12_000;

/// Reads a length: a whole number is pixels, a decimal from 0 to 1 a share. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Length, String> {
    let pixels = whole(value).filter(|pixels| *pixels <= MAX_PIXELS).map(Length::Pixels);
    let share = || {
        let share = value.contains('.').then(|| decimal(value)).flatten()?;
        (0.0..=1.0).contains(&share).then_some(Length::Share(share))
    };
    pixels.or_else(share).ok_or_else(|| {
        format!("must be a whole number of pixels from 0 to {MAX_PIXELS}, or a share such as 0.25")
    })
}

/// Prints a length. A share has its point always.
pub(crate) fn print(length: &Length) -> String {
    match length {
        Length::Pixels(pixels) => pixels.to_string(),
        Length::Share(share) => format!("{share:?}"),
    }
}

/// Digits only: `u32::from_str` would also take a plus sign.
pub(crate) fn whole(value: &str) -> Option<u32> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

/// A plain decimal, kept to a hundred thousandth: no sign, exponent, `inf` or `nan`.
pub(crate) fn decimal(text: &str) -> Option<f32> {
    let plain = (1..=20).contains(&text.len())
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = plain.then(|| text.parse::<f64>().ok()).flatten().filter(|value| *value <= 1e5)?;
    Some(((value * 1e5).round() / 1e5) as f32)
}

/// A decimal within a range, both ends included.
pub(crate) fn decimal_in(value: &str, least: f32, most: f32) -> Result<f32, String> {
    decimal(value)
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a number from {least} to {most}"))
}

/// A whole number within a range, both ends included.
pub(crate) fn whole_in(value: &str, least: u32, most: u32) -> Result<u32, String> {
    whole(value)
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}
