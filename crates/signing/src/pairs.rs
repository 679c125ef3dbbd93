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

/// Walks a query. Every request of a scheme is walked a few times, which costs as much as its signature where each step
/// looks at one byte.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'u> {
    rest: Option<&'u str>,
}

impl<'u> Iterator for Pairs<'u> {
    type Item = Pair<'u>;

    fn next(&mut self) -> Option<Pair<'u>> {
        let rest = self.rest?;
        let (raw, after) = match split_at(b'&', rest) {
            Some((raw, after)) => (raw, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        Some(match split_at(b'=', raw) {
            Some((name, value)) => Pair { raw, name, value: Some(value) },
            None => Pair { raw, name: raw, value: None },
        })
    }
}

/// A text before and after the first of these bytes, which is of ASCII; none where there is none.
pub(crate) fn split_at(byte: u8, text: &str) -> Option<(&str, &str)> {
    let place = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..place], &text[place + 1..]))
}
