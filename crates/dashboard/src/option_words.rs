//! Options in words, as lists of variants show them.

use variant::{Fit, Options, Width};

/// `480 wide, cover`, and how many more options there are.
pub(crate) fn option_words(options: &Options) -> String {
    let width = options.width.map(|width| match width {
        Width::Pixels(pixels) => pixels.to_string(),
        Width::Auto => "as wide as the screen".into(),
    });
    let size = match (width, options.height) {
        (Some(width), Some(height)) => format!("{width} × {height}"),
        (Some(width), None) if options.width == Some(Width::Auto) => width,
        (Some(width), None) => format!("{width} wide"),
        (None, Some(height)) => format!("{height} high"),
        (None, None) => "original size".into(),
    };
    let has_box = options.width.is_some() || options.height.is_some();
    let fit = if has_box {
        format!(", {}", fit_words(options.fit.unwrap_or(Fit::ScaleDown)))
    } else {
        String::new()
    };
    let rest =
        Options { width: None, height: None, fit: None, metadata: None, ..options.clone() }.to_string();
    let more: Vec<&str> =
        rest.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name).collect();
    let more = match more[..] {
        [] => String::new(),
        [one] => format!(", {one}"),
        [one, other] => format!(", {one}, {other}"),
        [one, other, ..] => format!(", {one}, {other} and {} more", more.len() - 2),
    };
    format!("{size}{fit}{more}")
}

fn fit_words(fit: Fit) -> &'static str {
    match fit {
        Fit::ScaleDown => "scale down",
        Fit::Contain => "contain",
        Fit::Cover => "cover",
        Fit::Crop => "crop",
        Fit::Pad => "pad",
        Fit::AspectCrop => "crop to ratio",
        Fit::Squeeze => "squeeze",
        Fit::ScaleUp => "scale up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_said_in_words() {
        let check = |text, words| assert_eq!(option_words(&Options::parse(text).unwrap()), words);
        check("w=480,fit=cover", "480 wide, cover");
        check("w=1366,h=768,fit=scale-down,metadata=none", "1366 × 768, scale down");
        check("h=90", "90 high, scale down");
        check("w=auto", "as wide as the screen, scale down");
        check("q=80", "original size, quality");
        check("w=9,blur=3,sharpen=1,rotate=90,q=5", "9 wide, scale down, rotate, blur and 2 more");
    }
}
