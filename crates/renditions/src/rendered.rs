//! A rendition on its way out.

use bytes::Bytes;
use variant::{Format, Rendition};

/// A rendition, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its format.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The encoded bytes.
    pub bytes: Bytes,
}

impl From<Rendition> for Rendered {
    fn from(rendition: Rendition) -> Self {
        let Rendition { format, width, height, bytes, .. } = rendition;
        // Without the encoder's spare room, which memory would hold and not weigh.
        Rendered { format, width, height, bytes: bytes.into_boxed_slice().into() }
    }
}
