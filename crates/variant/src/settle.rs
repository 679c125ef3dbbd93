//! Options, facts and what a visitor's request tells become a recipe. Pure.

use domain::{Hints, RequestHeader};

use crate::look::GeometryWish;
use crate::step::background::Background;
use crate::step::fit::Fit;
use crate::step::format::{Compression, FormatWish};
use crate::step::gravity::Gravity;
use crate::step::metadata::MetadataPolicy;
use crate::step::quality::{self, Quality};
use crate::step::{adjust::Adjust, border::Border, orient, turn};
use crate::tidy::tidy;
use crate::{Effort, Encoding, Error, Facts, Focus, Format, Limits, Look, Options, Orientation, Recipe};

mod automatic;
mod choice;
mod geometry;
mod part;

use choice::{Ask, Choice, choose};
use geometry::{Geometry, geometry, hold_against, is_progressive, may_cut};

/// Settles a wish: sizes, cut, format and quality are decided here, nowhere else. `focal` is the image's focal point, from
/// left and top, each 0 to 1.
///
/// Fails with [`Error::Options`] when the rendition would pass the limits on sides and area, or a trim leaves nothing.
pub fn settle(
    options: &Options,
    facts: &Facts,
    focal: Option<(f32, f32)>,
    hints: &Hints,
    limits: &Limits,
) -> Result<Recipe, Error> {
    if facts.format == Format::Svg && options.format != Some(FormatWish::Json) {
        return Ok(svg(options, facts));
    }
    let mut varies = Vec::new();
    let wished = Wished::of(options, facts, focal, hints, limits, &mut varies)?;
    let quality = automatic::quality(options, hints, &mut varies);
    let border = border(options);
    let mut recipe = Recipe {
        turn: wished.turn,
        look: wished.look(options),
        source: wished.geometry.source,
        canvas: wished.geometry.canvas,
        place: wished.geometry.place,
        adjust: adjust(options),
        blur: options.blur,
        sharpen: options.sharpen.filter(|amount| *amount > 0.0),
        border,
        overlays: overlays(options),
        max_bytes: options.max_bytes,
        warnings: warnings(options, &wished),
        varies,
        ..Recipe::scaling(wished.geometry.source, wished.geometry.scaled, Encoding::Json)
    };
    recipe.canvas = wished.geometry.canvas;
    let (width, height) = recipe.size();
    hold_against(&wished.wish, (width, height))?;
    if options.format == Some(FormatWish::Json) {
        return Ok(recipe);
    }
    let lossless = quality::webp(quality::number(quality)).is_none();
    let accepts = hints.accepts;
    let choice = choose(&Ask { options, facts, accepts, limits, side: width.max(height), lossless });
    if choice.is_animated && is_too_large_to_resize(facts, limits) {
        return Ok(as_it_is(facts, recipe));
    }
    Ok(finished(recipe, options, facts, quality, choice))
}

/// What a wish says of geometry, and what follows.
struct Wished {
    turn: Orientation,
    wish: GeometryWish,
    geometry: Geometry,
    part: [f64; 4],
    trims_border: bool,
}

impl Wished {
    fn of(
        options: &Options,
        facts: &Facts,
        focal: Option<(f32, f32)>,
        hints: &Hints,
        limits: &Limits,
        varies: &mut Vec<RequestHeader>,
    ) -> Result<Wished, Error> {
        let added = turn::wished(options.flip, options.rotate);
        let (width, height) = automatic::sides(options, hints, varies);
        // Who has set a focal point wants it in view where nothing else is named.
        let gravity = options.gravity.unwrap_or(Gravity::Focal);
        let counts = options.gravity.is_none_or(|gravity| matches!(gravity, Gravity::Auto | Gravity::Focal));
        let focal = focal.filter(|_| counts).map(|point| part::turned_point(added, facts, point));
        let wish = GeometryWish {
            fit: options.fit.unwrap_or(Fit::ScaleDown),
            width,
            height,
            gravity,
            focal,
            is_baseline: options.format == Some(FormatWish::BaselineJpeg),
            max_side_pixels: limits.max_side_pixels,
            max_pixels: limits.max_pixels,
        };
        let part = part::turned(added, facts, part::left(options, facts)?);
        Ok(Wished {
            turn: Orientation(orient::then(facts.orientation.0, added.0)),
            geometry: geometry(&wish, part, focal),
            part,
            wish,
            trims_border: part::trims_border(options),
        })
    }

    /// What has to be looked for. Where nothing can be cut, no focus is.
    fn look(&self, options: &Options) -> Option<Look> {
        let focus = match self.wish.gravity {
            Gravity::Auto if self.wish.focal.is_none() => Some(Focus::Saliency),
            Gravity::Entropy => Some(Focus::Entropy),
            _ => None,
        };
        let cuts = if self.trims_border { may_cut(&self.wish) } else { self.geometry.cuts };
        let focus = focus.filter(|_| cuts);
        let trim = part::border_trim(options);
        (trim.is_some() || focus.is_some()).then(|| Look {
            trim,
            focus,
            part: self.part,
            wish: self.wish.clone(),
        })
    }
}

/// The recipe with its encoding, and what depends on it.
fn finished(
    recipe: Recipe,
    options: &Options,
    facts: &Facts,
    quality: Option<Quality>,
    choice: Choice,
) -> Recipe {
    let padded = recipe.canvas != (recipe.width, recipe.height);
    let made = |recipe: Recipe, format: Format| Recipe {
        encoding: encoding(options, quality, format, recipe.size()),
        auto_quality: auto_quality(quality, format).filter(|_| !choice.is_animated),
        background: background(options, facts, format, padded),
        metadata: metadata(options, format),
        is_animated: choice.is_animated,
        ..recipe
    };
    let mut recipe = recipe;
    if choice.negotiated {
        recipe.varies.insert(0, RequestHeader::Accept);
    }
    recipe.warnings.extend(choice.warning);
    let meanwhile = choice.meanwhile.map(|format| Box::new(made(recipe.clone(), format)));
    Recipe { meanwhile, ..made(recipe, choice.format) }
}

/// Any wish for an SVG but JSON: it goes out as it is, cleaned (contract R-66).
fn svg(options: &Options, facts: &Facts) -> Recipe {
    let plain = matches!(options.format, None | Some(FormatWish::Auto | FormatWish::Svg));
    let warning = "an SVG is never resized or made another format; it is served as it is";
    let sized = options.width.is_some() || options.height.is_some();
    Recipe {
        as_is: true,
        warnings: (sized || !plain).then(|| warning.to_owned()).into_iter().collect(),
        ..Recipe::scaling(whole(facts), (facts.width, facts.height), Encoding::Svg)
    }
}

/// An animation goes out in its own format and size (contract 9).
fn as_it_is(facts: &Facts, recipe: Recipe) -> Recipe {
    let effort = Effort::Usual;
    let encoding =
        if facts.format == Format::Webp { Encoding::WebpLossless { effort } } else { Encoding::Gif };
    let mut warnings = recipe.warnings;
    warnings.push("this animation is too large to be resized; it is served as it is".to_owned());
    Recipe {
        as_is: true,
        is_animated: true,
        warnings,
        varies: recipe.varies,
        ..Recipe::scaling(whole(facts), (facts.width, facts.height), encoding)
    }
}

fn whole(facts: &Facts) -> [f64; 4] {
    [0.0, 0.0, f64::from(facts.width), f64::from(facts.height)]
}

fn is_too_large_to_resize(facts: &Facts, limits: &Limits) -> bool {
    let pixels = u64::from(facts.width) * u64::from(facts.height) * u64::from(facts.frames);
    let whole = matches!(facts.format, Format::Gif | Format::Webp);
    whole && pixels > limits.max_resized_animation_pixels
}

fn warnings(options: &Options, wished: &Wished) -> Vec<String> {
    let mut warnings: Vec<String> = options
        .ignored
        .iter()
        .map(|(name, _)| format!("option {} is not known here and was ignored", tidy(name)))
        .collect();
    if wished.wish.fit == Fit::Cover && wished.wish.width.is_some() != wished.wish.height.is_some() {
        warnings.push("cover fit mode needs both width and height".to_owned());
    }
    if wished.geometry.smaller {
        warnings.push("original is smaller than the requested size".to_owned());
    }
    warnings
}

/// Factors of light and colour: 0 says nothing but of saturation (contract 8).
fn adjust(options: &Options) -> Adjust {
    let factor = |wish: Option<f32>| wish.filter(|factor| *factor > 0.0).unwrap_or(1.0);
    Adjust {
        brightness: factor(options.brightness),
        contrast: factor(options.contrast),
        saturation: options.saturation.unwrap_or(1.0),
        gamma: factor(options.gamma),
    }
}

/// The frame, in physical pixels; none where it has no width.
fn border(options: &Options) -> Option<Border> {
    let dpr = options.dpr.map_or(1.0, f64::from);
    let width = |side: Option<u32>| {
        let width = side.or(options.border_width).unwrap_or(0);
        (f64::from(width) * dpr).round() as u32
    };
    let border = Border {
        color: options.border_color.unwrap_or(Background::BLACK),
        top: width(options.border_top),
        right: width(options.border_right),
        bottom: width(options.border_bottom),
        left: width(options.border_left),
    };
    ([border.top, border.right, border.bottom, border.left] != [0; 4]).then_some(border)
}

fn overlays(options: &Options) -> Vec<crate::Overlay> {
    let dpr = options.dpr.map_or(1.0, f64::from);
    let drawn = options.draw.as_ref().map_or(&[][..], |draw| &draw.0);
    drawn.iter().map(|overlay| overlay.at(dpr)).collect()
}

/// The encoder's settings. WebP is without loss only at quality 100: of drawings with few colours too, since a
/// scaled drawing has few colours no more. A PNG has a palette where a quality is wished for.
fn encoding(options: &Options, quality: Option<Quality>, format: Format, size: (u32, u32)) -> Encoding {
    let effort = if options.compression == Some(Compression::Fast) { Effort::Fast } else { Effort::Usual };
    let number = quality::number(quality);
    let has_palette = number < 100 && !matches!(quality, None | Some(Quality::Auto(_)));
    match format {
        // A HEIC is only read.
        Format::Jpeg | Format::Heic => {
            let is_baseline = options.format == Some(FormatWish::BaselineJpeg) || effort == Effort::Fast;
            let progressive = is_progressive(is_baseline, size);
            Encoding::Jpeg { quality: quality::jpeg(number), progressive, effort }
        }
        Format::Png if has_palette => Encoding::PngPalette { quality: number, effort },
        Format::Png => Encoding::Png { effort },
        Format::Webp => quality::webp(number)
            .map_or(Encoding::WebpLossless { effort }, |quality| Encoding::Webp { quality, effort }),
        Format::Avif => Encoding::Avif { quality: number, effort },
        Format::Jxl => Encoding::Jxl { quality: number, effort },
        Format::Gif => Encoding::Gif,
        Format::Svg => Encoding::Svg,
        Format::Json => Encoding::Json,
    }
}

/// The look to keep, where it is the quality that is wished for and the format has one.
fn auto_quality(quality: Option<Quality>, format: Format) -> Option<u8> {
    let lossy = matches!(format, Format::Jpeg | Format::Webp | Format::Avif | Format::Jxl);
    match quality {
        Some(Quality::Auto(score)) if lossy => Some(score),
        _ => None,
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
