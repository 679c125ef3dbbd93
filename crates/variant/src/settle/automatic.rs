//! What a visitor's hints decide: the width of `width=auto`, and whether the quality is that of a slow connection.

use domain::{Hints, RequestHeader};

use crate::Options;
use crate::step::quality::Quality;
use crate::step::side::{BREAKPOINTS, DESKTOP_PIXELS, MOBILE_PIXELS, Width};

/// What `width=auto` may depend on (contract R-80).
const OF_WIDTH: [RequestHeader; 4] =
    [RequestHeader::Width, RequestHeader::Dpr, RequestHeader::ViewportWidth, RequestHeader::UserAgent];

/// What the quality of a slow connection depends on.
const OF_SPEED: [RequestHeader; 4] =
    [RequestHeader::SaveData, RequestHeader::Ect, RequestHeader::Rtt, RequestHeader::Downlink];

/// Width and height of the box in physical pixels.
pub(crate) fn sides(
    options: &Options,
    hints: &Hints,
    varies: &mut Vec<RequestHeader>,
) -> (Option<u32>, Option<u32>) {
    let dpr = options.dpr.map_or(1.0, f64::from);
    let scaled = |side: u32| ((f64::from(side) * dpr).round() as u32).max(1);
    let width = options.width.map(|width| match width {
        Width::Pixels(pixels) => scaled(pixels),
        Width::Auto => {
            varies.extend(OF_WIDTH);
            automatic(options, hints)
        }
    });
    (width, options.height.map(scaled))
}

/// The smallest breakpoint that fills the screen's part, or the largest of all. It counts physical pixels.
fn automatic(options: &Options, hints: &Hints) -> u32 {
    let ratio = options.dpr.or(hints.dpr).map_or(1.0, f64::from);
    let assumed = if hints.is_mobile {
        options.mobile_width.unwrap_or(MOBILE_PIXELS)
    } else {
        options.desktop_width.unwrap_or(DESKTOP_PIXELS)
    };
    let viewport = f64::from(hints.viewport_pixels.unwrap_or(assumed));
    let wanted = hints.width_pixels.map_or(viewport * ratio, f64::from);
    let breakpoints = options.breakpoints.as_deref().unwrap_or(&BREAKPOINTS);
    let fills = breakpoints.iter().copied().find(|&width| f64::from(width) >= wanted);
    fills.or(breakpoints.last().copied()).unwrap_or(DESKTOP_PIXELS)
}

/// The quality that counts.
pub(crate) fn quality(options: &Options, hints: &Hints, varies: &mut Vec<RequestHeader>) -> Option<Quality> {
    let Some(slow) = options.slow_quality else { return options.quality };
    varies.extend(OF_SPEED);
    if hints.is_slow() { Some(slow) } else { options.quality }
}
