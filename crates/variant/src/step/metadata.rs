//! `metadata`: what a JPEG rendition keeps of the original's EXIF (contract R-68). Nothing else ever leaves:
//! no XMP, IPTC or comment, and PNG and WebP carry none at all.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Context, Exif, Field, In, Reader, Tag, Value};
use serde::{Deserialize, Serialize};

/// What a JPEG rendition keeps of the original's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetadataPolicy {
    /// Only the copyright tag.
    Copyright,
    /// The EXIF without its thumbnail, with the orientation that the rendition has.
    Keep,
    /// Nothing.
    None,
}

const NAMES: [(&str, MetadataPolicy); 3] = [
    ("copyright", MetadataPolicy::Copyright),
    ("keep", MetadataPolicy::Keep),
    ("none", MetadataPolicy::None),
];

/// The longest EXIF that fits into a JPEG segment beside its six bytes of name, in bytes.
const MAX_EXIF_BYTES: usize = 65_533 - 6;

/// The longest copyright that is kept, in bytes.
const MAX_COPYRIGHT_BYTES: usize = 1_024;

/// Tags that tell the original's size, which is not the rendition's.
const SIZES: [Tag; 4] = [Tag::ImageWidth, Tag::ImageLength, Tag::PixelXDimension, Tag::PixelYDimension];

/// The most fields of an EXIF that are kept.
const MAX_FIELDS: usize = 512;

/// Reads a policy. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<MetadataPolicy, String> {
    NAMES
        .iter()
        .find_map(|(name, policy)| (*name == value).then_some(*policy))
        .ok_or_else(|| "must be copyright, keep or none".to_owned())
}

/// Prints a policy.
pub(crate) fn print(policy: &MetadataPolicy) -> String {
    NAMES.iter().find(|(_, known)| known == policy).map_or_else(String::new, |(name, _)| (*name).to_owned())
}

/// The EXIF orientation of an original, 1 to 8. What cannot be read is 1.
pub(crate) fn orientation(raw: Option<&[u8]>) -> u8 {
    let value = raw.and_then(read).and_then(|exif| {
        exif.get_field(Tag::Orientation, In::PRIMARY).and_then(|field| field.value.get_uint(0))
    });
    value.and_then(|value| u8::try_from(value).ok()).filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

/// What a policy keeps of an original's EXIF: a TIFF structure anew, or nothing.
pub(crate) fn kept(policy: MetadataPolicy, raw: Option<&[u8]>) -> Option<Vec<u8>> {
    if policy == MetadataPolicy::None {
        return None;
    }
    let exif = read(raw?)?;
    let fields: Vec<Field> =
        exif.fields().filter(|field| keeps(policy, field)).take(MAX_FIELDS).map(upright).collect();
    write(&fields, exif.little_endian())
}

/// Reads EXIF as far as it goes; its errors are nobody's business.
fn read(raw: &[u8]) -> Option<Exif> {
    let bytes = raw.get(..raw.len().min(MAX_EXIF_BYTES))?.to_vec();
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    reader.read_raw(bytes).or_else(|error| error.distill_partial_result(|_| ())).ok()
}

fn keeps(policy: MetadataPolicy, field: &Field) -> bool {
    let known = !matches!(field.value, Value::Unknown(..)) && field.ifd_num == In::PRIMARY;
    known
        && !SIZES.contains(&field.tag)
        && (policy == MetadataPolicy::Keep || (field.tag == Tag::Copyright && is_plain(&field.value)))
}

/// A copyright that is a line of text. It leaves by default, so it must not be a place to hide markup in.
fn is_plain(value: &Value) -> bool {
    let Value::Ascii(lines) = value else { return false };
    let plain = |line: &Vec<u8>| line.iter().all(|byte| *byte >= 0x20 && !matches!(byte, b'<' | b'>' | 0x7F));
    lines.iter().map(Vec::len).sum::<usize>() <= MAX_COPYRIGHT_BYTES && lines.iter().all(plain)
}

/// The field as it is true of the rendition, whose pixels stand upright.
fn upright(field: &Field) -> Field {
    let mut field = field.clone();
    if field.tag == Tag(Context::Tiff, Tag::Orientation.number()) {
        field.value = Value::Short(vec![1]);
    }
    field
}

fn write(fields: &[Field], little_endian: bool) -> Option<Vec<u8>> {
    if fields.is_empty() {
        return None;
    }
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    let mut out = Cursor::new(Vec::new());
    writer.write(&mut out, little_endian).ok()?;
    Some(out.into_inner()).filter(|bytes| bytes.len() <= MAX_EXIF_BYTES)
}
