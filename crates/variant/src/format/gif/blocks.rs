//! The blocks of a GIF, found without decoding.

use crate::Error;

/// What the blocks say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) frames: u32,
    /// Whether the first frame may leave pixels of the canvas clear.
    pub(super) alpha: bool,
    /// The bytes end within a block, and not merely without a trailer.
    pub(super) cut_off: bool,
    /// How often it is played; 0 is for ever. The file counts repetitions.
    pub(super) plays: u32,
}

pub(super) const EXTENSION: u8 = 0x21;
pub(super) const IMAGE: u8 = 0x2C;
pub(super) const GRAPHIC_CONTROL: u8 = 0xF9;
pub(super) const APPLICATION: u8 = 0xFF;

impl Blocks {
    /// Reads every block's head. A file that breaks off is read as far as it goes.
    pub(super) fn read(bytes: &[u8]) -> Result<Blocks, Error> {
        let broken = || Error::Damaged("its header is cut off".to_owned());
        let (head, rest) = bytes.split_first_chunk::<13>().ok_or_else(broken)?;
        let [_, _, _, _, _, _, w, width, h, height, flags, _, _] = *head;
        let mut blocks = Blocks {
            width: u16::from_le_bytes([w, width]),
            height: u16::from_le_bytes([h, height]),
            frames: 0,
            alpha: false,
            cut_off: false,
            plays: 1,
        };
        if blocks.width == 0 || blocks.height == 0 {
            return Err(Error::Damaged("its width or height is zero".to_owned()));
        }
        let mut rest = rest.get(palette_bytes(flags)..);
        while let Some(bytes @ [EXTENSION | IMAGE, ..]) = rest {
            rest = blocks.take(bytes);
        }
        blocks.cut_off = rest.is_none();
        Ok(blocks)
    }

    /// Takes one block and gives what follows it; nothing when the bytes end within it.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match bytes.split_first()? {
            (&EXTENSION, after) => {
                let (label, body) = after.split_first()?;
                if *label == GRAPHIC_CONTROL && self.frames == 0 {
                    self.alpha |= body.get(1).is_some_and(|flags| flags & 1 == 1);
                }
                if *label == APPLICATION {
                    let repetitions = repetitions(body);
                    self.plays =
                        repetitions.map_or(self.plays, |n| if n == 0 { 0 } else { u32::from(n) + 1 });
                }
                skip_parts(body)
            }
            (&IMAGE, after) => {
                let (head, after) = after.split_first_chunk::<9>()?;
                self.frames = self.frames.saturating_add(1);
                if self.frames == 1 {
                    self.alpha |= !self.covered(*head);
                }
                // One byte for the size of codes, then the data in parts.
                skip_parts(after.get(palette_bytes(head[8]) + 1..)?)
            }
            _ => None,
        }
    }

    fn covered(&self, [l, left, t, top, w, width, h, height, _]: [u8; 9]) -> bool {
        u16::from_le_bytes([l, left]) == 0
            && u16::from_le_bytes([t, top]) == 0
            && u16::from_le_bytes([w, width]) >= self.width
            && u16::from_le_bytes([h, height]) >= self.height
    }
}

/// The repetitions that an application block asks for, if it is one that does; 0 is for ever.
pub(super) fn repetitions(body: &[u8]) -> Option<u16> {
    let parts = body.strip_prefix(b"\x0BNETSCAPE2.0").or_else(|| body.strip_prefix(b"\x0BANIMEXTS1.0"))?;
    let [3, 1, low, high, ..] = *parts else { return None };
    Some(u16::from_le_bytes([low, high]))
}

/// Bytes of the palette that a block's flags announce.
pub(super) fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// What follows a chain of parts, each with its length before it, ended by an empty one.
pub(super) fn skip_parts(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        if *length == 0 {
            return Some(rest);
        }
        bytes = rest.get(usize::from(*length)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GIF89a\x02\0\x02\0\0\0\0";

    fn frame(width: u8) -> Vec<u8> {
        vec![IMAGE, 0, 0, 0, 0, width, 0, 2, 0, 0, 2, 1, 0xFF, 0]
    }

    fn check(blocks: &[Vec<u8>], frames: u32, alpha: bool) {
        let bytes = [HEAD.to_vec(), blocks.concat(), vec![0x3B]].concat();
        assert_eq!(
            Blocks::read(&bytes),
            Ok(Blocks { width: 2, height: 2, frames, alpha, cut_off: false, plays: 1 })
        );
    }

    #[test]
    fn frames_are_counted_and_transparency_is_that_of_the_first() {
        let clear = vec![EXTENSION, GRAPHIC_CONTROL, 4, 1, 0, 0, 0, 0];
        check(&[frame(2)], 1, false);
        check(&[frame(2), frame(1), frame(2)], 3, false);
        check(&[clear.clone(), frame(2)], 1, true);
        check(&[frame(2), clear, frame(2)], 2, false);
        check(&[frame(1)], 1, true);
        check(&[vec![EXTENSION, 0xFE, 1, b'!', 0], frame(2)], 1, false);
    }

    #[test]
    fn repetitions_are_plays_but_one() {
        let plays = |low: u8, high: u8| {
            let block = [&b"\x21\xFF\x0BNETSCAPE2.0\x03\x01"[..], &[low, high, 0]].concat();
            Blocks::read(&[HEAD.to_vec(), block, frame(2)].concat()).unwrap().plays
        };
        assert_eq!((plays(0, 0), plays(1, 0), plays(4, 1)), (0, 2, 261));
        assert_eq!(Blocks::read(&[HEAD.to_vec(), frame(2)].concat()).unwrap().plays, 1);
    }

    #[test]
    fn bytes_that_end_within_a_block_are_noticed_and_a_missing_trailer_is_not() {
        let whole = [HEAD.to_vec(), frame(2), frame(2)].concat();
        assert!(!Blocks::read(&whole).unwrap().cut_off);
        let cut = Blocks::read(&whole[..whole.len() - 1]).unwrap();
        assert!(cut.cut_off && cut.frames == 2);
    }
}
