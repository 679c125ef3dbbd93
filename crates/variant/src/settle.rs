//! Options and facts and `Accept` become a recipe. Pure.

use domain::Accepts;

use crate::options::tidy;
use crate::step::background::Background;
use crate::step::fit::{self, Fit, Sizes};
use crate::step::format::FormatWish;
use crate::step::gravity::{self, Gravity};
use crate::step::metadata::MetadataPolicy;
use crate::step::quality;
use crate::{Encoding, Error, Facts, Format, Limits, Options, Recipe};

/// A JPEG with less area than this is baseline (contract R-67), in pixels.
const MIN_PROGRESSIVE_PIXELS: u64 = 50 * 50;

/// A JPEG with more area than this is baseline (contract R-67), in pixels.
const MAX_PROGRESSIVE_PIXELS: u64 = 3_000 * 3_000;

/// Settles a wish: sizes, crop, format and quality are decided here, nowhere else.
///
/// Fails with [`Error::Options`] when the rendition would pass the limits on sides and area.
pub fn settle(options: &Options, facts: &Facts, accepts: Accepts, limits: &Limits) -> Result<Recipe, Error> {
    let fit = options.fit.unwrap_or(Fit::ScaleDown);
    let sizes = fit::sizes(fit, (facts.width, facts.height), (options.width, options.height));
    let (width, height) = (whole(sizes.scaled.0), whole(sizes.scaled.1));
    let canvas = sizes.canvas.unwrap_or((width, height));
    hold_against(limits, canvas)?;

    let mut warnings = warnings(options, fit, &sizes);
    let chosen = choose(options, facts, accepts, limits, canvas, &mut warnings);
    if chosen.format == Format::Png && options.quality.is_some() {
        warnings.push("quality makes no difference to a PNG in this build".to_owned());
    }
    let encoding = encoding(options, chosen.format, canvas);
    Ok(Recipe {
        source: place(&sizes, facts, options.gravity.unwrap_or(Gravity::Center)),
        width: width.min(canvas.0),
        height: height.min(canvas.1),
        canvas,
        encoding,
        background: background(options, facts, chosen.format, canvas != (width, height)),
        metadata: metadata(options, chosen.format),
        negotiated: chosen.negotiated,
        warnings,
    })
}

/// Whole pixels of a side, never none.
fn whole(side: f64) -> u32 {
    (side.round() as u32).max(1)
}

/// A rendition may be no larger than an original.
fn hold_against(limits: &Limits, (width, height): (u32, u32)) -> Result<(), Error> {
    let area = u64::from(width) * u64::from(height);
    if width.max(height) > limits.max_side_pixels || area > limits.max_pixels {
        let (side, megapixels) = (limits.max_side_pixels, limits.max_pixels / 1_000_000);
        return Err(Error::Options(format!(
            "width and height make {width}x{height} pixels; the limit is {side} a side and {megapixels} megapixels"
        )));
    }
    Ok(())
}

/// The part of the original that is used, where gravity puts it.
fn place(sizes: &Sizes, facts: &Facts, gravity: Gravity) -> [f64; 4] {
    let (left, top) = gravity::shares(gravity);
    let (width, height) = sizes.used;
    [(f64::from(facts.width) - width) * left, (f64::from(facts.height) - height) * top, width, height]
}

fn warnings(options: &Options, fit: Fit, sizes: &Sizes) -> Vec<String> {
    let mut warnings: Vec<String> = options
        .ignored
        .iter()
        .map(|(name, _)| format!("option {} is not built in this build and was ignored", tidy(name)))
        .collect();
    if fit == Fit::Cover && options.width.is_some() != options.height.is_some() {
        warnings.push("cover fit mode needs both width and height".to_owned());
    }
    if sizes.smaller {
        warnings.push("original is smaller than the requested size".to_owned());
    }
    warnings
}

/// A format, and whether `Accept` chose it.
struct Choice {
    format: Format,
    negotiated: bool,
}

/// The format by wish, `Accept` and size (contract R-63 and 9).
fn choose(
    options: &Options,
    facts: &Facts,
    accepts: Accepts,
    limits: &Limits,
    (width, height): (u32, u32),
    warnings: &mut Vec<String>,
) -> Choice {
    let lossless = quality::webp(quality::number(options.quality)).is_none();
    let side = if lossless { limits.max_lossless_webp_side_pixels } else { limits.max_webp_side_pixels };
    let fits = width.max(height) <= side;
    let otherwise = without_webp(facts);
    let asked = |format| Choice { format, negotiated: false };
    match options.format.unwrap_or(FormatWish::Auto) {
        FormatWish::Jpeg | FormatWish::BaselineJpeg => asked(Format::Jpeg),
        FormatWish::Png => asked(Format::Png),
        FormatWish::Webp if fits => asked(Format::Webp),
        FormatWish::Webp => {
            let label = otherwise.label();
            warnings.push(format!("a WebP has at most {side} pixels a side here; {label} was made instead"));
            asked(otherwise)
        }
        FormatWish::Auto if fits => {
            // Without a word about WebP the original's own format goes out, WebP too.
            let stays = facts.format == Format::Webp && !accepts.webp_refused;
            let format = if accepts.webp || stays { Format::Webp } else { otherwise };
            Choice { format, negotiated: true }
        }
        FormatWish::Auto => asked(otherwise),
    }
}

/// The original's format where a browser can be trusted to know it, else the closest one.
fn without_webp(facts: &Facts) -> Format {
    match facts.format {
        Format::Jpeg => Format::Jpeg,
        Format::Png | Format::Gif => Format::Png,
        Format::Webp if facts.alpha => Format::Png,
        Format::Webp => Format::Jpeg,
    }
}

/// The encoder's settings. WebP is without loss only at quality 100: of drawings with few colours too, since a
/// scaled drawing has few colours no more.
fn encoding(options: &Options, format: Format, (width, height): (u32, u32)) -> Encoding {
    let number = quality::number(options.quality);
    let area = u64::from(width) * u64::from(height);
    match format {
        Format::Jpeg => Encoding::Jpeg {
            quality: quality::jpeg(number),
            progressive: options.format != Some(FormatWish::BaselineJpeg)
                && (MIN_PROGRESSIVE_PIXELS..=MAX_PROGRESSIVE_PIXELS).contains(&area),
        },
        Format::Png | Format::Gif => Encoding::Png,
        Format::Webp => {
            quality::webp(number).map_or(Encoding::WebpLossless, |quality| Encoding::Webp { quality })
        }
    }
}

/// What lies under the picture. A pad is white unless wished otherwise; a transparent original stays so where the
/// format can. Where nothing shows through, nothing is noted, so that equal bytes have equal recipes.
fn background(options: &Options, facts: &Facts, format: Format, padded: bool) -> Option<Background> {
    if !facts.alpha && !padded {
        return None;
    }
    let clear = facts.alpha && format != Format::Jpeg;
    options.background.or((!clear).then_some(Background::WHITE))
}

/// Only a JPEG carries metadata (contract R-68).
fn metadata(options: &Options, format: Format) -> MetadataPolicy {
    if format == Format::Jpeg {
        options.metadata.unwrap_or(MetadataPolicy::Copyright)
    } else {
        MetadataPolicy::None
    }
}

#[cfg(test)]
mod tests;
