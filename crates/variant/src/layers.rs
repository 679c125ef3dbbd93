//! Overlays: each becomes a layer, an image scaled into its box or a text, and is laid over the picture in its place.
//! What is wished for stands in `step::overlay`.

use std::time::Instant;

use crate::canvas::Canvas;
use crate::deadline::still_time;
use crate::letters::{self, Lettering};
use crate::scaled::Part;
use crate::step::background;
use crate::step::overlay::{Composite, Overlay, OverlaySource, Repeat};
use crate::step::{fit, gravity, orient};
use crate::{Encoding, Error, Facts, Format, Limits, Orientation, Recipe};

mod compose;

/// The overlays of a recipe, drawn: they are the same for every frame of an animation.
pub(crate) struct Layers {
    /// Each with what it looks like.
    drawn: Vec<(Overlay, Canvas)>,
}

impl Layers {
    /// Draws the overlays of a recipe; `images` are the originals of those that are images, in order.
    pub(crate) fn new(
        recipe: &Recipe,
        images: &[(&[u8], Facts)],
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Layers, Error> {
        let (size, mut images) = (recipe.size(), images.iter());
        let mut drawn = Vec::new();
        for overlay in recipe.overlays.iter().filter(|_| recipe.encoding != Encoding::Json) {
            still_time(deadline)?;
            let layer = match &overlay.what {
                OverlaySource::Image { .. } => {
                    let missing = || Error::Options("draw names an image that is not there".to_owned());
                    let (bytes, facts) = images.next().ok_or_else(missing)?;
                    if facts.format == Format::Svg {
                        return Err(Error::Options("draw names an SVG, which has no pixels".to_owned()));
                    }
                    image(overlay, (bytes, facts), size, limits, deadline)?
                }
                OverlaySource::Text { text, size: size_pixels, color } => {
                    written(overlay, text, *size_pixels, color.rgba, size)
                }
            };
            drawn.push((overlay.clone(), dressed(layer, overlay)));
        }
        Ok(Layers { drawn })
    }

    /// Lays them over a canvas, the lowest first.
    pub(crate) fn over(&self, canvas: Canvas) -> Canvas {
        self.drawn.iter().fold(canvas, |canvas, (overlay, layer)| laid(canvas, overlay, layer))
    }
}

/// A text on a clear canvas, no larger than what it is laid over.
fn written(overlay: &Overlay, text: &str, size_pixels: f32, color: [u8; 4], most: (u32, u32)) -> Canvas {
    let width = sides(overlay, most).0.map(|width| width as f32);
    let most = orient::swapped(overlay.rotate, most);
    let align = gravity::shares(overlay.gravity).0;
    orient::turn(letters::draw(&Lettering { text, size_pixels, color, width, align, most }), overlay.rotate)
}

/// An image in its box, no larger than what it is laid over.
fn image(
    overlay: &Overlay,
    (bytes, facts): (&[u8], &Facts),
    most: (u32, u32),
    limits: &Limits,
    deadline: Instant,
) -> Result<Canvas, Error> {
    let turn = Orientation(orient::then(facts.orientation.0, overlay.rotate));
    let (width, height) = orient::swapped(overlay.rotate, (facts.width, facts.height));
    let (width, height) = (f64::from(width), f64::from(height));
    let wished = sides(overlay, most);
    let sizes = fit::sizes(overlay.fit, (width, height), wished);
    let bounded = bounded(sizes.scaled, most);
    let (left, top) = gravity::shares(overlay.gravity);
    let source = [(width - sizes.used.0) * left, (height - sizes.used.1) * top, sizes.used.0, sizes.used.1];
    let part = Part { bytes, facts, turn, source, target: bounded };
    let layer = part.made(false, limits, deadline)?.0;
    let canvas = sizes.canvas.map_or(bounded, |canvas| (canvas.0.min(most.0), canvas.1.min(most.1)));
    let place = |side: u32, of: u32, share: f64| (f64::from(of.saturating_sub(side)) * share).round() as u32;
    let place = (place(layer.width, canvas.0, left), place(layer.height, canvas.1, top));
    Ok(background::pad(layer, canvas, place, overlay.background))
}

/// The sides of the box of an overlay, in pixels.
fn sides(overlay: &Overlay, (width, height): (u32, u32)) -> (Option<u32>, Option<u32>) {
    let on = |side: u32| {
        move |length: crate::Length| (length.on(f64::from(side), 1.0).round() as u32).clamp(1, side)
    };
    (overlay.width.map(on(width)), overlay.height.map(on(height)))
}

/// A size in whole pixels; one that passes what it is laid over is made smaller, and keeps its shape.
fn bounded((width, height): (f64, f64), most: (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(most.0) / width).min(f64::from(most.1) / height).min(1.0);
    let whole = |side: f64| ((side * scale).round() as u32).max(1);
    (whole(width), whole(height))
}

/// A layer on its background, as opaque as it is wished for.
fn dressed(layer: Canvas, overlay: &Overlay) -> Canvas {
    let mut layer = layer.with_alpha();
    if let Some(under) = overlay.background {
        background::lay_under(&mut layer, under);
    }
    if overlay.opacity < 1.0 {
        for pixel in layer.pixels.chunks_exact_mut(4) {
            pixel[3] = (f32::from(pixel[3]) * overlay.opacity).round() as u8;
        }
    }
    layer
}

/// The canvas with a layer in its place, or in all its places.
fn laid(canvas: Canvas, overlay: &Overlay, layer: &Canvas) -> Canvas {
    let keeps = matches!(overlay.composite, Composite::Over | Composite::Atop | Composite::Lighter);
    let mut canvas = if keeps { canvas } else { canvas.with_alpha() };
    let columns = starts(
        place(overlay.left, overlay.right, canvas.width, layer.width),
        layer.width,
        canvas.width,
        matches!(overlay.repeat, Repeat::Both | Repeat::Across),
    );
    let rows = starts(
        place(overlay.top, overlay.bottom, canvas.height, layer.height),
        layer.height,
        canvas.height,
        matches!(overlay.repeat, Repeat::Both | Repeat::Down),
    );
    if matches!(overlay.composite, Composite::In | Composite::Out) {
        // What has no overlay over it goes too.
        let mut sheet = Canvas { pixels: vec![0; canvas.pixels.len()], ..canvas };
        compose::lay(&mut sheet, layer, &columns, &rows, Composite::Over);
        compose::lay(&mut canvas, &sheet, &[0], &[0], overlay.composite);
    } else {
        compose::lay(&mut canvas, layer, &columns, &rows, overlay.composite);
    }
    canvas
}

/// Where a layer begins along a side: so far from either end, or in the middle.
fn place(from_start: Option<u32>, from_end: Option<u32>, side: u32, layer: u32) -> i64 {
    let (side, layer) = (i64::from(side), i64::from(layer));
    match (from_start, from_end) {
        (Some(start), _) => i64::from(start),
        (None, Some(end)) => side - layer - i64::from(end),
        (None, None) => (side - layer) / 2,
    }
}

/// Where it begins again and again, so that the side is full.
fn starts(first: i64, layer: u32, side: u32, repeats: bool) -> Vec<i64> {
    if !repeats {
        return vec![first];
    }
    let (layer, side) = (i64::from(layer.max(1)), i64::from(side));
    let start = first.rem_euclid(layer) - layer;
    (0..).map(|count| start + count * layer).take_while(|at| *at < side).filter(|at| at + layer > 0).collect()
}

#[cfg(test)]
mod tests;
