//! Where a rendition's pixels come from and how many they become: box, cut, pad.

use crate::look::GeometryWish;
use crate::recipe::centred;
use crate::step::fit::{self, Fit, Sizes};
use crate::step::gravity;
use crate::{Encoding, Look};
use crate::{Error, Found, Recipe};

/// A JPEG with less area than this is baseline (contract R-67), in pixels.
const MIN_PROGRESSIVE_PIXELS: u64 = 50 * 50;

/// A JPEG with more area than this is baseline (contract R-67), in pixels.
const MAX_PROGRESSIVE_PIXELS: u64 = 3_000 * 3_000;

/// What follows from a wish and the part of the original that is there.
pub(crate) struct Geometry {
    /// The part that is used: x, y, width, height.
    pub(crate) source: [f64; 4],
    /// What it is scaled to.
    pub(crate) scaled: (u32, u32),
    /// The picture with its pad.
    pub(crate) canvas: (u32, u32),
    /// Where the scaled part lies on it.
    pub(crate) place: (u32, u32),
    /// The box is larger than the image, which the fit does not enlarge.
    pub(crate) smaller: bool,
    /// Something is cut, so that gravity counts.
    pub(crate) cuts: bool,
}

/// The geometry of a part of the original, all in its turned pixels; what is cut leaves `focus` in the middle, as far as
/// it can.
pub(crate) fn geometry(wish: &GeometryWish, part: [f64; 4], focus: Option<(f64, f64)>) -> Geometry {
    let [x, y, width, height] = part;
    let sizes = fit::sizes(wish.fit, (width, height), (wish.width, wish.height));
    let Sizes { used, scaled, smaller, .. } = sizes;
    let scaled = (whole(scaled.0), whole(scaled.1));
    let canvas = sizes.canvas.unwrap_or(scaled);
    let scaled = (scaled.0.min(canvas.0), scaled.1.min(canvas.1));
    let room = ((width - used.0).max(0.0), (height - used.1).max(0.0));
    let (left, top) = match focus {
        Some((across, down)) => {
            ((across - x - used.0 / 2.0).clamp(0.0, room.0), (down - y - used.1 / 2.0).clamp(0.0, room.1))
        }
        None => {
            let (left, top) = gravity::shares(wish.gravity);
            (room.0 * left, room.1 * top)
        }
    };
    Geometry {
        source: [x + left, y + top, used.0, used.1],
        scaled,
        canvas,
        place: centred(canvas, scaled),
        smaller,
        cuts: room.0 > 1e-9 || room.1 > 1e-9,
    }
}

/// Whether a fit may cut, whatever the original is.
pub(crate) fn may_cut(wish: &GeometryWish) -> bool {
    matches!(wish.fit, Fit::Cover | Fit::Crop | Fit::AspectCrop) && wish.width.and(wish.height).is_some()
}

/// Whether a JPEG of a size is progressive (contract R-67).
pub(crate) fn is_progressive(is_baseline: bool, (width, height): (u32, u32)) -> bool {
    let area = u64::from(width) * u64::from(height);
    !is_baseline && (MIN_PROGRESSIVE_PIXELS..=MAX_PROGRESSIVE_PIXELS).contains(&area)
}

/// A rendition may be no larger than an original.
pub(crate) fn hold_against(wish: &GeometryWish, (width, height): (u32, u32)) -> Result<(), Error> {
    let area = u64::from(width) * u64::from(height);
    if width.max(height) > wish.max_side_pixels || area > wish.max_pixels {
        let (side, megapixels) = (wish.max_side_pixels, wish.max_pixels / 1_000_000);
        return Err(Error::Options(format!(
            "width and height make {width}x{height} pixels; the limit is {side} a side and {megapixels} megapixels"
        )));
    }
    Ok(())
}

impl GeometryWish {
    /// Width and height of the part of a picture of this size that is used, in its pixels.
    pub fn used(&self, size: (f64, f64)) -> (f64, f64) {
        fit::sizes(self.fit, size, (self.width, self.height)).used
    }
}

impl Recipe {
    /// The whole recipe, once the pixels were looked at. Fails where what was found passes the limits on sides and area.
    pub fn settled(self, found: &Found) -> Result<Recipe, Error> {
        let Some(Look { focus, wish, .. }) = self.look else { return Ok(self) };
        let focus = focus.map_or(wish.focal, |_| Some(found.focus));
        let geometry = geometry(&wish, found.trimmed, focus);
        let mut recipe = Recipe {
            look: None,
            source: geometry.source,
            width: geometry.scaled.0,
            height: geometry.scaled.1,
            canvas: geometry.canvas,
            place: geometry.place,
            ..self
        };
        hold_against(&wish, recipe.size())?;
        let size = recipe.size();
        if let Encoding::Jpeg { progressive, .. } = &mut recipe.encoding {
            *progressive = is_progressive(wish.is_baseline, size);
        }
        Ok(recipe)
    }
}

/// Whole pixels of a side, never none.
fn whole(side: f64) -> u32 {
    (side.round() as u32).max(1)
}
