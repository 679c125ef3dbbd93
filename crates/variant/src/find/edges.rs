//! Where a uniform border ends. Rows are looked at as they come; none is kept.

use std::ops::ControlFlow;

use crate::decode::{Picture, Sink};
use crate::step::resize::colour::{Colour, Row};
use crate::{BorderTrim, Error};

/// A sink that keeps the box of all pixels that are not of the border's colour.
pub(super) struct Edges {
    /// Red, green, blue, alpha; of the first pixel where none is wished for.
    border: Option<[u8; 4]>,
    tolerance: u8,
    work: Option<(Colour, Picture)>,
    rows: usize,
    /// First and one past last column, and row, in pixels as they come.
    columns: (usize, usize),
    lines: (usize, usize),
}

impl Edges {
    pub(super) fn new(trim: BorderTrim) -> Edges {
        Edges {
            border: trim.color.map(|color| color.rgba),
            tolerance: trim.tolerance,
            work: None,
            rows: 0,
            columns: (usize::MAX, 0),
            lines: (usize::MAX, 0),
        }
    }

    /// The box on a stored picture of a size, with so many pixels of the border; all of it where there is nothing but
    /// border.
    pub(super) fn inside(&self, (width, height): (u32, u32), keep: u32) -> [f64; 4] {
        let (width, height) = (f64::from(width), f64::from(height));
        let scale = self.work.as_ref().map_or(1.0, |(_, picture)| picture.scale);
        if self.lines.1 == 0 {
            return [0.0, 0.0, width, height];
        }
        let along = |(first, past): (usize, usize), side: f64| {
            let start = (first as f64 / scale - f64::from(keep)).max(0.0);
            let end = (past as f64 / scale + f64::from(keep)).min(side);
            (start, (end - start).max(1.0))
        };
        let (x, across) = along(self.columns, width);
        let (y, down) = along(self.lines, height);
        [x, y, across, down]
    }
}

impl Sink for Edges {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        self.work = Some((Colour::new(picture, false), picture.clone()));
        Ok(())
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        let Some((colour, picture)) = &mut self.work else { return Ok(ControlFlow::Break(())) };
        let channels = colour.channels();
        let pixel: &dyn Fn(usize) -> Option<[u8; 4]> = match colour.convert(row) {
            Row::Eight(values) => &move |at| values.get(at * channels..(at + 1) * channels).map(whole),
            Row::Sixteen(values) => &move |at| {
                let deep = values.get(at * channels..(at + 1) * channels)?;
                let mut plain = [0; 4];
                plain.iter_mut().zip(deep).for_each(|(plain, deep)| *plain = (deep >> 8) as u8);
                Some(whole(&plain[..channels]))
            },
        };
        let Some(first_pixel) = pixel(0) else { return Ok(ControlFlow::Break(())) };
        let border = *self.border.get_or_insert(first_pixel);
        let differs = |at: &usize| pixel(*at).is_some_and(|pixel| is_apart(pixel, border, self.tolerance));
        let width = picture.width as usize;
        if let Some(first) = (0..width).find(differs) {
            let last = (first..width).rev().find(differs).unwrap_or(first);
            self.columns = (self.columns.0.min(first), self.columns.1.max(last + 1));
            self.lines = (self.lines.0.min(self.rows), self.rows + 1);
        }
        self.rows += 1;
        Ok(ControlFlow::Continue(()))
    }
}

/// A pixel of one to four channels as one of four.
fn whole(pixel: &[u8]) -> [u8; 4] {
    match *pixel {
        [grey] => [grey, grey, grey, 255],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, 255],
        [red, green, blue, alpha, ..] => [red, green, blue, alpha],
        [] => [0; 4],
    }
}

/// Whether a pixel lies further from the border's colour than is tolerated. What is clear has no colour.
fn is_apart(pixel: [u8; 4], border: [u8; 4], tolerance: u8) -> bool {
    if pixel[3] == 0 && border[3] == 0 {
        return false;
    }
    pixel.iter().zip(border).any(|(value, border)| value.abs_diff(border) > tolerance)
}
