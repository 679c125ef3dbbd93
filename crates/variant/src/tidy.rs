//! Words of strangers within our own sentences.

/// A stranger's word, safe in a sentence and a header: 40 characters of printable ASCII at most.
pub(crate) fn tidy(word: &str) -> String {
    word.chars()
        .take(40)
        .map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '?' })
        .collect()
}
