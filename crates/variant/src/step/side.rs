//! `width` and `height`: the sides of the box, in pixels; `width=auto` takes them from what the visitor's request tells.

use super::number::whole_in;

/// The longest side that may be wished for, in pixels; the longest that an original may have by default.
pub(crate) const MAX_SIDE_PIXELS: u32 = 12_000;

/// The wished width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Pixels.
    Pixels(u32),
    /// One of the breakpoints, by the visitor's screen.
    Auto,
}

/// Reads a side. The error says what is expected.
pub(crate) fn parse(value: &str) -> Result<u32, String> {
    whole_in(value, 1, MAX_SIDE_PIXELS)
        .map_err(|_| format!("must be a whole number of pixels from 1 to {MAX_SIDE_PIXELS}"))
}

/// Prints a side.
pub(crate) fn print(side: &u32) -> String {
    side.to_string()
}

pub(crate) mod width {
    //! The words of `width`.

    use super::{MAX_SIDE_PIXELS, Width};

    /// Reads a width. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<Width, String> {
        match value {
            "auto" => Ok(Width::Auto),
            _ => super::parse(value).map(Width::Pixels).map_err(|_| {
                format!("must be a whole number of pixels from 1 to {MAX_SIDE_PIXELS}, or auto")
            }),
        }
    }

    /// Prints a width.
    pub(crate) fn print(width: &Width) -> String {
        match width {
            Width::Pixels(pixels) => pixels.to_string(),
            Width::Auto => "auto".to_owned(),
        }
    }
}

pub(crate) mod breakpoints {
    //! `wbreakpoints`: the widths that `width=auto` chooses from.

    use super::MAX_SIDE_PIXELS;

    /// The most breakpoints.
    const MAX_BREAKPOINTS: usize = 16;

    /// Reads widths, in any order. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<Vec<u32>, String> {
        let widths: Result<Vec<u32>, String> =
            value.split(';').take(MAX_BREAKPOINTS + 1).map(super::parse).collect();
        let mut widths = widths.ok().filter(|widths| widths.len() <= MAX_BREAKPOINTS).ok_or_else(|| {
            format!(
                "must be up to {MAX_BREAKPOINTS} widths such as 320;768;960;1200, each from 1 to {MAX_SIDE_PIXELS} \
                 pixels"
            )
        })?;
        widths.sort_unstable();
        widths.dedup();
        Ok(widths)
    }

    /// Prints widths.
    pub(crate) fn print(widths: &[u32]) -> String {
        widths.iter().map(u32::to_string).collect::<Vec<_>>().join(";")
    }
}

pub(crate) mod dpr {
    //! `dpr`: physical pixels for each that is wished for.

    use super::super::number::decimal_in;

    /// The most pixels for one.
    const MAX_DPR: f32 = 8.0;

    /// Reads a ratio. The error says what is expected.
    pub(crate) fn parse(value: &str) -> Result<f32, String> {
        decimal_in(value, 0.1, MAX_DPR)
    }

    /// Prints a ratio.
    pub(crate) fn print(dpr: &f32) -> String {
        dpr.to_string()
    }
}

/// The width of `width=auto` where a list of breakpoints is not wished for otherwise (contract 8).
pub(crate) const BREAKPOINTS: [u32; 4] = [320, 768, 960, 1200];

/// The width of the viewport that a phone without hints is taken for (contract 8, `wmobile`).
pub(crate) const MOBILE_PIXELS: u32 = 768;

/// The width of the viewport that anything else without hints is taken for (contract 8, `wdesktop`).
pub(crate) const DESKTOP_PIXELS: u32 = 1200;
