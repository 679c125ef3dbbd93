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
pub(crate) fn pairs(query: Option<&str>) -> impl Iterator<Item = Pair<'_>> {
    query.into_iter().flat_map(|query| query.split('&')).map(|raw| match raw.split_once('=') {
        Some((name, value)) => Pair { raw, name, value: Some(value) },
        None => Pair { raw, name: raw, value: None },
    })
}
