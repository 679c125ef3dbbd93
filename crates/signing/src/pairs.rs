//! The pairs of a raw query, in their order and with their bytes.

/// One pair of a query, as it stands between two `&`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'u> {
    /// The whole pair.
    pub(crate) raw: &'u str,
    /// What stands before the first `=`.
    pub(crate) name: &'u str,
    /// What stands after it, if there is one.
    pub(crate) value: Option<&'u str>,
}

/// The pairs of a query without its `?`; no query has none.
pub(crate) fn pairs(query: Option<&str>) -> Pairs<'_> {
    Pairs { rest: query }
}

/// Walks a query.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'u> {
    rest: Option<&'u str>,
}

impl<'u> Iterator for Pairs<'u> {
    type Item = Pair<'u>;

    fn next(&mut self) -> Option<Pair<'u>> {
        let rest = self.rest?;
        let bytes = rest.as_bytes();
        // A name is short: it is looked at byte by byte, and only the end of a value is looked for far away.
        let name_end = bytes.iter().position(|byte| matches!(byte, b'=' | b'&')).unwrap_or(bytes.len());
        let has_value = bytes.get(name_end) == Some(&b'=');
        let end = if has_value {
            memchr::memchr(b'&', &bytes[name_end..]).map_or(bytes.len(), |length| name_end + length)
        } else {
            name_end
        };
        self.rest = rest.get(end + 1..);
        let raw = &rest[..end];
        Some(Pair { raw, name: &raw[..name_end], value: raw.get(name_end + 1..) })
    }
}

/// The pieces of a text between bytes of ASCII; one at least.
pub(crate) fn pieces(byte: u8, text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (piece, after) = split_at(byte, text).map_or((text, None), |(piece, after)| (piece, Some(after)));
        rest = after;
        Some(piece)
    })
}

/// A text before and after the first of these bytes, which is of ASCII; none where there is none.
pub(crate) fn split_at(byte: u8, text: &str) -> Option<(&str, &str)> {
    let place = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..place], &text[place + 1..]))
}
