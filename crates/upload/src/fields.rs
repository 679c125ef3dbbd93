//! The text fields of a form: their names, and how each value is read.

use domain::{ImageId, grouped};

use crate::{Error, Form, metadata};

/// The parts that a form for an image knows (contract 3.4).
const KNOWN: [&str; 6] = ["file", "url", "id", "metadata", "requireSignedURLs", "creator"];

/// The longest creator, in bytes.
pub(crate) const MAX_CREATOR_BYTES: usize = 1_024;

/// The longest file name, in characters.
const MAX_FILENAME_CHARS: usize = 255;

/// The known name that another one was meant to be: the same but for case, `-` and `_` (contract R-58). A name that
/// is known, or like none, gives none.
pub fn meant_name(name: &str, known: &[&'static str]) -> Option<&'static str> {
    if known.contains(&name) {
        return None;
    }
    let plain = |name: &str| {
        name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase()
    };
    let wanted = plain(name);
    known.iter().copied().find(|known| plain(known) == wanted)
}

/// Refuses a name that only looks like a known one, so that nothing becomes public by a misspelling.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let base = name.split(['[', '.']).next().unwrap_or(name);
    match meant_name(base, &KNOWN) {
        Some(meant) => Err(Error::form(format!("the part '{}' must be named '{meant}'", shown(base)))),
        None => Ok(()),
    }
}

/// Takes one text field into a form.
pub(crate) fn take(form: &mut Form, name: String, text: String) -> Result<(), Error> {
    match name.as_str() {
        "url" => once(&name, &mut form.url, text),
        "id" => {
            let id = text.parse::<ImageId>().map_err(|invalid| Error::form(invalid.to_string()))?;
            once(&name, &mut form.id, id)
        }
        "requireSignedURLs" => once(&name, &mut form.require_signed_urls, switch(&text)?),
        "creator" if text.len() > MAX_CREATOR_BYTES => {
            Err(Error::form(format!("creator has at most {} bytes", grouped(MAX_CREATOR_BYTES))))
        }
        "creator" => once(&name, &mut form.creator, text),
        _ if metadata::is_metadata(&name) => {
            metadata::merge_part(form.metadata.get_or_insert_default(), &name, &text)
        }
        _ => {
            form.other.push((name, text));
            Ok(())
        }
    }
}

/// A file's name as it is kept: the last segment of what was sent, at most 255 characters, none of them a control.
pub(crate) fn filename(sent: &str) -> String {
    let last = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(MAX_FILENAME_CHARS).collect()
}

/// A stranger's word, safe and short in a sentence.
pub(crate) fn shown(word: &str) -> String {
    word.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn switch(text: &str) -> Result<bool, Error> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::form("requireSignedURLs must be true or false")),
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::form(format!("the part '{name}' occurs twice"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_58_a_misspelt_name_is_told_its_right_spelling() {
        for (name, meant) in [
            ("requireSignedUrls", "requireSignedURLs"),
            ("require_signed_urls", "requireSignedURLs"),
            ("require-signed-urls", "requireSignedURLs"),
            ("Metadata", "metadata"),
            ("meta_data", "metadata"),
            ("ID", "id"),
            ("File", "file"),
        ] {
            assert_eq!(meant_name(name, &KNOWN), Some(meant), "{name}");
        }
        for name in ["requireSignedURLs", "file", "files", "expiry", "anything", ""] {
            assert_eq!(meant_name(name, &KNOWN), None, "{name}");
        }
        assert!(check_name("Metadata[k]").unwrap_err().to_string().contains("'metadata'"));
        assert!(check_name("metadata[K]").is_ok());
    }

    #[test]
    fn a_file_name_is_one_harmless_segment() {
        let check = |sent: &str, kept: &str| assert_eq!(filename(sent), kept, "{sent}");
        check("cat.jpg", "cat.jpg");
        check("../../etc/passwd", "passwd");
        check("C:\\fakepath\\Katze ä.png", "Katze ä.png");
        check("a\r\nb\u{0}.png", "ab.png");
        check("dir/", "");
        assert_eq!(filename(&"é".repeat(300)).chars().count(), 255);
    }
}
