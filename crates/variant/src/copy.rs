//! Working copies: a smaller, baseline JPEG of a large original, from which all renditions are made that need no more than
//! it has. Which originals have one, and what of a recipe it serves, are decided here; nothing is decoded.

use crate::format::{Effort, Encoding, Format};
use crate::step::metadata::MetadataPolicy;
use crate::step::orient;
use crate::{Facts, Orientation, Recipe};

/// The area of a working copy in pixels: 2048 × 1536, or as many in another shape.
const COPY_PIXELS: f64 = 2_048.0 * 1_536.0;

/// The quality of libjpeg at which it is kept, with our table: what later renditions lose by it cannot be seen
/// (performance-findings 3).
const COPY_QUALITY: u8 = 90;

/// Originals whose decoding costs as much as that of a baseline JPEG of so many pixels have a copy.
const MIN_COST_PIXELS: u64 = 12_000_000;

/// It serves what takes at least so many of its pixels, along each side, for one of the rendition: below that its own
/// loss would show.
const MIN_LEFT: f64 = 1.5;

/// A working copy: how it is made, and what it will be.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkingCopy {
    /// Makes it from the original.
    pub recipe: Recipe,
    /// Its facts: those that probing it would tell.
    pub facts: Facts,
    /// Width and height of the original, as shown.
    shown: (u32, u32),
    /// How the original is turned to be shown; the copy is stored so.
    turned: u8,
}

impl WorkingCopy {
    /// The copy of an original with these facts; none where making renditions from the original itself costs little, or a
    /// JPEG would not do it justice.
    pub fn of(facts: &Facts) -> Option<WorkingCopy> {
        let area = u64::from(facts.width) * u64::from(facts.height);
        let is_alike = matches!(facts.format, Format::Jpeg | Format::Webp | Format::Avif | Format::Jxl);
        if !is_alike
            || facts.alpha
            || facts.frames > 1
            || facts.is_lossless
            || area * weight(facts) < MIN_COST_PIXELS
        {
            return None;
        }
        let scale = (COPY_PIXELS / area as f64).sqrt();
        Some(WorkingCopy::sized(facts, (side(facts.width, scale), side(facts.height, scale))))
    }

    /// A copy of so many pixels.
    fn sized(facts: &Facts, (width, height): (u32, u32)) -> WorkingCopy {
        let source = [0.0, 0.0, f64::from(facts.width), f64::from(facts.height)];
        let encoding = Encoding::Jpeg { quality: COPY_QUALITY, progressive: false, effort: Effort::Usual };
        let recipe = Recipe {
            turn: facts.orientation,
            // Renditions keep what their own wish says.
            metadata: MetadataPolicy::Keep,
            ..Recipe::scaling(source, (width, height), encoding)
        };
        let (shown, turned) = ((facts.width, facts.height), facts.orientation.0);
        let facts = Facts {
            format: Format::Jpeg,
            width,
            height,
            orientation: Orientation(1),
            bits: 8,
            is_progressive: false,
            tiles: 1,
            ..facts.clone()
        };
        WorkingCopy { recipe, facts, shown, turned }
    }

    /// The recipe as it is to be rendered from the copy; none where it needs more than the copy has.
    pub fn serve(&self, recipe: &Recipe) -> Option<Recipe> {
        let (turn, source) = self.part(recipe)?;
        Some(Recipe { turn: Orientation(turn), source, ..recipe.clone() })
    }

    /// How the copy is turned for a recipe, and the part of it that is used; none where it does not serve.
    fn part(&self, recipe: &Recipe) -> Option<(u8, [f64; 4])> {
        if recipe.look.is_some() || recipe.as_is || recipe.is_animated || !has_pixels(recipe.encoding) {
            return None;
        }
        let turn = orient::then(orient::inverse(self.turned), recipe.turn.0);
        let (from, to) =
            (orient::swapped(turn, self.shown), orient::swapped(turn, (self.facts.width, self.facts.height)));
        let scale = [f64::from(to.0) / f64::from(from.0), f64::from(to.1) / f64::from(from.1)];
        let [x, y, width, height] = recipe.source;
        let source = [x * scale[0], y * scale[1], width * scale[0], height * scale[1]];
        let is_enough = source[2] >= MIN_LEFT * f64::from(recipe.width)
            && source[3] >= MIN_LEFT * f64::from(recipe.height);
        is_enough.then_some((turn, source))
    }
}

impl Recipe {
    /// Whether equal recipes make equal bytes of an original with these facts, always. Where not, they make pictures that
    /// look alike: by a working copy or without it, and by whichever quality a search found. A tag for such bytes is a
    /// weak one (RFC 9110, 8.8.1).
    pub fn is_exact(&self, facts: &Facts) -> bool {
        self.auto_quality.is_none() && WorkingCopy::of(facts).is_none_or(|copy| copy.part(self).is_none())
    }
}

/// How many times as long as a pixel of a baseline JPEG, which is scaled while it is decoded, one of this original takes.
fn weight(facts: &Facts) -> u64 {
    if facts.format == Format::Jpeg && !facts.is_progressive { 1 } else { 2 }
}

fn side(pixels: u32, scale: f64) -> u32 {
    (f64::from(pixels) * scale).round().max(1.0) as u32
}

fn has_pixels(encoding: Encoding) -> bool {
    !matches!(encoding, Encoding::Svg | Encoding::Json)
}

#[cfg(test)]
mod tests;
