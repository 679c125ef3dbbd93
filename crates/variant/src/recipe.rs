//! A recipe: options settled for one request, nothing left open but what only pixels can tell.

use domain::RequestHeader;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Orientation;
use crate::format::Encoding;
use crate::look::Look;
use crate::step::adjust::Adjust;
use crate::step::background::Background;
use crate::step::border::Border;
use crate::step::metadata::MetadataPolicy;
use crate::step::overlay::{Overlay, OverlaySource};

/// Changes whenever the same recipe makes other bytes than before: a new encoder, table or step.
const ENGINE_VERSION: u32 = 5;

/// Options settled against facts and a visitor's request: equal recipes make equal bytes. The steps come in the order
/// of the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How stored pixels are turned: EXIF orientation, then flip, then rotation, as one of the eight.
    pub turn: Orientation,
    /// What only pixels can tell. While it is there, `source`, `width`, `height` and `canvas` are an estimate.
    pub look: Option<Look>,
    /// The part of the turned original that is used, in its pixels: x, y, width, height, exact and fractional.
    pub source: [f64; 4],
    /// The pixels that the source box is scaled to.
    pub width: u32,
    /// As `width`.
    pub height: u32,
    /// The picture without its border: larger than `width` × `height` only for pad.
    pub canvas: (u32, u32),
    /// Where the scaled picture lies on the canvas: from left and top, in pixels.
    pub place: (u32, u32),
    /// Light and colour.
    pub adjust: Adjust,
    /// Radius of a blur, in pixels of the rendition.
    pub blur: Option<f32>,
    /// Strength of sharpening, above 0.
    pub sharpen: Option<f32>,
    /// What lies under transparent areas and pads; none keeps transparency where the format can.
    pub background: Option<Background>,
    /// The frame around the canvas.
    pub border: Option<Border>,
    /// What is laid over canvas and border, the lowest first; fixed lengths are pixels of the rendition.
    pub overlays: Vec<Overlay>,
    /// The encoder and its settings.
    pub encoding: Encoding,
    /// The score of SSIMULACRA2 to keep; the encoding's quality is then no more than where the search begins.
    pub auto_quality: Option<u8>,
    /// All frames rather than the first.
    pub is_animated: bool,
    /// The most bytes of the rendition; its quality gives way.
    pub max_bytes: Option<u32>,
    /// What a JPEG keeps.
    pub metadata: MetadataPolicy,
    /// The original itself, written anew without what nobody asked for: an SVG, or an animation that is too large to be
    /// resized. Nothing else of the recipe counts but its encoding.
    pub as_is: bool,
    /// What is served until this rendition, an AVIF that nobody named, is there; no part of the digest.
    #[serde(skip)]
    pub meanwhile: Option<Box<Recipe>>,
    /// The request headers that had a say: the answer's `Vary`; no part of the digest.
    #[serde(skip)]
    pub varies: Vec<RequestHeader>,
    /// Sentences for the `warning` header, printable ASCII without quotes; no part of the digest.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

impl Recipe {
    /// A recipe that only scales: a part of a picture to so many pixels, without metadata.
    pub fn scaling(source: [f64; 4], (width, height): (u32, u32), encoding: Encoding) -> Recipe {
        Recipe {
            turn: Orientation(1),
            look: None,
            source,
            width,
            height,
            canvas: (width, height),
            place: (0, 0),
            adjust: Adjust::default(),
            blur: None,
            sharpen: None,
            background: None,
            border: None,
            overlays: Vec::new(),
            encoding,
            auto_quality: None,
            is_animated: false,
            max_bytes: None,
            metadata: MetadataPolicy::None,
            as_is: false,
            meanwhile: None,
            varies: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The digest of the recipe and of the engine's version: names the rendition in storage and memory. Made for each
    /// delivery, so what nearly every recipe lacks is not written down.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new_with_prefix(self.common());
        if !self.is_common() {
            // Everything that the bytes depend on has a form in JSON, so this cannot fail.
            hash.update(serde_json::to_vec(self).unwrap_or_default());
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        digest
    }

    /// Whether [`Self::common`] says everything.
    fn is_common(&self) -> bool {
        // All fields are named, so that a new one is not forgotten.
        let Recipe {
            turn: _,
            look,
            source: _,
            width: _,
            height: _,
            canvas: _,
            place,
            adjust,
            blur,
            sharpen,
            background: _,
            border,
            overlays,
            encoding: _,
            auto_quality,
            is_animated,
            max_bytes,
            metadata: _,
            as_is,
            meanwhile: _,
            varies: _,
            warnings: _,
        } = self;
        let is_moved = *place != centred(self.canvas, (self.width, self.height));
        let asks = auto_quality.is_some() || max_bytes.is_some() || *is_animated || *as_is;
        let changes = *adjust != Adjust::default() || blur.is_some() || sharpen.is_some();
        let adds = border.is_some() || !overlays.is_empty();
        look.is_none() && !is_moved && !asks && !changes && !adds
    }

    /// What every recipe has, in a form of one length.
    fn common(&self) -> [u8; 76] {
        let mut bytes = [0; 76];
        let sizes = [ENGINE_VERSION, self.width, self.height, self.canvas.0, self.canvas.1];
        for (to, from) in bytes.chunks_exact_mut(8).zip(self.source) {
            to.copy_from_slice(&from.to_bits().to_be_bytes());
        }
        for (to, from) in bytes[32..].chunks_exact_mut(4).zip(sizes) {
            to.copy_from_slice(&from.to_be_bytes());
        }
        bytes[52..58].copy_from_slice(&self.encoding.code());
        bytes[58] = self.turn.0;
        bytes[59] = self.metadata as u8;
        if let Some(background) = self.background {
            bytes[60] = 1;
            bytes[61..65].copy_from_slice(&background.rgba);
        }
        bytes
    }

    /// Whether `Accept` chose the format.
    pub fn is_negotiated(&self) -> bool {
        self.varies.contains(&RequestHeader::Accept)
    }

    /// Width and height of the rendition in pixels, its border included.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.canvas;
        self.border.map_or((width, height), |border| {
            (width + border.left + border.right, height + border.top + border.bottom)
        })
    }

    /// The ids of the images that are laid over, in order.
    pub fn overlay_images(&self) -> impl Iterator<Item = &str> {
        self.overlays.iter().filter_map(|overlay| match &overlay.what {
            OverlaySource::Image { id, .. } => Some(id.as_str()),
            OverlaySource::Text { .. } => None,
        })
    }

    /// The object ids of the originals that are laid over, in order.
    pub fn overlay_objects(&self) -> impl Iterator<Item = &str> {
        self.overlays.iter().filter_map(|overlay| match &overlay.what {
            OverlaySource::Image { object, .. } => Some(object.as_str()),
            OverlaySource::Text { .. } => None,
        })
    }

    /// Notes which originals, by object id, the images that are laid over have, in their order; in what is served
    /// meanwhile too.
    pub fn place_overlays(&mut self, objects: &[String]) {
        let mut objects = objects.iter();
        for overlay in &mut self.overlays {
            if let OverlaySource::Image { object, .. } = &mut overlay.what
                && let Some(found) = objects.next()
            {
                found.clone_into(object);
            }
        }
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile.overlays.clone_from(&self.overlays);
        }
    }
}

/// Where a picture lies in the middle of a canvas.
pub(crate) fn centred(canvas: (u32, u32), picture: (u32, u32)) -> (u32, u32) {
    (canvas.0.saturating_sub(picture.0) / 2, canvas.1.saturating_sub(picture.1) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Effort;

    fn recipe() -> Recipe {
        let encoding = Encoding::Webp { quality: 81, effort: Effort::Usual };
        Recipe {
            varies: vec![RequestHeader::Accept],
            ..Recipe::scaling([0.0, 0.5, 100.0, 99.5], (50, 50), encoding)
        }
    }

    #[test]
    fn equal_recipes_have_one_digest_and_any_change_makes_another() {
        let changes: [fn(&mut Recipe); 22] = [
            |r| r.source[3] = 99.50000001,
            |r| r.width = 51,
            |r| r.height = 51,
            |r| r.canvas = (50, 51),
            |r| r.encoding = Encoding::WebpLossless { effort: Effort::Usual },
            |r| r.background = Some(Background::WHITE),
            |r| r.metadata = MetadataPolicy::Keep,
            |r| r.turn = Orientation(6),
            |r| r.adjust.gamma = 1.1,
            |r| r.blur = Some(1.0),
            |r| r.sharpen = Some(1.0),
            |r| r.border = Some(Border { color: Background::WHITE, top: 1, right: 0, bottom: 0, left: 0 }),
            |r| {
                r.overlays =
                    vec![Overlay::plain(OverlaySource::Image { id: "a".into(), object: "1".into() })];
            },
            |r| r.is_animated = true,
            |r| r.max_bytes = Some(5_000),
            |r| r.auto_quality = Some(75),
            |r| r.place = (1, 0),
            |r| r.as_is = true,
            |r| r.encoding = Encoding::Webp { quality: 80, effort: Effort::Usual },
            |r| r.encoding = Encoding::Webp { quality: 81, effort: Effort::Fast },
            |r| r.encoding = Encoding::Jpeg { quality: 81, progressive: false, effort: Effort::Usual },
            |r| r.encoding = Encoding::Jpeg { quality: 81, progressive: true, effort: Effort::Usual },
        ];
        let mut seen = vec![recipe().digest()];
        for change in changes {
            let mut changed = recipe();
            change(&mut changed);
            assert!(!seen.contains(&changed.digest()), "{changed:?}");
            seen.push(changed.digest());
        }
        assert_eq!(recipe().digest(), seen[0]);
    }

    #[test]
    fn another_original_under_an_overlays_id_makes_another_rendition() {
        let logo = Overlay::plain(OverlaySource::Image { id: "logo".into(), object: String::new() });
        let mut one = Recipe { overlays: vec![logo], ..recipe() };
        let mut other = one.clone();
        one.place_overlays(&["1".into()]);
        other.place_overlays(&["2".into()]);
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.overlay_images().collect::<Vec<_>>(), ["logo"]);
    }

    #[test]
    fn what_changes_no_byte_is_no_part_of_the_digest() {
        let told = Recipe {
            warnings: vec!["original is smaller".to_owned()],
            varies: Vec::new(),
            meanwhile: Some(Box::new(recipe())),
            ..recipe()
        };
        assert_eq!(told.digest(), recipe().digest());
    }
}
