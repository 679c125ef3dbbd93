//! What one block of a token demands, read by the grammar of signing-schemes 1.1. What is written stands for it here;
//! whether it holds is judged in `constraint.rs`.

use std::borrow::Cow;

use super::dialect::Meaning;
use crate::escape::form_decoded;
use crate::network::Network;
use crate::pairs::pieces;
use crate::syntax::{integer, lower_hex};

/// The demands of a block.
#[derive(Debug, Default)]
pub(super) struct Demands<'u> {
    /// End of validity, in unix seconds.
    pub(super) expires_s: Option<i64>,
    /// Begin of validity, in unix seconds.
    pub(super) not_before_s: Option<i64>,
    /// When it was issued, in unix seconds.
    pub(super) issued_at_s: Option<i64>,
    /// The name of the key.
    pub(super) key: Option<Cow<'u, str>>,
    /// How many segments of the path are signed, where not all are.
    pub(super) prefix_segments: Option<u8>,
    /// Names of variants, comma between them.
    pub(super) variants: Option<Cow<'u, str>>,
    /// Addresses and networks, comma between them.
    pub(super) networks: Option<Cow<'u, str>>,
    /// Hosts, comma between them.
    pub(super) referers: Option<Cow<'u, str>>,
    /// For whom it was issued.
    pub(super) subject: Option<Cow<'u, str>>,
    /// The first half of the SHA-256 of the session cookie's value.
    pub(super) session: Option<[u8; 16]>,
    /// The token's id.
    pub(super) token_id: Option<Cow<'u, str>>,
    /// How often it may be used.
    pub(super) uses: Option<u64>,
}

/// Most names in a list of variants.
pub(super) const MAX_VARIANTS: usize = 32;
/// Most entries in a list of networks or hosts.
pub(super) const MAX_ENTRIES: usize = 8;
/// Most segments of a prefix.
pub(super) const MAX_PREFIX_SEGMENTS: i64 = 16;

impl<'u> Demands<'u> {
    /// Whether what needs another demand has it.
    pub(super) fn is_whole(&self) -> bool {
        self.uses.is_none() || self.token_id.is_some()
    }

    /// Whether judging it needs the request, and not its URL alone.
    pub(super) fn needs_request(&self) -> bool {
        self.networks.is_some() || self.referers.is_some() || self.session.is_some()
    }

    /// Takes a value in; false where it is malformed.
    pub(super) fn take(&mut self, meaning: Meaning, value: &'u str) -> bool {
        match meaning {
            Meaning::Expires => put(&mut self.expires_s, integer(value)),
            Meaning::NotBefore => put(&mut self.not_before_s, integer(value)),
            Meaning::IssuedAt => put(&mut self.issued_at_s, integer(value)),
            Meaning::Key => put(&mut self.key, text(value, 1..=64, b"._-")),
            Meaning::Prefix => put(&mut self.prefix_segments, prefix_segments(value)),
            Meaning::Variants => put(&mut self.variants, list(value, MAX_VARIANTS, is_variant)),
            Meaning::Networks => put(&mut self.networks, list(value, MAX_ENTRIES, is_network)),
            Meaning::Referers => put(&mut self.referers, list(value, MAX_ENTRIES, is_referer)),
            Meaning::Subject => put(&mut self.subject, text(value, 1..=64, b"._@:-")),
            Meaning::Session => put(&mut self.session, session(value)),
            Meaning::TokenId => put(&mut self.token_id, text(value, 8..=64, b"._-")),
            Meaning::Uses => put(&mut self.uses, uses(value)),
            Meaning::Block | Meaning::Signature | Meaning::Unknown | Meaning::Ordinary => true,
        }
    }
}

fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let is_there = value.is_some();
    *place = value;
    is_there
}

/// A value that fits as it stands, or decoded: nothing that fits holds what is decoded.
fn plain(value: &str, fits: impl Fn(&str) -> bool) -> Option<Cow<'_, str>> {
    if fits(value) {
        return Some(Cow::Borrowed(value));
    }
    form_decoded(value).filter(|text| fits(text))
}

/// A text of letters, digits and a few other characters.
fn text<'u>(value: &'u str, bytes: std::ops::RangeInclusive<usize>, others: &[u8]) -> Option<Cow<'u, str>> {
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    plain(value, |text| bytes.contains(&text.len()) && text.bytes().all(is_of_it))
}

/// A list with a comma between its entries.
fn list(value: &str, max_entries: usize, fits: impl Fn(&str) -> bool) -> Option<Cow<'_, str>> {
    plain(value, |list| {
        pieces(b',', list).enumerate().all(|(number, entry)| number < max_entries && fits(entry))
    })
}

fn prefix_segments(value: &str) -> Option<u8> {
    integer(value)
        .filter(|segments| (1..=MAX_PREFIX_SEGMENTS).contains(segments))
        .and_then(|n| n.try_into().ok())
}

fn uses(value: &str) -> Option<u64> {
    integer(value).and_then(|uses| u64::try_from(uses).ok()).filter(|&uses| uses > 0)
}

fn session(value: &str) -> Option<[u8; 16]> {
    lower_hex(value).or_else(|| lower_hex(&form_decoded(value)?))
}

/// Whether a text is the name of a variant.
pub(super) fn is_variant(name: &str) -> bool {
    (1..=99).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Whether a text is an address or a network.
pub(super) fn is_network(text: &str) -> bool {
    Network::parse(text).is_some()
}

/// Whether a text names hosts: one, the sub-domains of one, or `-` for no host at all.
pub(super) fn is_referer(text: &str) -> bool {
    let host = text.strip_prefix("*.").unwrap_or(text);
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    let is_v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_v6 = is_v6.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    (1..=253).contains(&host.len()) && (host.bytes().all(fits) || is_v6 && text == host)
}
