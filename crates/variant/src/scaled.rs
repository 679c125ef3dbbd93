//! A part of an original, decoded, scaled and turned: what a rendition begins with, and so does each of its overlays.

use std::time::Instant;

use crate::beside::beside;
use crate::canvas::Canvas;
use crate::decode::{Order, Sink};
use crate::step::orient;
use crate::step::resize::Scaler;
use crate::{Error, Facts, Limits, Orientation};

/// Originals from this area on are scaled on a thread beside the decoder: it takes a sixth off the wait.
const MIN_BESIDE_PIXELS: u64 = 2_000_000;

/// A part of an original, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The original.
    pub(crate) bytes: &'a [u8],
    /// What probing it told.
    pub(crate) facts: &'a Facts,
    /// How stored pixels are turned.
    pub(crate) turn: Orientation,
    /// The part in turned pixels: x, y, width, height.
    pub(crate) source: [f64; 4],
    /// What it is scaled to, turned.
    pub(crate) target: (u32, u32),
}

impl Part<'_> {
    /// Width and height of the original as it is stored, in pixels.
    pub(crate) fn stored(&self) -> (u32, u32) {
        orient::swapped(self.facts.orientation.0, (self.facts.width, self.facts.height))
    }

    /// A scaler of the part of the stored picture, not turned yet.
    pub(crate) fn scaler(&self) -> Scaler {
        let source = orient::stored_box(self.turn.0, self.stored(), self.source);
        Scaler::new(source, orient::swapped(self.turn.0, self.target))
    }

    /// The order to decode what the part needs.
    pub(crate) fn order<'a>(&'a self, limits: &'a Limits, deadline: Instant) -> Order<'a> {
        let shrink =
            (self.source[2] / f64::from(self.target.0)).min(self.source[3] / f64::from(self.target.1));
        Order { bytes: self.bytes, size: self.stored(), limits, deadline, shrink, thorough: false }
    }

    /// Decodes, scales and turns. On wish a profile that fits is kept and given too.
    pub(crate) fn made(
        &self,
        keeps_profile: bool,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<(Canvas, Option<Vec<u8>>), Error> {
        let mut scaler = self.scaler().keeping_profile(keeps_profile);
        self.decode(limits, deadline, &mut scaler)?;
        let (canvas, profile) = scaler.finish_with_profile()?;
        Ok((orient::turn(canvas, self.turn.0), profile))
    }

    /// Decodes into a sink.
    pub(crate) fn decode<S: Sink + Send>(
        &self,
        limits: &Limits,
        deadline: Instant,
        sink: &mut S,
    ) -> Result<(), Error> {
        let (order, (width, height)) = (self.order(limits, deadline), self.stored());
        if u64::from(width) * u64::from(height) < MIN_BESIDE_PIXELS {
            self.facts.format.decode(&order, sink)
        } else {
            beside(sink, |sink| self.facts.format.decode(&order, sink))
        }
    }
}
