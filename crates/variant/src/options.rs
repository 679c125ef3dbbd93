//! Options: what is wished for, as text in a URL and as a value. Each option is read and printed by its step.

use std::fmt;

use crate::Error;
use crate::step::background::{self, Background};
use crate::step::fit::{self, Fit};
use crate::step::format::{self, FormatWish};
use crate::step::gravity::{self, Gravity};
use crate::step::metadata::{self, MetadataPolicy};
use crate::step::quality::{self, Quality};
use crate::step::side;

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
    /// Width of the box in pixels.
    width: u32 = "w", "width" => side;
    /// Height of the box in pixels.
    height: u32 = "h", "height" => side;
    /// How the image meets the box; absent is scale-down.
    fit: Fit = "fit" => fit;
    /// What stays in view when something is cut; absent is the centre.
    gravity: Gravity = "gravity", "g" => gravity;
    /// Colour under pad and transparent areas.
    background: Background = "background" => background;
    /// What a JPEG rendition keeps of the metadata; absent is copyright.
    metadata: MetadataPolicy = "metadata" => metadata;
    /// Quality of lossy formats.
    quality: Quality = "quality", "q" => quality;
    /// Format of the rendition; absent is auto.
    format: FormatWish = "format", "f" => format;
}

impl Options {
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
        Ok(options)
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

/// A stranger's word, safe in a sentence and a header: 40 characters of printable ASCII at most.
pub(crate) fn tidy(word: &str) -> String {
    word.chars()
        .take(40)
        .map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '?' })
        .collect()
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
