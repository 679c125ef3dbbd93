//! High dynamic range to sRGB: rows of PQ or HLG (BT.2100) become rows of what a plain screen shows. Diffuse white stays
//! nearly white; what is brighter is pressed into the room above the knee, so that nothing is cut off.

use crate::decode::Samples;
use crate::light;

/// Diffuse white, in nits (BT.2408).
const WHITE_NITS: f64 = 203.0;

/// The brightest that is told apart, in nits: what HLG is made for, and most PQ is graded to.
const PEAK_NITS: f64 = 1_000.0;

/// Light up to here, of diffuse white, stays as it is.
const KNEE: f32 = 0.6;

/// Steps of the table from light to sRGB.
const STEPS: usize = 65_536;

/// Turns 16-bit rows to 16-bit sRGB.
pub(super) struct Tone {
    /// Light of each value, 1 being diffuse white.
    light: Vec<f32>,
    /// From the primaries of the picture to those of sRGB.
    matrix: [[f32; 3]; 3],
    is_hlg: bool,
    /// The sRGB value of light from 0 to 1.
    back: Vec<u16>,
}

impl Tone {
    /// For primaries and transfer by their code points of H.273; none where the transfer is of no high dynamic range.
    pub(super) fn new([primaries, transfer]: [u8; 2]) -> Option<Tone> {
        let curve: fn(f64) -> f64 = match transfer {
            16 => pq,
            18 => hlg,
            _ => return None,
        };
        let value = |index: usize| index as f64 / (STEPS - 1) as f64;
        Some(Tone {
            light: (0..STEPS).map(|index| curve(value(index)) as f32).collect(),
            matrix: to_srgb(primaries),
            is_hlg: transfer == 18,
            back: (0..STEPS)
                .map(|index| (light::from_light(value(index)) * 65_535.0).round() as u16)
                .collect(),
        })
    }

    /// Turns a row; alpha stays.
    pub(super) fn convert(&self, row: &[u16], samples: Samples, out: &mut Vec<u16>) {
        out.clear();
        let grey = matches!(samples, Samples::Grey | Samples::GreyAlpha);
        for pixel in row.chunks_exact(samples.count()) {
            let [red, green, blue] = if grey { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            out.extend(self.pixel([red, green, blue]));
            if samples.alpha() {
                out.extend(pixel.last());
            }
        }
    }

    fn pixel(&self, values: [u16; 3]) -> [u16; 3] {
        let mut scene = values.map(|value| self.light[usize::from(value)]);
        if self.is_hlg {
            let luma = 0.2627 * scene[0] + 0.678 * scene[1] + 0.0593 * scene[2];
            // The system gamma of a screen of 1,000 nits, 1.2, and its white in diffuse ones.
            let gain = luma.max(1e-6).powf(0.2) * (PEAK_NITS / WHITE_NITS) as f32;
            scene = scene.map(|light| light * gain);
        }
        let shown = self
            .matrix
            .map(|row| row.iter().zip(scene).map(|(share, light)| share * light).sum::<f32>().max(0.0));
        let brightest = shown[0].max(shown[1]).max(shown[2]);
        let scale = if brightest > KNEE { pressed(brightest) / brightest } else { 1.0 };
        shown.map(|light| self.back[((light * scale).min(1.0) * (STEPS - 1) as f32).round() as usize])
    }
}

/// Light above the knee in the room that is left, so that the peak becomes white; smooth at the knee.
fn pressed(light: f32) -> f32 {
    let (room, range) = (1.0 - KNEE, (PEAK_NITS / WHITE_NITS) as f32 - KNEE);
    let (along, steep) = (((light - KNEE) / range).min(1.0), range / room);
    KNEE + room * steep * along / (1.0 + (steep - 1.0) * along)
}

/// SMPTE ST 2084, in diffuse whites.
fn pq(value: f64) -> f64 {
    const M1: f64 = 2610.0 / 16_384.0;
    const M2: f64 = 2523.0 / 32.0;
    const C1: f64 = 3424.0 / 4096.0;
    const C2: f64 = 2413.0 / 128.0;
    const C3: f64 = 2392.0 / 128.0;
    let root = value.powf(1.0 / M2);
    ((root - C1).max(0.0) / (C2 - C3 * root)).powf(1.0 / M1) * 10_000.0 / WHITE_NITS
}

/// The light of a scene by ARIB STD-B67, from 0 to 1.
fn hlg(value: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 0.284_668_92;
    const C: f64 = 0.559_910_73;
    if value <= 0.5 { value * value / 3.0 } else { (((value - C) / A).exp() + B) / 12.0 }
}

/// To linear sRGB from BT.2020 or Display P3; everything else counts as sRGB.
fn to_srgb(primaries: u8) -> [[f32; 3]; 3] {
    match primaries {
        9 => [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
        11 | 12 => [[1.2249, -0.2249, 0.0], [-0.0420, 1.0420, 0.0], [-0.0196, -0.0786, 1.0979]],
        _ => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cicp: [u8; 2], value: f64) -> u8 {
        let tone = Tone::new(cicp).unwrap();
        let grey = (value * 65_535.0).round() as u16;
        let mut out = Vec::new();
        tone.convert(&[grey; 3], Samples::Rgb, &mut out);
        assert!(out.iter().all(|value| value.abs_diff(out[0]) < 300), "grey stays grey: {out:?}");
        (out[0] >> 8) as u8
    }

    #[test]
    fn black_is_black_white_is_nearly_white_and_the_peak_is_white() {
        for (cicp, white, peak) in [([9, 16], 0.5806, 0.7518), ([9, 18], 0.75, 1.0)] {
            assert_eq!(shown(cicp, 0.0), 0, "{cicp:?}");
            assert!((220..=240).contains(&shown(cicp, white)), "{cicp:?}: {}", shown(cicp, white));
            assert!(shown(cicp, peak) >= 254, "{cicp:?}: {}", shown(cicp, peak));
        }
        assert!(Tone::new([9, 14]).is_none());
    }

    #[test]
    fn brighter_is_never_darker() {
        for cicp in [[9, 16], [12, 16], [9, 18]] {
            let levels: Vec<u8> = (0..=100).map(|step| shown(cicp, f64::from(step) / 100.0)).collect();
            assert!(levels.is_sorted(), "{cicp:?}: {levels:?}");
        }
    }

    #[test]
    fn alpha_stays() {
        let mut out = Vec::new();
        Tone::new([1, 16]).unwrap().convert(&[0, 0, 0, 777], Samples::Rgba, &mut out);
        assert_eq!(out, [0, 0, 0, 777]);
        Tone::new([1, 16]).unwrap().convert(&[0, 555], Samples::GreyAlpha, &mut out);
        assert_eq!(out, [0, 0, 0, 555]);
    }
}
