//! The formats, a file each. This list knows its members; a member knows only what decoders give and the canvas.

use std::borrow::Cow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::animation::{FrameSink, Frames, Reel};
use crate::canvas::{Canvas, Extras};
use crate::decode::{Header, Order, Sink};
use crate::step::metadata::{self, MetadataPolicy};
use crate::{Error, Limits};

mod avif;
mod gif;
#[cfg(feature = "heic")]
mod heic;
mod heif;
mod jpeg;
mod jxl;
#[cfg(test)]
mod matrix;
pub(crate) mod palette;
mod png;
mod svg;
mod webp;

/// An encoding of images. Its name in serde is its media subtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
    /// AVIF.
    Avif,
    /// JPEG XL.
    Jxl,
    /// HEIC; only read, and only in builds with the feature `heic`.
    Heic,
    /// SVG; never pixels.
    Svg,
    /// No picture: what one would be; goes out only.
    Json,
}

impl Format {
    /// Every format that is read, in the order in which people are told of them.
    pub const ALL: [Format; Format::PICTURES.len() + 1] = {
        let mut all = [Format::Svg; Format::PICTURES.len() + 1];
        let mut index = 0;
        while index < Format::PICTURES.len() {
            all[index] = Format::PICTURES[index];
            index += 1;
        }
        all
    };

    /// Those that are made of pixels.
    #[cfg(not(feature = "heic"))]
    pub const PICTURES: [Format; 6] =
        [Format::Jpeg, Format::Png, Format::Webp, Format::Avif, Format::Gif, Format::Jxl];

    /// Those that are made of pixels.
    #[cfg(feature = "heic")]
    pub const PICTURES: [Format; 7] =
        [Format::Jpeg, Format::Png, Format::Webp, Format::Avif, Format::Gif, Format::Jxl, Format::Heic];

    /// Every format by its name, as in `JPEG, PNG or GIF`; `last` stands before the last one.
    pub fn told(last: &str) -> String {
        let labels = Format::ALL.map(Format::label);
        let (end, rest) = labels.split_last().unwrap_or((&"", &[]));
        format!("{} {last} {end}", rest.join(", "))
    }

    /// The media type, as in `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Webp => "image/webp",
            Format::Gif => "image/gif",
            Format::Avif => "image/avif",
            Format::Jxl => "image/jxl",
            Format::Heic => "image/heic",
            Format::Svg => "image/svg+xml",
            Format::Json => "application/json",
        }
    }

    /// The extension of file names, without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Webp => "webp",
            Format::Gif => "gif",
            Format::Avif => "avif",
            Format::Jxl => "jxl",
            Format::Heic => "heic",
            Format::Svg => "svg",
            Format::Json => "json",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::Webp => "WebP",
            Format::Gif => "GIF",
            Format::Avif => "AVIF",
            Format::Jxl => "JPEG XL",
            Format::Heic => "HEIC",
            Format::Svg => "SVG",
            Format::Json => "JSON",
        }
    }

    /// The format that a file begins as.
    pub(crate) fn of(bytes: &[u8]) -> Option<Format> {
        Format::ALL.into_iter().find(|format| match format {
            Format::Jpeg => jpeg::begins(bytes),
            Format::Png => png::begins(bytes),
            Format::Webp => webp::begins(bytes),
            Format::Gif => gif::begins(bytes),
            Format::Avif => avif::begins(bytes),
            Format::Jxl => jxl::begins(bytes),
            #[cfg(feature = "heic")]
            Format::Heic => heic::begins(bytes),
            #[cfg(not(feature = "heic"))]
            Format::Heic => false,
            Format::Svg => svg::begins(bytes),
            Format::Json => false,
        })
    }

    /// Reads the header of a file that begins as this format; no pixel is decoded.
    pub(crate) fn header<'a>(self, bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
        match self {
            Format::Jpeg => jpeg::header(bytes, limits),
            Format::Png => png::header(bytes, limits),
            Format::Webp => webp::header(bytes),
            Format::Gif => gif::header(bytes),
            Format::Avif => avif::header(bytes, limits),
            Format::Jxl => jxl::header(bytes, limits),
            #[cfg(feature = "heic")]
            Format::Heic => heic::header(bytes, limits),
            #[cfg(not(feature = "heic"))]
            Format::Heic => Err(self.not_built()),
            Format::Svg => svg::header(bytes, limits),
            Format::Json => Err(self.not_built()),
        }
    }

    /// What a policy keeps of the EXIF of a file in this format.
    pub(crate) fn exif(self, bytes: &[u8], policy: MetadataPolicy) -> Option<Vec<u8>> {
        let exif = match self {
            _ if policy == MetadataPolicy::None => None,
            Format::Jpeg => jpeg::exif(bytes).map(Cow::Borrowed),
            Format::Png => png::exif(bytes).map(Cow::Borrowed),
            Format::Webp => webp::exif(bytes).map(Cow::Borrowed),
            Format::Avif => avif::exif(bytes).map(Cow::Owned),
            Format::Gif | Format::Jxl | Format::Heic | Format::Svg | Format::Json => None,
        };
        metadata::kept(policy, exif.as_deref())
    }

    /// Decodes the first frame into a sink.
    pub(crate) fn decode(self, order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
        match self {
            Format::Jpeg => jpeg::decode(order, sink),
            Format::Png => png::decode(order, sink),
            Format::Webp => webp::decode(order, sink),
            Format::Gif => gif::decode(order, sink),
            Format::Avif => avif::decode(order, sink),
            Format::Jxl => jxl::decode(order, sink),
            #[cfg(feature = "heic")]
            Format::Heic => heic::decode(order, sink),
            #[cfg(not(feature = "heic"))]
            Format::Heic => Err(self.not_built()),
            Format::Svg | Format::Json => Err(self.not_built()),
        }
    }

    /// Plays an animation, frame by frame, each whole.
    pub(crate) fn frames<'a>(self, order: &Order<'a>) -> Result<Box<dyn Frames + 'a>, Error> {
        match self {
            Format::Gif => gif::frames(order),
            Format::Webp => webp::frames(order),
            Format::Png => png::frames(order),
            Format::Jpeg | Format::Avif | Format::Jxl | Format::Heic | Format::Svg | Format::Json => {
                Err(Error::Damaged("it is no animation".to_owned()))
            }
        }
    }

    /// The file anew as it is, without metadata or anything else that is not seen; an SVG without what runs or links.
    pub(crate) fn as_it_is(self, bytes: &[u8], limits: &Limits, deadline: Instant) -> Result<Vec<u8>, Error> {
        if self == Format::Svg {
            return svg::sanitised(bytes, limits, deadline, &embedded);
        }
        self.bare(bytes).ok_or_else(|| Error::Damaged("it ends early".to_owned()))
    }

    /// The file without what is not seen, nothing decoded; nothing when it is broken or cannot be had so.
    fn bare(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Format::Jpeg => jpeg::bare(bytes, metadata::orientation(jpeg::exif(bytes))),
            Format::Png => png::bare(bytes),
            Format::Webp => webp::bare(bytes),
            Format::Gif => gif::bare(bytes),
            Format::Avif | Format::Jxl | Format::Heic | Format::Svg | Format::Json => None,
        }
    }

    fn not_built(self) -> Error {
        Error::NotAnImage(self.label().to_owned())
    }
}

/// A picture within an SVG, without what is not seen in it.
fn embedded(bytes: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let format = Format::of(bytes)?;
    Some((format.media_type(), format.bare(bytes)?))
}

/// How hard an encoder tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effort {
    /// As hard as pays.
    Usual,
    /// Speed before size (`compression=fast`).
    Fast,
}

/// An encoder with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// JPEG at a quality of libjpeg.
    Jpeg {
        /// Of libjpeg.
        quality: u8,
        /// Progressive or baseline.
        progressive: bool,
        /// How hard it tries.
        effort: Effort,
    },
    /// PNG, true colour.
    Png {
        /// How hard it tries.
        effort: Effort,
    },
    /// PNG with up to 256 colours.
    PngPalette {
        /// Of the palette.
        quality: u8,
        /// How hard it tries.
        effort: Effort,
    },
    /// WebP at a quality of libwebp.
    Webp {
        /// Of libwebp.
        quality: u8,
        /// How hard it tries.
        effort: Effort,
    },
    /// WebP without loss.
    WebpLossless {
        /// How hard it tries.
        effort: Effort,
    },
    /// AVIF at the public quality number.
    Avif {
        /// The public number.
        quality: u8,
        /// How hard it tries.
        effort: Effort,
    },
    /// JPEG XL at the public quality number.
    Jxl {
        /// The public number.
        quality: u8,
        /// How hard it tries.
        effort: Effort,
    },
    /// GIF.
    Gif,
    /// The sanitised original, an SVG.
    Svg,
    /// What the rendition would be, without pixels (contract R-79).
    Json,
}

impl Encoding {
    /// The format that comes out.
    pub const fn format(self) -> Format {
        match self {
            Encoding::Jpeg { .. } => Format::Jpeg,
            Encoding::Png { .. } | Encoding::PngPalette { .. } => Format::Png,
            Encoding::Webp { .. } | Encoding::WebpLossless { .. } => Format::Webp,
            Encoding::Avif { .. } => Format::Avif,
            Encoding::Jxl { .. } => Format::Jxl,
            Encoding::Gif => Format::Gif,
            Encoding::Svg => Format::Svg,
            Encoding::Json => Format::Json,
        }
    }

    /// The encoder and its settings in six bytes, no two alike.
    pub(crate) const fn code(self) -> [u8; 6] {
        match self {
            Encoding::Jpeg { quality, progressive, effort } => {
                [1, quality, progressive as u8, effort as u8, 0, 0]
            }
            Encoding::Png { effort } => [2, 0, 0, effort as u8, 0, 0],
            Encoding::PngPalette { quality, effort } => [3, quality, 0, effort as u8, 0, 0],
            Encoding::Webp { quality, effort } => [4, quality, 0, effort as u8, 0, 0],
            Encoding::WebpLossless { effort } => [5, 0, 0, effort as u8, 0, 0],
            Encoding::Avif { quality, effort } => [6, quality, 0, effort as u8, 0, 0],
            Encoding::Jxl { quality, effort } => [7, quality, 0, effort as u8, 0, 0],
            Encoding::Gif => [8; 6],
            Encoding::Svg => [9; 6],
            Encoding::Json => [10; 6],
        }
    }

    /// The quality that is asked for, where the encoder has one.
    pub const fn quality(self) -> Option<u8> {
        match self {
            Encoding::Jpeg { quality, .. }
            | Encoding::PngPalette { quality, .. }
            | Encoding::Webp { quality, .. }
            | Encoding::Avif { quality, .. }
            | Encoding::Jxl { quality, .. } => Some(quality),
            Encoding::Png { .. }
            | Encoding::WebpLossless { .. }
            | Encoding::Gif
            | Encoding::Svg
            | Encoding::Json => None,
        }
    }

    /// Begins an animation in a format that has one.
    pub(crate) fn animation(self, reel: Reel, deadline: Instant) -> Result<Box<dyn FrameSink>, Error> {
        match self {
            Encoding::Webp { quality, effort } => webp::animation(reel, Some(quality), effort, deadline),
            Encoding::WebpLossless { effort } => webp::animation(reel, None, effort, deadline),
            Encoding::Gif => gif::animation(reel, deadline),
            _ => Err(Error::Encode(format!("{} has no frames", self.format().label()))),
        }
    }

    /// Encodes a canvas. Only JPEG takes the extras, and has no alpha: its canvas must lie on a background already.
    pub(crate) fn encode(
        self,
        canvas: Canvas,
        extras: Extras<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Encoding::Jpeg { quality, progressive, effort } => {
                jpeg::encode(&canvas.without_alpha(), quality, progressive, effort, extras, deadline)
            }
            Encoding::Png { .. } => png::encode(&canvas),
            Encoding::PngPalette { quality, effort } => {
                png::encode_palette(&canvas, quality, effort, deadline)
            }
            Encoding::Webp { quality, effort } => webp::encode(&canvas, Some(quality), effort, deadline),
            Encoding::WebpLossless { effort } => webp::encode(&canvas, None, effort, deadline),
            Encoding::Avif { quality, effort } => avif::encode(&canvas, quality, effort, deadline),
            Encoding::Gif => gif::encode(canvas, deadline),
            #[cfg(feature = "jxl-out")]
            Encoding::Jxl { quality, effort } => jxl::encode(&canvas, quality, effort, deadline),
            #[cfg(not(feature = "jxl-out"))]
            Encoding::Jxl { .. } => Err(Error::Encode("JPEG XL is not built into this build".to_owned())),
            Encoding::Svg | Encoding::Json => {
                Err(Error::Encode(format!("{} is not made of pixels", self.format().label())))
            }
        }
    }
}
