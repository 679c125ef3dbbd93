//! Colours of a GIF: at most 255 that stand for a picture's, and which of them each pixel gets. Where a picture has no
//! more colours than that, they are kept as they are; else they are found by `quantizr`, and what is lost in one pixel
//! is given to its neighbours.

use quantizr::{Histogram, Image, Options, QuantizeResult};

use crate::Error;

/// One entry of the 256 is kept for what is clear.
pub(super) const MAX_COLOURS: usize = 255;

/// Pixels that a palette is made from; more of them are looked at in even steps.
const MAX_SEEN_PIXELS: usize = 1 << 16;

/// Pixels that tell whether a palette suits another picture.
const MAX_SAMPLES: usize = 2_048;

/// Squared distance, over three channels, that a pixel may have more than the palette's own picture has.
const SPARE_DISTANCE: f64 = 12.0;

/// Share of what one pixel loses that its neighbours get, of 16: all of it crawls from frame to frame.
const DITHER_OF_16: i32 = 13;

/// A pixel that is not drawn has no index.
const UNKNOWN: u16 = u16::MAX;

pub(super) type Rgb = [u8; 3];

/// Colours, in the order of their index.
pub(super) struct Palette {
    pub(super) colours: Vec<Rgb>,
    /// The picture had no other colours; none is guessed then.
    indices: Option<Table>,
    /// The nearest colour to each colour of six bits a channel, found when it is asked for.
    nearest: Vec<u16>,
    /// Mean squared distance of the pixels it was made for.
    distance: f64,
}

impl Palette {
    /// The palette of some pixels.
    pub(super) fn of(pixels: &[Rgb]) -> Result<Palette, Error> {
        let mut palette = match few(pixels) {
            Some(mut colours) => {
                colours.sort_unstable();
                let indices = Table::of(&colours);
                Palette { colours, indices: Some(indices), nearest: Vec::new(), distance: 0.0 }
            }
            None => {
                Palette { colours: quantized(pixels)?, indices: None, nearest: Vec::new(), distance: 0.0 }
            }
        };
        palette.nearest = vec![UNKNOWN; 1 << 18];
        palette.distance = palette.mean_distance(pixels);
        Ok(palette)
    }

    /// Whether it does for other pixels nearly what it does for its own.
    pub(super) fn suits(&mut self, pixels: &[Rgb]) -> bool {
        if let Some(indices) = &self.indices {
            return pixels.iter().all(|colour| indices.get(*colour).is_some());
        }
        let most = self.distance * 1.25 + SPARE_DISTANCE;
        // A picture of few colours is given them exactly.
        few(pixels).is_none() && self.mean_distance(pixels) <= most
    }

    /// The index of each pixel of a picture that is so many pixels wide; none of those that are not drawn.
    pub(super) fn indices(&mut self, pixels: &[Option<Rgb>], width: usize) -> Vec<Option<u8>> {
        match &self.indices {
            Some(indices) => {
                let find = |pixel: &Option<Rgb>| pixel.and_then(|colour| indices.get(colour));
                pixels.iter().map(find).collect()
            }
            None => self.dithered(pixels, width),
        }
    }

    /// Floyd and Steinberg's way, each row in the other direction.
    fn dithered(&mut self, pixels: &[Option<Rgb>], width: usize) -> Vec<Option<u8>> {
        let mut out = vec![None; pixels.len()];
        let (mut here, mut below) = (vec![[0_i32; 3]; width + 2], vec![[0_i32; 3]; width + 2]);
        for (y, row) in pixels.chunks(width).enumerate() {
            let forward = y % 2 == 0;
            for step in 0..row.len() {
                let x = if forward { step } else { row.len() - 1 - step };
                let Some(colour) = row[x] else { continue };
                let wanted: [i32; 3] =
                    std::array::from_fn(|c| (i32::from(colour[c]) + (here[x + 1][c] >> 8)).clamp(0, 255));
                let index = self.nearest(wanted.map(|value| value as u8));
                out[y * width + x] = Some(index);
                let given = self.colours[usize::from(index)];
                let (ahead, behind) = if forward { (x + 2, x) } else { (x, x + 2) };
                for c in 0..3 {
                    // In 256ths of a level.
                    let lost = (wanted[c] - i32::from(given[c])) * DITHER_OF_16;
                    here[ahead][c] += lost * 7;
                    below[behind][c] += lost * 3;
                    below[x + 1][c] += lost * 5;
                    below[ahead][c] += lost;
                }
            }
            std::mem::swap(&mut here, &mut below);
            below.fill([0; 3]);
        }
        out
    }

    /// The index of the colour that is nearest, to the sixth bit of each channel.
    fn nearest(&mut self, colour: Rgb) -> u8 {
        let [r, g, b] = colour.map(|value| usize::from(value >> 2));
        let at = r << 12 | g << 6 | b;
        if self.nearest[at] == UNKNOWN {
            let distances = self.colours.iter().map(|known| distance(*known, colour));
            let best = distances.enumerate().min_by_key(|(_, distance)| *distance);
            self.nearest[at] = best.map_or(0, |(index, _)| index as u16);
        }
        self.nearest[at] as u8
    }

    fn mean_distance(&mut self, pixels: &[Rgb]) -> f64 {
        let step = (pixels.len() / MAX_SAMPLES).max(1);
        let (mut sum, mut count) = (0_u64, 0_u64);
        for colour in pixels.iter().step_by(step) {
            let index = self.nearest(*colour);
            sum += u64::from(distance(self.colours[usize::from(index)], *colour));
            count += 1;
        }
        sum as f64 / count.max(1) as f64
    }
}

fn distance(a: Rgb, b: Rgb) -> u32 {
    (0..3).map(|c| u32::from(a[c].abs_diff(b[c])).pow(2)).sum()
}

/// The colours of a picture, if they are few; at least one.
fn few(pixels: &[Rgb]) -> Option<Vec<Rgb>> {
    let mut table = Table::of(&[]);
    let mut colours = Vec::new();
    let mut last = None;
    for colour in pixels {
        if last != Some(colour) {
            last = Some(colour);
            if table.get(*colour).is_none() {
                if colours.len() == MAX_COLOURS {
                    return None;
                }
                table.put(*colour, colours.len() as u8);
                colours.push(*colour);
            }
        }
    }
    if colours.is_empty() { Some(vec![[0; 3]]) } else { Some(colours) }
}

/// Indices by colour: every pixel of every frame is looked up, so it is made of two arrays.
struct Table {
    /// Colours with a bit more; 0 where there is none.
    keys: Vec<u32>,
    indices: Vec<u8>,
}

/// Four times as many as colours, so that most are found at once.
const SLOTS: usize = 1_024;

impl Table {
    fn of(colours: &[Rgb]) -> Table {
        let mut table = Table { keys: vec![0; SLOTS], indices: vec![0; SLOTS] };
        (0..=255).zip(colours).for_each(|(index, colour)| table.put(*colour, index));
        table
    }

    fn get(&self, colour: Rgb) -> Option<u8> {
        let slot = self.slot(colour);
        (self.keys[slot] != 0).then(|| self.indices[slot])
    }

    fn put(&mut self, colour: Rgb, index: u8) {
        let slot = self.slot(colour);
        self.keys[slot] = key(colour);
        self.indices[slot] = index;
    }

    /// Where a colour is, or would be. There are always free slots.
    fn slot(&self, colour: Rgb) -> usize {
        let key = key(colour);
        let mut slot = key.wrapping_mul(0x9E37_79B1) as usize >> 22 & (SLOTS - 1);
        while self.keys[slot] != 0 && self.keys[slot] != key {
            slot = (slot + 1) & (SLOTS - 1);
        }
        slot
    }
}

fn key([r, g, b]: Rgb) -> u32 {
    u32::from_be_bytes([1, r, g, b])
}

fn quantized(pixels: &[Rgb]) -> Result<Vec<Rgb>, Error> {
    let step = pixels.len().div_ceil(MAX_SEEN_PIXELS).max(1);
    let seen: Vec<u8> = pixels.iter().step_by(step).flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    let failed = |error: quantizr::Error| Error::Encode(error.to_string());
    let mut histogram = Histogram::new();
    histogram.add_image(&Image::new(&seen, seen.len() / 4, 1).map_err(failed)?);
    let mut options = Options::default();
    options.set_max_colors(MAX_COLOURS as i32).map_err(failed)?;
    let result = QuantizeResult::quantize_histogram(&histogram, &options);
    let palette = result.get_palette();
    let count = (palette.count as usize).min(MAX_COLOURS);
    let mut colours: Vec<Rgb> = palette.entries[..count].iter().map(|c| [c.r, c.g, c.b]).collect();
    // In an order of their own, so that equal pictures make equal bytes.
    colours.sort_unstable();
    colours.dedup();
    Ok(colours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_exactly() {
        let pixels: Vec<Rgb> = (0..255).map(|n| [n, 255 - n, n / 2]).collect();
        let mut palette = Palette::of(&pixels).unwrap();
        let wanted: Vec<Option<Rgb>> = pixels.iter().copied().map(Some).chain([None]).collect();
        let indices = palette.indices(&wanted, 16);
        let given: Vec<Option<Rgb>> =
            indices.iter().map(|index| index.map(|index| palette.colours[usize::from(index)])).collect();
        assert_eq!(given, wanted);
        assert!(palette.suits(&pixels[9..20]));
        assert!(!palette.suits(&[[1, 1, 1]]));
    }

    #[test]
    fn many_colours_are_near_and_right_on_the_whole() {
        let pixels: Vec<Rgb> =
            (0..128 * 128).map(|n| [(n % 128 * 2) as u8, (n / 128 * 2) as u8, (n % 251) as u8]).collect();
        let mut palette = Palette::of(&pixels).unwrap();
        assert!(palette.colours.len() > 200 && palette.colours.len() <= MAX_COLOURS);
        let wanted: Vec<Option<Rgb>> = pixels.iter().copied().map(Some).collect();
        let given = palette.indices(&wanted, 128);
        let mean = |colours: &mut dyn Iterator<Item = Rgb>| {
            colours.fold([0_f64; 3], |sum, colour| std::array::from_fn(|c| sum[c] + f64::from(colour[c])))
        };
        let seen = mean(&mut given.iter().map(|index| palette.colours[usize::from(index.unwrap())]));
        let meant = mean(&mut pixels.iter().copied());
        for c in 0..3 {
            assert!((seen[c] - meant[c]).abs() / 16_384.0 < 1.5, "{seen:?} {meant:?}");
        }
        assert!(palette.suits(&pixels));
        let dark: Vec<Rgb> = pixels.iter().map(|c| [c[0] / 8, c[1] / 8, 200 + c[2] / 8]).collect();
        assert!(!palette.suits(&dark));
    }

    #[test]
    fn equal_pictures_have_equal_palettes() {
        let pixels: Vec<Rgb> =
            (0..4_000_u32).map(|n| [(n * 7) as u8, (n / 9) as u8, (n * 31) as u8]).collect();
        let colours = || Palette::of(&pixels).unwrap().colours;
        assert_eq!(colours(), colours());
    }
}
