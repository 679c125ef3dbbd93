//! A JPEG written anew without decoding: its pixels, colours and orientation, and nothing else that it may hold.

/// An EXIF that says how the picture is turned, and no more; its value goes where the zero stands last.
const TURNED: &[u8] = b"\xFF\xE1\0\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";

/// The file without comments, metadata, thumbnails and what follows its end; nothing when it is broken.
pub(crate) fn bare(bytes: &[u8], orientation: u8) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(b"\xFF\xD8")?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(b"\xFF\xD8");
    if (2..=8).contains(&orientation) {
        out.extend_from_slice(TURNED);
        out.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    }
    loop {
        while let [0xFF, 0xFF, ..] = rest {
            rest = &rest[1..];
        }
        let [0xFF, marker, high, low, ..] = *rest else {
            return rest.starts_with(b"\xFF\xD9").then(|| ended(out));
        };
        if marker == 0xD9 {
            return Some(ended(out));
        }
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        let segment = rest.get(..length)?;
        if stays(marker, segment.get(4..)?) {
            out.extend_from_slice(segment);
        }
        rest = &rest[length..];
        if marker == 0xDA {
            let scan = scan_bytes(rest);
            out.extend_from_slice(&rest[..scan]);
            rest = &rest[scan..];
        }
    }
}

fn ended(mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(b"\xFF\xD9");
    out
}

/// Whether a segment decides what is seen: tables, frames, scans, a profile, JFIF's and Adobe's word about colours.
fn stays(marker: u8, body: &[u8]) -> bool {
    match marker {
        // Its thumbnail would come last.
        0xE0 => body.starts_with(b"JFIF\0") && body.len() == 14,
        0xE2 => body.starts_with(b"ICC_PROFILE\0"),
        0xEE => body.starts_with(b"Adobe"),
        0xE1..=0xEF | 0xFE => false,
        _ => true,
    }
}

/// Bytes of a scan up to the next marker that is no restart.
fn scan_bytes(bytes: &[u8]) -> usize {
    let ends = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    bytes.windows(2).position(ends).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{decoded, exif, file, quarters, with_exif};

    #[test]
    fn pixels_and_orientation_stay_and_nothing_else() {
        let plain = file(&quarters(40, 20), crate::Format::Jpeg);
        let told = [with_exif(&plain, &exif(6)), b"<script>".to_vec()].concat();
        let comment = [&told[..2], b"\xFF\xFE\0\x08secret", &told[2..]].concat();
        let kept = bare(&comment, 6).unwrap();
        for secret in [&b"secret"[..], b"Ada", b"script"] {
            assert!(!kept.windows(secret.len()).any(|window| window == secret));
        }
        assert_eq!(decoded(&kept).pixels, decoded(&told).pixels);
        let facts = crate::probe(&kept, &crate::Limits::default()).unwrap();
        assert_eq!((facts.orientation.0, facts.width, facts.height), (6, 20, 40));
        assert_eq!(bare(&plain, 1).map(|kept| decoded(&kept)), Some(decoded(&plain)));
        for length in 0..plain.len() - 1 {
            let _ = bare(&plain[..length], 1);
        }
    }
}
