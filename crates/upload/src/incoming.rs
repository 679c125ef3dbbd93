//! A multipart form as it streams in, within its limits.

use bytes::Bytes;
use domain::ImageId;
use futures_util::Stream;
use serde_json::{Map, Value};
use storage::{Sealed, Storage};

use crate::Error;

/// Limits of one form.
#[derive(Debug, Clone)]
pub struct FormLimits {
    /// Bytes of the file.
    pub max_upload_bytes: u64,
    /// Parts.
    pub max_parts: u32,
    /// Bytes of a part's head.
    pub max_part_head_bytes: usize,
    /// Bytes of a text field.
    pub max_field_bytes: usize,
    /// Bytes that all else may add to the file.
    pub max_envelope_bytes: u64,
}

impl Default for FormLimits {
    fn default() -> Self {
        FormLimits {
            max_upload_bytes: 10_000_000,
            max_parts: 32,
            max_part_head_bytes: 8_192,
            max_field_bytes: 16_384,
            max_envelope_bytes: 65_536,
        }
    }
}

/// A form that is still on its way: bytes with the boundary that parts them.
pub struct Incoming {
    pub(crate) _private: (),
}

/// A form that has come whole.
#[derive(Debug, Default)]
pub struct Form {
    /// The part `file`, whole, in a scratch file; a text part without file name counts where it is base64 or a
    /// data URL of an image (contract R-24).
    pub file: Option<Sealed>,
    /// The file's name as it was sent, cut to its last path segment and 255 characters.
    pub filename: String,
    /// The part `url`.
    pub url: Option<String>,
    /// The part `id`.
    pub id: Option<ImageId>,
    /// All parts of `metadata`, merged (contract 4.2); none where none was sent.
    pub metadata: Option<Map<String, Value>>,
    /// The part `requireSignedURLs`.
    pub require_signed_urls: Option<bool>,
    /// The part `creator`.
    pub creator: Option<String>,
    /// Other parts, by name, for doors that know more fields (`csrf`); files among them are refused.
    pub other: Vec<(String, String)>,
}

impl Incoming {
    /// A form from its `Content-Type` header and its body. The body's errors: `TimedOut` is a slow client, any other
    /// is a client that went away. `content_length` lets a body that is too large be refused before it is read.
    pub fn new(
        _content_type: Option<&str>,
        _content_length: Option<u64>,
        _body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
        _limits: FormLimits,
    ) -> Result<Incoming, Error> {
        todo!()
    }

    /// Reads the whole form; the file goes to a scratch file as it streams.
    pub async fn read(self, _storage: &Storage) -> Result<Form, Error> {
        todo!()
    }
}
