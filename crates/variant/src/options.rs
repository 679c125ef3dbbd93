//! Options: what is wished for, as text in a URL and as a value.

/// A wish for a rendition. `Display` prints it as it stands in a URL (`w=400,fit=cover`), [`Options::parse`] reads it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// Width of the box in pixels.
    pub width: Option<u32>,
    /// Height of the box in pixels.
    pub height: Option<u32>,
    /// How the image meets the box; absent is scale-down.
    pub fit: Option<Fit>,
    /// What stays in view when something is cut; absent is the centre.
    pub gravity: Option<Gravity>,
    /// Quality of lossy formats.
    pub quality: Option<Quality>,
    /// Format of the rendition; absent is auto.
    pub format: Option<FormatWish>,
    /// Colour under pad and transparent areas.
    pub background: Option<Background>,
    /// What a JPEG rendition keeps of the metadata; absent is copyright.
    pub metadata: Option<MetadataPolicy>,
    /// Known or unknown words that this build does not act on, in order: they make a `warning` header.
    pub ignored: Vec<(String, String)>,
}

/// How an image meets its box (contract 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit { /// Within the box, never enlarged.
    ScaleDown, /// Within the box.
    Contain, /// Fills the box, the rest is cut.
    Cover, /// As cover, never enlarged.
    Crop, /// Within the box, filled up with background.
    Pad }

/// What stays in view when something is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gravity { /// The middle.
    Center, /// The left side.
    Left, /// The right side.
    Right, /// The top.
    Top, /// The bottom.
    Bottom, /// A point, each coordinate 0 to 1.
    Point { /// From the left.
        x: f32, /// From the top.
        y: f32 } }

/// Quality of lossy formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality { /// 1 to 100.
    Number(u8), /// 90.
    High, /// 70.
    MediumHigh, /// 50.
    MediumLow, /// 35.
    Low }

/// The wished format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatWish { /// By `Accept`.
    Auto, /// JPEG, progressive by size.
    Jpeg, /// JPEG, never progressive.
    BaselineJpeg, /// PNG.
    Png, /// WebP.
    Webp }

/// A CSS colour, as 8-bit sRGB with alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Background { /// Red, green, blue, alpha.
    pub rgba: [u8; 4] }

/// What a JPEG rendition keeps of the original's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataPolicy { /// Only the copyright tag.
    Copyright, /// What is safe to keep whole.
    Keep, /// Nothing.
    None }

impl Options {
    /// Reads a comma list of `name=value`. A malformed value is an error that names the option.
    pub fn parse(_text: &str) -> Result<Options, crate::Error> {
        todo!()
    }

    /// Sets one option by its word or alias; what this build does not know goes to `ignored`.
    /// A later value replaces an earlier one (contract R-81).
    pub fn set(&mut self, _name: &str, _value: &str) -> Result<(), crate::Error> {
        todo!()
    }
}

impl std::fmt::Display for Options {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
