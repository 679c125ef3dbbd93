//! What an original may be at most.

use serde::{Deserialize, Deserializer, Serialize};

/// What an original may be at most (security-and-reliability 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest side, in pixels.
    pub max_side_pixels: u32,
    /// Area, in pixels.
    pub max_pixels: u64,
    /// Area times frames, in pixels.
    pub max_animation_pixels: u64,
    /// Frames of an animation.
    pub max_frames: u32,
    /// Scans of a progressive JPEG.
    pub max_jpeg_scans: u32,
    /// Chunks of a PNG.
    pub max_png_chunks: u32,
    /// Tiles that an AVIF or HEIC is put together from.
    pub max_avif_tiles: u32,
    /// Bytes of an ICC profile, inflated; a larger one is dropped.
    pub max_icc_bytes: usize,
    /// Bytes of an SVG.
    pub max_svg_bytes: usize,
    /// Elements of an SVG that lie in each other.
    pub max_svg_depth: u32,
    /// Elements of an SVG.
    pub max_svg_elements: u32,
    /// Attributes of an element of an SVG.
    pub max_svg_attributes: u32,
    /// Namespaces that an SVG declares.
    pub max_svg_namespaces: u32,
    /// Time to read and clean an SVG, in seconds.
    pub svg_timeout_s: u32,
    /// Area times frames of an animation that is resized, in pixels; a larger one is delivered as it is.
    pub max_resized_animation_pixels: u64,
    /// Longest side of a lossy WebP rendition, in pixels; a larger wish gets another format.
    pub max_webp_side_pixels: u32,
    /// Longest side of a lossless WebP rendition, in pixels.
    pub max_lossless_webp_side_pixels: u32,
    /// Longest side of an AVIF rendition that nobody named, in pixels; a larger wish gets another format.
    pub max_avif_side_pixels: u32,
    /// Longest side of an AVIF rendition that was named, in pixels.
    pub max_named_avif_side_pixels: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_side_pixels: 12_000,
            max_pixels: 100_000_000,
            max_animation_pixels: 100_000_000,
            max_frames: 1_000,
            max_jpeg_scans: 100,
            max_png_chunks: 10_000,
            max_avif_tiles: 256,
            max_icc_bytes: 4_194_304,
            max_svg_bytes: 2_097_152,
            max_svg_depth: 128,
            max_svg_elements: 50_000,
            max_svg_attributes: 256,
            max_svg_namespaces: 64,
            svg_timeout_s: 2,
            max_resized_animation_pixels: 50_000_000,
            max_webp_side_pixels: 2_560,
            max_lossless_webp_side_pixels: 1_920,
            max_avif_side_pixels: 1_200,
            max_named_avif_side_pixels: 1_600,
        }
    }
}

/// The name of a limit's setting. As an alias, since serde would borrow a reference from what it reads.
pub(crate) type LimitName = &'static str;

/// Names of limits that are no field of [`Limits`].
const OTHER_NAMES: [&str; 2] = ["render_timeout_s", "avif_timeout_s"];

/// Reads the name of a limit out of an error that another process tells.
pub(crate) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<LimitName, D::Error> {
    let told = String::deserialize(from)?;
    let known = field_names().into_iter().chain(OTHER_NAMES).find(|name| *name == told);
    known.ok_or_else(|| serde::de::Error::custom("no limit has this name"))
}

/// The names of the fields of [`Limits`], as serde tells them to whoever reads one.
fn field_names() -> Vec<&'static str> {
    struct Asking<'a>(&'a mut Vec<&'static str>);
    impl<'de> Deserializer<'de> for Asking<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only names are asked for"))
        }

        fn deserialize_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.extend(fields);
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names = Vec::new();
    // It fails as soon as it has told its names.
    let _ = Limits::deserialize(Asking(&mut names));
    names
}

#[cfg(test)]
mod tests {
    use crate::Error;

    #[test]
    fn an_error_with_the_name_of_a_limit_is_the_same_behind_another_process() {
        for limit in super::field_names().into_iter().chain(super::OTHER_NAMES) {
            let error = Error::TooLarge { limit, told: "too large".into() };
            let told = serde_json::to_string(&error).unwrap();
            assert_eq!(serde_json::from_str::<Error>(&told).unwrap(), error);
        }
        assert!(super::field_names().contains(&"max_pixels"));
        let made_up = r#"{"TooLarge":{"limit":"max_trust","told":""}}"#;
        assert!(serde_json::from_str::<Error>(made_up).is_err());
    }
}
