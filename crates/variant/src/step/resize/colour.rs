//! Colour management: rows of any profile become rows of sRGB, before they are scaled, so that they are averaged as
//! light. A profile that does not fit the pixels, or cannot be used, is dropped. On wish one that fits is kept instead.

use std::sync::Arc;

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients,
    TransferCharacteristics, Transform8BitExecutor, Transform16BitExecutor, TransformOptions,
};

use super::tone::Tone;
use crate::decode::{Picture, Samples};

/// A row of samples.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Row<'a> {
    /// Of 8 bits.
    Eight(&'a [u8]),
    /// Of 16 bits.
    Sixteen(&'a [u16]),
}

/// Turns rows to sRGB.
pub(crate) struct Colour {
    samples: Samples,
    deep: bool,
    eight: Option<Arc<Transform8BitExecutor>>,
    sixteen: Option<Arc<Transform16BitExecutor>>,
    tone: Option<Tone>,
    kept: Option<Vec<u8>>,
    converted8: Vec<u8>,
    native16: Vec<u16>,
    converted16: Vec<u16>,
}

impl Colour {
    /// For the rows of a picture. Where its profile is to be kept and is one of red, green and blue that is not sRGB,
    /// rows stay as they are.
    pub(crate) fn new(picture: &Picture, keep: bool) -> Colour {
        let tone = picture.cicp.filter(|_| picture.icc.is_none() && picture.deep).and_then(Tone::new);
        let mut colour = Colour {
            samples: picture.samples,
            deep: picture.deep,
            eight: None,
            sixteen: None,
            tone,
            kept: None,
            converted8: Vec::new(),
            native16: Vec::new(),
            converted16: Vec::new(),
        };
        if let Some(profile) = profile(picture).filter(|_| colour.tone.is_none()) {
            colour.manage(&profile);
        }
        let managed = colour.eight.is_some() || colour.sixteen.is_some();
        if keep && managed && matches!(picture.samples, Samples::Rgb | Samples::Rgba) {
            colour.kept.clone_from(&picture.icc);
        }
        if colour.kept.is_some() {
            (colour.eight, colour.sixteen) = (None, None);
        }
        colour
    }

    /// The profile that the rows have, where it is not sRGB.
    pub(crate) fn kept(self) -> Option<Vec<u8>> {
        self.kept
    }

    /// Channels of the rows that come out.
    pub(crate) fn channels(&self) -> usize {
        let managed = self.eight.is_some() || self.sixteen.is_some() || self.tone.is_some();
        match self.samples {
            Samples::Cmyk => 3,
            samples if managed && samples.alpha() => 4,
            _ if managed => 3,
            samples => samples.count(),
        }
    }

    /// Turns a row as it was decoded.
    pub(crate) fn convert<'a>(&'a mut self, row: &'a [u8]) -> Row<'a> {
        let (pixels, to) = (row.len() / self.samples.count(), self.channels());
        if self.deep {
            return self.convert_deep(row);
        }
        if let Some(transform) = &self.eight {
            self.converted8.resize(pixels * to, 0);
            // Both lengths are whole pixels of one count, the only thing that it can refuse.
            let _ = transform.transform(row, &mut self.converted8);
            return Row::Eight(&self.converted8);
        }
        if self.samples == Samples::Cmyk {
            self.converted8.clear();
            self.converted8.extend(row.as_chunks::<4>().0.iter().flat_map(unprinted));
            return Row::Eight(&self.converted8);
        }
        Row::Eight(row)
    }

    fn convert_deep(&mut self, row: &[u8]) -> Row<'_> {
        self.native16.clear();
        self.native16.extend(row.as_chunks::<2>().0.iter().map(|bytes| u16::from_be_bytes(*bytes)));
        if let Some(tone) = &self.tone {
            tone.convert(&self.native16, self.samples, &mut self.converted16);
            return Row::Sixteen(&self.converted16);
        }
        let Some(transform) = &self.sixteen else { return Row::Sixteen(&self.native16) };
        let pixels = self.native16.len() / self.samples.count();
        self.converted16.resize(pixels * if self.samples.alpha() { 4 } else { 3 }, 0);
        let _ = transform.transform(&self.native16, &mut self.converted16);
        Row::Sixteen(&self.converted16)
    }

    /// Takes a profile on, unless it does not fit or changes nothing.
    fn manage(&mut self, profile: &ColorProfile) {
        let (space, from) = match self.samples {
            Samples::Grey => (DataColorSpace::Gray, Layout::Gray),
            Samples::GreyAlpha => (DataColorSpace::Gray, Layout::GrayAlpha),
            Samples::Rgb => (DataColorSpace::Rgb, Layout::Rgb),
            Samples::Rgba => (DataColorSpace::Rgb, Layout::Rgba),
            Samples::Cmyk => (DataColorSpace::Cmyk, Layout::Rgba),
        };
        if profile.color_space != space {
            return;
        }
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        let to = if self.samples.alpha() { Layout::Rgba } else { Layout::Rgb };
        let Ok(eight) = profile.create_transform_8bit(from, &srgb, to, options) else { return };
        if self.changes_nothing(&*eight) {
            return;
        }
        if self.deep {
            self.sixteen = profile.create_transform_16bit(from, &srgb, to, options).ok();
        } else {
            self.eight = Some(eight);
        }
    }

    /// Whether a profile is sRGB by what it does, whatever it calls itself: managing it would cost time and a
    /// rounding.
    fn changes_nothing(&self, transform: &Transform8BitExecutor) -> bool {
        if self.samples == Samples::Cmyk {
            return false;
        }
        let (count, alpha) = (self.samples.count(), self.samples.alpha());
        let levels = (0..=255_u8).step_by(51);
        let colours = levels
            .clone()
            .flat_map(|r| levels.clone().flat_map(move |g| (0..=255_u8).step_by(51).map(move |b| [r, g, b])));
        let greys = (0..=255_u8).map(|grey| [grey; 3]);
        let seen: Vec<[u8; 3]> = if count < 3 { greys.collect() } else { greys.chain(colours).collect() };
        let full = |list: &[[u8; 3]], colours: usize| -> Vec<u8> {
            let pixels = list.iter().flat_map(|p| p[..colours].iter().copied().chain(alpha.then_some(255)));
            pixels.collect()
        };
        let from = full(&seen, count - usize::from(alpha));
        let same = full(&seen, 3);
        let mut to = vec![0; same.len()];
        transform.transform(&from, &mut to).is_ok() && to.iter().zip(&same).all(|(a, b)| a.abs_diff(*b) <= 1)
    }
}

/// The profile of a picture: its own, or the one that its code points stand for. Video curves count as that of sRGB, as
/// they do in browsers.
fn profile(picture: &Picture) -> Option<ColorProfile> {
    if let Some(icc) = &picture.icc {
        return ColorProfile::new_from_slice(icc).ok();
    }
    let [primaries, transfer] =
        picture.cicp.filter(|[primaries, transfer]| (*primaries, *transfer) != (1, 13))?;
    let transfer = match transfer {
        4 => TransferCharacteristics::Bt470M,
        5 => TransferCharacteristics::Bt470Bg,
        8 => TransferCharacteristics::Linear,
        _ => TransferCharacteristics::Srgb,
    };
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    // Its answer is false always; what it noted tells whether it knew them.
    profile.update_rgb_colorimetry_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    profile.cicp.is_some().then_some(profile)
}

/// CMYK without a profile: each ink and black take their share of the light.
fn unprinted([c, m, y, k]: &[u8; 4]) -> [u8; 3] {
    [c, m, y].map(|ink| ((u32::from(255 - ink) * u32::from(255 - k) + 127) / 255) as u8)
}
