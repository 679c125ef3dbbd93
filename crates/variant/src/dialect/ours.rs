//! What words of other services become here: sources, sides, colours and formats, and the refusal of what becomes
//! nothing.

use domain::ImageId;

use crate::tidy::tidy;
use crate::{Error, Options};

/// What a URL of another service asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Translation {
    /// The image.
    pub image: ImageId,
    /// The wish.
    pub options: Options,
}

/// A source, percent-encoded, as the id of an image.
pub(super) fn image(source: &str) -> Result<ImageId, Error> {
    let plain =
        decoded(source).ok_or_else(|| Error::Options("the source is not written as UTF-8".to_owned()))?;
    named_image(&plain)
}

/// A source as the id of an image. A URL names what lies elsewhere.
pub(super) fn named_image(source: &str) -> Result<ImageId, Error> {
    if is_url(source) {
        let told =
            format!("'{}' lies elsewhere: a source is the id of an image of the account", tidy(source));
        return Err(Error::Options(told));
    }
    source.parse().map_err(|why| Error::Options(format!("the source is no id of an image: {why}")))
}

/// Whether a source is written as a URL. Proxies make one slash of two.
fn is_url(source: &str) -> bool {
    let scheme = source.split_once(":/").map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    source.starts_with("//") || scheme.is_some_and(is_scheme)
}

/// Decodes each `%XX` once. None where an escape is broken or the result is not UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let (byte, length) = match first {
            b'%' => ((digit(0)? << 4 | digit(1)?) as u8, 2),
            plain => (plain, 0),
        };
        bytes.push(byte);
        rest = &tail[length..];
    }
    String::from_utf8(bytes).ok()
}

/// Sets an option of ours; an error names the foreign word that wished for it.
pub(super) fn set(options: &mut Options, word: &str, name: &str, value: &str) -> Result<(), Error> {
    options.set(name, value).map_err(|why| Error::Options(format!("'{}': {why}", tidy(word))))
}

/// The refusal of a word that nothing here does.
pub(super) fn no_counterpart(word: &str) -> Error {
    Error::Options(format!("'{}' has no counterpart here", tidy(word)))
}

/// The refusal of a word that is written in no way that its service knows.
pub(super) fn malformed(word: &str) -> Error {
    Error::Options(format!("'{}' is malformed", tidy(word)))
}

/// A side in pixels; nothing and 0 leave it free.
pub(super) fn side(word: &str, value: &str) -> Result<Option<u32>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    let is_number = value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit());
    let pixels: u32 = is_number.then(|| value.parse().ok()).flatten().ok_or_else(|| malformed(word))?;
    Ok(Some(pixels).filter(|&pixels| pixels > 0))
}

/// A ratio of device pixels, above 0 and at most 8.
pub(super) fn ratio(word: &str, value: &str) -> Result<f64, Error> {
    let is_plain = value.len() <= 8 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let ratio =
        is_plain.then(|| value.parse::<f64>().ok()).flatten().filter(|ratio| *ratio > 0.0 && *ratio <= 8.0);
    ratio.ok_or_else(|| malformed(word))
}

/// The sides of a box, each multiplied by a ratio.
pub(super) fn set_box(options: &mut Options, sides: [Option<u32>; 2], ratio: f64) -> Result<(), Error> {
    for (name, side) in ["width", "height"].into_iter().zip(sides) {
        if let Some(pixels) = side {
            let pixels = (f64::from(pixels) * ratio).round().max(1.0).to_string();
            set(options, name, name, &pixels)?;
        }
    }
    Ok(())
}

/// Which side of the image a corner or edge is, of two words that are put together: `0.5x0`.
pub(super) fn set_gravity(
    options: &mut Options,
    word: &str,
    across: Option<f32>,
    down: Option<f32>,
) -> Result<(), Error> {
    let named = match (across, down) {
        (None, None) => "center".to_owned(),
        (Some(0.0), None) => "left".to_owned(),
        (Some(1.0), None) => "right".to_owned(),
        (None, Some(0.0)) => "top".to_owned(),
        (None, Some(1.0)) => "bottom".to_owned(),
        (across, down) => format!("{}x{}", across.unwrap_or(0.5), down.unwrap_or(0.5)),
    };
    set(options, word, "gravity", &named)
}

/// A colour as other services write it: hex digits without their `#`, or a CSS name.
pub(super) fn set_background(options: &mut Options, word: &str, colour: &str) -> Result<(), Error> {
    set(options, word, "background", &colour_of(colour))
}

/// A colour of theirs as one of ours.
pub(super) fn colour_of(colour: &str) -> String {
    let is_hex = matches!(colour.len(), 3 | 6 | 8) && colour.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sharp = if is_hex { "#" } else { "" };
    format!("{sharp}{colour}")
}

/// A factor that is written as per cent more or less, -100 to 100: 30 is 1.3. What leaves nothing is the least there is,
/// since 0 stands for none.
pub(super) fn set_factor(options: &mut Options, word: &str, name: &str, percent: &str) -> Result<(), Error> {
    let (sign, digits) = percent.strip_prefix('-').map_or((1, percent), |digits| (-1, digits));
    let number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let percent: i32 = number.then(|| digits.parse().ok()).flatten().ok_or_else(|| malformed(word))?;
    if percent > 100 {
        return Err(malformed(word));
    }
    set(options, word, name, &(f64::from(100 + sign * percent) / 100.0).max(0.01).to_string())
}

/// A format by its name or extension.
pub(super) fn set_format(options: &mut Options, word: &str, format: &str) -> Result<(), Error> {
    set(options, word, "format", if format == "jpg" { "jpeg" } else { format })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_lies_elsewhere_is_refused_by_its_name() {
        for source in
            ["https://origin.example.net/a.jpg", "https:/h/a.jpg", "s3://b/k", "local:///a", "HTTP%3A//h/a"]
        {
            let Err(Error::Options(told)) = image(source) else { panic!("{source} is taken") };
            assert!(
                told.contains("lies elsewhere")
                    && told.contains("//") == decoded(source).unwrap().contains("//")
            );
        }
        for source in ["origin.example.net/a.jpg", "a:b/c", "2024/cat%20one.jpg", "C%3A", "my+cat"] {
            assert!(image(source).is_ok(), "{source}");
        }
        for source in ["", "a//b", "../a", "a/%2e%2e/b", "%zz", "%ff", "a%00"] {
            assert!(image(source).is_err(), "{source}");
        }
    }
}
