//! The formats, a file each. This list knows its members; a member knows only what decoders give and the canvas.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::canvas::Canvas;
use crate::decode::{Header, Order, Sink};
use crate::step::metadata::{self, MetadataPolicy};
use crate::{Error, Limits};

mod gif;
mod jpeg;
mod png;
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
    /// GIF; read only, its first frame.
    Gif,
}

impl Format {
    /// Every format, in the order in which people are told of them.
    pub const ALL: [Format; 4] = [Format::Jpeg, Format::Png, Format::Webp, Format::Gif];

    /// The media type, as in `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Webp => "image/webp",
            Format::Gif => "image/gif",
        }
    }

    /// The extension of file names, without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Webp => "webp",
            Format::Gif => "gif",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::Webp => "WebP",
            Format::Gif => "GIF",
        }
    }

    /// The format that a file begins as.
    pub(crate) fn of(bytes: &[u8]) -> Option<Format> {
        Format::ALL.into_iter().find(|format| match format {
            Format::Jpeg => jpeg::begins(bytes),
            Format::Png => png::begins(bytes),
            Format::Webp => webp::begins(bytes),
            Format::Gif => gif::begins(bytes),
        })
    }

    /// Reads the header of a file that begins as this format; no pixel is decoded.
    pub(crate) fn header<'a>(self, bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
        match self {
            Format::Jpeg => jpeg::header(bytes, limits),
            Format::Png => png::header(bytes, limits),
            Format::Webp => webp::header(bytes),
            Format::Gif => gif::header(bytes),
        }
    }

    /// What a policy keeps of the EXIF of a file in this format.
    pub(crate) fn exif(self, bytes: &[u8], policy: MetadataPolicy) -> Option<Vec<u8>> {
        let exif = match self {
            _ if policy == MetadataPolicy::None => None,
            Format::Jpeg => jpeg::exif(bytes),
            Format::Png => png::exif(bytes),
            Format::Webp => webp::exif(bytes),
            Format::Gif => None,
        };
        metadata::kept(policy, exif)
    }

    /// Decodes the first frame into a sink.
    pub(crate) fn decode(self, order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
        match self {
            Format::Jpeg => jpeg::decode(order, sink),
            Format::Png => png::decode(order, sink),
            Format::Webp => webp::decode(order, sink),
            Format::Gif => gif::decode(order, sink),
        }
    }
}

/// An encoder with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JPEG at a libjpeg quality 1 to 100.
    Jpeg {
        /// 1 to 100.
        quality: u8,
        /// Progressive or baseline.
        progressive: bool,
    },
    /// PNG, true colour.
    Png,
    /// WebP at a libwebp quality 1 to 100.
    Webp {
        /// 1 to 100.
        quality: u8,
    },
    /// WebP without loss.
    WebpLossless,
}

impl Encoding {
    /// The format that comes out.
    pub const fn format(self) -> Format {
        match self {
            Encoding::Jpeg { .. } => Format::Jpeg,
            Encoding::Png => Format::Png,
            Encoding::Webp { .. } | Encoding::WebpLossless => Format::Webp,
        }
    }

    /// Encodes a canvas. Only JPEG takes the EXIF, and has no alpha: its canvas must lie on a background already.
    pub(crate) fn encode(
        self,
        canvas: Canvas,
        exif: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Encoding::Jpeg { quality, progressive } => {
                jpeg::encode(&canvas.without_alpha(), quality, progressive, exif, deadline)
            }
            Encoding::Png => png::encode(&canvas),
            Encoding::Webp { quality } => webp::encode(&canvas, Some(quality), deadline),
            Encoding::WebpLossless => webp::encode(&canvas, None, deadline),
        }
    }
}
