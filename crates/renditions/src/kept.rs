//! How a rendition lies at rest: a header of ours with a digest over everything, then the bytes.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `drkr` |
//! | 4 | 1 | version of this form, 1 |
//! | 5 | 1 | format |
//! | 6 | 4 | width in pixels, big endian as all numbers |
//! | 10 | 4 | height in pixels |
//! | 14 | 8 | length of the encoded bytes |
//! | 22 | 32 | SHA-256 over the object key, what stands before, and the encoded bytes |
//! | 54 | | the encoded bytes |

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use storage::ObjectKey;
use variant::Format;

use crate::Rendered;

const MAGIC: &[u8; 4] = b"drkr";
const VERSION: u8 = 1;
const FACTS_BYTES: usize = 22;
const HEADER_BYTES: usize = FACTS_BYTES + 32;

/// The form at rest of a rendition that lies at this key.
pub(crate) fn pack(key: &ObjectKey, rendered: &Rendered) -> Bytes {
    let mut packed = BytesMut::with_capacity(HEADER_BYTES + rendered.bytes.len());
    packed.put_slice(MAGIC);
    packed.put_u8(VERSION);
    packed.put_u8(number(rendered.format));
    packed.put_u32(rendered.width);
    packed.put_u32(rendered.height);
    packed.put_u64(rendered.bytes.len() as u64);
    let digest = digest(key, &packed, &rendered.bytes);
    packed.put_slice(&digest);
    packed.put_slice(&rendered.bytes);
    packed.freeze()
}

/// The rendition, unless a bit of it is not what was written, or it was written for another key.
pub(crate) fn unpack(key: &ObjectKey, packed: Bytes) -> Option<Rendered> {
    let (facts, after) = packed.split_at_checked(FACTS_BYTES)?;
    let (written, bytes) = after.split_at_checked(HEADER_BYTES - FACTS_BYTES)?;
    if digest(key, facts, bytes) != *written {
        return None;
    }
    let mut facts = facts.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
    let format = facts.get_u8();
    let mut known = Format::ALL.into_iter().chain([Format::Svg, Format::Json]);
    let format = known.find(|known| number(*known) == format)?;
    let (width, height, len) = (facts.get_u32(), facts.get_u32(), facts.get_u64());
    let bytes = packed.slice(HEADER_BYTES..);
    (len == bytes.len() as u64).then_some(Rendered { format, width, height, bytes })
}

/// A format's number at rest: never given to another.
fn number(format: Format) -> u8 {
    match format {
        Format::Jpeg => 1,
        Format::Png => 2,
        Format::Webp => 3,
        Format::Gif => 4,
        Format::Avif => 5,
        Format::Jxl => 6,
        Format::Svg => 7,
        Format::Json => 8,
        Format::Heic => 9,
    }
}

fn digest(key: &ObjectKey, facts: &[u8], bytes: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(key.as_str()).chain_update(facts).chain_update(bytes);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, ObjectId};
    use proptest::prelude::*;
    use storage::Prefix;

    use super::*;

    fn key(digest: u8) -> ObjectKey {
        Prefix::new(20_783, &AccountId::from_bytes([1; 16]), &ObjectId::from_bytes([2; 16]))
            .rendition(&[digest; 16])
    }

    fn rendered(bytes: Vec<u8>) -> Rendered {
        Rendered { format: Format::Webp, width: 640, height: 427, bytes: bytes.into() }
    }

    #[test]
    fn every_format_comes_back_as_it_went() {
        for format in Format::ALL {
            let rendered = Rendered { format, ..rendered(vec![format as u8; 9]) };
            assert_eq!(unpack(&key(1), pack(&key(1), &rendered)), Some(rendered));
        }
    }

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_found() {
        let packed = pack(&key(1), &rendered((0..100).collect()));
        for at in 0..packed.len() {
            assert_eq!(unpack(&key(1), packed.slice(..at)), None, "cut at {at}");
            for bit in 0..8 {
                let mut flipped = packed.to_vec();
                flipped[at] ^= 1 << bit;
                assert_eq!(unpack(&key(1), flipped.into()), None, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_rendition_at_the_key_of_another_is_not_taken_for_it() {
        let packed = pack(&key(1), &rendered(vec![7; 50]));
        assert_eq!(unpack(&key(2), packed), None);
    }

    proptest! {
        #[test]
        fn all_bytes_come_back_and_no_other_bytes_pass(bytes: Vec<u8>, other: Vec<u8>) {
            let rendered = rendered(bytes);
            prop_assert_eq!(unpack(&key(1), pack(&key(1), &rendered)), Some(rendered));
            prop_assert_eq!(unpack(&key(1), other.into()), None);
        }
    }
}
