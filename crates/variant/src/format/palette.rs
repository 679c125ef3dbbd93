//! Pictures of at most 256 colours, for formats that keep a palette.

use std::collections::HashMap;

use quantizr::{Image, Options, QuantizeResult};

use crate::Error;
use crate::canvas::Canvas;

/// A picture as a palette and a number for each pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Indexed {
    /// 1 to 256 colours: red, green, blue, alpha. Those that something shows through come first.
    pub(crate) palette: Vec<[u8; 4]>,
    /// The colour of each pixel, by its number, from the top.
    pub(crate) indices: Vec<u8>,
}

/// Reduces a canvas to at most so many colours (2 to 256). What is missing is mixed by a pattern, more of it towards 1
/// and none at 0. A picture that has no more colours keeps each.
pub(crate) fn reduce(canvas: &Canvas, max_colours: u16, dither: f32) -> Result<Indexed, Error> {
    let failed = |error: quantizr::Error| Error::Encode(error.to_string());
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let rgba = match canvas.channels {
        4 => std::borrow::Cow::Borrowed(&canvas.pixels),
        _ => std::borrow::Cow::Owned(canvas.clone().with_alpha().pixels),
    };
    let image = Image::new(&rgba, width, height).map_err(failed)?;
    let mut options = Options::default();
    options.set_max_colors(i32::from(max_colours.clamp(2, 256))).map_err(failed)?;
    let mut result = QuantizeResult::quantize(&image, &options);
    result.set_dithering_level(dither.clamp(0.0, 1.0)).map_err(failed)?;
    let mut indices = vec![0; width * height];
    result.remap_image(&image, &mut indices).map_err(failed)?;
    let palette = result.get_palette();
    let count = (palette.count as usize).clamp(1, 256);
    let palette: Vec<[u8; 4]> = palette.entries[..count].iter().map(|c| [c.r, c.g, c.b, c.a]).collect();
    Ok(Indexed { palette, indices }.clear_first())
}

/// The colours of a canvas as they are, where it has no more than 256. Those that follow each other are alike, which
/// compresses best.
pub(crate) fn exact(canvas: &Canvas) -> Option<Indexed> {
    let mut places: HashMap<[u8; 4], u8> = HashMap::new();
    let (mut palette, mut last) = (Vec::new(), None);
    let mut indices = Vec::with_capacity(canvas.width as usize * canvas.height as usize);
    for pixel in canvas.pixels.chunks_exact(canvas.channels) {
        let colour = [pixel[0], pixel[1], pixel[2], pixel.get(3).copied().unwrap_or(255)];
        let index = match last {
            Some((seen, index)) if seen == colour => index,
            _ => match places.get(&colour) {
                Some(index) => *index,
                None => {
                    let index = u8::try_from(palette.len()).ok()?;
                    palette.push(colour);
                    places.insert(colour, index);
                    index
                }
            },
        };
        last = Some((colour, index));
        indices.push(index);
    }
    Some(Indexed { palette, indices }.ordered())
}

impl Indexed {
    /// Puts the colours that are not opaque first, and each among its likes from dark to light.
    fn ordered(self) -> Indexed {
        let light = |[r, g, b, _]: [u8; 4]| 2 * u32::from(r) + 5 * u32::from(g) + u32::from(b);
        let mut order: Vec<usize> = (0..self.palette.len()).collect();
        order.sort_by_key(|index| {
            let colour = self.palette[*index];
            (colour[3] == 255, light(colour), colour)
        });
        self.rearranged(&order)
    }

    /// Puts the colours that are not opaque first: a list of alpha ends with the last of them.
    fn clear_first(self) -> Indexed {
        let mut order: Vec<usize> = (0..self.palette.len()).collect();
        order.sort_by_key(|index| (self.palette[*index][3] == 255, *index));
        self.rearranged(&order)
    }

    /// The same picture with its colours in another order: the old number of each, none twice.
    fn rearranged(mut self, order: &[usize]) -> Indexed {
        let mut places = [0_u8; 256];
        for (place, index) in order.iter().enumerate() {
            places[*index] = place as u8;
        }
        self.indices.iter_mut().for_each(|index| *index = places[usize::from(*index)]);
        self.palette = order.iter().map(|index| self.palette[*index]).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{distance, half_clear, quarters, texture};

    fn grown(indexed: &Indexed, like: &Canvas) -> Canvas {
        let colour = |index: &u8| indexed.palette[usize::from(*index)];
        let pixels = indexed.indices.iter().flat_map(colour).collect();
        Canvas { channels: 4, pixels, ..*like }
    }

    #[test]
    fn a_picture_of_few_colours_keeps_each_and_the_clear_one_comes_first() {
        let picture = half_clear(quarters(16, 16));
        let indexed = reduce(&picture, 256, 1.0).unwrap();
        assert!(indexed.palette.len() <= 5, "{:?}", indexed.palette);
        assert_eq!(indexed.palette[0][3], 0);
        assert!(indexed.palette[1..].iter().all(|colour| colour[3] == 255));
        let seen = grown(&indexed, &picture);
        for (seen, wanted) in seen.pixels.chunks_exact(4).zip(picture.pixels.chunks_exact(4)) {
            assert!(seen[3] == wanted[3] && (wanted[3] == 0 || seen == wanted), "{seen:?}, not {wanted:?}");
        }
    }

    #[test]
    fn a_picture_of_256_colours_is_kept_exactly_and_one_of_257_is_not() {
        let of = |colours: u32| {
            let pixels = (0..512).flat_map(|at| ((at * 7) % colours * 5).to_le_bytes()[..3].to_vec());
            Canvas { width: 32, height: 16, channels: 3, pixels: pixels.collect() }
        };
        let indexed = exact(&of(256)).unwrap();
        assert_eq!(indexed.palette.len(), 256);
        assert_eq!(grown(&indexed, &of(256)).pixels, of(256).with_alpha().pixels);
        assert_eq!(exact(&of(257)), None);
        let clear = exact(&half_clear(quarters(16, 16))).unwrap();
        assert_eq!(clear.palette.iter().map(|colour| colour[3]).collect::<Vec<_>>(), [0, 0, 255, 255]);
    }

    #[test]
    fn more_colours_are_closer() {
        let picture = texture(64, 64).with_alpha();
        let far = |colours| distance(&grown(&reduce(&picture, colours, 0.0).unwrap(), &picture), &picture);
        assert!(far(256) < far(32) && far(32) < far(4), "{} {} {}", far(256), far(32), far(4));
    }
}
