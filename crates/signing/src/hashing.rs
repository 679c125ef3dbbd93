//! Digests and MACs of texts that come in pieces: SHA-256, SHA-1 and MD5 by the compression functions of their crates, and
//! HMAC (RFC 2104) over them. What those crates' own hashers do beside compressing, above all to wipe each copy of a state,
//! takes a good part of the time of a signature, and every private delivery pays it. Here a key is taken in once and wiped
//! once, and so is a text that is hashed without a key, since it holds the secret. What a MAC's text is hashed in is left to
//! be overwritten: states, from which no key can be made.

use zeroize::Zeroize;

/// Bytes that each algorithm compresses at once.
const BLOCK_BYTES: usize = 64;
/// Where the last byte of a block stands.
const LAST: usize = BLOCK_BYTES - 1;
/// What the last block holds at most beside the length of the text.
const TEXT_BYTES: usize = BLOCK_BYTES - size_of::<u64>();
/// What HMAC lays over its key inside, and outside.
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5C;

/// A hash with blocks of 64 bytes, in which the length of the text fills the last eight.
pub(crate) trait Algorithm: Copy {
    /// What is known after some blocks.
    type State: Copy + Zeroize;
    /// What comes of a text.
    type Digest: Copy + AsRef<[u8]> + Zeroize;
    /// What is known before the first block.
    const START: Self::State;

    /// Takes blocks in.
    fn compress(state: &mut Self::State, blocks: &[[u8; BLOCK_BYTES]]);

    /// The last bytes of the last block.
    fn length(bits: u64) -> [u8; 8];

    /// The digest of a text whose last block was taken in.
    fn digest(state: Self::State) -> Self::Digest;
}

/// SHA-256 (FIPS 180-4).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sha256;

/// SHA-1 (FIPS 180-4).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sha1;

/// MD5 (RFC 1321).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Md5;

/// The digest of a text in pieces; of the text nothing is left.
pub(crate) fn digest<A: Algorithm>(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> A::Digest {
    let mut hasher = Hasher::<A>::new();
    hasher.take_all(pieces);
    let digest = hasher.finish();
    hasher.wipe();
    digest
}

/// Takes a text in, piece by piece.
#[derive(Clone, Copy)]
pub(crate) struct Hasher<A: Algorithm> {
    state: A::State,
    /// Its beginning is of the text, as much as makes no whole block yet.
    block: [u8; BLOCK_BYTES],
    length_bytes: u64,
}

impl<A: Algorithm> Hasher<A> {
    /// Nothing was taken in.
    pub(crate) fn new() -> Self {
        Hasher { state: A::START, block: [0; BLOCK_BYTES], length_bytes: 0 }
    }

    /// Takes a piece in.
    #[inline]
    pub(crate) fn take(&mut self, piece: impl AsRef<[u8]>) {
        let (mut piece, filled) = (piece.as_ref(), self.filled());
        self.length_bytes += piece.len() as u64;
        // Texts are full of joints of one byte, for which a copy would be a call.
        if let ([byte], 0..LAST) = (piece, filled) {
            self.block[filled] = *byte;
            return;
        }
        let room = &mut self.block[filled..];
        if piece.len() < room.len() {
            return room[..piece.len()].copy_from_slice(piece);
        }
        if filled > 0 {
            let (head, rest) = piece.split_at(room.len());
            room.copy_from_slice(head);
            A::compress(&mut self.state, std::slice::from_ref(&self.block));
            piece = rest;
        }
        let (blocks, rest) = piece.as_chunks();
        if !blocks.is_empty() {
            A::compress(&mut self.state, blocks);
        }
        self.block[..rest.len()].copy_from_slice(rest);
    }

    /// Takes pieces in.
    pub(crate) fn take_all(&mut self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        pieces.into_iter().for_each(|piece| self.take(piece));
    }

    /// The digest of all that was taken in.
    #[inline]
    pub(crate) fn finish(&mut self) -> A::Digest {
        let filled = self.filled();
        self.block[filled] = 0x80;
        self.block[filled + 1..].fill(0);
        if filled >= TEXT_BYTES {
            A::compress(&mut self.state, std::slice::from_ref(&self.block));
            self.block = [0; BLOCK_BYTES];
        }
        self.block[TEXT_BYTES..].copy_from_slice(&A::length(8 * self.length_bytes));
        A::compress(&mut self.state, std::slice::from_ref(&self.block));
        A::digest(self.state)
    }

    fn wipe(&mut self) {
        self.state.zeroize();
        self.block.zeroize();
    }

    /// How much of the block is filled; never all of it.
    fn filled(&self) -> usize {
        (self.length_bytes % BLOCK_BYTES as u64) as usize
    }
}

/// HMAC that has taken in its key, and maybe a text that all others begin with. Wiped when it goes.
#[derive(Clone)]
pub(crate) struct Mac<A: Algorithm> {
    inner: Hasher<A>,
    outer: A::State,
}

/// HMAC that takes a text in, piece by piece.
pub(crate) struct Maker<'m, A: Algorithm> {
    inner: Hasher<A>,
    outer: &'m A::State,
}

impl<A: Algorithm> Mac<A> {
    /// HMAC under a key of any length.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        match block.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => {
                let mut digest = digest::<A>([key]);
                block[..digest.as_ref().len()].copy_from_slice(digest.as_ref());
                digest.zeroize();
            }
        }
        // In place: no copy is left that would have to be wiped too.
        block.iter_mut().for_each(|byte| *byte ^= INNER_PAD);
        let (mut inner, mut outer) = (Hasher::new(), A::START);
        inner.take(&block[..]);
        block.iter_mut().for_each(|byte| *byte ^= INNER_PAD ^ OUTER_PAD);
        A::compress(&mut outer, std::slice::from_ref(&block));
        block.zeroize();
        Mac { inner, outer }
    }

    /// The same, which has taken in a piece that all texts begin with.
    pub(crate) fn with(mut self, piece: impl AsRef<[u8]>) -> Self {
        self.inner.take(piece);
        self
    }

    /// Begins a text.
    pub(crate) fn begin(&self) -> Maker<'_, A> {
        Maker { inner: self.inner, outer: &self.outer }
    }

    /// The MAC of a text in pieces.
    pub(crate) fn of(&self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> A::Digest {
        let mut maker = self.begin();
        maker.inner.take_all(pieces);
        maker.finish()
    }
}

impl<A: Algorithm> Maker<'_, A> {
    /// Takes a piece in.
    pub(crate) fn take(&mut self, piece: impl AsRef<[u8]>) {
        self.inner.take(piece);
    }

    /// The MAC of all that was taken in.
    pub(crate) fn finish(mut self) -> A::Digest {
        // The block of the key was taken in before, and a digest leaves room for its end in one block.
        let (mut state, mut block, digest) = (*self.outer, [0; BLOCK_BYTES], self.inner.finish());
        let (text, end) = block.split_at_mut(digest.as_ref().len());
        text.copy_from_slice(digest.as_ref());
        end[0] = 0x80;
        let bits = 8 * (BLOCK_BYTES + text.len()) as u64;
        block[TEXT_BYTES..].copy_from_slice(&A::length(bits));
        A::compress(&mut state, &[block]);
        A::digest(state)
    }
}

impl<A: Algorithm> Drop for Mac<A> {
    fn drop(&mut self) {
        self.inner.wipe();
        self.outer.zeroize();
    }
}

impl<A: Algorithm> std::fmt::Debug for Mac<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mac(…)")
    }
}

impl Algorithm for Sha256 {
    type State = [u32; 8];
    type Digest = [u8; 32];
    const START: Self::State = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    fn compress(state: &mut Self::State, blocks: &[[u8; BLOCK_BYTES]]) {
        sha2::block_api::compress256(state, blocks);
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }

    fn digest(state: Self::State) -> Self::Digest {
        bytes_of(state.map(u32::to_be_bytes))
    }
}

impl Algorithm for Sha1 {
    type State = [u32; 5];
    type Digest = [u8; 20];
    const START: Self::State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

    fn compress(state: &mut Self::State, blocks: &[[u8; BLOCK_BYTES]]) {
        sha1::block_api::compress(state, blocks);
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }

    fn digest(state: Self::State) -> Self::Digest {
        bytes_of(state.map(u32::to_be_bytes))
    }
}

impl Algorithm for Md5 {
    type State = [u32; 4];
    type Digest = [u8; 16];
    const START: Self::State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

    fn compress(state: &mut Self::State, blocks: &[[u8; BLOCK_BYTES]]) {
        md5::block_api::compress(state, blocks);
    }

    fn length(bits: u64) -> [u8; 8] {
        bits.to_le_bytes()
    }

    fn digest(state: Self::State) -> Self::Digest {
        bytes_of(state.map(u32::to_le_bytes))
    }
}

/// The bytes of a state's words.
fn bytes_of<const WORDS: usize, const BYTES: usize>(words: [[u8; 4]; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(words.as_flattened());
    bytes
}

#[cfg(test)]
mod tests {
    use hmac::{KeyInit as _, Mac as _};
    use proptest::prelude::*;
    use sha2::Digest as _;

    use super::*;

    proptest! {
        #[test]
        fn a_text_in_pieces_has_the_digest_and_the_mac_that_others_make_of_it_whole(
            text in prop::collection::vec(any::<u8>(), 0..300),
            key in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(0_usize..300, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces = || cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]);
            prop_assert_eq!(&digest::<Sha256>(pieces())[..], &sha2::Sha256::digest(&text)[..]);
            prop_assert_eq!(&digest::<Sha1>(pieces())[..], &sha1::Sha1::digest(&text)[..]);
            prop_assert_eq!(&digest::<Md5>(pieces())[..], &md5::Md5::digest(&text)[..]);
            let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap().chain_update(&text);
            prop_assert_eq!(&Mac::<Sha256>::new(&key).of(pieces())[..], &mac.finalize().into_bytes()[..]);
            let mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap().chain_update(&text);
            let (start, rest) = text.split_at(cuts[cuts.len() / 2]);
            prop_assert_eq!(&Mac::<Sha1>::new(&key).with(start).of([rest])[..], &mac.finalize().into_bytes()[..]);
        }
    }
}
