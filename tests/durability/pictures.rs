//! Pictures by the thousand: one drawing, and in each file a comment of its own, so that every file has bytes, length
//! and digest that no other has, and costs next to nothing to decode.

use std::sync::OnceLock;

use super::dice::Dice;
use crate::harness::drawn;

/// The longest comment that one JPEG segment holds.
const MAX_COMMENT_BYTES: usize = 65_000;

/// A JPEG of about that many bytes, unlike any other.
pub(crate) fn jpeg(about_bytes: usize, dice: &mut Dice) -> Vec<u8> {
    static DRAWING: OnceLock<Vec<u8>> = OnceLock::new();
    let drawing = DRAWING.get_or_init(|| drawn::jpeg(&drawn::photo(48, 32), 80));
    let mut bytes = drawing[..2].to_vec();
    let mut left = about_bytes.max(16);
    while left > 0 {
        let length = left.min(MAX_COMMENT_BYTES);
        bytes.extend([0xff, 0xfe]);
        bytes.extend((length as u16 + 2).to_be_bytes());
        bytes.extend(std::iter::repeat_with(|| dice.next().to_le_bytes()).flatten().take(length));
        left -= length;
    }
    bytes.extend(&drawing[2..]);
    bytes
}

/// One of the sizes that uploads have: mostly small, some that are written and read in several pieces.
pub(crate) fn any_jpeg(dice: &mut Dice) -> Vec<u8> {
    let about_bytes = match dice.below(10) {
        0..6 => 2_000 + dice.below(20_000),
        6..9 => 60_000 + dice.below(200_000),
        _ => 400_000 + dice.below(600_000),
    };
    jpeg(about_bytes, dice)
}
