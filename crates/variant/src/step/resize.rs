//! Scaling: rows come in as they are decoded, rows of the rendition go out. Linear light, alpha premultiplied,
//! Lanczos with three lobes; no more rows are held than the filter is long (performance-findings 3).

use std::ops::ControlFlow;

use crate::Error;
use crate::canvas::Canvas;
use crate::decode::{Picture, Sink};

mod average;
pub(crate) mod colour;
mod kernel;
mod light;
mod resampler;
mod tone;
mod weights;

use average::Average;
use colour::Colour;
use light::Light;
use resampler::Resampler;
use weights::Weights;

/// A sink that scales what it is given.
pub(crate) struct Scaler {
    /// The part that is used: x, y, width, height in stored pixels.
    source: [f64; 4],
    /// What it is scaled to.
    target: (u32, u32),
    work: Option<Work>,
    /// Rows that have come.
    seen: usize,
    /// Takes every row, needed or not.
    to_the_end: bool,
    /// Keeps a profile that fits, instead of converting to sRGB.
    keeps_profile: bool,
}

/// What is known once the picture is described.
struct Work {
    /// Columns and rows that the filter touches.
    columns: (usize, usize),
    first_row: usize,
    bytes_per_pixel: usize,
    colour: Colour,
    light: Light,
    average: Option<Average>,
    resampler: Resampler,
}

impl Scaler {
    /// A scaler of a part of a stored picture, in its pixels, to so many pixels.
    pub(crate) fn new(source: [f64; 4], target: (u32, u32)) -> Scaler {
        Scaler { source, target, work: None, seen: 0, to_the_end: false, keeps_profile: false }
    }

    /// The same, but it lets the decoder read on when it has all that it needs.
    pub(crate) fn reading_on(self) -> Scaler {
        Scaler { to_the_end: true, ..self }
    }

    /// The same, but on wish it keeps a profile that fits the picture, instead of converting to sRGB.
    pub(crate) fn keeping_profile(self, keeps_profile: bool) -> Scaler {
        Scaler { keeps_profile, ..self }
    }

    /// The scaled picture. Fails when the rows ended early.
    pub(crate) fn finish(self) -> Result<Canvas, Error> {
        Ok(self.finish_with_profile()?.0)
    }

    /// The scaled picture and the profile that it still has, where it is not sRGB.
    pub(crate) fn finish_with_profile(self) -> Result<(Canvas, Option<Vec<u8>>), Error> {
        let short = || Error::Damaged("it ends early".to_owned());
        let mut work = self.work.ok_or_else(short)?;
        if let Some(average) = work.average.as_mut().filter(|average| average.has_rest()) {
            average.write(work.resampler.row());
            work.resampler.take();
        }
        let canvas = work.resampler.finish().ok_or_else(short)?;
        Ok((canvas, work.colour.kept()))
    }
}

impl Sink for Scaler {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        self.work = Some(Work::new(self.source, self.target, picture, self.keeps_profile));
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        let index = self.seen;
        self.seen += 1;
        let Some(work) = &mut self.work else { return Ok(ControlFlow::Break(())) };
        if index < work.first_row {
            return Ok(ControlFlow::Continue(()));
        }
        if work.resampler.is_done() {
            return Ok(if self.to_the_end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) });
        }
        let bytes = work.columns.0 * work.bytes_per_pixel..work.columns.1 * work.bytes_per_pixel;
        work.take(row.get(bytes).unwrap_or_default());
        Ok(ControlFlow::Continue(()))
    }
}

impl Work {
    fn new(source: [f64; 4], target: (u32, u32), picture: &Picture, keeps_profile: bool) -> Work {
        let [x, y, width, height] = source.map(|length| length * picture.scale);
        let factor = (average::factor(width, target.0), average::factor(height, target.1));
        let (across, columns) = axis(x, width, picture.width, target.0, factor.0);
        let (down, rows) = axis(y, height, picture.height, target.1, factor.1);
        let planes = if picture.samples.alpha() { 4 } else { 3 };
        let resampler = Resampler::new(across, down, (columns.1 - columns.0).div_ceil(factor.0), planes);
        let colour = Colour::new(picture, keeps_profile);
        Work {
            columns,
            first_row: rows.0,
            bytes_per_pixel: picture.samples.count() * if picture.deep { 2 } else { 1 },
            light: Light::new(picture, colour.channels()),
            colour,
            average: Average::new(columns.1 - columns.0, planes, factor),
            resampler,
        }
    }

    fn take(&mut self, row: &[u8]) {
        let row = self.colour.convert(row);
        let Some(average) = &mut self.average else {
            self.light.fill(row, self.resampler.row());
            return self.resampler.take();
        };
        self.light.fill(row, average.row());
        if average.add() {
            average.write(self.resampler.row());
            self.resampler.take();
        }
    }
}

/// Weights along one side after averaging, and the pixels before it that they touch, as first and one past last.
fn axis(start: f64, length: f64, pixels: u32, target: u32, factor: usize) -> (Weights, (usize, usize)) {
    let pixels = pixels as usize;
    let groups = pixels.div_ceil(factor);
    let scale = factor as f64;
    let mut weights = Weights::new(start / scale, length / scale, groups, target as usize);
    let (first, past) = weights.touched();
    weights.shift(first);
    (weights, (first * factor, (past * factor).min(pixels)))
}

#[cfg(test)]
mod tests;
