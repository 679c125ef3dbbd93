//! The pairs of a raw query, in their order and with their bytes.

/// One pair of a query, as it stands between two `&`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'u> {
    /// Where it begins in the query.
    pub(crate) start: usize,
    /// The whole pair.
    pub(crate) raw: &'u str,
    /// What stands before the first `=`.
    pub(crate) name: &'u str,
    /// What stands after it, if there is one.
    pub(crate) value: Option<&'u str>,
}

/// The pairs of a query without its `?`; no query has none.
pub(crate) fn pairs(query: Option<&str>) -> Pairs<'_> {
    Pairs { rest: query, start: 0 }
}

/// Walks a query.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<'u> {
    rest: Option<&'u str>,
    /// Where the rest begins.
    start: usize,
}

impl<'u> Iterator for Pairs<'u> {
    type Item = Pair<'u>;

    fn next(&mut self) -> Option<Pair<'u>> {
        let rest = self.rest?;
        let bytes = rest.as_bytes();
        // A name is short, and only the end of a value is looked for far away.
        let name_end = near(bytes, b'=', b'&');
        let has_value = bytes.get(name_end) == Some(&b'=');
        let end = if has_value {
            memchr::memchr(b'&', &bytes[name_end..]).map_or(bytes.len(), |length| name_end + length)
        } else {
            name_end
        };
        let (start, raw) = (self.start, &rest[..end]);
        self.rest = rest.get(end + 1..);
        self.start += end + 1;
        Some(Pair { start, raw, name: &raw[..name_end], value: raw.get(name_end + 1..) })
    }
}

/// Some of the pairs of a query, as the runs of text that neighbours make together: what is signed of a query stands mostly in
/// one run or two.
#[derive(Debug, Clone)]
pub(crate) struct Runs<const MOST: usize> {
    /// Where each begins and ends in the query.
    places: [(u32, u32); MOST],
    count: usize,
}

impl<const MOST: usize> Runs<MOST> {
    /// No pair.
    pub(crate) const fn new() -> Self {
        Runs { places: [(0, 0); MOST], count: 0 }
    }

    /// Takes in a pair that stands behind all others. None where there is no room for another run.
    pub(crate) fn push(&mut self, pair: &Pair<'_>) -> Option<()> {
        let start = u32::try_from(pair.start).ok()?;
        let end = u32::try_from(pair.start + pair.raw.len()).ok()?;
        let (known, others) = self.places.split_at_mut(self.count);
        match known.last_mut() {
            Some(last) if last.1 + 1 == start => last.1 = end,
            _ => {
                *others.first_mut()? = (start, end);
                self.count += 1;
            }
        }
        Some(())
    }

    /// Where the runs begin and end in the query.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, usize)> + Clone + '_ {
        self.places[..self.count].iter().map(|&(start, end)| (start as usize, end as usize))
    }
}

/// Where the first of two bytes stands, or the end: eight bytes are looked at in one go, for what is mostly near.
fn near(text: &[u8], one: u8, other: u8) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The highest bit of each byte that is zero, the first one for certain.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, rest) = text.as_chunks();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ (ONES * u64::from(one))) | zeros(word ^ (ONES * u64::from(other)));
        if found != 0 {
            return number * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let end = rest.iter().position(|&byte| byte == one || byte == other).unwrap_or(rest.len());
    text.len() - rest.len() + end
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_query_is_cut_at_each_ampersand_and_a_pair_at_its_first_equals_sign(
            query in "(&|=|[a-c]|[a-z]{7,9}|é|%2C){0,30}",
        ) {
            let cut: Vec<_> = pairs(Some(&query)).map(|pair| (pair.raw, pair.name, pair.value)).collect();
            let expected: Vec<_> = query
                .split('&')
                .map(|raw| match raw.split_once('=') {
                    Some((name, value)) => (raw, name, Some(value)),
                    None => (raw, raw, None),
                })
                .collect();
            prop_assert_eq!(cut, expected);
        }
    }
}
