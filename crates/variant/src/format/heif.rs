//! The boxes of a HEIF file, which AVIF and HEIC are: items, their properties, and where their bytes lie. Nothing is
//! decoded, and no length is believed further than the file goes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Error;
use crate::step::orient;

/// More items than any honest file has: a grid of 256 tiles with as many of alpha, and metadata.
const MAX_ITEMS: usize = 2_000;

/// Boxes beside each other, and properties: more than any honest file has.
const MAX_BOXES: usize = 4_000;

/// Pieces that the bytes of one item lie in.
const MAX_EXTENTS: usize = 64;

/// Properties that change nothing where they are not understood, or are understood: an item whose essential properties
/// are others must not be shown.
const KNOWN: [&[u8; 4]; 14] = [
    b"av1C", b"hvcC", b"irot", b"imir", b"clap", b"a1op", b"ispe", b"pixi", b"colr", b"auxC", b"pasp",
    b"clli", b"mdcv", b"a1lx",
];

/// What the brands of the file's first box say that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brand {
    Avif,
    Heic,
}

/// The brand that a file begins with.
pub(super) fn brand(bytes: &[u8]) -> Option<Brand> {
    let (kind, body, _) = split_box(bytes)?;
    if kind != *b"ftyp" {
        return None;
    }
    // The minor version stands between the major brand and the compatible ones.
    let brands =
        body.chunks_exact(4).take(64).enumerate().filter(|(index, _)| *index != 1).map(|(_, brand)| brand);
    let mut found = None;
    for brand in brands {
        match brand {
            b"avif" | b"avis" => return Some(Brand::Avif),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => found = Some(Brand::Heic),
            _ => {}
        }
    }
    found
}

/// A file's items.
#[derive(Debug)]
pub(super) struct Heif<'a> {
    file: &'a [u8],
    stored: &'a [u8],
    primary: u32,
    items: BTreeMap<u32, Item>,
    properties: Vec<([u8; 4], &'a [u8])>,
    references: Vec<([u8; 4], u32, Vec<u32>)>,
}

/// An item: a picture, a tile of one, or metadata.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// Its number in the file.
    pub(super) id: u32,
    /// What it is: `av01`, `grid`, `Exif` ….
    pub(super) kind: [u8; 4],
    /// Whether its bytes lie in the `idat` box rather than in the file.
    in_stored: bool,
    extents: Vec<(u64, u64)>,
    /// Numbers of its properties, from 1, and whether they are essential.
    properties: Vec<(usize, bool)>,
}

/// A picture put together from tiles of one size, row by row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl<'a> Heif<'a> {
    /// Reads the boxes.
    pub(super) fn read(file: &'a [u8]) -> Result<Heif<'a>, Error> {
        let meta = boxes(file).find(|(kind, _)| kind == b"meta").map(|(_, body)| body);
        let meta = meta.and_then(|body| body.get(4..)).ok_or_else(|| damaged("it has no still picture"))?;
        let mut heif = Heif {
            file,
            stored: &[],
            primary: 0,
            items: BTreeMap::new(),
            properties: Vec::new(),
            references: Vec::new(),
        };
        for (kind, body) in boxes(meta) {
            heif.take(&kind, body).ok_or_else(|| damaged("its header is broken"))?;
        }
        if heif.items.len() > MAX_ITEMS {
            return Err(damaged("it has too many items"));
        }
        Ok(heif)
    }

    /// The picture that is shown.
    pub(super) fn primary(&self) -> Result<&Item, Error> {
        self.item(self.primary)
    }

    /// An item by its number.
    pub(super) fn item(&self, id: u32) -> Result<&Item, Error> {
        self.items.get(&id).ok_or_else(|| damaged("a part of it is missing"))
    }

    /// The items to which one refers in a way.
    pub(super) fn referred(&self, from: u32, how: &[u8; 4]) -> &[u32] {
        self.references.iter().find(|(kind, id, _)| kind == how && *id == from).map_or(&[], |(_, _, to)| to)
    }

    /// The items that refer to one in a way.
    pub(super) fn referring<'b>(&'b self, to: u32, how: &'b [u8; 4]) -> impl Iterator<Item = &'b Item> {
        let those = self.references.iter().filter(move |(kind, _, ids)| kind == how && ids.contains(&to));
        those.filter_map(|(_, id, _)| self.items.get(id))
    }

    /// The bytes of an item, put together where they lie in pieces.
    pub(super) fn data(&self, item: &Item) -> Result<Cow<'a, [u8]>, Error> {
        let within = if item.in_stored { self.stored } else { self.file };
        let piece = |(offset, length): &(u64, u64)| -> Option<&'a [u8]> {
            let rest = within.get(usize::try_from(*offset).ok()?..)?;
            // A length of zero reaches to the end.
            if *length == 0 { Some(rest) } else { rest.get(..usize::try_from(*length).ok()?) }
        };
        let pieces: Option<Vec<&[u8]>> = item.extents.iter().map(piece).collect();
        let pieces = pieces.ok_or_else(|| damaged("it ends early"))?;
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        match pieces.as_slice() {
            [] => Err(damaged("a part of it is missing")),
            [whole] => Ok(Cow::Borrowed(whole)),
            // Pieces may lie over each other, but make no more than was sent.
            _ if length <= within.len() => Ok(Cow::Owned(pieces.concat())),
            _ => Err(damaged("its parts lie over each other")),
        }
    }

    /// The first property of a kind.
    pub(super) fn property(&self, item: &Item, wanted: &[u8; 4]) -> Option<&'a [u8]> {
        self.properties_of(item).find(|(kind, _)| kind == wanted).map(|(_, body)| body)
    }

    /// All properties of a kind.
    pub(super) fn each_property<'b>(
        &'b self,
        item: &'b Item,
        wanted: &'b [u8; 4],
    ) -> impl Iterator<Item = &'a [u8]> + 'b {
        self.properties_of(item).filter(move |(kind, _)| kind == wanted).map(|(_, body)| body)
    }

    /// Refuses an item with an essential property that is not understood.
    pub(super) fn is_understood(&self, item: &Item) -> Result<(), Error> {
        let strange = item.properties.iter().any(|(index, essential)| {
            let kind = self.properties.get(index.wrapping_sub(1)).map(|(kind, _)| kind);
            *essential && kind.is_none_or(|kind| !KNOWN.contains(&kind))
        });
        if strange { Err(damaged("it uses something that this build does not know")) } else { Ok(()) }
    }

    /// Width and height as an item declares them.
    pub(super) fn size(&self, item: &Item) -> Result<(u32, u32), Error> {
        let size = self.property(item, b"ispe").and_then(|body| {
            let mut fields = Fields(body.get(4..)?);
            Some((fields.number(4)? as u32, fields.number(4)? as u32))
        });
        match size {
            Some((width, height)) if width > 0 && height > 0 => Ok((width, height)),
            _ => Err(damaged("its width or height is zero")),
        }
    }

    /// How an item is turned to be shown, as one of EXIF's eight: its turns and mirrors in their order.
    pub(super) fn orientation(&self, item: &Item) -> u8 {
        let turns = self.properties_of(item).filter_map(|(kind, body)| {
            let value = body.first()?;
            match &kind {
                // Anticlockwise.
                b"irot" => Some(orient::rotated(360 - 90 * u32::from(value & 3))),
                // 0 swaps top and bottom, 1 left and right.
                b"imir" => Some(orient::flipped(value & 1 == 1, value & 1 == 0)),
                _ => None,
            }
        });
        turns.take(8).fold(1, orient::then)
    }

    /// Reads the item of a grid.
    pub(super) fn grid(&self, item: &Item) -> Result<Grid, Error> {
        let data = self.data(item)?;
        let read = || {
            let mut fields = Fields(&data);
            let (_, flags) = (fields.number(1)?, fields.number(1)?);
            let (rows, columns) = (fields.number(1)? as usize + 1, fields.number(1)? as usize + 1);
            let bytes = if flags & 1 == 1 { 4 } else { 2 };
            let (width, height) = (fields.number(bytes)? as u32, fields.number(bytes)? as u32);
            Some(Grid { rows, columns, width, height })
        };
        read().ok_or_else(|| damaged("it ends early"))
    }

    fn properties_of<'b>(&'b self, item: &'b Item) -> impl Iterator<Item = ([u8; 4], &'a [u8])> + 'b {
        item.properties.iter().filter_map(|(index, _)| self.properties.get(index.wrapping_sub(1)).copied())
    }

    /// Takes one box of `meta`; nothing when it is broken.
    fn take(&mut self, kind: &[u8; 4], body: &'a [u8]) -> Option<()> {
        match kind {
            b"pitm" => {
                let mut fields = Fields(body);
                let version = fields.number(4)? >> 24;
                self.primary = fields.number(if version == 0 { 2 } else { 4 })? as u32;
                Some(())
            }
            b"idat" => {
                self.stored = body;
                Some(())
            }
            b"iinf" => self.take_infos(body),
            b"iloc" => self.take_places(body),
            b"iref" => self.take_references(body),
            b"iprp" => boxes(body).try_for_each(|(kind, body)| match &kind {
                b"ipco" => {
                    self.properties = boxes(body).collect();
                    Some(())
                }
                b"ipma" => self.take_associations(body),
                _ => Some(()),
            }),
            _ => Some(()),
        }
    }

    fn item_mut(&mut self, id: u32) -> Option<&mut Item> {
        if self.items.len() > MAX_ITEMS {
            return None;
        }
        Some(self.items.entry(id).or_insert_with(|| Item { id, ..Item::default() }))
    }

    /// `iinf`: what the items are.
    fn take_infos(&mut self, body: &'a [u8]) -> Option<()> {
        let version = body.first()?;
        for (_, body) in boxes(body.get(if *version == 0 { 6 } else { 8 }..)?) {
            let mut fields = Fields(body);
            let version = fields.number(4)? >> 24;
            if version < 2 {
                continue;
            }
            let id = fields.number(if version == 2 { 2 } else { 4 })? as u32;
            fields.number(2)?;
            self.item_mut(id)?.kind = *fields.take(4)?.first_chunk()?;
        }
        Some(())
    }

    /// `iloc`: where their bytes lie.
    fn take_places(&mut self, body: &'a [u8]) -> Option<()> {
        let mut fields = Fields(body);
        let version = fields.number(4)? >> 24;
        let sizes = fields.number(2)?;
        let bytes = |shift: u64| usize::try_from(sizes >> shift & 15).ok();
        let (offset, length, base) = (bytes(12)?, bytes(8)?, bytes(4)?);
        let index = if version == 0 { 0 } else { bytes(0)? };
        let wide = if version < 2 { 2 } else { 4 };
        for _ in 0..fields.number(wide)? {
            let id = fields.number(wide)? as u32;
            let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
            // The bytes of another file are none.
            let elsewhere = fields.number(2)? != 0 || method > 1;
            let start = fields.number(base)?;
            let mut extents = Vec::new();
            for _ in 0..fields.number(2)? {
                fields.number(index)?;
                let at = start.checked_add(fields.number(offset)?)?;
                extents.push((at, fields.number(length)?));
                if extents.len() > MAX_EXTENTS {
                    return None;
                }
            }
            let item = self.item_mut(id)?;
            item.in_stored = method == 1;
            item.extents = if elsewhere { Vec::new() } else { extents };
        }
        Some(())
    }

    /// `iref`: which belong to which.
    fn take_references(&mut self, body: &'a [u8]) -> Option<()> {
        let wide = if *body.first()? == 0 { 2 } else { 4 };
        for (kind, body) in boxes(body.get(4..)?) {
            let mut fields = Fields(body);
            let from = fields.number(wide)? as u32;
            let count = fields.number(2)?;
            let to: Option<Vec<u32>> = (0..count).map(|_| Some(fields.number(wide)? as u32)).collect();
            self.references.push((kind, from, to?));
        }
        Some(())
    }

    /// `ipma`: which properties they have.
    fn take_associations(&mut self, body: &'a [u8]) -> Option<()> {
        let mut fields = Fields(body);
        let head = fields.number(4)?;
        let (version, wide) = (head >> 24, head & 1 == 1);
        for _ in 0..fields.number(4)? {
            let id = fields.number(if version == 0 { 2 } else { 4 })? as u32;
            let mut properties = Vec::new();
            for _ in 0..fields.number(1)? {
                let number = fields.number(if wide { 2 } else { 1 })?;
                let top = if wide { 0x8000 } else { 0x80 };
                properties.push(((number & (top - 1)) as usize, number & top != 0));
            }
            properties.retain(|(index, _)| *index != 0);
            self.item_mut(id)?.properties = properties;
        }
        Some(())
    }
}

/// Numbers one after the other, big end first.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes, at most 8; of none, 0.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        if bytes > 8 {
            return None;
        }
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// The boxes that lie beside each other; what is broken ends them.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let next = move || {
        let (kind, body, after) = split_box(rest)?;
        rest = after;
        Some((kind, body))
    };
    std::iter::from_fn(next).take(MAX_BOXES)
}

/// A box's kind and body, and what follows it.
fn split_box(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let mut fields = Fields(bytes);
    let length = fields.number(4)?;
    let kind = *fields.take(4)?.first_chunk()?;
    let (length, head) = match length {
        0 => (bytes.len() as u64, 8),
        1 => (fields.number(8)?, 16),
        length => (length, 8),
    };
    // A file that is cut off still has the head of its last box.
    let end = usize::try_from(length).ok()?.min(bytes.len());
    Some((kind, bytes.get(head..end)?, bytes.get(end..)?))
}

fn damaged(sentence: &str) -> Error {
    Error::Damaged(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn brands_are_told_apart() {
        let file = |brands: &[u8]| boxed(b"ftyp", brands);
        assert_eq!(brand(&file(b"avif\0\0\0\0mif1")), Some(Brand::Avif));
        assert_eq!(brand(&file(b"mif1\0\0\0\0heicavif")), Some(Brand::Avif));
        assert_eq!(brand(&file(b"mif1\0\0\0\0heic")), Some(Brand::Heic));
        assert_eq!(brand(&file(b"isomavifmp42")), None, "what stands second is a version");
        assert_eq!(brand(b"\0\0\0\x08free"), None);
    }

    #[test]
    fn a_box_without_a_length_reaches_to_the_end() {
        let all: Vec<_> = boxes(b"\0\0\0\x09aaaax\0\0\0\0bbbbyz").collect();
        assert_eq!(all, [(*b"aaaa", &b"x"[..]), (*b"bbbb", b"yz")]);
        let long = boxes(b"\0\0\0\x01aaaa\0\0\0\0\0\0\0\x11x").next();
        assert_eq!(long, Some((*b"aaaa", &b"x"[..])));
        assert_eq!(boxes(b"\0\0\0\x07aaaa").next(), None, "shorter than its own head");
    }

    #[test]
    fn lengths_beyond_the_file_are_an_error_and_no_panic() {
        let places = |extents: &[(u32, u32)]| {
            let mut body = vec![0, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0];
            body.extend(u16::try_from(extents.len()).unwrap().to_be_bytes());
            for (at, length) in extents {
                body.extend(at.to_be_bytes());
                body.extend(length.to_be_bytes());
            }
            let meta = [vec![0; 4], boxed(b"pitm", &[0, 0, 0, 0, 0, 1]), boxed(b"iloc", &body)].concat();
            boxed(b"meta", &meta)
        };
        let read = |file: &[u8]| {
            let heif = Heif::read(file)?;
            let data = heif.data(heif.primary()?)?;
            Ok::<_, Error>(data.into_owned())
        };
        assert_eq!(read(&places(&[(4, 4)])).unwrap(), b"meta");
        assert_eq!(read(&places(&[(4, 2), (6, 2)])).unwrap(), b"meta");
        assert!(read(&places(&[(4, u32::MAX)])).is_err());
        assert!(read(&places(&[(u32::MAX, 1)])).is_err());
        assert!(read(&places(&[])).is_err());
        assert!(read(&places(&[(0, 0); 60])).is_err(), "sixty times the whole file");
    }
}
