//! The chain of signatures of a token: each block's text under the signature of the one before (signing-schemes 1.2).

use subtle::Choice;

use super::blocks::Blocks;
use crate::hashing::{Mac, Sha256};
use crate::syntax::same;
use crate::{DeliveryUrl, Policy, SigningKey};

/// What may have been signed, as far as that is left open: the path as requested or as it was before it moved, and
/// where the first block has no pair, with a `?` or without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'u> {
    path: &'u str,
    /// The path with the token's query behind it, where they stand so in the URL.
    target: Option<&'u str>,
    /// Whether the path is the one before it moved, where it has moved.
    pub(super) is_unmoved: bool,
    /// Stands after a path whose first block has no pair.
    end: &'static str,
}

/// The blocks of a token, which were checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain<'b, 'u>(pub(super) &'b Blocks<'u>);

/// Every reading that the policy allows.
pub(super) fn readings<'u>(
    url: &'u DeliveryUrl,
    blocks: &Blocks<'_>,
    policy: &Policy,
) -> impl Iterator<Item = Reading<'u>> + Clone + use<'u> {
    let target = (url.query() == Some(blocks.query())).then(|| url.target());
    let moved = url.path_before_move().filter(|_| policy.moved_urls);
    let ends: &[&'static str] = if blocks.runs(0).is_empty() { &["", "?"] } else { &[""] };
    let paths = if moved.is_some() { 2 } else { 1 };
    (0..paths * ends.len()).map(move |number| {
        let unmoved = moved.filter(|_| number >= ends.len());
        let path = unmoved.unwrap_or(url.path());
        let target = target.and_then(|target| target.get(url.path().len() - path.len()..));
        Reading { path, target, is_unmoved: unmoved.is_some(), end: ends[number % ends.len()] }
    })
}

impl<'u> Reading<'u> {
    /// The reading of a path as it stands, to be signed.
    pub(super) fn of(path: &'u str) -> Self {
        Reading { path, target: None, is_unmoved: false, end: "?" }
    }
}

impl Chain<'_, '_> {
    /// The signature of a block under a key, all blocks before it included. None where the path has too few segments for
    /// one of their prefixes.
    pub(super) fn signature(&self, key: &SigningKey, reading: Reading<'_>, block: usize) -> Option<[u8; 32]> {
        let mut signature = self.made(key.mac(), reading, 0)?;
        for number in 1..=block {
            signature = self.made(&Mac::new(&signature), reading, number)?;
        }
        Some(signature)
    }

    /// The signature of the last block, made with the one before it and without the key: what a holder does.
    pub(super) fn continued(&self, before: &[u8; 32], reading: Reading<'_>) -> Option<[u8; 32]> {
        self.made(&Mac::new(before), reading, self.0.count() - 1)
    }

    /// The MAC of a block's text.
    fn made(&self, mac: &Mac<Sha256>, reading: Reading<'_>, block: usize) -> Option<[u8; 32]> {
        let mut maker = mac.begin();
        self.each_piece(reading, block, |piece| maker.take(piece))?;
        Some(maker.finish())
    }

    /// Whether the key made this signature of one reading, in constant time.
    pub(super) fn is_signed(&self, key: &SigningKey, reading: Reading<'_>, sig: &[u8; 32]) -> Choice {
        let last = self.0.count() - 1;
        self.signature(key, reading, last).map_or(Choice::from(0), |signature| same(&signature, sig))
    }

    /// The text of a block in one piece, for people.
    pub(super) fn written(&self, reading: Reading<'_>, block: usize) -> Option<String> {
        let mut written = String::new();
        self.each_piece(reading, block, |piece| written.push_str(piece))?;
        Some(written)
    }

    /// Gives out the pieces that make the text of a block. Never put together for a delivery: they are hashed. Mostly path
    /// and query stand together already.
    fn each_piece(&self, reading: Reading<'_>, block: usize, mut take: impl FnMut(&str)) -> Option<()> {
        let (blocks, Reading { path, target, .. }) = (self.0, reading);
        let prefix_segments = blocks.all().nth(block)?.prefix_segments;
        let whole = prefix_segments.is_none().then_some(target).flatten();
        let (joined, runs) = match (whole, blocks.runs(block)) {
            (Some(target), [(0, end), rest @ ..]) => (target.get(..path.len() + 1 + *end as usize)?, rest),
            (_, runs) => ("", runs),
        };
        let mut joint = if joined.is_empty() { "?" } else { "&" };
        match prefix_segments {
            _ if !joined.is_empty() => take(joined),
            Some(segments) => take(prefix(path, segments)?),
            None => take(path),
        }
        for &(start, end) in runs {
            take(joint);
            take(blocks.query().get(start as usize..end as usize)?);
            joint = "&";
        }
        if joint == "?" {
            take(reading.end);
        }
        Some(())
    }
}

/// The first segments of a path with a `/` after them; none where nothing follows.
fn prefix(path: &str, segments: u8) -> Option<&str> {
    let slash = memchr::memchr_iter(b'/', path.as_bytes()).nth(segments.into())?;
    Some(&path[..=slash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_slash_with_something_behind_it() {
        for (segments, expected) in [(1, Some("/a/")), (2, Some("/a/b/")), (3, None), (16, None)] {
            assert_eq!(prefix("/a/b/c", segments), expected, "{segments}");
        }
        assert_eq!(prefix("/a/b/", 2), Some("/a/b/"));
    }
}
