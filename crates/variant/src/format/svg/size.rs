//! How large an SVG is shown, in pixels of CSS, by the attributes of its root.

use super::reader::{Attribute, Space};

/// What a browser takes where nothing is said.
const DEFAULT: (f64, f64) = (300.0, 150.0);

/// Width and height, positive.
pub(super) fn size(attributes: &[Attribute<'_>]) -> (f64, f64) {
    let find = |name: &str| {
        let found = attributes.iter().find(|a| a.space == Space::None && a.name == name);
        found.map(|attribute| attribute.value.trim())
    };
    let view = find("viewBox").and_then(view_box);
    match (find("width").and_then(length), find("height").and_then(length), view) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some(view)) => (width, width * view.1 / view.0),
        (None, Some(height), Some(view)) => (height * view.0 / view.1, height),
        (None, None, Some(view)) => view,
        (width, height, None) => (width.unwrap_or(DEFAULT.0), height.unwrap_or(DEFAULT.1)),
    }
}

/// Whole pixels, at most so many a side and together; the shape stays.
pub(super) fn fitted((width, height): (f64, f64), max_side: u32, max_pixels: u64) -> (u32, u32) {
    let side = f64::from(max_side) / width.max(height);
    let area = (max_pixels as f64 / (width * height)).sqrt();
    let scale = side.min(area).min(1.0);
    let whole = |length: f64| ((length * scale).floor() as u32).clamp(1, max_side.max(1));
    if scale < 1.0 {
        (whole(width), whole(height))
    } else {
        (width.round().max(1.0) as u32, height.round().max(1.0) as u32)
    }
}

/// A length in pixels; none for shares of what is around.
fn length(text: &str) -> Option<f64> {
    // `1e3` goes on after its letter, `1em` does not.
    let begins = |(at, c): (usize, char)| {
        let power = matches!(c, 'e' | 'E')
            && text[at + 1..].starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c));
        (c == '%' || c.is_ascii_alphabetic() && !power).then_some(at)
    };
    let end = text.char_indices().find_map(begins).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let pixels = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "px" => 1.0,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        "in" => 96.0,
        "cm" => 96.0 / 2.54,
        "mm" => 96.0 / 25.4,
        "q" => 96.0 / 101.6,
        "em" | "rem" => 16.0,
        "ex" => 8.0,
        _ => return None,
    };
    positive(number.trim()).map(|number| number * pixels)
}

/// Width and height of a view box.
fn view_box(text: &str) -> Option<(f64, f64)> {
    let mut numbers = text.split([' ', ',', '\t', '\n']).filter(|part| !part.is_empty()).skip(2);
    let size = (positive(numbers.next()?)?, positive(numbers.next()?)?);
    numbers.next().is_none().then_some(size)
}

fn positive(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number > 0.0 && number < 1e9).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)], wanted: (u32, u32)) {
        let attribute = |(name, value): &(&'static str, &str)| Attribute {
            space: Space::None,
            name,
            value: (*value).to_owned(),
        };
        let attributes: Vec<Attribute<'_>> = pairs.iter().map(attribute).collect();
        assert_eq!(fitted(size(&attributes), 12_000, 100_000_000), wanted, "{pairs:?}");
    }

    #[test]
    fn width_and_height_win_and_the_view_box_fills_in() {
        check(&[("width", "64"), ("height", "48px"), ("viewBox", "0 0 9 9")], (64, 48));
        check(&[("width", "1in"), ("height", "2.54cm")], (96, 96));
        check(&[("width", "10em"), ("height", "1e2")], (160, 100));
        check(&[("width", "2rem"), ("height", "1e1pt")], (32, 13));
        check(&[("width", "200"), ("viewBox", "0,0,100,50")], (200, 100));
        check(&[("height", "50"), ("viewBox", "0 0 100 50")], (100, 50));
        check(&[("width", "100%"), ("height", "100%"), ("viewBox", "-5 -5 24 12")], (24, 12));
        check(&[], (300, 150));
        check(&[("width", "90")], (90, 150));
        check(&[("width", "NaN"), ("height", "-1"), ("viewBox", "0 0 0 0")], (300, 150));
        check(&[("width", "inf"), ("height", "1e999")], (300, 150));
        check(&[("viewBox", "0 0 0.5 0.2")], (1, 1));
    }

    #[test]
    fn an_svg_of_any_size_keeps_within_the_limits() {
        check(&[("width", "24000"), ("height", "12000")], (12_000, 6_000));
        check(&[("width", "12000"), ("height", "12000")], (10_000, 10_000));
        check(&[("width", "900000000"), ("height", "1")], (12_000, 1));
    }
}
