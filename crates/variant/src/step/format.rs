//! `format`: the wish for an encoding, and what `Accept` makes of `auto` (contract R-63).

/// The wished format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatWish {
    /// By `Accept`.
    Auto,
    /// JPEG, progressive by size.
    Jpeg,
    /// JPEG, never progressive.
    BaselineJpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
}

const NAMES: [(&str, FormatWish); 5] = [
    ("auto", FormatWish::Auto),
    ("jpeg", FormatWish::Jpeg),
    ("baseline-jpeg", FormatWish::BaselineJpeg),
    ("png", FormatWish::Png),
    ("webp", FormatWish::Webp),
];

/// Formats of the contract that a later build has.
const LATER: [&str; 5] = ["avif", "json", "gif", "svg", "png-force"];

/// Reads a format. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<FormatWish, String> {
    if LATER.contains(&value) {
        return Err(format!("{value} is not built in this build"));
    }
    NAMES
        .iter()
        .find_map(|(name, wish)| (*name == value).then_some(*wish))
        .ok_or_else(|| "must be auto, jpeg, baseline-jpeg, png or webp".to_owned())
}

/// Prints a format.
pub(crate) fn print(wish: &FormatWish) -> String {
    NAMES.iter().find(|(_, known)| known == wish).map_or_else(String::new, |(name, _)| (*name).to_owned())
}
