//! A WebP written anew without decoding: its pictures, their times and colours, and nothing else that it may hold.

use super::chunks::List;

/// Flags of the extended header that stay: profile, alpha, animation.
const KEPT_FLAGS: u8 = 0x20 | 0x10 | 0x02;

/// The file without EXIF, XMP, unknown chunks and what follows its end; nothing when it is broken.
pub(crate) fn bare(bytes: &[u8]) -> Option<Vec<u8>> {
    let body = bytes.get(12..)?;
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    for (kind, body, whole) in List::new(body) {
        if !whole {
            return None;
        }
        match &kind {
            b"VP8X" => {
                let mut head = *body.first_chunk::<10>()?;
                head[0] &= KEPT_FLAGS;
                put(kind, &head, &mut out)?;
            }
            b"ANMF" => put(kind, &frame(body)?, &mut out)?,
            b"VP8 " | b"VP8L" | b"ALPH" | b"ICCP" | b"ANIM" => put(kind, body, &mut out)?,
            _ => {}
        }
    }
    let length = u32::try_from(out.len() - 8).ok()?;
    out[4..8].copy_from_slice(&length.to_le_bytes());
    Some(out)
}

/// A frame with its place, its time as browsers play it, and its picture.
fn frame(body: &[u8]) -> Option<Vec<u8>> {
    let mut out = body.get(..16)?.to_vec();
    if out[13..15] == [0, 0] && out[12] <= 10 {
        out[12] = 100;
    }
    for (kind, body, whole) in List::new(&body[16..]) {
        if matches!(&kind, b"VP8 " | b"VP8L" | b"ALPH") {
            whole.then_some(())?;
            put(kind, body, &mut out)?;
        }
    }
    Some(out)
}

fn put(kind: [u8; 4], body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&kind);
    out.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(*kind, body, &mut out).unwrap();
        out
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = [b"WEBP".to_vec(), chunks.concat()].concat();
        [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn frames_and_times_stay_and_nothing_else() {
        let place = |delay: u8| [1, 0, 0, 2, 0, 0, 9, 0, 0, 4, 0, 0, delay, 0, 0, 0];
        let picture = chunk(b"VP8L", b"odd");
        let frame = |delay: u8, more: &[u8]| chunk(b"ANMF", &[&place(delay)[..], &picture, more].concat());
        let secret = chunk(b"EXIF", b"secret");
        let unknown = chunk(b"XYZ ", b"secret");
        let head = |flags: u8| chunk(b"VP8X", &[flags, 0, 0, 0, 99, 0, 0, 49, 0, 0]);
        let loops = chunk(b"ANIM", &[1, 2, 3, 4, 5, 6]);
        let mut whole = file(&[
            head(0x3E),
            chunk(b"ICCP", b"icc"),
            loops.clone(),
            frame(5, &unknown),
            frame(77, b""),
            secret,
            chunk(b"XMP ", b"secret"),
            unknown,
        ]);
        let kept = file(&[head(0x32), chunk(b"ICCP", b"icc"), loops, frame(100, b""), frame(77, b"")]);
        assert_eq!(bare(&whole), Some(kept.clone()));
        assert_eq!(bare(&kept), Some(kept));
        whole.pop();
        whole.pop();
        assert_eq!(bare(&whole), None);
    }
}
