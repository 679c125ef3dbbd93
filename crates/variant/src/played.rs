//! An animation, frame by frame: each is decoded whole, scaled, led through the steps and encoded before the next one
//! comes. What the steps are is not known here.

use std::time::Instant;

use crate::animation::{Frame, Reel};
use crate::canvas::Canvas;
use crate::decode::{Picture, Sink};
use crate::scaled::Part;
use crate::step::orient;
use crate::{Encoding, Error, Limits};

/// All frames of a part of an original, each led through `steps`, and the size that they have in the end.
pub(crate) fn played(
    part: &Part<'_>,
    encoding: Encoding,
    limits: &Limits,
    deadline: Instant,
    steps: &dyn Fn(Canvas) -> Result<Canvas, Error>,
) -> Result<(Vec<u8>, (u32, u32)), Error> {
    let mut frames = part.facts.format.frames(&part.order(limits, deadline))?;
    let (picture, plays) = (frames.picture(), frames.plays());
    let mut sink = None;
    while let Some(frame) = frames.next()? {
        let delay_ms = frame.delay_ms;
        let canvas = steps(scaled(part, &picture, &frame)?)?;
        if sink.is_none() {
            let (width, height) = (canvas.width, canvas.height);
            let reel = Reel { width, height, frames: part.facts.frames, plays };
            sink = Some((encoding.animation(reel, deadline)?, (width, height)));
        }
        if let Some((sink, _)) = &mut sink {
            sink.push(canvas, delay_ms)?;
        }
    }
    let (sink, size) = sink.ok_or_else(|| Error::Damaged("it has no frame".to_owned()))?;
    Ok((sink.finish()?, size))
}

fn scaled(part: &Part<'_>, picture: &Picture, frame: &Frame<'_>) -> Result<Canvas, Error> {
    let mut scaler = part.scaler();
    scaler.begin(picture)?;
    for row in frame.pixels.chunks_exact(picture.width as usize * picture.samples.count()) {
        if scaler.row(row)?.is_break() {
            break;
        }
    }
    Ok(orient::turn(scaler.finish()?, part.turn.0))
}

#[cfg(test)]
mod tests;
