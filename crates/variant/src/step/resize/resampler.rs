//! The filter over planar rows: down first, as soon as the last row that an output row needs is in, then across.

use super::average::Planes;
use super::weights::{Across, LANES, Weights};
use super::{kernel, light};
use crate::canvas::Canvas;

/// Rows in, a canvas out.
pub(super) struct Resampler {
    across: Across,
    down: Weights,
    planes: usize,
    width: usize,
    stride: usize,
    /// As many rows as the filter is long, the oldest replaced first.
    ring: Vec<i16>,
    held: usize,
    seen: usize,
    next: usize,
    column: Vec<i16>,
    line: Vec<i16>,
    out: Vec<u8>,
}

impl Resampler {
    /// For rows of `width` pixels in 3 or 4 planes.
    pub(super) fn new(across: Weights, down: Weights, width: usize, planes: usize) -> Resampler {
        let stride = width.next_multiple_of(LANES);
        let (columns, rows) = (across.of.len(), down.of.len());
        let held = down.longest();
        let across = Across::new(&across);
        Resampler {
            planes,
            width,
            stride,
            ring: vec![0; held * stride * planes],
            held,
            seen: 0,
            next: 0,
            // The last pixels are read with their padding.
            column: vec![0; stride * planes + across.taps],
            line: vec![0; columns * planes],
            out: Vec::with_capacity(columns * rows * planes),
            across,
            down,
        }
    }

    /// Whether every row has come out.
    pub(super) fn is_done(&self) -> bool {
        self.next == self.down.of.len()
    }

    /// Where the next row is to be put; [`Resampler::take`] takes it.
    pub(super) fn row(&mut self) -> Planes<'_> {
        let length = self.stride * self.planes;
        let values = &mut self.ring[self.seen % self.held * length..][..length];
        Planes { values, plane: self.stride, width: self.width }
    }

    /// Takes the row that was put there.
    pub(super) fn take(&mut self) {
        self.seen += 1;
        while self.down.of.get(self.next).is_some_and(|(start, weights)| start + weights.len() <= self.seen) {
            self.emit();
            self.next += 1;
        }
    }

    /// The canvas, when every row has come out.
    pub(super) fn finish(self) -> Option<Canvas> {
        let (width, height) = (self.across.starts.len() as u32, self.down.of.len() as u32);
        self.is_done().then_some(Canvas { width, height, channels: self.planes, pixels: self.out })
    }

    fn emit(&mut self) {
        let (start, weights) = &self.down.of[self.next];
        let length = self.stride * self.planes;
        let rows: Vec<&[i16]> = (0..weights.len())
            .map(|index| &self.ring[(start + index) % self.held * length..][..length])
            .collect();
        kernel::down(&rows, weights, &mut self.column[..length]);
        if self.planes == 3 {
            kernel::across::<3>(&self.column, self.stride, &self.across, &mut self.line);
        } else {
            kernel::across::<4>(&self.column, self.stride, &self.across, &mut self.line);
        }
        light::unlit(&self.line, self.planes, &mut self.out);
    }
}
