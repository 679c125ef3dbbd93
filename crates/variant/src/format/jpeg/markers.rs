//! The segments of a JPEG, found without decoding. No segment is believed further than the file goes.

/// What the segments say. Reading stops at the end of the image: what follows (a second image, a video) is not ours.
#[derive(Debug, Default)]
pub(super) struct Markers<'a> {
    pub(super) frame: Option<Frame>,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) adobe: bool,
    pub(super) scans: u32,
    icc: Vec<&'a [u8]>,
}

/// The frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bits: u8,
    pub(super) lossless: bool,
    pub(super) progressive: bool,
}

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const ADOBE: &[u8] = b"Adobe";

impl<'a> Markers<'a> {
    /// Reads up to the first scan, or, given a number, on until so many scans and one more are counted.
    pub(super) fn read(bytes: &'a [u8], count_scans: Option<u32>) -> Markers<'a> {
        let mut markers = Markers::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        while let Some((marker, after)) = next_marker(rest) {
            if marker == END_OF_IMAGE {
                break;
            }
            if matches!(marker, 0x01 | 0xD0..=0xD8) {
                rest = after;
                continue;
            }
            let Some((segment, after)) = split_segment(after) else { break };
            markers.take(marker, segment);
            if marker == START_OF_SCAN && count_scans.is_none_or(|most| markers.scans > most) {
                break;
            }
            rest = after;
        }
        markers
    }

    /// The ICC profile, put together from its segments; none when one is missing or it is longer than the limit.
    pub(super) fn icc(&self, max_bytes: usize) -> Option<Vec<u8>> {
        let count = usize::from(*self.icc.first()?.get(1)?);
        let mut parts: Vec<(u8, &[u8])> =
            self.icc.iter().filter_map(|segment| Some((*segment.first()?, segment.get(2..)?))).collect();
        parts.sort_by_key(|(number, _)| *number);
        let whole =
            parts.len() == count && (1..).zip(&parts).all(|(number, (has, _))| number == i32::from(*has));
        let length: usize = parts.iter().map(|(_, part)| part.len()).sum();
        (whole && length <= max_bytes)
            .then(|| parts.iter().flat_map(|(_, part)| part.iter().copied()).collect())
    }

    fn take(&mut self, marker: u8, segment: &'a [u8]) {
        match marker {
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                self.frame = self.frame.or_else(|| Frame::read(marker, segment));
            }
            0xE1 => self.exif = self.exif.or_else(|| segment.strip_prefix(EXIF)),
            0xE2 if self.icc.len() < 255 => self.icc.extend(segment.strip_prefix(ICC)),
            0xEE => self.adobe |= segment.starts_with(ADOBE),
            START_OF_SCAN => self.scans += 1,
            _ => {}
        }
    }
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Option<Frame> {
        let [bits, high, low, left, right, ..] = *segment else { return None };
        Some(Frame {
            width: u32::from(u16::from_be_bytes([left, right])),
            height: u32::from(u16::from_be_bytes([high, low])),
            bits,
            lossless: matches!(marker, 0xC3 | 0xC7 | 0xCB | 0xCF),
            progressive: matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE),
        })
    }
}

/// The next marker and what follows it; data of a scan, restarts in it, and stray bytes are passed over.
fn next_marker(mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    loop {
        let at = memchr::memchr(0xFF, bytes)?;
        bytes = bytes.get(at + 1..)?;
        match bytes.first()? {
            0xFF => {}
            0x00 => bytes = bytes.get(1..)?,
            marker => return Some((*marker, bytes.get(1..)?)),
        }
    }
}

/// A segment without its length, and what follows it.
fn split_segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
    let (segment, after) = bytes.split_at_checked(length)?;
    Some((segment.get(2..)?, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &length[..], body].concat()
    }

    fn profile_part(number: u8, count: u8, body: &[u8]) -> Vec<u8> {
        segment(0xE2, &[ICC, &[number, count], body].concat())
    }

    #[test]
    fn a_profile_is_put_together_in_order_and_only_whole() {
        let soi = vec![0xFF, 0xD8];
        let (one, two) = (profile_part(1, 2, b"ab"), profile_part(2, 2, b"cd"));
        let both = [soi.clone(), two.clone(), one.clone()].concat();
        assert_eq!(Markers::read(&both, None).icc(4), Some(b"abcd".to_vec()));
        assert_eq!(Markers::read(&both, None).icc(3), None, "longer than the limit");
        assert_eq!(Markers::read(&[soi.clone(), two].concat(), None).icc(9), None, "a part is missing");
        assert_eq!(Markers::read(&[soi, one.clone(), one].concat(), None).icc(9), None, "a part comes twice");
    }

    #[test]
    fn scans_are_counted_past_stuffed_bytes_and_restarts_up_to_the_limit() {
        let scan = [segment(0xDA, &[0; 6]), vec![1, 0xFF, 0x00, 0xDA, 0xFF, 0xD3, 9, 0xFF, 0x00]].concat();
        let file = [vec![0xFF, 0xD8], scan.repeat(5), vec![0xFF, 0xD9], scan.repeat(5)].concat();
        assert_eq!(Markers::read(&file, Some(100)).scans, 5);
        assert_eq!(Markers::read(&file, Some(3)).scans, 4, "one more than the limit is enough to refuse");
        assert_eq!(Markers::read(&file, None).scans, 1);
    }

    #[test]
    fn a_segment_that_is_longer_than_the_file_ends_the_reading() {
        let markers = Markers::read(&[0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF, b'E'], Some(9));
        assert!(markers.frame.is_none() && markers.exif.is_none());
    }
}
