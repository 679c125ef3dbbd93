//! The pipeline, in the contract's order (R-78): trim, flip, rotate, resize and crop; light and colour, blur, sharpen;
//! background and border; overlays; encode. What a recipe does not ask for costs nothing.

use std::borrow::Cow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::canvas::{Canvas, Extras};
use crate::deadline::still_time;
use crate::find::find;
use crate::format::Format;
use crate::layers::Layers;
use crate::played::played;
use crate::scaled::Part;
use crate::step::background::{self, Background};
use crate::step::{adjust, blur, border, quality, sharpen};
use crate::{Encoding, Error, Facts, Limits, MetadataPolicy, Originals, Recipe};

/// The bytes that a recipe makes from an original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    /// The format of the bytes.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The public quality that a search found, 1 to 100, where there was one.
    pub quality: Option<u8>,
    /// The encoded bytes; no part of what serde writes.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Renders a recipe from the originals that the facts were probed from. Bad bytes are an error, never a panic; past the
/// deadline it gives up.
pub fn render(
    originals: &Originals<'_>,
    recipe: &Recipe,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendition, Error> {
    let Originals { bytes, facts, .. } = originals;
    if recipe.as_is {
        let bytes = facts.format.as_it_is(bytes, limits, deadline)?;
        let (width, height) = (facts.width, facts.height);
        return Ok(Rendition { format: facts.format, width, height, quality: None, bytes });
    }
    let recipe = &*whole(originals, recipe, limits, deadline)?;
    let layers = Layers::new(recipe, &originals.overlays, limits, deadline)?;
    match recipe.encoding {
        Encoding::Json => Ok(described(originals, recipe)),
        _ if recipe.is_animated => moving(originals, recipe, &layers, limits, deadline),
        _ => still(originals, recipe, &layers, limits, deadline),
    }
}

/// The recipe with what only pixels can tell.
fn whole<'a>(
    originals: &Originals<'_>,
    recipe: &'a Recipe,
    limits: &Limits,
    deadline: Instant,
) -> Result<Cow<'a, Recipe>, Error> {
    match &recipe.look {
        Some(look) if originals.facts.format != Format::Svg => {
            let found = find(originals.bytes, originals.facts, recipe, look, limits, deadline)?;
            Ok(Cow::Owned(recipe.clone().settled(&found)?))
        }
        _ => Ok(Cow::Borrowed(recipe)),
    }
}

fn still(
    originals: &Originals<'_>,
    recipe: &Recipe,
    layers: &Layers,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendition, Error> {
    let Originals { bytes, facts, .. } = originals;
    let target = (recipe.width, recipe.height);
    let part = Part { bytes, facts, turn: recipe.turn, source: recipe.source, target };
    let (canvas, profile) = part.made(keeps_profile(recipe), limits, deadline)?;
    let canvas = stepped(canvas, recipe, layers, deadline)?;
    still_time(deadline)?;
    let exif = facts.format.exif(bytes, recipe.metadata);
    let (width, height) = (canvas.width, canvas.height);
    let extras = Extras { exif: exif.as_deref(), icc: profile.as_deref() };
    let (bytes, quality) = quality::encode::encode(recipe, canvas, extras, limits, deadline)?;
    Ok(Rendition { format: recipe.encoding.format(), width, height, quality, bytes })
}

/// All frames, each as a still picture would be. No search for a quality: it would have to look at all of them.
fn moving(
    originals: &Originals<'_>,
    recipe: &Recipe,
    layers: &Layers,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendition, Error> {
    let Originals { bytes, facts, .. } = originals;
    let target = (recipe.width, recipe.height);
    let part = Part { bytes, facts, turn: recipe.turn, source: recipe.source, target };
    let steps = |canvas| stepped(canvas, recipe, layers, deadline);
    let (bytes, (width, height)) = played(&part, recipe.encoding, limits, deadline, &steps)?;
    quality::encode::hold(bytes.len(), recipe.max_bytes)?;
    Ok(Rendition { format: recipe.encoding.format(), width, height, quality: None, bytes })
}

/// Everything between scaling and encoding, of a still picture or of one frame.
pub(crate) fn stepped(
    canvas: Canvas,
    recipe: &Recipe,
    layers: &Layers,
    deadline: Instant,
) -> Result<Canvas, Error> {
    let mut canvas = adjust::apply(canvas, &recipe.adjust);
    if let Some(radius) = recipe.blur {
        still_time(deadline)?;
        canvas = blur::apply(canvas, radius);
    }
    if let Some(amount) = recipe.sharpen {
        still_time(deadline)?;
        canvas = sharpen::apply(canvas, amount);
    }
    canvas = background::pad(canvas, recipe.canvas, recipe.place, recipe.background);
    if let Some(under) = recipe.background {
        background::lay_under(&mut canvas, under);
    }
    if let Some(border) = &recipe.border {
        canvas = border::apply(canvas, border);
    }
    canvas = layers.over(canvas);
    if recipe.encoding.format() == Format::Jpeg {
        // A JPEG shows white through whatever is still clear.
        background::lay_under(&mut canvas, Background::WHITE);
    }
    Ok(canvas.without_full_alpha())
}

/// Whether a profile that fits stays: where metadata is kept, in the one format that keeps any, and only while no colour of
/// ours, which is sRGB, comes in.
fn keeps_profile(recipe: &Recipe) -> bool {
    recipe.metadata == MetadataPolicy::Keep
        && recipe.encoding.format() == Format::Jpeg
        && recipe.overlays.is_empty()
        && recipe.border.is_none()
        && recipe.background.is_none()
}

/// What the rendition would be, and what the original is, as JSON (contract R-79). Nothing is decoded for it.
fn described(originals: &Originals<'_>, recipe: &Recipe) -> Rendition {
    let (width, height) = recipe.size();
    let Facts { format, width: whole_width, height: whole_height, .. } = originals.facts;
    let (file_size, media_type) = (originals.bytes.len(), format.media_type());
    let text = format!(
        r#"{{"width":{width},"height":{height},"original":{{"file_size":{file_size},"width":{whole_width},"height":{whole_height},"format":"{media_type}"}}}}"#
    );
    Rendition { format: Format::Json, width, height, quality: None, bytes: text.into_bytes() }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wishes;
