//! A form that has come whole, and the limits it was held to.

use domain::ImageId;
use serde_json::{Map, Value};
use storage::Sealed;

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

impl FormLimits {
    /// The longest body of a form, in bytes.
    pub(crate) fn max_body_bytes(&self) -> u64 {
        self.max_upload_bytes.saturating_add(self.max_envelope_bytes)
    }
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
    /// The part `id`; whether a new image may have it is decided when it is accepted.
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

/// A form of several files that has come whole, as a plain page sends it.
#[derive(Debug, Default)]
pub struct ManyFiles {
    /// Each part `file`: its name, and its bytes or why they were refused.
    pub files: Vec<(String, Result<Sealed, Error>)>,
    /// Text parts by name.
    pub other: Vec<(String, String)>,
}

/// Where the image of a form comes from.
#[derive(Debug)]
pub enum Source {
    /// The part `file`.
    File(Sealed),
    /// The part `url`.
    Url(String),
}

impl Form {
    /// Takes the image out of a form that must hold exactly one (contract R-23).
    pub fn single_source(&mut self) -> Result<Source, Error> {
        match (self.file.take(), self.url.take()) {
            (Some(file), None) => Ok(Source::File(file)),
            (None, Some(url)) => Ok(Source::Url(url)),
            (Some(_), Some(_)) => Err(Error::form("a form holds either 'file' or 'url', not both")),
            (None, None) => Err(Error::form("the form holds no image: a part named 'file' is needed")),
        }
    }
}
