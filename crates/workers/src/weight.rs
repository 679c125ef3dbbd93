//! How much memory a piece of work takes at most, told from facts alone, and how much the machine gives to all.

use variant::{Facts, Format, Recipe};

/// Bytes of a pixel on its way out: the canvas, and a copy of it that is turned, padded or encoded.
const OUT_BYTES_PER_PIXEL: u64 = 8;

/// What an encoder of AVIF takes beyond that: planes, references, and what it learns of each block. Measured at 4:4:4: 23 to
/// 40.
const AVIF_BYTES_PER_PIXEL: u64 = 44;

/// What comparing two pictures takes beyond that: several scales of both, as floats.
const SCORE_BYTES_PER_PIXEL: u64 = 64;

/// Half of a machine is at least this much for decoding.
const LEAST_BUDGET_BYTES: u64 = 1 << 30;

/// Where the kernel tells a container how much memory it may have: new control groups, then old ones.
const CONTAINER_LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Bytes of a pixel of what is laid over a picture.
const LAYER_BYTES_PER_PIXEL: u64 = 4;

/// Bytes that an answer may have beyond what its pixels take.
const ANSWER_BYTES: u64 = 1 << 20;

/// The estimate for one small decode of the whole original (security-and-reliability 5).
pub(crate) fn examine_bytes(facts: &Facts) -> u64 {
    decoded(facts, f64::INFINITY)
}

/// The estimate for decoding an original, and those that are laid over it, and making a rendition of them.
pub(crate) fn render_bytes(facts: &Facts, overlays: &[Facts], recipe: &Recipe) -> u64 {
    let [_, _, width, height] = recipe.source;
    let shrink = (width / f64::from(recipe.width.max(1))).min(height / f64::from(recipe.height.max(1)));
    let per_pixel = [
        OUT_BYTES_PER_PIXEL,
        if recipe.encoding.format() == Format::Avif { AVIF_BYTES_PER_PIXEL } else { 0 },
        if recipe.auto_quality.is_some() { SCORE_BYTES_PER_PIXEL } else { 0 },
        // Each layer as it is drawn, and a sheet of the one that is being laid.
        if recipe.overlays.is_empty() {
            0
        } else {
            LAYER_BYTES_PER_PIXEL * (recipe.overlays.len() as u64 + 1)
        },
    ];
    let pixels = out_pixels(recipe).saturating_mul(per_pixel.iter().sum());
    decoded(facts, shrink).saturating_add(pixels).saturating_add(overlay_bytes(overlays))
}

/// The estimate for what is laid over a picture, each of them no larger than it is stored.
fn overlay_bytes(overlays: &[Facts]) -> u64 {
    overlays.iter().map(|facts| decoded(facts, 1.0)).fold(0, u64::saturating_add)
}

fn out_pixels(recipe: &Recipe) -> u64 {
    let (across, down) = recipe.size();
    u64::from(across) * u64::from(down)
}

/// How many bytes a rendition may have: more than any encoder makes of its pixels, or of an original that is rewritten.
pub(crate) fn answer_bytes(facts: &Facts, recipe: &Recipe, original_bytes: u64) -> u64 {
    let frames = if recipe.is_animated { u64::from(facts.frames.max(1)) } else { 1 };
    let pixels = out_pixels(recipe).saturating_mul(frames);
    pixels.saturating_mul(OUT_BYTES_PER_PIXEL).max(2 * original_bytes).saturating_add(ANSWER_BYTES)
}

/// What a decoder holds that makes one pixel of so many, as far as its format can.
fn decoded(facts: &Facts, shrink: f64) -> u64 {
    let area = u64::from(facts.width) * u64::from(facts.height);
    let per_pixel = match facts.format {
        // All coefficients of 4:4:4, what is noted of each block, and some rows.
        Format::Jpeg if facts.is_progressive => 7,
        Format::Jpeg => 6,
        Format::Png if facts.bits > 8 => 16,
        Format::Png | Format::Gif => 8,
        Format::Webp if facts.is_lossless => 16,
        Format::Webp => 8,
        // An SVG has no pixels of its own, and its text is bounded.
        Format::Svg => 0,
        // Measured on JPEG XL, whose decoder keeps channels as numbers of four bytes.
        Format::Jxl | Format::Heic => 24,
        // AVIF, and what is decoded as it is.
        _ => 12,
    };
    let scaled =
        if facts.format == Format::Jpeg && !facts.is_progressive { dct_scaled(area, shrink) } else { area };
    scaled.saturating_mul(per_pixel)
}

/// Pixels of a JPEG that is decoded at the smallest of the fractions that are large enough. A progressive one is in memory
/// whole all the same.
fn dct_scaled(area: u64, shrink: f64) -> u64 {
    let by = [8_u32, 4, 2].into_iter().find(|by| f64::from(*by) <= shrink).unwrap_or(1);
    area.div_ceil(u64::from(by * by))
}

/// What all decoding together may take where nothing is set: half of the machine, or of what a container is given,
/// at least 1 GiB.
pub(crate) fn default_budget_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory_of(&text));
    let container = CONTAINER_LIMITS.iter().find_map(|file| std::fs::read_to_string(file).ok());
    let container = container.and_then(|text| text.trim().parse().ok());
    let memory = machine.unwrap_or(u64::MAX).min(container.unwrap_or(u64::MAX));
    if memory == u64::MAX { LEAST_BUDGET_BYTES } else { (memory / 2).max(LEAST_BUDGET_BYTES) }
}

/// `MemTotal` of the kernel's table, in bytes.
fn memory_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_estimate() {
        let check = |format, expected| {
            assert_eq!(examine_bytes(&Facts::new(format, 10_000, 10_000)), expected, "{format:?}");
        };
        check(Format::Jpeg, 600_000_000 / 64);
        check(Format::Png, 800_000_000);
        check(Format::Gif, 800_000_000);
        check(Format::Webp, 800_000_000);
        let large = |format| Facts::new(format, 10_000, 10_000);
        let deep = Facts { bits: 16, ..large(Format::Png) };
        let lossless = Facts { is_lossless: true, ..large(Format::Webp) };
        let progressive = Facts { is_progressive: true, ..large(Format::Jpeg) };
        assert_eq!(examine_bytes(&deep), 1_600_000_000);
        assert_eq!(examine_bytes(&lossless), 1_600_000_000);
        assert_eq!(examine_bytes(&progressive), 700_000_000);
    }

    #[test]
    fn a_jpeg_is_estimated_as_it_is_scaled_while_it_is_decoded() {
        for (shrink, expected) in
            [(0.5, 6_400), (1.9, 6_400), (2.0, 1_600), (7.9, 400), (8.0, 100), (99.0, 100)]
        {
            assert_eq!(dct_scaled(6_400, shrink), expected, "{shrink}");
        }
    }

    #[test]
    fn the_budget_is_half_of_the_machine_and_at_least_a_gibibyte() {
        assert_eq!(memory_of("MemTotal:       24000000 kB\nMemFree: 1 kB\n"), Some(24_576_000_000));
        assert_eq!(memory_of("nothing"), None);
        assert!(default_budget_bytes() >= LEAST_BUDGET_BYTES);
    }
}
