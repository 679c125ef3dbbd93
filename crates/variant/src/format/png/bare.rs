//! A PNG written anew without decoding: its pixels, frames and colours, and nothing else that it may hold.

use super::chunks::{SIGNATURE, split_chunk};

/// Chunks that decide what is seen.
const KEPT: [&[u8; 4]; 13] = [
    b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"acTL", b"fcTL", b"IDAT",
    b"fdAT", b"IEND",
];

/// The file without texts, EXIF, unknown chunks and what follows its end; nothing when it ends early.
pub(crate) fn bare(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(SIGNATURE);
    while let Some((kind, body, after)) = split_chunk(rest) {
        let whole = 12 + body.len();
        let chunk = rest.get(..whole)?;
        if KEPT.contains(&&kind) {
            out.extend_from_slice(chunk);
        }
        if kind == *b"IEND" {
            return Some(out);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_colours_stay_and_nothing_else() {
        let chunk = |kind: &[u8; 4], body: &[u8]| {
            [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], kind, body, b"sum!"].concat()
        };
        let (head, data, end) = (chunk(b"IHDR", &[0; 13]), chunk(b"IDAT", b"data"), chunk(b"IEND", b""));
        let secret =
            [chunk(b"tEXt", b"secret"), chunk(b"eXIf", b"secret"), chunk(b"prVt", b"secret")].concat();
        let whole = [SIGNATURE, &head, &secret, &data, &secret, &end, b"<script>"].concat();
        let kept = [SIGNATURE, &head, &data, &end].concat();
        assert_eq!(bare(&whole), Some(kept.clone()));
        assert_eq!(bare(&kept[..kept.len() - 1]), None);
        assert_eq!(bare(b"GIF"), None);
    }
}
