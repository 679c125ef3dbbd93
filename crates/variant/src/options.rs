//! Options: what is wished for, as text in a URL and as a value. Each option is read and printed by its step.

use std::convert::Infallible;
use std::fmt;

use crate::Error;
use crate::step::background::{self, Background};
use crate::step::fit::{self, Fit};
use crate::step::format::{self, Compression, FormatWish, anim, compression, max_bytes};
use crate::step::gravity::{self, Gravity};
use crate::step::metadata::{self, MetadataPolicy};
use crate::step::number::{self, Length};
use crate::step::overlay::{self, Draw};
use crate::step::quality::{self, Quality};
use crate::step::seam::{OnError, Upscale, onerror, segment, upscale, zoom};
use crate::step::side::{self, Width, breakpoints, dpr, width};
use crate::step::trim::{self, Trim, keep, tolerance};
use crate::step::turn::{Flip, Rotate, flip, rotate};
use crate::step::{adjust, blur, border, sharpen};
use crate::tidy::tidy;

/// The most options in one text.
const MAX_OPTIONS: usize = 64;

/// Defines [`Options`] from the list of options, in the order in which they are printed: a line each, with the word
/// that is printed first, then its other words, and the step that knows it.
macro_rules! options {
    ($($(#[$doc:meta])* $field:ident: $value:ty = $word:literal $(, $alias:literal)* => $step:ident;)*) => {
        /// A wish for a rendition. `Display` prints it as it stands in a URL (`w=400,fit=cover`),
        /// [`Options::parse`] reads it.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Options {
            $($(#[$doc])* pub $field: Option<$value>,)*
            /// Known or unknown words that this build does not act on, in order: they make a `warning` header.
            pub ignored: Vec<(String, String)>,
        }

        impl Options {
            /// Sets one option by its word or alias; what this build does not know goes to `ignored`.
            /// A later value replaces an earlier one (contract R-81).
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
                match name {
                    $($word $(| $alias)* => self.$field = Some($step::parse(value).map_err(|why| named(name, &why))?),)*
                    _ => self.ignore(name, value)?,
                }
                Ok(())
            }

            /// Takes one option back, by its word or alias; a word that is not known here too.
            pub fn unset(&mut self, name: &str) {
                match name {
                    $($word $(| $alias)* => self.$field = None,)*
                    _ => self.ignored.retain(|(known, _)| known != name),
                }
            }

            /// The words of every option that is built, those that are printed first, with their aliases.
            pub const WORDS: &'static [&'static [&'static str]] = &[$(&[$word $(, $alias)*]),*];

            fn printed(&self) -> Vec<(&str, String)> {
                let mut list = Vec::new();
                $(if let Some(value) = &self.$field {
                    list.push(($word, $step::print(value)));
                })*
                list.extend(self.ignored.iter().map(|(name, value)| (name.as_str(), value.clone())));
                list
            }
        }
    };
}

options! {
    /// Width of the box.
    width: Width = "w", "width" => width;
    /// Height of the box in pixels.
    height: u32 = "h", "height" => side;
    /// Physical pixels for each pixel of width, height, trims, borders and overlays.
    dpr: f32 = "dpr" => dpr;
    /// The widths that `width=auto` chooses from, in pixels.
    breakpoints: Vec<u32> = "wbreakpoints" => breakpoints;
    /// The viewport of a phone that tells none, in pixels.
    mobile_width: u32 = "wmobile" => side;
    /// The viewport of anything else that tells none, in pixels.
    desktop_width: u32 = "wdesktop" => side;
    /// How the image meets the box; absent is scale-down.
    fit: Fit = "fit" => fit;
    /// What stays in view when something is cut; absent is the focal point, else the centre.
    gravity: Gravity = "gravity", "g" => gravity;
    /// How close faces are cut; not built in.
    zoom: Infallible = "zoom", "face-zoom" => zoom;
    /// What is cut before all else.
    trim: Trim = "trim" => trim;
    /// What is cut from the top.
    trim_top: Length = "trim.top" => number;
    /// What is cut from the left.
    trim_left: Length = "trim.left" => number;
    /// What is left across.
    trim_width: Length = "trim.width" => number;
    /// What is left down.
    trim_height: Length = "trim.height" => number;
    /// The colour of the border that `trim=border` cuts.
    trim_border_color: Background = "trim.border.color" => background;
    /// How far a channel may lie from it, 0 to 255.
    trim_border_tolerance: u8 = "trim.border.tolerance" => tolerance;
    /// Pixels of it that stay.
    trim_border_keep: u32 = "trim.border.keep" => keep;
    /// Which way the picture is mirrored.
    flip: Flip = "flip" => flip;
    /// How far it is turned, after the flip.
    rotate: Rotate = "rotate" => rotate;
    /// Factor of brightness.
    brightness: f32 = "brightness" => adjust;
    /// Factor of contrast.
    contrast: f32 = "contrast" => adjust;
    /// Factor of saturation; 0 is greyscale.
    saturation: f32 = "saturation" => adjust;
    /// Gamma; above 1 is darker.
    gamma: f32 = "gamma" => adjust;
    /// Radius of a blur, in pixels.
    blur: f32 = "blur" => blur;
    /// Strength of sharpening.
    sharpen: f32 = "sharpen" => sharpen;
    /// Cuts the foreground out; not built in.
    segment: Infallible = "segment" => segment;
    /// How missing pixels are made.
    upscale: Upscale = "upscale" => upscale;
    /// Colour under pad and transparent areas.
    background: Background = "background" => background;
    /// Colour of the border; absent is black.
    border_color: Background = "border.color" => background;
    /// Width of the border on every side, in pixels.
    border_width: u32 = "border.width", "border" => border;
    /// Width of the border above, in pixels.
    border_top: u32 = "border.top" => border;
    /// Width of the border on the right, in pixels.
    border_right: u32 = "border.right" => border;
    /// Width of the border below, in pixels.
    border_bottom: u32 = "border.bottom" => border;
    /// Width of the border on the left, in pixels.
    border_left: u32 = "border.left" => border;
    /// What is laid over the picture. In an unsigned URL it is refused.
    draw: Draw = "draw" => overlay;
    /// What a JPEG rendition keeps of the metadata; absent is copyright.
    metadata: MetadataPolicy = "metadata" => metadata;
    /// Quality of lossy formats.
    quality: Quality = "quality", "q" => quality;
    /// Quality on slow or dear connections.
    slow_quality: Quality = "slow-connection-quality", "scq" => quality;
    /// The most bytes of a rendition; its quality gives way.
    max_bytes: u32 = "max_bytes" => max_bytes;
    /// Format of the rendition; absent is auto.
    format: FormatWish = "format", "f" => format;
    /// Whether an animation stays one; absent is true.
    anim: bool = "anim" => anim;
    /// Speed before size.
    compression: Compression = "compression" => compression;
    /// Of no effect for images of the account.
    onerror: OnError = "onerror" => onerror;
}

impl Options {
    /// Whether the width depends on what a visitor's request tells of the screen.
    pub fn ask_for_width(&self) -> bool {
        self.width == Some(Width::Auto)
    }

    /// Whether the quality depends on what a visitor's request tells of the connection.
    pub fn ask_for_speed(&self) -> bool {
        self.slow_quality.is_some()
    }

    /// Reads a comma list of `name=value`, at least one, without spaces; commas inside parentheses belong to the
    /// value. A malformed value is an error that names the option.
    pub fn parse(text: &str) -> Result<Options, Error> {
        if text.is_empty() {
            return Err(Error::Options("at least one option is needed".to_owned()));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::Options("options are written without spaces".to_owned()));
        }
        let mut options = Options::default();
        for (count, part) in split(text).enumerate() {
            if count == MAX_OPTIONS {
                return Err(Error::Options(format!("there are more than {MAX_OPTIONS} options")));
            }
            let (name, value) =
                part.split_once('=').filter(|(name, value)| is_word(name) && !value.is_empty()).ok_or_else(
                    || Error::Options(format!("'{}' is not an option of the form name=value", tidy(part))),
                )?;
            options.set(name, value)?;
        }
        options.check()?;
        Ok(options)
    }

    /// Reads options that an earlier build has kept, of which there may be none. What this build refuses, which that one did
    /// not know, is ignored as it was then.
    pub fn kept(text: &str) -> Options {
        let mut options = Options::default();
        for part in split(text).take(MAX_OPTIONS) {
            let Some((name, value)) = part.split_once('=') else { continue };
            let mut changed = options.clone();
            if changed.set(name, value).and_then(|()| changed.check()).is_ok() {
                options = changed;
            } else {
                options.ignored.push((name.to_owned(), value.to_owned()));
            }
        }
        options
    }

    /// Refuses a trim that is wished for in two forms at once.
    pub fn check(&self) -> Result<(), Error> {
        let parts = [self.trim_top, self.trim_left, self.trim_width, self.trim_height];
        let border = self.trim_border_color.is_some()
            || self.trim_border_tolerance.is_some()
            || self.trim_border_keep.is_some();
        let forms = [
            matches!(self.trim, Some(Trim::Sides(_))),
            parts.iter().any(Option::is_some),
            self.trim == Some(Trim::Border) || border,
        ];
        if forms.into_iter().filter(|form| *form).count() > 1 {
            let told =
                "trim must have one of its forms: border, top;right;bottom;left, or trim.top and its like";
            return Err(Error::Options(told.to_owned()));
        }
        Ok(())
    }

    /// Keeps a word that nothing is made of.
    fn ignore(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.ignored.retain(|(known, _)| known != name);
        if self.ignored.len() == MAX_OPTIONS {
            return Err(Error::Options(format!("there are more than {MAX_OPTIONS} options")));
        }
        self.ignored.push((name.to_owned(), value.to_owned()));
        Ok(())
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.printed().into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}

/// The full name of an option, as the contract has it.
fn named(name: &str, why: &str) -> Error {
    let full = Options::WORDS.iter().find(|words| words.contains(&name));
    let full = full.and_then(|words| words.iter().max_by_key(|word| word.len())).unwrap_or(&name);
    let joint = if why.starts_with("must") { " " } else { "=" };
    Error::Options(format!("{full}{joint}{why}"))
}

/// Whether a name can be an option's, of today or of tomorrow: `w`, `face-zoom`, `trim.border.color`. All else is no
/// option that could be ignored with a warning, but another spelling of something: `public;a=b`.
fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

#[cfg(test)]
mod tests;
