//! How much a picture looks like what was encoded: SSIMULACRA2, with what is clear laid on grey.

use std::ops::ControlFlow;
use std::time::Instant;

use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};

use crate::canvas::Canvas;
use crate::decode::{Order, Picture, Samples, Sink};
use crate::format::Format;
use crate::{Error, Limits};

/// What clear pixels are laid on, so that light and dark drawings are seen alike.
const GREY: u8 = 128;

/// A picture that others are held against.
pub(crate) struct Reference {
    looks: Ssimulacra2Reference,
    size: (u32, u32),
}

impl Reference {
    pub(crate) fn new(canvas: &Canvas) -> Result<Reference, Error> {
        let shown: Vec<u8> = canvas.pixels.chunks_exact(canvas.channels).flat_map(on_grey).collect();
        let size = (canvas.width, canvas.height);
        let looks = Ssimulacra2Reference::new(&slice(&shown, size)?).map_err(|error| unlike(&error))?;
        Ok(Reference { looks, size })
    }

    /// The score of what was encoded: 100 is the same, 90 cannot be told from it.
    pub(crate) fn score(
        &self,
        format: Format,
        bytes: &[u8],
        limits: &Limits,
        deadline: Instant,
    ) -> Result<f64, Error> {
        let order = Order { bytes, size: self.size, limits, deadline, shrink: 1.0, thorough: false };
        let mut shown = Shown::default();
        format.decode(&order, &mut shown)?;
        self.looks.compare(&slice(&shown.pixels, self.size)?).map_err(|error| unlike(&error))
    }
}

fn slice(pixels: &[u8], (width, height): (u32, u32)) -> Result<PixelSlice<'_>, Error> {
    PixelSlice::new(pixels, width, height, width as usize * 3, PixelDescriptor::RGB8_SRGB)
        .map_err(|error| unlike(&error))
}

fn unlike(error: &impl std::fmt::Display) -> Error {
    Error::Encode(format!("its look cannot be judged: {error}"))
}

/// Takes the rows of what our own encoders made: 8 bits of sRGB, or 16 of which the upper ones count.
#[derive(Default)]
struct Shown {
    samples: Option<(Samples, bool)>,
    pixels: Vec<u8>,
}

impl Sink for Shown {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        self.samples = Some((picture.samples, picture.deep));
        self.pixels.reserve_exact(picture.width as usize * picture.height as usize * 3);
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        let Some((samples, deep)) = self.samples else { return Ok(ControlFlow::Break(())) };
        let wide = if deep { 2 } else { 1 };
        let pixel = |sample: &[u8]| {
            let at = |index: usize| sample[index * wide];
            match samples {
                Samples::Grey => [at(0); 3],
                Samples::GreyAlpha => on_grey(&[at(0), at(0), at(0), at(1)]),
                Samples::Rgb => [at(0), at(1), at(2)],
                Samples::Rgba => on_grey(&[at(0), at(1), at(2), at(3)]),
                Samples::Cmyk => [0, 1, 2].map(|ink| multiplied(255 - at(ink), 255 - at(3))),
            }
        };
        self.pixels.extend(row.chunks_exact(samples.count() * wide).flat_map(pixel));
        Ok(ControlFlow::Continue(()))
    }
}

fn on_grey(pixel: &[u8]) -> [u8; 3] {
    match *pixel {
        [red, green, blue, alpha] => [red, green, blue]
            .map(|value| multiplied(value, alpha).saturating_add(multiplied(GREY, 255 - alpha))),
        [red, green, blue] => [red, green, blue],
        _ => [GREY; 3],
    }
}

fn multiplied(value: u8, share: u8) -> u8 {
    ((u32::from(value) * u32::from(share) + 127) / 255) as u8
}
