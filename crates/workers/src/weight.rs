//! How much memory a piece of work takes at most, told from facts alone, and how much the machine gives to all.

use variant::{Facts, Format};

/// Bytes of a pixel on its way out: the canvas, and a copy of it that is turned, padded or encoded.
const OUT_BYTES_PER_PIXEL: u64 = 8;

/// Half of a machine is at least this much for decoding.
const LEAST_BUDGET_BYTES: u64 = 1 << 30;

/// Where the kernel tells a container how much memory it may have: new control groups, then old ones.
const CONTAINER_LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The estimate for decoding an original and making a rendition of so many pixels (security-and-reliability 5). A
/// JPEG is not counted as scaled down while it is decoded: a progressive one is in memory whole all the same.
pub(crate) fn decode_bytes(facts: &Facts, out_pixels: u64) -> u64 {
    let area = u64::from(facts.width) * u64::from(facts.height);
    let per_pixel = match facts.format {
        Format::Jpeg => 6,
        Format::Png | Format::Gif => 8,
        // Facts do not say whether it is lossless, which takes the most.
        Format::Webp => 16,
    };
    area.saturating_mul(per_pixel).saturating_add(out_pixels.saturating_mul(OUT_BYTES_PER_PIXEL))
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
    use variant::Orientation;

    use super::*;

    fn facts(format: Format, width: u32, height: u32) -> Facts {
        Facts { format, width, height, orientation: Orientation(1), frames: 1, alpha: false }
    }

    #[test]
    fn each_format_has_its_estimate() {
        let check = |format, expected| {
            assert_eq!(decode_bytes(&facts(format, 10_000, 10_000), 0), expected);
        };
        check(Format::Jpeg, 600_000_000);
        check(Format::Png, 800_000_000);
        check(Format::Gif, 800_000_000);
        check(Format::Webp, 1_600_000_000);
        assert_eq!(decode_bytes(&facts(Format::Jpeg, 10, 10), 100), 600 + 800);
    }

    #[test]
    fn the_budget_is_half_of_the_machine_and_at_least_a_gibibyte() {
        assert_eq!(memory_of("MemTotal:       24000000 kB\nMemFree: 1 kB\n"), Some(24_576_000_000));
        assert_eq!(memory_of("nothing"), None);
        assert!(default_budget_bytes() >= LEAST_BUDGET_BYTES);
    }
}
