//! The course of a JPEG through our own decoder: coefficients, samples, pixels, rows. What it does not take, and what is
//! damaged, is left to the library, which gives the same rows.

use std::ops::ControlFlow;
use std::time::Instant;

use super::coefficients::{Blocks, Coefficients};
use super::colour::{self, Colour};
use super::frame::{Colours, Component, Layout};
use super::inverse::{Inverse, kept};
use super::raster::{Raster, Shape};
use crate::Error;
use crate::deadline::still_time;
use crate::decode::{Order, Picture, Samples, Sink};

/// A file that is being read.
pub(super) struct Own<'a> {
    coefficients: Coefficients<'a>,
    parts: Vec<Part>,
    colours: Colours,
    scale: f64,
    width: usize,
    height: usize,
    /// Rows of pixels in a row of MCUs.
    rows: usize,
    rows_of_mcus: usize,
    /// Whether the last row of pixels wants samples of the next row of MCUs.
    looks_ahead: bool,
    colour: Colour,
    pixels: Vec<u8>,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All is given, or all that is wanted.
    Done,
    /// The rest is damaged.
    Damaged,
}

impl<'a> Own<'a> {
    /// Reads the header; none where it is not for us.
    pub(super) fn new(order: &Order<'a>, eighths: u32) -> Option<Own<'a>> {
        let eighths = eighths as usize;
        let coefficients = Coefficients::new(order.bytes, kept(eighths))?;
        let layout = coefficients.layout();
        order.expect(layout.width, layout.height).ok()?;
        let parts: Option<Vec<Part>> =
            layout.components.iter().map(|component| Part::new(layout, component, eighths)).collect();
        let parts = parts?;
        let scaled = |length: u32| (length as usize * eighths).div_ceil(8);
        let (width, height) = (scaled(layout.width), scaled(layout.height));
        Some(Own {
            colours: layout.colours,
            scale: eighths as f64 / 8.0,
            width,
            height,
            rows: most(layout).1 * eighths,
            rows_of_mcus: layout.down,
            looks_ahead: parts.iter().any(|part| part.shape.stretch.1 > 1),
            colour: Colour::new(width),
            pixels: vec![0; width * parts.len()],
            parts,
            coefficients,
        })
    }

    /// What it is about to give.
    pub(super) fn picture(&self, icc: Option<Vec<u8>>) -> Picture {
        let samples = if self.colours == Colours::Grey { Samples::Grey } else { Samples::Rgb };
        Picture { scale: self.scale, icc, ..Picture::new(self.width as u32, self.height as u32, samples) }
    }

    /// Gives the rows. Fails when the sink does, or too late.
    pub(super) fn read(&mut self, deadline: Instant, sink: &mut dyn Sink) -> Result<End, Error> {
        let mut next = 0;
        for index in 0..self.rows_of_mcus {
            still_time(deadline)?;
            let blocks = match self.coefficients.next_row(deadline) {
                Ok(Some(blocks)) => blocks,
                Err(Error::Timeout) => return Err(Error::Timeout),
                Ok(None) | Err(_) => return Ok(End::Damaged),
            };
            for (part, blocks) in self.parts.iter_mut().zip(blocks) {
                part.take(index, blocks);
            }
            let is_last = index + 1 == self.rows_of_mcus;
            let ready = (index + 1) * self.rows - usize::from(self.looks_ahead && !is_last);
            for y in next..ready.min(self.height) {
                if sink.row(self.row(y))?.is_break() {
                    return Ok(End::Done);
                }
            }
            next = ready;
        }
        Ok(End::Done)
    }

    fn row(&mut self, y: usize) -> &[u8] {
        match &mut self.parts[..] {
            [first, second, third] => {
                let planes = [first.raster.pixels(y), second.raster.pixels(y), third.raster.pixels(y)];
                match self.colours {
                    Colours::Rgb => colour::interleave(planes, &mut self.pixels),
                    _ => self.colour.write(planes, &mut self.pixels),
                }
                &self.pixels
            }
            [grey, ..] => &grey.raster.pixels(y)[..self.width],
            [] => &[],
        }
    }
}

/// A component on its way.
struct Part {
    inverse: Inverse,
    raster: Raster,
    shape: Shape,
    /// Coefficients on a side of a block, and samples.
    kept: usize,
    side: usize,
    blocks_wide: usize,
}

impl Part {
    /// None where samples would have to be stretched by another number than two.
    fn new(layout: &Layout, component: &Component, eighths: usize) -> Option<Part> {
        let most = most(layout);
        // As many samples of what is kept of it as of what is kept of the finest.
        let side = component.side * eighths / kept(eighths);
        let (across, down) = (component.h * side, component.v * side);
        let stretch = (stretch(most.0 * eighths, across)?, stretch(most.1 * eighths, down)?);
        let shape = Shape {
            width: (layout.width as usize * across).div_ceil(most.0 * 8),
            height: (layout.height as usize * down).div_ceil(most.1 * 8),
            padded: component.blocks_wide * side,
            rows: down,
            stretch,
        };
        let (inverse, raster) = (Inverse::new(side, &component.quant), Raster::new(shape));
        Some(Part { inverse, raster, shape, kept: component.side, side, blocks_wide: component.blocks_wide })
    }

    fn take(&mut self, index: usize, blocks: Blocks<'_>) {
        let (stride, area) = (self.raster.stride(), self.kept * self.kept);
        let rows =
            blocks.coefficients.chunks(self.blocks_wide * area).zip(blocks.last.chunks(self.blocks_wide));
        let samples = self.raster.row_of_mcus(index).chunks_mut(stride * self.side);
        for ((blocks, last), samples) in rows.zip(samples) {
            self.inverse.transform(blocks, last, samples, stride);
        }
    }
}

/// The most samples in a row and column of an MCU that a component has, in blocks.
fn most(layout: &Layout) -> (usize, usize) {
    let most = |samples: fn(&Component) -> usize| layout.components.iter().map(samples).max().unwrap_or(1);
    (most(|component| component.h), most(|component| component.v))
}

/// Pixels that a sample stands for, where so many pixels have so many samples.
fn stretch(pixels: usize, samples: usize) -> Option<usize> {
    [1, 2].into_iter().find(|factor| samples * factor == pixels)
}

/// A sink that may be given the same rows again from the first: it takes each but once.
pub(super) struct Resumable<'a> {
    sink: &'a mut dyn Sink,
    begun: Option<(u32, u32, Samples)>,
    taken: usize,
    passed: usize,
}

impl<'a> Resumable<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink) -> Resumable<'a> {
        Resumable { sink, begun: None, taken: 0, passed: 0 }
    }

    /// The next row is the first one again.
    pub(super) fn restart(&mut self) {
        self.passed = 0;
    }
}

impl Sink for Resumable<'_> {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        let new = (picture.width, picture.height, picture.samples);
        match self.begun.replace(new) {
            None => self.sink.begin(picture),
            Some(old) if old == new => Ok(()),
            Some(_) => Err(Error::Damaged("it is read in two ways".to_owned())),
        }
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        self.passed += 1;
        if self.passed <= self.taken {
            return Ok(ControlFlow::Continue(()));
        }
        self.taken = self.passed;
        self.sink.row(row)
    }
}

#[cfg(test)]
mod tests;
