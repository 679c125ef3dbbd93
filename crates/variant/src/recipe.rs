//! A recipe: options settled for one request, nothing left open.

use sha2::{Digest, Sha256};

use crate::format::Encoding;
use crate::step::background::Background;
use crate::step::metadata::MetadataPolicy;

/// Changes whenever the same recipe makes other bytes than before: a new encoder, table or step.
const ENGINE_VERSION: u32 = 1;

/// Options settled against facts and a visitor's `Accept`: equal recipes make equal bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The part of the shown original that is used, in its pixels: x, y, width, height, exact and fractional.
    pub source: [f64; 4],
    /// The pixels that the source box is scaled to.
    pub width: u32,
    /// As `width`.
    pub height: u32,
    /// The whole rendition: larger than `width` × `height` only for pad.
    pub canvas: (u32, u32),
    /// The encoder and its settings.
    pub encoding: Encoding,
    /// What lies under transparent areas and pads; none keeps transparency where the format can.
    pub background: Option<Background>,
    /// What a JPEG keeps.
    pub metadata: MetadataPolicy,
    /// Whether `Accept` had a say: the answer then carries `Vary: Accept`.
    pub negotiated: bool,
    /// Sentences for the `warning` header, printable ASCII without quotes; no part of the digest.
    pub warnings: Vec<String>,
}

impl Recipe {
    /// The digest of the recipe and of the engine's version: names the rendition in storage and memory.
    pub fn digest(&self) -> [u8; 16] {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(self.canonical())[..16]);
        digest
    }

    /// Everything that the bytes depend on, as text; fractions by their bits.
    fn canonical(&self) -> String {
        let [x, y, width, height] = self.source.map(f64::to_bits);
        let encoding = match self.encoding {
            Encoding::Jpeg { quality, progressive } => format!("jpeg {quality} {progressive}"),
            Encoding::Png => "png".to_owned(),
            Encoding::Webp { quality } => format!("webp {quality}"),
            Encoding::WebpLossless => "webp lossless".to_owned(),
        };
        let background = self.background.map_or(String::new(), |b| format!("{:?}", b.rgba));
        let metadata = crate::step::metadata::print(&self.metadata);
        let (across, down) = self.canvas;
        format!(
            "engine {ENGINE_VERSION}; source {x:x} {y:x} {width:x} {height:x}; scaled {}x{}; canvas {across}x{down}; \
             {encoding}; background {background}; metadata {metadata}",
            self.width, self.height
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            source: [0.0, 0.5, 100.0, 99.5],
            width: 50,
            height: 50,
            canvas: (50, 50),
            encoding: Encoding::Webp { quality: 81 },
            background: None,
            metadata: MetadataPolicy::None,
            negotiated: true,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn equal_recipes_have_one_digest_and_any_change_makes_another() {
        let changes: [fn(&mut Recipe); 7] = [
            |r| r.source[3] = 99.50000001,
            |r| r.width = 51,
            |r| r.height = 51,
            |r| r.canvas = (50, 51),
            |r| r.encoding = Encoding::WebpLossless,
            |r| r.background = Some(Background::WHITE),
            |r| r.metadata = MetadataPolicy::Keep,
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
    fn warnings_and_negotiation_are_no_part_of_the_digest() {
        let told = Recipe { warnings: vec!["original is smaller".to_owned()], negotiated: false, ..recipe() };
        assert_eq!(told.digest(), recipe().digest());
    }
}
