//! The chunks of a PNG, found without decoding. Text is never inflated; a profile up to its limit.

use crate::Error;

pub(super) const SIGNATURE: &[u8] = &[0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

/// What the chunks say.
#[derive(Debug, Default)]
pub(super) struct Chunks<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) alpha: bool,
    /// Bits of a sample, 1 to 16.
    pub(super) bits: u8,
    /// Frames of an animation; 0 for a still image.
    pub(super) frames: u32,
    pub(super) exif: Option<&'a [u8]>,
    profile: Option<&'a [u8]>,
    /// It says that it is an animation.
    is_announced: bool,
}

impl<'a> Chunks<'a> {
    /// Reads every chunk's head. A file that breaks off is read as far as it goes.
    pub(super) fn read(bytes: &'a [u8], max_chunks: u32) -> Result<Chunks<'a>, Error> {
        let mut chunks = Chunks::default();
        let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
        let mut count = 0;
        while let Some((kind, body, after)) = split_chunk(rest) {
            count += 1;
            if count > max_chunks {
                let told = format!("it has more than {max_chunks} chunks");
                return Err(Error::TooManyPieces { limit: "max_png_chunks", told });
            }
            if count == 1 && kind != *b"IHDR" {
                break;
            }
            chunks.take(kind, body, count);
            if kind == *b"IEND" {
                break;
            }
            rest = after;
        }
        if chunks.width == 0 || chunks.height == 0 {
            return Err(Error::Damaged("it has no header with a width and a height".to_owned()));
        }
        Ok(chunks)
    }

    /// The ICC profile, inflated; none when it is longer than the limit or broken.
    pub(super) fn icc(&self, max_bytes: usize) -> Option<Vec<u8>> {
        let chunk = self.profile?;
        let name_end = chunk.iter().take(80).position(|byte| *byte == 0)?;
        let [0, packed @ ..] = chunk.get(name_end + 1..)? else { return None };
        fdeflate::decompress_to_vec_bounded(packed, max_bytes).ok()
    }

    fn take(&mut self, kind: [u8; 4], body: &'a [u8], count: u32) {
        match &kind {
            b"IHDR" if count == 1 => {
                if let [a, b, c, d, e, f, g, h, bits, colour, ..] = *body {
                    self.width = u32::from_be_bytes([a, b, c, d]);
                    self.height = u32::from_be_bytes([e, f, g, h]);
                    self.bits = bits;
                    self.alpha = matches!(colour, 4 | 6);
                }
            }
            b"tRNS" => self.alpha = true,
            b"acTL" => self.is_announced = true,
            // Without an announcement decoders see a still picture.
            b"fcTL" if self.is_announced => self.frames += 1,
            b"eXIf" => self.exif = self.exif.or(Some(body)),
            b"iCCP" => self.profile = self.profile.or(Some(body)),
            _ => {}
        }
    }
}

/// A chunk's kind and body, and what follows its check sum.
pub(super) fn split_chunk(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let [a, b, c, d, kind @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    if length >= rest.len() {
        // Broken off in its body: the head alone still counts.
        return Some((kind, rest, &[]));
    }
    let (body, after) = rest.split_at(length);
    Some((kind, body, after.get(4..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], kind, body, &[0; 4]].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let header = chunk(b"IHDR", &[0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
        [SIGNATURE.to_vec(), header, chunks.concat(), chunk(b"IEND", b"")].concat()
    }

    #[test]
    fn transparency_frames_and_exif_are_found() {
        let still = file(&[]);
        let still = Chunks::read(&still, 9).unwrap();
        assert_eq!((still.width, still.height, still.alpha, still.frames), (3, 2, false, 0));
        let rich = file(&[
            chunk(b"tRNS", &[0; 6]),
            chunk(b"eXIf", b"II*"),
            chunk(b"acTL", &[0; 8]),
            chunk(b"fcTL", b""),
            chunk(b"fcTL", b""),
        ]);
        let rich = Chunks::read(&rich, 9).unwrap();
        assert_eq!((rich.alpha, rich.frames, rich.exif), (true, 2, Some(&b"II*"[..])));
    }

    #[test]
    fn one_chunk_more_than_the_limit_is_refused() {
        let bytes = file(&vec![chunk(b"tEXt", b"a"); 8]);
        assert!(Chunks::read(&bytes, 10).is_ok());
        let error = Chunks::read(&bytes, 9).unwrap_err();
        assert_eq!(error.to_string(), "this file is damaged: it has more than 9 chunks");
    }

    #[test]
    fn a_profile_is_inflated_up_to_its_limit() {
        let packed = [b"name\0\0", &fdeflate::compress_to_vec(&[7; 1000])[..]].concat();
        let bytes = file(&[chunk(b"iCCP", &packed)]);
        let chunks = Chunks::read(&bytes, 9).unwrap();
        assert_eq!(chunks.icc(1000), Some(vec![7; 1000]));
        assert_eq!(chunks.icc(999), None);
    }
}
