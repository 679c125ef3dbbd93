//! `quality`: the public number, and what the encoders make of it.

use super::number::whole;

pub(crate) mod encode;
pub(crate) mod look;
mod sample;
mod search;

/// Quality of lossy formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// 1 to 100.
    Number(u8),
    /// 90.
    High,
    /// 70.
    MediumHigh,
    /// 50.
    MediumLow,
    /// 35.
    Low,
    /// The lowest that keeps a look, found for each image: a target of SSIMULACRA2, 65, 75 or 85.
    Auto(u8),
}

const NAMES: [(&str, Quality); 8] = [
    ("high", Quality::High),
    ("medium-high", Quality::MediumHigh),
    ("medium-low", Quality::MediumLow),
    ("low", Quality::Low),
    ("auto", Quality::Auto(75)),
    ("auto-high", Quality::Auto(85)),
    ("auto-medium", Quality::Auto(75)),
    ("auto-low", Quality::Auto(65)),
];

/// The public number that stands for the default of every encoder: all of them look alike there
/// (performance-findings 2, where it is the quality of libjpeg-turbo at 80).
const ANCHOR: u8 = 80;

/// Reads a quality. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Quality, String> {
    if let Some((_, quality)) = NAMES.iter().find(|(name, _)| *name == value) {
        return Ok(*quality);
    }
    match whole(value).and_then(|number| u8::try_from(number).ok()) {
        Some(number @ 1..=100) => Ok(Quality::Number(number)),
        _ => Err("must be a whole number from 1 to 100, high, medium-high, medium-low, low, auto, auto-high or auto-low"
            .to_owned()),
    }
}

/// Prints a quality.
pub(crate) fn print(quality: &Quality) -> String {
    match quality {
        Quality::Number(number) => number.to_string(),
        named => NAMES
            .iter()
            .find(|(_, known)| known == named)
            .map_or_else(String::new, |(name, _)| (*name).to_owned()),
    }
}

/// The public number of a wish, 1 to 100.
pub(crate) fn number(quality: Option<Quality>) -> u8 {
    match quality {
        Some(Quality::Number(number)) => number,
        Some(Quality::High) => 90,
        Some(Quality::MediumHigh) => 70,
        Some(Quality::MediumLow) => 50,
        Some(Quality::Low) => 35,
        Some(Quality::Auto(_)) | None => ANCHOR,
    }
}

/// The quality of libjpeg with mozjpeg's table 5: 79 at the anchor, one below the public number everywhere but at
/// its ends. No other point was measured, so the scale is only shifted, and stays monotone.
pub(crate) fn jpeg(number: u8) -> u8 {
    if number >= 100 { 100 } else { number.saturating_sub(1).max(1) }
}

/// The quality of libwebp at effort 4: 81 at the anchor, one above the public number. 100 stands for no loss.
pub(crate) fn webp(number: u8) -> Option<u8> {
    (number < 100).then_some(number + 1)
}
