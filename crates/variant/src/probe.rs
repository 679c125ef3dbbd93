//! What an original is, from its header alone.

use crate::decode::Header;
use crate::format::Format;
use crate::step::{metadata, orient};
use crate::{Error, Facts, Limits, Orientation};

/// Reads the header of an original and holds it against the limits. Decodes no pixel. The magic number decides, never
/// a name or a declared type.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Facts, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    let format = Format::of(bytes).ok_or_else(|| Error::NotAnImage(looks_like(bytes).to_owned()))?;
    let header = format.header(bytes, limits)?;
    hold_against(limits, &header)?;
    let orientation = header.orientation.unwrap_or_else(|| metadata::orientation(header.exif));
    let (width, height) = orient::swapped(orientation, (header.width, header.height));
    Ok(Facts {
        format,
        width,
        height,
        orientation: Orientation(orientation),
        frames: header.frames,
        alpha: header.alpha,
        bits: header.bits,
        is_progressive: header.is_progressive,
        is_lossless: header.is_lossless,
        tiles: header.tiles,
    })
}

fn hold_against(limits: &Limits, header: &Header<'_>) -> Result<(), Error> {
    let (width, height) = (header.width, header.height);
    let area = u64::from(width) * u64::from(height);
    if area == 0 {
        return Err(Error::Damaged("its width or height is zero".to_owned()));
    }
    let side = width.max(height);
    if side > limits.max_side_pixels {
        let most = limits.max_side_pixels;
        let told = format!("this image has a side of {side} pixels; the limit is {most}");
        return Err(Error::TooLarge { limit: "max_side_pixels", told });
    }
    if area > limits.max_pixels {
        let (has, most) = megapixels(area, limits.max_pixels);
        let told = format!("this image has {has} megapixels; the limit is {most}");
        return Err(Error::TooLarge { limit: "max_pixels", told });
    }
    let frames = header.frames;
    if frames > limits.max_frames {
        let most = limits.max_frames;
        let told = format!("this animation has {frames} frames; the limit is {most}");
        return Err(Error::AnimationTooLarge { limit: "max_frames", told });
    }
    let all = area.saturating_mul(u64::from(frames));
    if frames > 1 && all > limits.max_animation_pixels {
        let (has, most) = megapixels(all, limits.max_animation_pixels);
        let told = format!(
            "the {frames} frames of this animation have {has} megapixels together; the limit is {most}"
        );
        return Err(Error::AnimationTooLarge { limit: "max_animation_pixels", told });
    }
    Ok(())
}

/// An area and the limit that it passes, in megapixels with as many places as it takes to tell them apart.
fn megapixels(area: u64, limit: u64) -> (String, String) {
    let print = |pixels: u64| {
        let text = format!("{:.2}", pixels as f64 / 1e6);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let (has, most) = (area.div_ceil(1_000_000).to_string(), print(limit));
    if has == most { (print(area + 10_000), most) } else { (has, most) }
}

/// The name of what bytes look like that are no accepted format.
fn looks_like(bytes: &[u8]) -> &'static str {
    let brand = (bytes.get(4..8) == Some(b"ftyp")).then(|| bytes.get(8..12)).flatten();
    if let Some(brand) = brand {
        return match brand {
            b"avif" | b"avis" => "AVIF",
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => "HEIC",
            b"qt  " => "QuickTime video",
            _ => "MP4 video",
        };
    }
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    if bytes.starts_with(b"RIFF") {
        return "RIFF media";
    }
    text_like(bytes)
}

/// Magic numbers of what people try to upload all the same.
const MAGIC: [(&[u8], &str); 22] = [
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"8BPS", "PSD"),
    (b"\xFF\x0A", "JPEG XL"),
    (b"\0\0\0\x0CJXL ", "JPEG XL"),
    (b"\0\0\0\x0CjP  ", "JPEG 2000"),
    (b"\0\0\x01\0", "ICO"),
    (b"\0\0\x02\0", "CUR"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1F\x8B", "a gzip file"),
    (b"\x1A\x45\xDF\xA3", "WebM video"),
    (b"ID3", "MP3 audio"),
    (b"OggS", "Ogg media"),
    (b"qoif", "QOI"),
    (b"\x7FELF", "a program"),
    (b"MZ", "a program"),
];

fn text_like(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(1024)];
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<') && text.contains("<svg") {
        "SVG"
    } else if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "HTML"
    } else if start.starts_with("<?xml") {
        "XML"
    } else if head.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r')) {
        "text"
    } else {
        "this file"
    }
}

#[cfg(test)]
mod tests;
