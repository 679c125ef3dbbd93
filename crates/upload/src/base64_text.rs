//! A file that came as text, as one client sends it (contract R-24): base64, or a data URL of that. Decoded piece
//! by piece, so that it costs no more memory than a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest beginning of a data URL up to its comma, in bytes.
const MAX_PREFIX_BYTES: usize = 256;

/// Decodes text as it comes.
#[derive(Debug, Default)]
pub(crate) struct Base64Text {
    held: Vec<u8>,
    begun: bool,
    ended: bool,
}

/// The text is no base64.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoBase64;

impl Base64Text {
    /// Takes a piece of text; gives the bytes that are whole.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, NoBase64> {
        self.held.extend(piece.iter().filter(|byte| !byte.is_ascii_whitespace()));
        if !self.begun && !self.begin()? {
            return Ok(Vec::new());
        }
        let whole = self.held.len() / 4 * 4;
        let text: Vec<u8> = self.held.drain(..whole).collect();
        self.decode(&text)
    }

    /// The bytes that were left; padding at the end may be missing.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, NoBase64> {
        if !self.begun && self.held.starts_with(b"data:") {
            return Err(NoBase64);
        }
        while !self.held.len().is_multiple_of(4) {
            self.held.push(b'=');
        }
        let text = std::mem::take(&mut self.held);
        self.decode(&text)
    }

    /// Passes over the beginning of a data URL. Not yet, where too little has come to tell.
    fn begin(&mut self) -> Result<bool, NoBase64> {
        if self.held.len() < 5 {
            return Ok(false);
        }
        if self.held.starts_with(b"data:") {
            let Some(comma) = self.held.iter().take(MAX_PREFIX_BYTES).position(|byte| *byte == b',') else {
                return if self.held.len() < MAX_PREFIX_BYTES { Ok(false) } else { Err(NoBase64) };
            };
            if !self.held[..comma].ends_with(b";base64") {
                return Err(NoBase64);
            }
            self.held.drain(..=comma);
        }
        self.begun = true;
        Ok(true)
    }

    /// Padding ends a text: what follows it would be a second one.
    fn decode(&mut self, text: &[u8]) -> Result<Vec<u8>, NoBase64> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        if self.ended {
            return Err(NoBase64);
        }
        self.ended = text.ends_with(b"=");
        STANDARD.decode(text).map_err(|_| NoBase64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str, step: usize) -> Result<Vec<u8>, NoBase64> {
        let mut decoder = Base64Text::default();
        let mut bytes = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            bytes.extend(decoder.push(piece)?);
        }
        bytes.extend(decoder.finish()?);
        Ok(bytes)
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for bad in [
            "b'abc'",
            "@file.png",
            "data:image/png,abcd",
            "data:image/png;base64",
            "QUJD=QUJD",
            "QQ==QQ==",
            "ä",
        ] {
            assert_eq!(decode(bad, 3), Err(NoBase64), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_comes_back(bytes: Vec<u8>, step in 1usize..9, as_url: bool) {
            let prefix = if as_url { "data:image/png;base64," } else { "" };
            let text = format!("{prefix}{}\r\n", STANDARD.encode(&bytes));
            prop_assert_eq!(decode(&text, step), Ok(bytes));
        }

        #[test]
        fn any_text_is_decoded_or_refused_without_panic(text in "\\PC{0,60}", step in 1usize..9) {
            let _ = decode(&text, step);
        }
    }
}
