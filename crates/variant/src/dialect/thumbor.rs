//! thumbor: options as segments in one order, filters, then the image. Its default is to fill a box and to enlarge.

use super::ours::{
    Translation, decoded, image, malformed, no_counterpart, set, set_background, set_box, set_format,
    set_gravity, side,
};
use crate::options::tidy;
use crate::{Error, Options};

/// The options and filters that are read.
pub(super) const WORDS: &[&str] = &[
    "fit-in",
    "left",
    "center",
    "right",
    "top",
    "middle",
    "bottom",
    "quality",
    "format",
    "fill",
    "background_color",
    "upscale",
    "no_upscale",
    "strip_exif",
    "strip_icc",
];

/// Options that stand in a place of their own and have no counterpart.
const FOREIGN: &[&str] =
    &["debug", "meta", "trim", "adaptive-fit-in", "full-fit-in", "adaptive-full-fit-in", "stretch"];

/// The segments that are left.
struct Segments<'p>(&'p str);

/// What filters say of the box.
#[derive(Default)]
struct Frame {
    fits_in: bool,
    fills: bool,
    /// Whether an image is enlarged, where it is said.
    enlarges: Option<bool>,
}

/// Reads a path without its first slash.
pub(super) fn read(path: &str) -> Result<Translation, Error> {
    let (mut options, mut frame) = (Options::default(), Frame::default());
    let mut segments = Segments(path);
    segments.refuse_foreign()?;
    frame.fits_in = segments.take(|segment| segment == "fit-in").is_some();
    segments.refuse_foreign()?;
    let sides = match segments.take(is_size) {
        Some(size) => sides(size)?,
        None => [None, None],
    };
    align(&mut options, &mut segments)?;
    if segments.take(|segment| segment == "smart").is_some() {
        set(&mut options, "smart", "gravity", "auto")?;
    }
    if let Some(filters) = segments.take(|segment| segment.starts_with("filters:")) {
        let plain = decoded(filters).ok_or_else(|| malformed(filters))?;
        read_filters(&plain["filters:".len()..], &mut options, &mut frame)?;
    }
    frame.set(&mut options, sides)?;
    Ok(Translation { image: image(segments.0)?, options })
}

impl<'p> Segments<'p> {
    /// Takes the next segment where it fits; never the last one, which is the image.
    fn take(&mut self, fits: impl Fn(&str) -> bool) -> Option<&'p str> {
        let (segment, rest) = self.0.split_once('/')?;
        if !fits(segment) {
            return None;
        }
        self.0 = rest;
        Some(segment)
    }

    fn refuse_foreign(&mut self) -> Result<(), Error> {
        let is_crop = |segment: &str| {
            segment.split_once(':').is_some_and(|(one, other)| is_point(one) && is_point(other))
        };
        let is_foreign = |segment: &str| {
            FOREIGN.contains(&segment.split_once(':').map_or(segment, |(name, _)| name)) || is_crop(segment)
        };
        match self.take(is_foreign) {
            Some(segment) => Err(no_counterpart(segment)),
            None => Ok(()),
        }
    }
}

fn is_point(text: &str) -> bool {
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.split_once('x').is_some_and(|(x, y)| is_number(x) && is_number(y))
}

fn is_size(segment: &str) -> bool {
    let is_side = |side: &str| {
        let side = side.strip_prefix('-').unwrap_or(side);
        side == "orig" || side.bytes().all(|byte| byte.is_ascii_digit())
    };
    segment.split_once('x').is_some_and(|(width, height)| is_side(width) && is_side(height))
}

/// The sides of `400x300`; a minus flips.
fn sides(size: &str) -> Result<[Option<u32>; 2], Error> {
    let (width, height) = size.split_once('x').ok_or_else(|| malformed(size))?;
    if size == "origxorig" {
        return Ok([None, None]);
    }
    if size.contains(['-', 'o']) {
        return Err(no_counterpart(size));
    }
    Ok([side(size, width)?, side(size, height)?])
}

fn align(options: &mut Options, segments: &mut Segments<'_>) -> Result<(), Error> {
    let across = segments.take(|segment| matches!(segment, "left" | "center" | "right"));
    let down = segments.take(|segment| matches!(segment, "top" | "middle" | "bottom"));
    let share = |word: Option<&str>| match word {
        Some("left" | "top") => Some(0.0),
        Some("right" | "bottom") => Some(1.0),
        _ => None,
    };
    match across.or(down) {
        Some(word) => set_gravity(options, word, share(across), share(down)),
        None => Ok(()),
    }
}

/// Reads `name(arguments):name(arguments)`.
fn read_filters(mut rest: &str, options: &mut Options, frame: &mut Frame) -> Result<(), Error> {
    while !rest.is_empty() {
        let (name, after) = rest.split_once('(').ok_or_else(|| malformed(rest))?;
        if !WORDS.contains(&name) {
            return Err(no_counterpart(name));
        }
        let (arguments, after) = after.split_once(')').ok_or_else(|| malformed(rest))?;
        take_filter(name, arguments, options, frame)?;
        rest = match after.strip_prefix(':') {
            Some(next) if !next.is_empty() => next,
            None if after.is_empty() => after,
            _ => return Err(malformed(rest)),
        };
    }
    Ok(())
}

fn take_filter(name: &str, argument: &str, options: &mut Options, frame: &mut Frame) -> Result<(), Error> {
    match (name, argument) {
        ("quality", _) => set(options, name, "quality", argument),
        ("format", _) => set_format(options, name, argument),
        ("background_color", _) => set_background(options, name, argument),
        ("fill", _) => {
            frame.fills = true;
            set_background(options, name, argument)
        }
        ("upscale", "") => frame.set_enlarges(true),
        ("no_upscale", "") => frame.set_enlarges(false),
        ("strip_exif", "") => set(options, name, "metadata", "none"),
        // No rendition has a profile but sRGB.
        ("strip_icc", "") => Ok(()),
        _ => Err(Error::Options(format!("'{name}({})' has no counterpart here", tidy(argument)))),
    }
}

impl Frame {
    fn set_enlarges(&mut self, enlarges: bool) -> Result<(), Error> {
        self.enlarges = Some(enlarges);
        Ok(())
    }

    fn set(&self, options: &mut Options, sides: [Option<u32>; 2]) -> Result<(), Error> {
        if sides == [None, None] {
            return if self.fills { Err(lone_fill()) } else { Ok(()) };
        }
        let fit = match (self.fits_in, self.fills, self.enlarges) {
            (true, true, _) => "pad",
            (true, false, Some(true)) => "contain",
            (true, false, _) => "scale-down",
            (false, true, _) => return Err(lone_fill()),
            (false, false, Some(false)) => "crop",
            (false, false, _) => "cover",
        };
        set(options, "fit-in", "fit", fit)?;
        set_box(options, sides, 1.0)
    }
}

/// The refusal of a colour for an area that nothing leaves empty.
fn lone_fill() -> Error {
    Error::Options("'fill' has no counterpart here without fit-in and a size".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, image: &str, expected: &str) {
        let found = read(path).unwrap();
        assert_eq!((found.image.as_str(), found.options.to_string().as_str()), (image, expected), "{path}");
    }

    #[test]
    fn options_become_options_of_ours() {
        let read = |options: &str, expected| check(&format!("{options}/cats/1.jpg"), "cats/1.jpg", expected);
        read("300x200", "w=300,h=200,fit=cover");
        read("300x0/filters:no_upscale()", "w=300,fit=crop");
        read("x200/left/top", "h=200,fit=cover,gravity=0x0");
        read("300x200/center/bottom", "w=300,h=200,fit=cover,gravity=bottom");
        read("fit-in/640x480", "w=640,h=480,fit=scale-down");
        read("fit-in/640x480/filters:upscale():quality(80)", "w=640,h=480,fit=contain,quality=80");
        read("fit-in/640x480/filters:fill(white)", "w=640,h=480,fit=pad,background=%23ffffff");
        read("0x0/filters:format(jpg):strip_exif():strip_icc()", "metadata=none,format=jpeg");
        read("origxorig/filters:background_color(f80)", "background=%23ff8800");
        read("filters:quality%2880%29", "quality=80");
    }

    #[test]
    fn what_is_left_is_the_image() {
        check("cat.jpg", "cat.jpg", "");
        check("300x200", "300x200", "");
        check("300x200/300x200/a", "300x200/a", "w=300,h=200,fit=cover");
        check("smarty/x/a%20b.jpg", "smarty/x/a b.jpg", "");
        check("100x80/cats%2F1.jpg", "cats/1.jpg", "w=100,h=80,fit=cover");
        for foreign in ["100x80/https://origin.example.net/a.jpg", "https%3A%2F%2Forigin.example.net%2Fa.jpg"]
        {
            let told = read(foreign).unwrap_err().to_string();
            assert!(told.contains("'https://origin.example.net/a.jpg' lies elsewhere"), "{told}");
        }
        assert!(read("").is_err() && read("300x200/").is_err());
    }

    #[test]
    fn an_option_without_a_counterpart_is_refused_by_its_name() {
        let check = |option: &str, word: &str| {
            let told = read(&format!("{option}/a.jpg")).unwrap_err().to_string();
            assert!(told.contains(word), "{option}: {told}");
        };
        for option in [
            "meta",
            "debug",
            "trim",
            "trim:top-left:50",
            "10x20:300x400",
            "adaptive-fit-in",
            "-300x200",
            "300xorig",
        ] {
            check(option, &format!("'{option}' has no counterpart"));
        }
        check("fit-in/10x20:300x400/1x1", "10x20:300x400");
        check("300x200/smart", "'smart': gravity=auto is not built");
        check("300x200/filters:blur(7)", "'blur' has no counterpart");
        check("1x1/filters:watermark(http://h/a.png,1,1,0)", "'watermark'");
        check("1x1/filters:fill(white)", "'fill' has no counterpart");
        check("fit-in/filters:fill(white)", "'fill' has no counterpart");
        check("fit-in/1x1/filters:fill(blur)", "'fill': background must");
        check("1x1/filters:upscale(1)", "'upscale(1)'");
        check("1x1/filters:quality(0)", "'quality': quality must");
        for bad in [
            "filters:quality",
            "filters:quality(80",
            "filters:quality(80)x",
            "filters:quality(80):",
            "filters:%zz",
        ] {
            check(bad, "malformed");
        }
        check("999999999999x1", "malformed");
    }

    #[test]
    fn every_listed_word_is_known_by_its_name() {
        for word in WORDS {
            let read = |path: String| read(&path).is_ok_and(|found| found.image.as_str() == "a");
            let filter = ["", "80", "png", "red"]
                .iter()
                .any(|value| read(format!("fit-in/1x1/filters:{word}({value})/a")));
            assert!(filter || read(format!("{word}/a")), "{word}");
        }
    }
}
