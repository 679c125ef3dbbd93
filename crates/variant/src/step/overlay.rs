//! `draw`: images of the account and text that are laid over a picture, in order: how they are wished for.
//! In a URL `(image=logo;width=100;bottom=10;right=10)(text=Hello;size=48)`; a character that would end a value is
//! written as `%XX`.

use serde::{Deserialize, Serialize};

use super::background::{self, Background};
use super::fit::{self, Fit};
use super::gravity::{self, Gravity};
use super::number::{self, Length, decimal_in, whole_in};
use super::turn::{Rotate, rotate};
use crate::Error;

/// The most overlays of one rendition.
const MAX_OVERLAYS: usize = 8;

/// The most characters of a text.
const MAX_TEXT_CHARS: usize = 200;

/// The size of a text where none is wished for, in pixels.
const TEXT_SIZE: f32 = 12.0;

/// Overlays, the lowest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draw(pub Vec<Overlay>);

/// What is laid over a picture, where and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overlay {
    /// What it is.
    pub what: OverlaySource,
    /// Width of its box; of a text, where its lines break.
    pub width: Option<Length>,
    /// Height of its box.
    pub height: Option<Length>,
    /// How it meets its box.
    pub fit: Fit,
    /// What of it stays in view when it is cut.
    pub gravity: Gravity,
    /// Distance from the top; neither this nor `bottom` is the middle.
    pub top: Option<u32>,
    /// Distance from the right; neither this nor `left` is the middle.
    pub right: Option<u32>,
    /// Distance from the bottom.
    pub bottom: Option<u32>,
    /// Distance from the left.
    pub left: Option<u32>,
    /// 0 to 1.
    pub opacity: f32,
    /// Which way it is repeated.
    pub repeat: Repeat,
    /// How it is turned, as an EXIF orientation.
    pub rotate: u8,
    /// What lies under its transparent areas.
    pub background: Option<Background>,
    /// How it meets what is below.
    pub composite: Composite,
}

/// What is laid over a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OverlaySource {
    /// An image of the account.
    Image {
        /// Its id.
        id: String,
        /// The object id of its original, in hex: empty until it was looked up. It is part of the recipe's digest, so
        /// that another original under the same id makes another rendition.
        object: String,
    },
    /// A text.
    Text {
        /// One line.
        text: String,
        /// Height of the font in pixels.
        size: f32,
        /// Its colour.
        color: Background,
    },
}

/// Which way an overlay is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repeat {
    /// It is there once.
    Never,
    /// Both ways.
    Both,
    /// From left to right.
    Across,
    /// From top to bottom.
    Down,
}

/// How an overlay meets what is below (Porter and Duff's operators).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Composite {
    /// Over it.
    Over,
    /// Only the overlay, where something is below.
    In,
    /// Over it, where something is below.
    Atop,
    /// Only the overlay, where nothing is below.
    Out,
    /// Either, where the other is not.
    Xor,
    /// Both added.
    Lighter,
}

const REPEATS: [(&str, Repeat); 4] =
    [("true", Repeat::Both), ("x", Repeat::Across), ("y", Repeat::Down), ("false", Repeat::Never)];

const COMPOSITES: [(&str, Composite); 6] = [
    ("over", Composite::Over),
    ("in", Composite::In),
    ("atop", Composite::Atop),
    ("out", Composite::Out),
    ("xor", Composite::Xor),
    ("lighter", Composite::Lighter),
];

/// Reads overlays, each in parentheses. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<Draw, String> {
    let groups = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).ok_or_else(|| {
        "must be overlays in parentheses, such as (image=logo;width=100;bottom=10;right=10)".to_owned()
    })?;
    bounded(groups.split(")(").map(overlay).collect::<Result<_, _>>()?)
}

fn bounded(overlays: Vec<Overlay>) -> Result<Draw, String> {
    match overlays.len() {
        1..=MAX_OVERLAYS => Ok(Draw(overlays)),
        _ => Err(format!("must be 1 to {MAX_OVERLAYS} overlays")),
    }
}

/// Prints overlays.
pub(crate) fn print(draw: &Draw) -> String {
    draw.0.iter().map(|overlay| format!("({})", printed(overlay))).collect()
}

impl Draw {
    /// Overlays by their words, plain: `[[("image", "logo"), ("opacity", "0.5")]]`. Fails with what is wrong.
    pub fn of_words<'w, O, W>(overlays: O) -> Result<Draw, Error>
    where
        O: IntoIterator<Item = W>,
        W: IntoIterator<Item = (&'w str, &'w str)>,
    {
        let read = |words: W| {
            let mut reading = Reading::new();
            words.into_iter().try_for_each(|(name, value)| reading.word(name, value))?;
            reading.finish()
        };
        let overlays: Result<Vec<Overlay>, String> = overlays.into_iter().map(read).collect();
        overlays.and_then(bounded).map_err(|why| Error::Options(format!("draw {why}")))
    }
}

/// What the words of one overlay say.
struct Reading {
    image: Option<String>,
    text: Option<String>,
    size: f32,
    color: Background,
    overlay: Overlay,
}

fn overlay(group: &str) -> Result<Overlay, String> {
    let mut reading = Reading::new();
    for pair in group.split(';') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value).filter(|value| !value.is_empty());
        let value =
            value.ok_or_else(|| "must be words of the form name=value, each with a ; behind".to_owned())?;
        reading.word(name, &value)?;
    }
    reading.finish()
}

/// The sentence about one word of an overlay.
fn told(name: &str, why: &str) -> String {
    format!("must be right in its word {}: {why}", crate::tidy::tidy(name))
}

impl Reading {
    fn new() -> Reading {
        Reading {
            image: None,
            text: None,
            size: TEXT_SIZE,
            color: Background::BLACK,
            overlay: Overlay::plain(OverlaySource::Image { id: String::new(), object: String::new() }),
        }
    }

    fn word(&mut self, name: &str, value: &str) -> Result<(), String> {
        self.take(name, value).map_err(|why| told(name, &why))
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let overlay = &mut self.overlay;
        match name {
            "image" => self.image = Some(image(value)?),
            "text" => self.text = Some(text(value)?),
            "size" => self.size = decimal_in(value, 1.0, 2_000.0)?,
            "color" => self.color = background::parse(value)?,
            "width" | "w" => overlay.width = Some(side(value)?),
            "height" | "h" => overlay.height = Some(side(value)?),
            "fit" => overlay.fit = fit::parse(value)?,
            "gravity" => overlay.gravity = placed(value)?,
            "top" => overlay.top = Some(whole_in(value, 0, 12_000)?),
            "right" => overlay.right = Some(whole_in(value, 0, 12_000)?),
            "bottom" => overlay.bottom = Some(whole_in(value, 0, 12_000)?),
            "left" => overlay.left = Some(whole_in(value, 0, 12_000)?),
            "opacity" => overlay.opacity = decimal_in(value, 0.0, 1.0)?,
            "repeat" => overlay.repeat = named(&REPEATS, value, "must be true, x or y")?,
            "rotate" => overlay.rotate = orientation(rotate::parse(value)?),
            "background" => overlay.background = Some(background::parse(value)?),
            "composite" => {
                let expected = "must be over, in, atop, out, xor or lighter";
                overlay.composite = named(&COMPOSITES, value, expected)?;
            }
            _ => return Err("there is no such word".to_owned()),
        }
        Ok(())
    }

    fn finish(self) -> Result<Overlay, String> {
        let what = match (self.image, self.text) {
            (Some(id), None) => OverlaySource::Image { id, object: String::new() },
            (None, Some(text)) => OverlaySource::Text { text, size: self.size, color: self.color },
            _ => return Err("must be overlays that each have either an image or a text".to_owned()),
        };
        let overlay = Overlay { what, ..self.overlay };
        let both = (overlay.top.is_some() && overlay.bottom.is_some())
            || (overlay.left.is_some() && overlay.right.is_some());
        if both { Err("must not be held at both of two opposite sides".to_owned()) } else { Ok(overlay) }
    }
}

impl Overlay {
    /// An overlay in the middle, as it is.
    pub fn plain(what: OverlaySource) -> Overlay {
        Overlay {
            what,
            width: None,
            height: None,
            fit: Fit::ScaleDown,
            gravity: Gravity::Center,
            top: None,
            right: None,
            bottom: None,
            left: None,
            opacity: 1.0,
            repeat: Repeat::Never,
            rotate: 1,
            background: None,
            composite: Composite::Over,
        }
    }

    /// Its words and their values, plain, as far as they differ from what it is without them.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        words(self)
    }

    /// The overlay on a screen with so many physical pixels for each of its layout.
    pub(crate) fn at(&self, dpr: f64) -> Overlay {
        let scaled = |pixels: u32| (f64::from(pixels) * dpr).round() as u32;
        let length = |length| match length {
            Length::Pixels(pixels) => Length::Pixels(scaled(pixels).max(1)),
            share => share,
        };
        let what = match &self.what {
            OverlaySource::Text { text, size, color } => OverlaySource::Text {
                text: text.clone(),
                size: (f64::from(*size) * dpr) as f32,
                color: *color,
            },
            image => image.clone(),
        };
        Overlay {
            what,
            width: self.width.map(length),
            height: self.height.map(length),
            top: self.top.map(scaled),
            right: self.right.map(scaled),
            bottom: self.bottom.map(scaled),
            left: self.left.map(scaled),
            ..self.clone()
        }
    }
}

fn printed(overlay: &Overlay) -> String {
    let pairs: Vec<String> =
        overlay.words().iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join(";")
}

/// The words of an overlay that differ from what it is without them.
fn words(overlay: &Overlay) -> Vec<(&'static str, String)> {
    let plain = Overlay::plain(overlay.what.clone());
    let mut words: Vec<(&'static str, String)> = Vec::new();
    match &overlay.what {
        OverlaySource::Image { id, .. } => words.push(("image", id.clone())),
        OverlaySource::Text { text, size, color } => {
            words.push(("text", text.clone()));
            words.push(("size", size.to_string()));
            words.push(("color", colour(*color)));
        }
    }
    words.extend(overlay.width.map(|width| ("width", number::print(&width))));
    words.extend(overlay.height.map(|height| ("height", number::print(&height))));
    words.extend((overlay.fit != plain.fit).then(|| ("fit", fit::print(&overlay.fit))));
    words.extend((overlay.gravity != plain.gravity).then(|| ("gravity", gravity::print(&overlay.gravity))));
    let sides =
        [("top", overlay.top), ("right", overlay.right), ("bottom", overlay.bottom), ("left", overlay.left)];
    words.extend(sides.into_iter().filter_map(|(name, side)| Some((name, side?.to_string()))));
    words.extend((overlay.opacity != plain.opacity).then(|| ("opacity", overlay.opacity.to_string())));
    words.extend((overlay.repeat != plain.repeat).then(|| ("repeat", word(&REPEATS, overlay.repeat))));
    let degrees = || match overlay.rotate {
        6 => "90",
        3 => "180",
        _ => "270",
    };
    words.extend((overlay.rotate != plain.rotate).then(|| ("rotate", degrees().to_owned())));
    words.extend(overlay.background.map(|under| ("background", colour(under))));
    words.extend(
        (overlay.composite != plain.composite).then(|| ("composite", word(&COMPOSITES, overlay.composite))),
    );
    words
}

/// A colour in plain CSS.
fn colour(colour: Background) -> String {
    background::print(&colour).replace("%23", "#")
}

fn orientation(rotate: Rotate) -> u8 {
    super::turn::wished(None, Some(rotate)).0
}

fn named<T: Copy>(names: &[(&str, T)], value: &str, expected: &str) -> Result<T, String> {
    names.iter().find_map(|(name, one)| (*name == value).then_some(*one)).ok_or_else(|| expected.to_owned())
}

fn word<T: PartialEq>(names: &[(&str, T)], value: T) -> String {
    names.iter().find(|(_, one)| *one == value).map_or_else(String::new, |(name, _)| (*name).to_owned())
}

fn side(value: &str) -> Result<Length, String> {
    match number::parse(value)? {
        Length::Pixels(0) => Err("must be more than 0".to_owned()),
        Length::Share(0.0) => Err("must be more than 0".to_owned()),
        length => Ok(length),
    }
}

/// A place that needs no look at the overlay's pixels.
fn placed(value: &str) -> Result<Gravity, String> {
    match gravity::parse(value)? {
        Gravity::Auto | Gravity::Entropy | Gravity::Focal => {
            Err("must be a side, center or a point in an overlay".to_owned())
        }
        place => Ok(place),
    }
}

/// The id of an image of the account.
fn image(value: &str) -> Result<String, String> {
    let id: domain::ImageId = value.parse().map_err(|why: domain::Invalid| why.0)?;
    Ok(id.to_string())
}

fn text(value: &str) -> Result<String, String> {
    let fits = value.chars().count() <= MAX_TEXT_CHARS && !value.chars().any(char::is_control);
    if !fits {
        return Err(format!("must be at most {MAX_TEXT_CHARS} characters in a line"));
    }
    match crate::letters::missing(value) {
        Some(letter) => {
            Err(format!("must have no U+{:04X}, which the font does not have", u32::from(letter)))
        }
        None => Ok(value.to_owned()),
    }
}

/// Decodes each `%XX` once; none where the result is not UTF-8 or an escape is broken.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(if byte == b'%' { (digit()? << 4 | digit()?) as u8 } else { byte });
    }
    String::from_utf8(bytes).ok()
}

/// Encodes what could end a value or be taken for something else: a slash would end the last part of a URL.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | ':' | '!' | '?' | '\'') {
            text.push(c);
        } else {
            let mut bytes = [0; 4];
            text.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    text
}
