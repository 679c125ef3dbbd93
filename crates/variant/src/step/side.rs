//! `width` and `height`: the sides of the box, in pixels.

/// The longest side that may be wished for, in pixels; the longest that an original may have by default.
pub(crate) const MAX_SIDE_PIXELS: u32 = 12_000;

/// Reads a side. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<u32, String> {
    if value == "auto" {
        return Err("auto is not built in this build".to_owned());
    }
    match whole_number(value) {
        Some(side) if (1..=MAX_SIDE_PIXELS).contains(&side) => Ok(side),
        _ => Err(format!("must be a whole number of pixels from 1 to {MAX_SIDE_PIXELS}")),
    }
}

/// Prints a side.
pub(crate) fn print(side: &u32) -> String {
    side.to_string()
}

/// Digits only: `u32::from_str` would also take a plus sign.
pub(crate) fn whole_number(value: &str) -> Option<u32> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}
