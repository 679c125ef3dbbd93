//! thumbor: options as segments in one order, filters, then the image. Its default is to fill a box and to enlarge.

use super::ours::{
    Translation, decoded, image, malformed, no_counterpart, set, set_background, set_box, set_factor,
    set_format, set_gravity, side,
};
use crate::tidy::tidy;
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
    "smart",
    "trim",
    "blur",
    "sharpen",
    "brightness",
    "contrast",
    "saturation",
    "grayscale",
    "rotate",
    "max_bytes",
    "stretch",
];

/// Options that stand in a place of their own and have no counterpart.
const FOREIGN: &[&str] =
    &["debug", "meta", "adaptive-fit-in", "full-fit-in", "adaptive-full-fit-in", "stretch"];

/// The segments that are left.
struct Segments<'p>(&'p str);

/// What filters say of the box.
#[derive(Default)]
struct Frame {
    fits_in: bool,
    fills: bool,
    stretches: bool,
    /// Whether an image is enlarged, where it is said.
    enlarges: Option<bool>,
}

/// Reads a path without its first slash.
pub(super) fn read(path: &str) -> Result<Translation, Error> {
    let (mut options, mut frame) = (Options::default(), Frame::default());
    let mut segments = Segments(path);
    segments.refuse_foreign()?;
    if let Some(segment) = segments.take(|segment| segment == "trim" || segment.starts_with("trim:")) {
        trim(&mut options, segment)?;
    }
    if let Some(segment) = segments.take(is_crop) {
        crop(&mut options, segment)?;
    }
    segments.refuse_foreign()?;
    frame.fits_in = segments.take(|segment| segment == "fit-in").is_some();
    segments.refuse_foreign()?;
    let sides = match segments.take(is_size) {
        Some(size) => sides(&mut options, size)?,
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
    options.check()?;
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
        let is_foreign =
            |segment: &str| FOREIGN.contains(&segment.split_once(':').map_or(segment, |(name, _)| name));
        match self.take(is_foreign) {
            Some(segment) => Err(no_counterpart(segment)),
            None => Ok(()),
        }
    }
}

fn is_crop(segment: &str) -> bool {
    segment.split_once(':').is_some_and(|(one, other)| is_point(one) && is_point(other))
}

/// A crop `10x20:300x400`: left and top, right and bottom, in pixels.
fn crop(options: &mut Options, segment: &str) -> Result<(), Error> {
    let numbers: Option<Vec<u32>> = segment
        .split([':', 'x'])
        .map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten())
        .collect();
    let Some(&[left, top, right, bottom]) = numbers.as_deref() else { return Err(no_counterpart(segment)) };
    if [left, top, right, bottom] == [0; 4] {
        return Ok(());
    }
    if right <= left || bottom <= top {
        return Err(malformed(segment));
    }
    let parts =
        [("trim.left", left), ("trim.top", top), ("trim.width", right - left), ("trim.height", bottom - top)];
    parts.into_iter().try_for_each(|(name, pixels)| set(options, segment, name, &pixels.to_string()))
}

/// A border of the colour of the corners, with a tolerance: `trim:top-left:50`.
fn trim(options: &mut Options, segment: &str) -> Result<(), Error> {
    let tolerance = match segment.split(':').skip(1).collect::<Vec<_>>()[..] {
        [] | ["top-left"] => None,
        ["top-left", tolerance] => Some(tolerance),
        _ => return Err(no_counterpart(segment)),
    };
    set(options, segment, "trim", "border")?;
    tolerance.map_or(Ok(()), |tolerance| set(options, segment, "trim.border.tolerance", tolerance))
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
fn sides(options: &mut Options, size: &str) -> Result<[Option<u32>; 2], Error> {
    let (width, height) = size.split_once('x').ok_or_else(|| malformed(size))?;
    if size == "origxorig" {
        return Ok([None, None]);
    }
    if size.contains('o') {
        return Err(no_counterpart(size));
    }
    let flips = match (width.starts_with('-'), height.starts_with('-')) {
        (false, false) => None,
        (true, false) => Some("h"),
        (false, true) => Some("v"),
        (true, true) => Some("hv"),
    };
    flips.map_or(Ok(()), |flips| set(options, size, "flip", flips))?;
    Ok([side(size, width.trim_start_matches('-'))?, side(size, height.trim_start_matches('-'))?])
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
        ("blur", _) => set(options, name, "blur", argument.split(',').next().unwrap_or_default()),
        ("sharpen", _) => set(options, name, "sharpen", argument.split(',').next().unwrap_or_default()),
        ("brightness" | "contrast", _) => set_factor(options, name, name, argument),
        ("saturation", _) => set(options, name, "saturation", argument),
        ("grayscale", "") => set(options, name, "saturation", "0"),
        // Theirs turns the finished rendition, the other way round.
        ("rotate", "0" | "180") => set(options, name, "rotate", argument),
        ("max_bytes", _) => set(options, name, "max_bytes", argument),
        ("stretch", "") => {
            frame.stretches = true;
            Ok(())
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
        if self.stretches {
            set(options, "stretch", "fit", "squeeze")?;
            return set_box(options, sides, 1.0);
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

    const LOOK: &str = "brightness=0.8,contrast=1.4,blur=7,sharpen=2";

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
        read("-300x200/smart", "w=300,h=200,fit=cover,gravity=auto,flip=h");
        read("-0x-0", "flip=hv");
        read("trim:top-left:50/1x1", "w=1,h=1,fit=cover,trim=border,trim.border.tolerance=50");
        read("10x20:300x400", "trim.top=20,trim.left=10,trim.width=290,trim.height=380");
        read("trim/0x0:0x0", "trim=border");
        read("filters:blur(7,2):sharpen(2,1.0,true):brightness(-20):contrast(40)", LOOK);
        read(
            "filters:saturation(1.5):rotate(180):max_bytes(40000)",
            "rotate=180,saturation=1.5,max_bytes=40000",
        );
        read("filters:grayscale()", "saturation=0");
        read("30x20/filters:stretch():format(avif)", "w=30,h=20,fit=squeeze,format=avif");
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
        for option in ["meta", "debug", "trim:bottom-right", "0.1x0.2:0.3x0.4", "adaptive-fit-in", "300xorig"]
        {
            check(option, &format!("'{option}' has no counterpart"));
        }
        check("10x20:5x400", "'10x20:5x400' is malformed");
        check("trim/10x20:30x40", "trim must have one of its forms");
        check("300x200/filters:noise(7)", "'noise' has no counterpart");
        check("1x1/filters:rotate(90)", "'rotate(90)' has no counterpart");
        check("1x1/filters:blur(0)", "'blur': blur must");
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
            let filter = ["", "80", "png", "red", "180", "8000", "8"]
                .iter()
                .any(|value| read(format!("fit-in/1x1/filters:{word}({value})/a")));
            assert!(filter || read(format!("{word}/a")), "{word}");
        }
    }
}
