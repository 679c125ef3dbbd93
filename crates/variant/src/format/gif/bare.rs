//! A GIF written anew without decoding: its frames, delays and loops, and nothing else that it may hold.

use super::blocks::{APPLICATION, EXTENSION, GRAPHIC_CONTROL, IMAGE, palette_bytes, repetitions, skip_parts};

/// The file without comments, texts, applications' data and what follows its end; nothing when it is broken.
pub(crate) fn bare(bytes: &[u8]) -> Option<Vec<u8>> {
    let head = bytes.first_chunk::<13>()?;
    let palette = bytes.get(13..13 + palette_bytes(head[10]))?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(b"GIF89a");
    out.extend_from_slice(&head[6..]);
    out.extend_from_slice(palette);
    let mut rest = &bytes[13 + palette.len()..];
    while let [EXTENSION | IMAGE, ..] = rest {
        rest = block(rest, &mut out)?;
    }
    out.push(0x3B);
    Some(out)
}

/// Writes one block, if it stays, and gives what follows it.
fn block<'a>(bytes: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    if bytes[0] == IMAGE {
        let flags = *bytes.get(9)?;
        let rest = skip_parts(bytes.get(10 + palette_bytes(flags) + 1..)?)?;
        out.extend_from_slice(&bytes[..bytes.len() - rest.len()]);
        return Some(rest);
    }
    let body = bytes.get(2..)?;
    let rest = skip_parts(body)?;
    match bytes[1] {
        GRAPHIC_CONTROL => {
            let [4, flags, low, high, clear, ..] = *body else { return Some(rest) };
            // A delay that browsers do not believe is written as they play it.
            let delay = match u16::from_le_bytes([low, high]) {
                0 | 1 => 10_u16,
                delay => delay,
            };
            let [low, high] = delay.to_le_bytes();
            out.extend_from_slice(&[EXTENSION, GRAPHIC_CONTROL, 4, flags, low, high, clear, 0]);
        }
        APPLICATION => {
            if let Some(repetitions) = repetitions(body) {
                out.extend_from_slice(b"\x21\xFF\x0BNETSCAPE2.0\x03\x01");
                out.extend_from_slice(&repetitions.to_le_bytes());
                out.push(0);
            }
        }
        _ => {}
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_delays_and_loops_stay_and_nothing_else() {
        let head = b"GIF87a\x02\0\x02\0\x80\0\0\x01\x02\x03\x04\x05\x06";
        let frame = [IMAGE, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2, 2, 0x4C, 0x0A, 0];
        let control = |delay: u8| [EXTENSION, GRAPHIC_CONTROL, 4, 0, delay, 0, 0, 0];
        let loops = b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\x05\x00\x00";
        let secret = b"\x21\xFE\x06secret\0\x21\xFF\x0BXMP DataXMP\x06secret\0\x21\x01\x0Cxxxxxxxxxxxx\0";
        let whole =
            [&head[..], loops, secret, &control(1), &frame, &control(7), secret, &frame, b"\x3B<script>"]
                .concat();
        let kept =
            [&b"GIF89a"[..], &head[6..], loops, &control(10), &frame, &control(7), &frame, b"\x3B"].concat();
        assert_eq!(bare(&whole), Some(kept.clone()));
        assert_eq!(bare(&kept), Some(kept.clone()));
        for length in 0..kept.len() - 1 {
            // Cut within a block there is nothing; cut between two, what came before.
            assert!(bare(&kept[..length]).is_none_or(|cut| cut.len() <= length + 1), "{length}");
        }
    }
}
