//! The chunks of a WebP, found without decoding. No chunk is believed further than the file goes.

use crate::Error;

/// What the chunks say.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    /// The canvas of an extended file.
    pub(super) canvas: Option<(u32, u32)>,
    /// Frames of an animation; 0 for a still image.
    pub(super) frames: u32,
    /// The still image, or the first frame.
    pub(super) first: Frame<'a>,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) icc: Option<&'a [u8]>,
    /// A chunk is longer than the file.
    pub(super) cut_off: bool,
}

/// A picture within the file, as libwebp takes it, and its place on the canvas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) left: u32,
    pub(super) top: u32,
    size: Option<(u32, u32)>,
    pub(super) data: &'a [u8],
}

impl Frame<'_> {
    /// Whether it hides the whole canvas.
    pub(super) fn covers(&self, width: u32, height: u32) -> bool {
        self.left == 0 && self.top == 0 && self.size.is_none_or(|size| size == (width, height))
    }
}

impl<'a> Chunks<'a> {
    /// Reads every chunk's head. A file that breaks off is read as far as it goes.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Chunks<'a>, Error> {
        let body = bytes.get(12..).unwrap_or_default();
        let whole = Frame { left: 0, top: 0, size: None, data: bytes };
        let mut chunks =
            Chunks { canvas: None, frames: 0, first: whole, exif: None, icc: None, cut_off: false };
        for (kind, body, whole) in List(body) {
            chunks.cut_off |= !whole;
            chunks.take(kind, body);
        }
        if chunks.canvas.is_some_and(|(width, height)| width == 0 || height == 0) {
            return Err(Error::Damaged("its width or height is zero".to_owned()));
        }
        if chunks.frames == 0 {
            // libwebp compares the canvas of a still image with its picture itself.
            chunks.canvas = None;
        }
        Ok(chunks)
    }

    fn take(&mut self, kind: [u8; 4], body: &'a [u8]) {
        match &kind {
            b"VP8X" if self.canvas.is_none() => {
                self.canvas = three(body, 4).zip(three(body, 7)).map(|(w, h)| (w + 1, h + 1));
            }
            b"ANMF" => {
                self.frames = self.frames.saturating_add(1);
                if let (1, Some(first)) = (self.frames, frame(body)) {
                    self.first = first;
                }
            }
            b"EXIF" => {
                // Some writers put the name of the JPEG segment before it.
                self.exif = self.exif.or(Some(body.strip_prefix(b"Exif\0\0").unwrap_or(body)));
            }
            b"ICCP" => self.icc = self.icc.or(Some(body)),
            _ => {}
        }
    }
}

fn frame(body: &[u8]) -> Option<Frame<'_>> {
    let (left, top) = (three(body, 0)? * 2, three(body, 3)? * 2);
    let size = (three(body, 6)? + 1, three(body, 9)? + 1);
    Some(Frame { left, top, size: Some(size), data: body.get(16..)? })
}

/// Three bytes, little end first.
fn three(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *bytes.get(at..)?.first_chunk::<3>()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

/// Chunks one after the other: kind, body, and whether the body is all there.
pub(super) struct List<'a>(&'a [u8]);

impl<'a> List<'a> {
    /// The chunks of a body.
    pub(super) fn new(body: &'a [u8]) -> List<'a> {
        List(body)
    }
}

impl<'a> Iterator for List<'a> {
    type Item = ([u8; 4], &'a [u8], bool);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        let [kind @ .., a, b, c, d] = *head;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
        let body = rest.get(..length);
        // Bodies are padded to even lengths.
        self.0 = rest.get(length.saturating_add(length & 1)..).unwrap_or_default();
        Some((kind, body.unwrap_or(rest), body.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [kind, &length[..], body, &vec![0; body.len() % 2][..]].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF\0\0\0\0WEBP".to_vec(), chunks.concat()].concat()
    }

    #[test]
    fn frames_and_their_places_are_found_without_decoding() {
        let extended = chunk(b"VP8X", &[2, 0, 0, 0, 99, 0, 0, 49, 0, 0]);
        let one =
            chunk(b"ANMF", &[[1, 0, 0, 2, 0, 0, 9, 0, 0, 4, 0, 0, 0, 0, 0, 0].as_slice(), b"data"].concat());
        let bytes = file(&[extended, one.clone(), one, chunk(b"EXIF", b"Exif\0\0II*")]);
        let chunks = Chunks::read(&bytes).unwrap();
        assert_eq!((chunks.canvas, chunks.frames, chunks.exif), (Some((100, 50)), 2, Some(&b"II*"[..])));
        assert_eq!((chunks.first.left, chunks.first.top, chunks.first.data), (2, 4, &b"data"[..]));
        assert!(!chunks.first.covers(100, 50) && !chunks.cut_off);
    }

    #[test]
    fn a_chunk_that_is_longer_than_the_file_is_noticed() {
        let whole = file(&[chunk(b"VP8 ", &[0; 20])]);
        assert!(!Chunks::read(&whole).unwrap().cut_off);
        assert!(Chunks::read(&whole[..whole.len() - 1]).unwrap().cut_off);
    }
}
