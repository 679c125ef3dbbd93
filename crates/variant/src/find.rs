//! A look at the pixels of an original, for what a recipe cannot know before: a uniform border, and where the eye goes.
//! One decode, at the smallest scale that serves, for both.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::decode::{Picture, Sink};
use crate::scaled::Part;
use crate::step::orient;
use crate::step::resize::Scaler;
use crate::{Error, Facts, Focus, Found, Limits, Look, Recipe};

mod edges;
mod focus;

use edges::Edges;

/// The longest side of the picture in which a focus is looked for, in pixels.
const MAX_SIDE_PIXELS: f64 = 192.0;

/// Looks for what a recipe's look names. A picture that is nothing but border has none.
pub(crate) fn find(
    bytes: &[u8],
    facts: &Facts,
    recipe: &Recipe,
    look: &Look,
    limits: &Limits,
    deadline: Instant,
) -> Result<Found, Error> {
    let turned =
        orient::swapped(recipe.turn.0, orient::swapped(facts.orientation.0, (facts.width, facts.height)));
    let whole = [0.0, 0.0, f64::from(turned.0), f64::from(turned.1)];
    // Edges are exact at the scale of the rendition.
    let fine = (recipe.source[2] / f64::from(recipe.width)).min(recipe.source[3] / f64::from(recipe.height));
    let coarse = (whole[2].max(whole[3]) / MAX_SIDE_PIXELS).max(1.0);
    let shrink = if look.trim.is_some() { fine.clamp(1.0, coarse.max(1.0)) } else { coarse };
    let side = |length: f64| ((length / coarse).round() as u32).max(1);
    let small =
        Part { bytes, facts, turn: recipe.turn, source: whole, target: (side(whole[2]), side(whole[3])) };
    let order = crate::decode::Order { shrink, ..small.order(limits, deadline) };
    let mut both = Both { edges: look.trim.map(Edges::new), scaler: look.focus.map(|_| small.scaler()) };
    facts.format.decode(&order, &mut both)?;
    let trimmed = match (&both.edges, look.trim) {
        (Some(edges), Some(trim)) => {
            let inside = edges.inside(small.stored(), trim.keep);
            common(orient::stored_box(orient::inverse(recipe.turn.0), turned, inside), look.part)
        }
        _ => look.part,
    };
    let middle = (trimmed[0] + trimmed[2] / 2.0, trimmed[1] + trimmed[3] / 2.0);
    let Some((scaler, wish)) = both.scaler.zip(look.focus) else {
        return Ok(Found { trimmed, focus: middle });
    };
    let canvas = orient::turn(scaler.finish()?, recipe.turn.0);
    let (used_width, used_height) = look.wish.used((trimmed[2], trimmed[3]));
    let scale = (f64::from(canvas.width) / whole[2], f64::from(canvas.height) / whole[3]);
    let area = [trimmed[0] * scale.0, trimmed[1] * scale.1, trimmed[2] * scale.0, trimmed[3] * scale.1];
    let window = (used_width * scale.0, used_height * scale.1);
    let (x, y) = match wish {
        Focus::Saliency => focus::salient(&canvas, area, window),
        Focus::Entropy => focus::busy(&canvas, area, window),
    };
    Ok(Found { trimmed, focus: (x / scale.0, y / scale.1) })
}

/// What two boxes have in common; the second where that is nothing.
fn common(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    let (left, top) = (a[0].max(b[0]), a[1].max(b[1]));
    let (right, bottom) = ((a[0] + a[2]).min(b[0] + b[2]), (a[1] + a[3]).min(b[1] + b[3]));
    if right - left < 1.0 || bottom - top < 1.0 { b } else { [left, top, right - left, bottom - top] }
}

/// Takes rows for both looks.
struct Both {
    edges: Option<Edges>,
    scaler: Option<Scaler>,
}

impl Sink for Both {
    fn begin(&mut self, picture: &Picture) -> Result<(), Error> {
        if let Some(edges) = &mut self.edges {
            edges.begin(picture)?;
        }
        self.scaler.as_mut().map_or(Ok(()), |scaler| scaler.begin(picture))
    }

    fn row(&mut self, row: &[u8]) -> Result<ControlFlow<()>, Error> {
        let edges = match &mut self.edges {
            Some(edges) => edges.row(row)?,
            None => ControlFlow::Break(()),
        };
        let scaler = match &mut self.scaler {
            Some(scaler) => scaler.row(row)?,
            None => ControlFlow::Break(()),
        };
        Ok(if edges.is_break() && scaler.is_break() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

#[cfg(test)]
mod tests;
