//! AVIF: still pictures of 8 to 12 bits, alone or put together from tiles, with alpha, turns and colours as the file
//! names them. Of an image sequence the still picture. Written as 8 bits, with colour at every pixel where there is time.

use std::time::Instant;

use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::decode::{Header, Order, Picture, Samples, Sink};
use crate::{Effort, Error, Limits};

mod decoder;
mod encoder;
mod yuv;

use decoder::Frame;
use yuv::{Chroma, Converter, Description};

use super::heif::{self, Brand, Heif, Item};

/// Names by which alpha is known.
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];

/// Whether a file begins as an AVIF.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    heif::brand(bytes) == Some(Brand::Avif)
}

/// The header. The turns of the file are told; those of its EXIF are none, as the format says.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, Error> {
    let heif = Heif::read(bytes)?;
    let primary = heif.primary()?;
    let colour = Tiles::of(&heif, primary, limits)?;
    let alpha = alpha(&heif, primary);
    Ok(Header {
        orientation: Some(heif.orientation(primary)),
        alpha: alpha.is_some(),
        bits: bits(&heif, &colour),
        tiles: colour.tiles.len() as u32,
        ..Header::new(colour.width, colour.height)
    })
}

/// The EXIF, a TIFF structure.
pub(crate) fn exif(bytes: &[u8]) -> Option<Vec<u8>> {
    let heif = Heif::read(bytes).ok()?;
    let item = heif.referring(heif.primary().ok()?.id, b"cdsc").find(|item| item.kind == *b"Exif")?;
    let data = heif.data(item).ok()?;
    let (skipped, rest) = data.split_first_chunk::<4>()?;
    rest.get(usize::try_from(u32::from_be_bytes(*skipped)).ok()?..).map(<[u8]>::to_vec)
}

/// Decodes the still picture; of one in tiles, a row of tiles at a time.
pub(crate) fn decode(order: &Order<'_>, sink: &mut dyn Sink) -> Result<(), Error> {
    let heif = Heif::read(order.bytes)?;
    let primary = heif.primary()?;
    let mut colour = Source::new(&heif, primary, order)?;
    order.expect(colour.tiles.width, colour.tiles.height)?;
    let mut alpha = alpha(&heif, primary).map(|item| Source::new(&heif, item, order)).transpose()?;
    if alpha.as_ref().is_some_and(|alpha| (alpha.tiles.width, alpha.tiles.height) != order.size) {
        return Err(Error::Damaged("its alpha has another size".to_owned()));
    }
    colour.load(0)?;
    let first = &colour.frames[0];
    let (bits, chroma) = (first.bits, first.chroma);
    let named = named(&heif, primary);
    let description = named.unwrap_or(first.description);
    let premultiplied =
        alpha.as_ref().is_some_and(|alpha| heif.referred(primary.id, b"prem").contains(&alpha.tiles.id));
    let mut writer = Writer::new(bits, chroma, description, alpha.is_some(), premultiplied)?;
    sink.begin(&Picture {
        deep: bits > 8,
        icc: icc(&heif, primary, order.limits),
        cicp: writer.cicp(description),
        ..Picture::new(order.size.0, order.size.1, writer.samples())
    })?;
    for y in 0..order.size.1 as usize {
        still_time(order.deadline)?;
        let row = writer.row(y, &mut colour, alpha.as_mut())?;
        if sink.row(row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Encodes a canvas at the public quality, 1 to 100.
pub(crate) fn encode(
    canvas: &Canvas,
    quality: u8,
    effort: Effort,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    encoder::encode(canvas, quality, effort, deadline)
}

/// The alpha of a picture.
fn alpha<'a>(heif: &'a Heif<'_>, primary: &Item) -> Option<&'a Item> {
    heif.referring(primary.id, b"auxl").find(|item| {
        let kind = heif.property(item, b"auxC").and_then(|body| body.get(4..)).unwrap_or_default();
        ALPHA.iter().any(|name| kind.strip_prefix(*name).is_some_and(|rest| matches!(rest, [] | [0, ..])))
    })
}

/// Bits of a sample, as the configuration of the picture or of its first tile says.
fn bits(heif: &Heif<'_>, tiles: &Tiles) -> u8 {
    let first = tiles.tiles.first().and_then(|id| heif.item(*id).ok());
    let flags = first.and_then(|item| heif.property(item, b"av1C")).and_then(|body| body.get(2));
    match flags.map_or(0, |flags| flags >> 5 & 3) {
        0 | 1 => 8,
        2 => 10,
        _ => 12,
    }
}

/// What the numbers mean, where the file says so beside the picture.
fn named(heif: &Heif<'_>, primary: &Item) -> Option<Description> {
    let body = heif.each_property(primary, b"colr").find_map(|body| body.strip_prefix(b"nclx"))?;
    let [_, primaries, _, transfer, _, matrix, flags, ..] = *body else { return None };
    Some(Description { primaries, transfer, matrix, full_range: flags & 0x80 != 0 })
}

fn icc(heif: &Heif<'_>, primary: &Item, limits: &Limits) -> Option<Vec<u8>> {
    let profile = heif
        .each_property(primary, b"colr")
        .find_map(|body| body.strip_prefix(b"prof").or_else(|| body.strip_prefix(b"rICC")))?;
    (profile.len() <= limits.max_icc_bytes).then(|| profile.to_vec())
}

/// A picture as one tile or many, held against the limits before anything is decoded.
struct Tiles {
    id: u32,
    /// Of the whole picture.
    width: u32,
    height: u32,
    columns: usize,
    /// Of each tile.
    tile: (u32, u32),
    tiles: Vec<u32>,
}

impl Tiles {
    fn of(heif: &Heif<'_>, item: &Item, limits: &Limits) -> Result<Tiles, Error> {
        heif.is_understood(item)?;
        let (width, height) = heif.size(item)?;
        match &item.kind {
            b"av01" => {
                let (columns, tile, tiles) = (1, (width, height), vec![item.id]);
                Ok(Tiles { id: item.id, width, height, columns, tile, tiles })
            }
            b"grid" => Tiles::of_grid(heif, item, limits),
            kind => Err(Error::NotAnImage(format!("AVIF with a {} item", String::from_utf8_lossy(kind)))),
        }
    }

    fn of_grid(heif: &Heif<'_>, item: &Item, limits: &Limits) -> Result<Tiles, Error> {
        let grid = heif.grid(item)?;
        let tiles = heif.referred(item.id, b"dimg").to_vec();
        let most = limits.max_avif_tiles;
        if grid.rows * grid.columns > most as usize {
            let told = format!("it has {} tiles; the limit is {most}", grid.rows * grid.columns);
            return Err(Error::TooManyPieces { limit: "max_avif_tiles", told });
        }
        let whole = tiles.len() == grid.rows * grid.columns && heif.size(item)? == (grid.width, grid.height);
        let first =
            tiles.first().filter(|_| whole).ok_or_else(|| Error::Damaged("a tile is missing".to_owned()))?;
        let tile = heif.size(heif.item(*first)?)?;
        for id in &tiles {
            let item = heif.item(*id)?;
            heif.is_understood(item)?;
            if item.kind != *b"av01" || heif.size(item)? != tile {
                return Err(Error::Damaged("its tiles differ".to_owned()));
            }
        }
        let fits = |whole: u32, tile: u32, count: usize| {
            let (whole, tile, count) = (u64::from(whole), u64::from(tile), count as u64);
            // The last tile may hang over, but not be idle, and no tile be larger than such a picture needs.
            tile * count >= whole && tile * (count - 1) < whole && (count > 1 || tile <= whole.max(64) + 64)
        };
        if !fits(grid.width, tile.0, grid.columns) || !fits(grid.height, tile.1, grid.rows) {
            return Err(Error::Damaged("its tiles do not fit".to_owned()));
        }
        let (width, height, columns) = (grid.width, grid.height, grid.columns);
        Ok(Tiles { id: item.id, width, height, columns, tile, tiles })
    }
}

/// A picture whose tiles are decoded row by row.
struct Source<'a> {
    heif: &'a Heif<'a>,
    order: &'a Order<'a>,
    tiles: Tiles,
    operating_point: u8,
    frames: Vec<Frame>,
    /// The row of tiles that is decoded.
    loaded: Option<usize>,
}

impl<'a> Source<'a> {
    fn new(heif: &'a Heif<'a>, item: &Item, order: &'a Order<'a>) -> Result<Source<'a>, Error> {
        let tiles = Tiles::of(heif, item, order.limits)?;
        let point = heif.property(item, b"a1op").and_then(|body| body.first()).copied().unwrap_or(0);
        Ok(Source { heif, order, tiles, operating_point: point.min(31), frames: Vec::new(), loaded: None })
    }

    /// Decodes a row of tiles, unless it is the one that is there.
    fn load(&mut self, row: usize) -> Result<(), Error> {
        if self.loaded == Some(row) {
            return Ok(());
        }
        // What is not needed any more goes before what comes.
        let shape = self.frames.first().map(|frame| (frame.bits, frame.chroma));
        self.frames.clear();
        for id in self.tiles.tiles.iter().skip(row * self.tiles.columns).take(self.tiles.columns) {
            still_time(self.order.deadline)?;
            let data = self.heif.data(self.heif.item(*id)?)?;
            let frame = Frame::decode(&data, self.tiles.tile, self.operating_point)?;
            let shape = shape.or_else(|| self.frames.first().map(|frame| (frame.bits, frame.chroma)));
            if shape.is_some_and(|shape| shape != (frame.bits, frame.chroma)) {
                return Err(Error::Damaged("its tiles differ".to_owned()));
            }
            self.frames.push(frame);
        }
        self.loaded = Some(row);
        Ok(())
    }

    /// Gives row `y` of the whole picture, pixel by pixel.
    fn row(
        &mut self,
        y: usize,
        converter: &mut Converter,
        mut give: impl FnMut(usize, [i32; 3]),
    ) -> Result<(), Error> {
        let (tile_width, tile_height) = (self.tiles.tile.0 as usize, self.tiles.tile.1 as usize);
        self.load(y / tile_height)?;
        let width = self.tiles.width as usize;
        for (index, frame) in self.frames.iter().enumerate() {
            let left = index * tile_width;
            let row = |plane: usize, y: usize| frame.row(plane, y);
            converter.convert(tile_width, y % tile_height, row, |x, pixel| {
                if left + x < width {
                    give(left + x, pixel);
                }
            })?;
        }
        Ok(())
    }
}

/// Writes rows of colour, and of alpha beside it, as the rest of the house takes them.
struct Writer {
    bits: u32,
    colour: Converter,
    /// Made when the first row of alpha is there, which says how many bits it has.
    alpha: Option<Converter>,
    channels: usize,
    premultiplied: bool,
    out: Vec<u8>,
}

impl Writer {
    fn new(
        bits: u32,
        chroma: Chroma,
        description: Description,
        alpha: bool,
        premultiplied: bool,
    ) -> Result<Writer, Error> {
        let colour = Converter::new(bits, chroma, description)?;
        let channels = colour.channels() + usize::from(alpha);
        Ok(Writer { bits, colour, alpha: None, channels, premultiplied, out: Vec::new() })
    }

    fn samples(&self) -> Samples {
        match self.channels {
            1 => Samples::Grey,
            2 => Samples::GreyAlpha,
            3 => Samples::Rgb,
            _ => Samples::Rgba,
        }
    }

    /// Primaries and transfer, where they are named.
    fn cicp(&self, description: Description) -> Option<[u8; 2]> {
        let named = description.primaries != 2 && description.transfer != 2;
        named.then_some([description.primaries, description.transfer])
    }

    fn row(
        &mut self,
        y: usize,
        colour: &mut Source<'_>,
        alpha: Option<&mut Source<'_>>,
    ) -> Result<&[u8], Error> {
        let bytes = if self.bits > 8 { 2 } else { 1 };
        let (step, width, bits) = (self.channels * bytes, colour.tiles.width as usize, self.bits);
        self.out.resize(width * step, 0);
        let out = &mut self.out;
        let count = self.colour.channels();
        colour.row(y, &mut self.colour, |x, pixel| {
            for (sample, to) in pixel.iter().zip(out[x * step..][..count * bytes].chunks_exact_mut(bytes)) {
                put(to, *sample, bits);
            }
        })?;
        if let Some(alpha) = alpha {
            alpha.load(y / alpha.tiles.tile.1 as usize)?;
            let frame = &alpha.frames[0];
            let alpha_bits = frame.bits;
            let converter = match &mut self.alpha {
                Some(converter) => converter,
                None => self.alpha.insert(Converter::new(alpha_bits, Chroma::None, frame.description)?),
            };
            let out = &mut self.out;
            alpha.row(y, converter, |x, [alpha, ..]| {
                put(&mut out[(x + 1) * step - bytes..][..bytes], alpha, alpha_bits);
            })?;
            if self.premultiplied {
                self.out.chunks_exact_mut(step).for_each(|pixel| divide(pixel, bytes));
            }
        }
        Ok(&self.out)
    }
}

/// Writes a sample of so many bits as one of 8 or 16, big end first.
fn put(to: &mut [u8], sample: i32, bits: u32) {
    let sample = sample as u32;
    // To 16 bits by repeating the upper ones below.
    let wide = if bits == 8 { sample * 257 } else { sample << (16 - bits) | sample >> (2 * bits - 16) };
    match to {
        [one] => *one = (wide >> 8) as u8,
        _ => to.copy_from_slice(&(wide as u16).to_be_bytes()),
    }
}

/// Takes alpha, the last sample, out of the colours of a pixel.
fn divide(pixel: &mut [u8], bytes: usize) {
    let read = |sample: &[u8]| sample.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
    let top = if bytes == 2 { 65_535 } else { 255 };
    let (colours, alpha) = pixel.split_at_mut(pixel.len() - bytes);
    let alpha = read(alpha);
    if alpha == 0 || alpha == top {
        return;
    }
    for sample in colours.chunks_exact_mut(bytes) {
        let value =
            ((u64::from(read(sample)) * u64::from(top) + u64::from(alpha / 2)) / u64::from(alpha)) as u32;
        let value = value.min(top);
        match sample {
            [one] => *one = value as u8,
            _ => sample.copy_from_slice(&(value as u16).to_be_bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
