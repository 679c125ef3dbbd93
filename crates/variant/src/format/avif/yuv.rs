//! Rows of luma and colour differences become rows of red, green and blue, and the other way round.

use crate::Error;

/// How many samples of colour there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chroma {
    /// None: the picture is grey.
    None,
    /// Half of them in each row, in every second row (4:2:0).
    Quarter,
    /// Half of them in each row (4:2:2).
    Half,
    /// All of them (4:4:4).
    Full,
}

impl Chroma {
    /// The size of a plane of a picture.
    pub(super) fn plane(self, plane: usize, width: usize, height: usize) -> (usize, usize) {
        match self {
            _ if plane == 0 => (width, height),
            Chroma::None => (0, 0),
            Chroma::Quarter => (width.div_ceil(2), height.div_ceil(2)),
            Chroma::Half => (width.div_ceil(2), height),
            Chroma::Full => (width, height),
        }
    }
}

/// What the numbers mean, by the code points of H.273; 2 is unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) primaries: u8,
    pub(super) transfer: u8,
    pub(super) matrix: u8,
    pub(super) full_range: bool,
}

impl Default for Description {
    fn default() -> Self {
        Description { primaries: 2, transfer: 2, matrix: 2, full_range: true }
    }
}

/// A row of samples as a decoder keeps them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row<'a> {
    Eight(&'a [u8]),
    Sixteen(&'a [u16]),
}

impl Row<'_> {
    fn add_to(self, to: &mut [i32], weight: i32) {
        match self {
            Row::Eight(row) => add(row, to, weight),
            Row::Sixteen(row) => add(row, to, weight),
        }
    }
}

fn add<T: Copy + Into<i32>>(row: &[T], to: &mut [i32], weight: i32) {
    for (sum, sample) in to.iter_mut().zip(row) {
        *sum += (*sample).into() * weight;
    }
}

/// Fractions of the coefficients, in bits.
const FRACTION: u32 = 12;

/// Samples are kept as sixteen times their value, which is what the filter of colour differences makes.
const SIXTEEN: u32 = 4;

/// Turns rows of one picture.
#[derive(Debug)]
pub(super) struct Converter {
    bits: u32,
    chroma: Chroma,
    /// What stands for none, of luma and of colour differences, times sixteen.
    offsets: [i32; 3],
    /// What each of the three adds to red, green and blue.
    coefficients: [[i32; 3]; 3],
    planes: [Vec<i32>; 3],
    blend: Vec<i32>,
}

impl Converter {
    /// For pictures of so many bits. Fails where the matrix is one that is not built.
    pub(super) fn new(bits: u32, chroma: Chroma, description: Description) -> Result<Converter, Error> {
        let top = f64::from((1_u32 << bits) - 1);
        let unit = f64::from(1_u32 << (bits - 8));
        let (floor, luma, colour) =
            if description.full_range { (0.0, top, top) } else { (16.0 * unit, 219.0 * unit, 224.0 * unit) };
        let middle = f64::from(1_u32 << (bits - 1));
        let identity = description.matrix == 0 && chroma == Chroma::Full;
        let (rows, centre, range) = if identity {
            ([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], floor, luma)
        } else {
            (matrix(description)?, middle, colour)
        };
        let fixed = |share: f64, range: f64| (share * top / range * f64::from(1 << FRACTION)).round() as i32;
        let coefficients = rows.map(|[y, u, v]| [fixed(y, luma), fixed(u, range), fixed(v, range)]);
        let offsets = [floor, centre, centre].map(|value| value as i32 * (1 << SIXTEEN));
        Ok(Converter { bits, chroma, offsets, coefficients, planes: Default::default(), blend: Vec::new() })
    }

    /// Samples of a pixel that come out: 1 or 3.
    pub(super) fn channels(&self) -> usize {
        if self.chroma == Chroma::None { 1 } else { 3 }
    }

    /// Gives row `y` to `give`, pixel by pixel, as numbers of so many bits as the picture has. `row` gives the rows of a
    /// plane, and the last one beyond it.
    pub(super) fn convert<'a>(
        &mut self,
        width: usize,
        y: usize,
        row: impl Fn(usize, usize) -> Result<Row<'a>, Error>,
        mut give: impl FnMut(usize, [i32; 3]),
    ) -> Result<(), Error> {
        refill(&mut self.planes[0], width);
        row(0, y)?.add_to(&mut self.planes[0], 1 << SIXTEEN);
        if self.chroma != Chroma::None {
            self.fill_colour(width, y, &row)?;
        }
        let top = (1 << self.bits) - 1;
        let half = 1 << (FRACTION + SIXTEEN - 1);
        let settle = |sum: i32| ((sum + half) >> (FRACTION + SIXTEEN)).clamp(0, top);
        let [luma, u, v] = &self.planes;
        let [[grey, ..], ..] = self.coefficients;
        if self.chroma == Chroma::None {
            for (x, sample) in luma.iter().enumerate() {
                give(x, [settle((sample - self.offsets[0]) * grey); 3]);
            }
            return Ok(());
        }
        for (x, ((luma, u), v)) in luma.iter().zip(u).zip(v).enumerate() {
            let from = [luma - self.offsets[0], u - self.offsets[1], v - self.offsets[2]];
            give(x, self.coefficients.map(|[a, b, c]| settle(a * from[0] + b * from[1] + c * from[2])));
        }
        Ok(())
    }

    /// Colour differences between their samples, which lie in the middle of what they stand for.
    fn fill_colour<'a>(
        &mut self,
        width: usize,
        y: usize,
        row: &impl Fn(usize, usize) -> Result<Row<'a>, Error>,
    ) -> Result<(), Error> {
        for plane in 1..3 {
            let out = &mut self.planes[plane];
            refill(out, width);
            if self.chroma == Chroma::Full {
                row(plane, y)?.add_to(out, 1 << SIXTEEN);
                continue;
            }
            refill(&mut self.blend, width.div_ceil(2));
            if self.chroma == Chroma::Quarter {
                let other = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
                row(plane, y / 2)?.add_to(&mut self.blend, 3);
                row(plane, other)?.add_to(&mut self.blend, 1);
            } else {
                row(plane, y)?.add_to(&mut self.blend, 4);
            }
            spread(&self.blend, out);
        }
        Ok(())
    }
}

fn refill(plane: &mut Vec<i32>, width: usize) {
    plane.clear();
    plane.resize(width, 0);
}

/// Twice as many samples: three parts of the nearer and one of the farther.
fn spread(from: &[i32], to: &mut [i32]) {
    let last = from.len().saturating_sub(1);
    for (index, pair) in to.chunks_mut(2).enumerate() {
        let near = 3 * from[index];
        pair[0] = near + from[index.saturating_sub(1)];
        if let Some(second) = pair.get_mut(1) {
            *second = near + from[(index + 1).min(last)];
        }
    }
}

/// Shares of luma and of both colour differences, each within one, in red, green and blue.
fn matrix(description: Description) -> Result<[[f64; 3]; 3], Error> {
    let (red, blue) = match (description.matrix, description.primaries) {
        (1, _) | (12, 1) => (0.2126, 0.0722),
        (9 | 10, _) | (12, 9) => (0.2627, 0.0593),
        (12, 11 | 12) => (0.2290, 0.0793),
        (4, _) => (0.30, 0.11),
        (7, _) => (0.212, 0.087),
        (8, _) => return Ok([[1.0, -1.0, 1.0], [1.0, 1.0, 0.0], [1.0, -1.0, -1.0]]),
        // BT.601, which is also what is meant by nothing.
        (0 | 2 | 3 | 5 | 6 | 12, _) => (0.299, 0.114),
        (other, _) => return Err(Error::NotAnImage(format!("AVIF with colour matrix {other}"))),
    };
    let green = 1.0 - red - blue;
    Ok([
        [1.0, 0.0, 2.0 * (1.0 - red)],
        [1.0, -2.0 * blue * (1.0 - blue) / green, -2.0 * red * (1.0 - red) / green],
        [1.0, 2.0 * (1.0 - blue), 0.0],
    ])
}

/// A picture as encoders take it: full range BT.601, 8 bits, with colour at every pixel (4:4:4) or at a quarter of them
/// (4:2:0).
#[derive(Debug)]
pub(super) struct Planes {
    /// `width` × `height`.
    pub(super) luma: Vec<u8>,
    /// As luma, or half as wide and half as high, rounded up.
    pub(super) blue: Vec<u8>,
    /// As `blue`.
    pub(super) red: Vec<u8>,
}

impl Planes {
    /// From rows of pixels with 3 or 4 channels, whose alpha is passed over.
    pub(super) fn new(pixels: &[u8], channels: usize, width: usize, chroma: Chroma) -> Planes {
        let mut planes = Planes { luma: Vec::new(), blue: Vec::new(), red: Vec::new() };
        planes.luma.reserve(pixels.len() / channels);
        for pixel in pixels.chunks_exact(channels) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            planes.luma.push(((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8);
        }
        if chroma == Chroma::Full {
            for pixel in pixels.chunks_exact(channels) {
                planes.push([pixel[0], pixel[1], pixel[2]].map(|sample| 4 * i32::from(sample)));
            }
            return planes;
        }
        for two in pixels.chunks(2 * width * channels) {
            let (above, below) = two.split_at(width * channels);
            planes.fill_pair(above, if below.is_empty() { above } else { below }, channels);
        }
        planes
    }

    /// Colour differences of two rows, each the mean of four pixels.
    fn fill_pair(&mut self, above: &[u8], below: &[u8], channels: usize) {
        for (above, below) in above.chunks(2 * channels).zip(below.chunks(2 * channels)) {
            let right = above.len() - channels;
            let sum = |c: usize| {
                let four = [above[c], above[right + c], below[c], below[right + c]];
                four.map(i32::from).iter().sum::<i32>()
            };
            self.push([sum(0), sum(1), sum(2)]);
        }
    }

    /// Colour differences of the sum of four pixels.
    fn push(&mut self, [r, g, b]: [i32; 3]) {
        let settle = |sum: i32| ((sum + (128 << 18) + (1 << 17)) >> 18).clamp(0, 255) as u8;
        self.blue.push(settle(-11_059 * r - 21_709 * g + 32_768 * b));
        self.red.push(settle(32_768 * r - 27_439 * g - 5_329 * b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The red, green and blue of one pixel.
    fn converted(bits: u32, description: Description, sample: [u16; 3]) -> [i32; 3] {
        let mut converter = Converter::new(bits, Chroma::Full, description).unwrap();
        let mut seen = [0; 3];
        let rows = sample.map(|sample| [sample]);
        converter.convert(1, 0, |plane, _| Ok(Row::Sixteen(&rows[plane])), |_, pixel| seen = pixel).unwrap();
        seen
    }

    #[test]
    fn black_white_and_red_are_themselves_in_every_matrix_and_range() {
        for (matrix, red) in [(1, [54, 99, 255]), (6, [76, 85, 255]), (9, [67, 92, 255])] {
            let full = Description { matrix, ..Description::default() };
            assert_eq!(converted(8, full, [0, 128, 128]), [0; 3]);
            assert_eq!(converted(8, full, [255, 128, 128]), [255; 3]);
            let seen = converted(8, full, red);
            assert!(seen[0] >= 253 && seen[1] <= 2 && seen[2] <= 2, "{matrix}: {seen:?}");
        }
        let limited = Description { full_range: false, ..Description::default() };
        assert_eq!(converted(8, limited, [16, 128, 128]), [0; 3]);
        assert_eq!(converted(8, limited, [235, 128, 128]), [255; 3]);
        assert_eq!(converted(10, limited, [940, 512, 512]), [1023; 3]);
        assert_eq!(converted(12, Description::default(), [4095, 2048, 2048]), [4095; 3]);
        let identity = Description { matrix: 0, ..Description::default() };
        assert_eq!(converted(8, identity, [20, 30, 10]), [10, 20, 30]);
        let ycgco = Description { matrix: 8, ..Description::default() };
        assert_eq!(converted(8, ycgco, [128, 255, 128])[1], 255);
        assert!(Converter::new(8, Chroma::Full, Description { matrix: 14, ..ycgco }).is_err());
    }

    #[test]
    fn colours_go_there_and_come_back() {
        let (width, height) = (5, 3);
        let pixels = [90_u8, 160, 40].repeat(width * height);
        for chroma in [Chroma::Quarter, Chroma::Full] {
            let planes = Planes::new(&pixels, 3, width, chroma);
            let [_, blue, red] = [0, 1, 2].map(|plane| chroma.plane(plane, width, height));
            assert_eq!(planes.luma.len(), 15);
            assert_eq!((planes.blue.len(), planes.red.len()), (blue.0 * blue.1, red.0 * red.1));
            let mut converter = Converter::new(8, chroma, Description::default()).unwrap();
            for y in 0..height {
                let row = |plane: usize, y: usize| {
                    let (width, height) = chroma.plane(plane, width, height);
                    let samples = [&planes.luma, &planes.blue, &planes.red][plane];
                    Ok(Row::Eight(&samples[y.min(height - 1) * width..][..width]))
                };
                let near = |x: usize, seen: [i32; 3]| {
                    let all = seen.iter().zip([90, 160, 40]).all(|(a, b)| (a - b).abs() <= 2);
                    assert!(all, "{x}, {y}: {seen:?}");
                };
                converter.convert(width, y, row, near).unwrap();
            }
        }
    }
}
