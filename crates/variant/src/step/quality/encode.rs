//! Encodes a canvas at the quality that a recipe leaves open: the lowest that keeps a look, or the highest that fits into so
//! many bytes.

use std::time::{Duration, Instant};

use super::look::Reference;
use super::{sample, search};
use crate::canvas::{Canvas, Extras};
use crate::format::Encoding;
use crate::{Error, Limits, Recipe};

/// What a search leaves of the time for the whole, at least: for the last encoding, which is of the whole picture.
const LEFT: u32 = 2;

impl Recipe {
    /// The same recipe, whose search for a quality begins at this public number, 1 to 100. Its digest is no longer that of
    /// the recipe.
    #[must_use]
    pub fn beginning_at(self, number: u8) -> Recipe {
        Recipe { encoding: at(self.encoding, number), ..self }
    }

    /// Whether a quality is looked for.
    pub fn searches_quality(&self) -> bool {
        self.auto_quality.is_some() && is_searched(self.encoding) && !self.is_animated && !self.as_is
    }
}

/// Encodes a still canvas by a recipe. With the bytes comes the public quality that a search found, if there was one.
pub(crate) fn encode(
    recipe: &Recipe,
    canvas: Canvas,
    extras: Extras<'_>,
    limits: &Limits,
    deadline: Instant,
) -> Result<(Vec<u8>, Option<u8>), Error> {
    let target = recipe.auto_quality.filter(|_| recipe.searches_quality());
    let found = target.map(|target| found(recipe.encoding, target, &canvas, limits, deadline)).transpose()?;
    let encoding = found.map_or(recipe.encoding, |number| at(recipe.encoding, number));
    let bytes = match recipe.max_bytes {
        None => encoding.encode(canvas, extras, deadline)?,
        Some(most) => fitting(encoding, most, &canvas, extras, deadline)?,
    };
    Ok((bytes, found))
}

/// Refuses a rendition of more bytes than it may have, where there is no quality to lower.
pub(crate) fn hold(bytes: usize, max_bytes: Option<u32>) -> Result<(), Error> {
    match max_bytes {
        Some(most) if bytes > most as usize => Err(too_many(most, bytes)),
        _ => Ok(()),
    }
}

/// The lowest quality that keeps a look. When half of the time has gone, what is known by then is taken.
fn found(
    encoding: Encoding,
    target: u8,
    canvas: &Canvas,
    limits: &Limits,
    deadline: Instant,
) -> Result<u8, Error> {
    let began = Instant::now();
    let until = began + deadline.saturating_duration_since(began) / LEFT;
    let sample = sample::of(canvas);
    let reference = Reference::new(&sample)?;
    let mut longest = Duration::ZERO;
    search::lowest(number_of(encoding), f64::from(target), |number| {
        let asked = Instant::now();
        if asked + longest >= until {
            return Ok(None);
        }
        let bytes = at(encoding, number).encode(sample.clone(), Extras::default(), deadline)?;
        let score = reference.score(encoding.format(), &bytes, limits, deadline)?;
        longest = longest.max(asked.elapsed());
        Ok(Some(score))
    })
}

/// The bytes of the highest quality that fits, or nearly: within a tenth of what there may be.
fn fitting(
    encoding: Encoding,
    most: u32,
    canvas: &Canvas,
    extras: Extras<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let encoded = |encoding: Encoding| encoding.encode(canvas.clone(), extras, deadline);
    let first = encoded(encoding)?;
    let (room, mut least) = (most as usize, first.len());
    if least <= room {
        return Ok(first);
    }
    let Some((lossy, number)) = with_loss(encoding) else { return Err(too_many(most, least)) };
    let (mut low, mut high, mut best, mut longest) = (0, number, None, Duration::ZERO);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let asked = Instant::now();
        if best.is_some() && asked + 2 * longest >= deadline {
            // What fits is better than what fits nearly and comes too late.
            break;
        }
        let bytes = encoded(at(lossy, middle))?;
        longest = longest.max(asked.elapsed());
        least = least.min(bytes.len());
        if bytes.len() > room {
            high = middle;
            continue;
        }
        let is_near = bytes.len() >= room - room / 10;
        (low, best) = (middle, Some(bytes));
        if is_near {
            break;
        }
    }
    best.ok_or_else(|| too_many(most, least))
}

fn too_many(most: u32, bytes: usize) -> Error {
    Error::Options(format!("the smallest rendition has {bytes} bytes, more than max_bytes={most}"))
}

/// An encoding whose quality can be lowered, and the first public number that is not to be tried.
fn with_loss(encoding: Encoding) -> Option<(Encoding, u8)> {
    match encoding {
        Encoding::Png { effort } => Some((Encoding::PngPalette { quality: 100, effort }, 101)),
        Encoding::WebpLossless { effort } => Some((Encoding::Webp { quality: 100, effort }, 100)),
        Encoding::Gif | Encoding::Svg | Encoding::Json => None,
        lossy => Some((lossy, number_of(lossy))),
    }
}

/// Whether a look is kept by its quality.
fn is_searched(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::Jpeg { .. } | Encoding::Webp { .. } | Encoding::Avif { .. } | Encoding::Jxl { .. }
    )
}

/// The same encoding at a public number.
fn at(encoding: Encoding, number: u8) -> Encoding {
    match encoding {
        Encoding::Jpeg { progressive, effort, .. } => {
            Encoding::Jpeg { quality: super::jpeg(number), progressive, effort }
        }
        Encoding::Webp { effort, .. } => {
            Encoding::Webp { quality: super::webp(number).unwrap_or(100), effort }
        }
        Encoding::Avif { effort, .. } => Encoding::Avif { quality: number, effort },
        Encoding::Jxl { effort, .. } => Encoding::Jxl { quality: number, effort },
        Encoding::PngPalette { effort, .. } => Encoding::PngPalette { quality: number, effort },
        other => other,
    }
}

/// The lowest public number that an encoding's quality stands for.
fn number_of(encoding: Encoding) -> u8 {
    let quality = encoding.quality();
    (1..=100).find(|number| at(encoding, *number).quality() >= quality).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use crate::{Effort, Format};

    const USUAL: Effort = Effort::Usual;

    fn lossy() -> [Encoding; 3] {
        [
            Encoding::Jpeg { quality: 79, progressive: true, effort: USUAL },
            Encoding::Webp { quality: 81, effort: USUAL },
            Encoding::Avif { quality: 80, effort: USUAL },
        ]
    }

    fn recipe(encoding: Encoding) -> Recipe {
        Recipe::scaling([0.0, 0.0, 1.0, 1.0], (1, 1), encoding)
    }

    fn made(recipe: &Recipe, canvas: &Canvas) -> Result<(Vec<u8>, Option<u8>), Error> {
        encode(recipe, canvas.clone(), Extras::default(), &Limits::default(), later())
    }

    fn score(canvas: &Canvas, format: Format, bytes: &[u8]) -> f64 {
        Reference::new(canvas).unwrap().score(format, bytes, &Limits::default(), later()).unwrap()
    }

    #[test]
    fn public_numbers_lead_to_encodings_and_back() {
        for encoding in lossy() {
            for number in 3..=98 {
                assert_eq!(number_of(super::at(encoding, number)), number, "{encoding:?}");
            }
            assert_eq!(number_of(encoding), 80);
        }
    }

    #[test]
    fn a_search_keeps_the_look_that_was_wished_for_with_fewer_bytes_for_less() {
        let canvas = texture(320, 240);
        for encoding in lossy() {
            let mut before = usize::MAX;
            for target in [85, 75, 65] {
                let (bytes, found) =
                    made(&Recipe { auto_quality: Some(target), ..recipe(encoding) }, &canvas).unwrap();
                assert!(found.is_some());
                let score = score(&canvas, encoding.format(), &bytes);
                let is_highest = found == Some(search::RANGE.1);
                assert!(score >= f64::from(target) - 0.01 || is_highest, "{encoding:?} {target}: {score}");
                assert!(bytes.len() < before, "{encoding:?} {target}: {} bytes", bytes.len());
                before = bytes.len();
            }
        }
    }

    #[test]
    fn a_search_on_a_large_picture_comes_near_the_look_of_the_whole() {
        let canvas = texture(1_200, 900);
        let wish = Recipe { auto_quality: Some(75), ..recipe(lossy()[0]) };
        let (bytes, _) = made(&wish, &canvas).unwrap();
        let score = score(&canvas, Format::Jpeg, &bytes);
        assert!((72.0..80.0).contains(&score), "{score}");
    }

    #[test]
    fn without_a_wish_nothing_is_looked_for() {
        let canvas = texture(64, 48);
        let encoding = Encoding::Webp { quality: 81, effort: USUAL };
        assert_eq!(made(&recipe(encoding), &canvas).unwrap().1, None);
        let lossless = Recipe { auto_quality: Some(75), ..recipe(Encoding::WebpLossless { effort: USUAL }) };
        assert_eq!(made(&lossless, &canvas).unwrap().1, None);
    }

    #[test]
    fn a_rendition_has_no_more_bytes_than_it_may() {
        let canvas = texture(160, 120);
        for encoding in lossy() {
            let whole = made(&recipe(encoding), &canvas).unwrap().0.len() as u32;
            for most in [whole, whole * 2 / 3, whole / 2] {
                let (bytes, _) =
                    made(&Recipe { max_bytes: Some(most), ..recipe(encoding) }, &canvas).unwrap();
                assert!(bytes.len() <= most as usize, "{encoding:?}: {} of {most}", bytes.len());
                assert!(
                    bytes.len() * 3 > most as usize,
                    "{encoding:?}: {} of {most} is too small",
                    bytes.len()
                );
            }
        }
        let lossless = Encoding::WebpLossless { effort: USUAL };
        let whole = made(&recipe(lossless), &canvas).unwrap().0.len() as u32;
        let (bytes, _) = made(&Recipe { max_bytes: Some(whole / 3), ..recipe(lossless) }, &canvas).unwrap();
        assert!(bytes.len() <= whole as usize / 3, "what is without loss gives way too");
    }

    #[test]
    fn where_nothing_fits_the_answer_names_the_option_and_what_would_fit() {
        for encoding in lossy() {
            let refused =
                made(&Recipe { max_bytes: Some(20), ..recipe(encoding) }, &texture(160, 120)).unwrap_err();
            let told = refused.to_string();
            assert!(
                told.starts_with("the smallest rendition has ") && told.ends_with("more than max_bytes=20"),
                "{told}"
            );
        }
        assert!(hold(21, Some(20)).is_err() && hold(20, Some(20)).is_ok() && hold(21, None).is_ok());
    }
}
