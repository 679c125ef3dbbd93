//! `trim`: what is cut before all else. Its parts have words of their own, `trim.top`.

use super::number::{self, Length, whole_in};

/// What is cut before all else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trim {
    /// So much from the top, right, bottom and left.
    Sides([Length; 4]),
    /// A uniform border.
    Border,
}

/// Reads `top;right;bottom;left` or `border`. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Trim, String> {
    if value == "border" {
        return Ok(Trim::Border);
    }
    let sides: Result<Vec<Length>, String> = value.split(';').take(5).map(number::parse).collect();
    sides
        .ok()
        .and_then(|sides| <[Length; 4]>::try_from(sides).ok())
        .map(Trim::Sides)
        .ok_or_else(|| "must be border, or top;right;bottom;left in pixels or shares such as 0.25".to_owned())
}

/// Prints a trim.
pub(crate) fn print(trim: &Trim) -> String {
    match trim {
        Trim::Sides(sides) => sides.each_ref().map(number::print).join(";"),
        Trim::Border => "border".to_owned(),
    }
}

pub(crate) mod tolerance {
    //! `trim.border.tolerance`: how far a channel may lie from the border's colour.

    /// Reads a tolerance. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<u8, String> {
        super::whole_in(value, 0, 255).map(|tolerance| tolerance as u8)
    }

    /// Prints a tolerance.
    pub(crate) fn print(tolerance: &u8) -> String {
        tolerance.to_string()
    }
}

pub(crate) mod keep {
    //! `trim.border.keep`: how much of the border stays, in pixels of the original.

    /// Reads a length. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<u32, String> {
        super::whole_in(value, 0, 12_000)
    }

    /// Prints a length.
    pub(crate) fn print(keep: &u32) -> String {
        keep.to_string()
    }
}
