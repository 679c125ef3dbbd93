//! `format`: the wish for an encoding, what `Accept` makes of `auto` (contract R-63), and what else shapes the encoding:
//! `anim`, `compression` and `max_bytes`.

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
    /// AVIF.
    Avif,
    /// GIF.
    Gif,
    /// JPEG XL, where it is built in.
    Jxl,
    /// An SVG as it is; anything else as with `auto`.
    Svg,
    /// No picture: what it would be, as JSON (contract R-79).
    Json,
}

const NAMES: [(&str, FormatWish); 11] = [
    ("auto", FormatWish::Auto),
    ("jpeg", FormatWish::Jpeg),
    ("baseline-jpeg", FormatWish::BaselineJpeg),
    ("png", FormatWish::Png),
    ("png-force", FormatWish::Png),
    ("webp", FormatWish::Webp),
    ("avif", FormatWish::Avif),
    ("gif", FormatWish::Gif),
    ("jxl", FormatWish::Jxl),
    ("svg", FormatWish::Svg),
    ("json", FormatWish::Json),
];

/// Whether this build makes JPEG XL.
pub(crate) const JXL_IS_BUILT: bool = cfg!(feature = "jxl-out");

/// Reads a format. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<FormatWish, String> {
    if value == "jxl" && !JXL_IS_BUILT {
        return Err("jxl is not built into this build".to_owned());
    }
    NAMES
        .iter()
        .find_map(|(name, wish)| (*name == value).then_some(*wish))
        .ok_or_else(|| "must be auto, avif, webp, jpeg, baseline-jpeg, png, gif, svg or json".to_owned())
}

/// Prints a format.
pub(crate) fn print(wish: &FormatWish) -> String {
    NAMES.iter().find(|(_, known)| known == wish).map_or_else(String::new, |(name, _)| (*name).to_owned())
}

pub(crate) mod anim {
    //! `anim`: whether an animation stays one.

    /// Reads a switch. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<bool, String> {
        match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }

    /// Prints a switch.
    pub(crate) fn print(anim: &bool) -> String {
        anim.to_string()
    }
}

/// What compression is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Speed before size.
    Fast,
}

pub(crate) mod compression {
    //! The words of `compression`.

    use super::Compression;

    /// Reads the word. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<Compression, String> {
        if value == "fast" { Ok(Compression::Fast) } else { Err("must be fast".to_owned()) }
    }

    /// Prints the word.
    pub(crate) fn print(_: &Compression) -> String {
        "fast".to_owned()
    }
}

pub(crate) mod max_bytes {
    //! `max_bytes`: how long a rendition may be; its quality gives way.

    use super::super::number::whole_in;

    /// The shortest that may be wished for, in bytes.
    const MIN_BYTES: u32 = 1_000;

    /// The longest that may be wished for, in bytes.
    const MAX_BYTES: u32 = 100_000_000;

    /// Reads a length. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<u32, String> {
        whole_in(value, MIN_BYTES, MAX_BYTES)
    }

    /// Prints a length.
    pub(crate) fn print(bytes: &u32) -> String {
        bytes.to_string()
    }
}
