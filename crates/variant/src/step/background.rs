//! `background`: a CSS colour under pads and transparent areas.

use serde::{Deserialize, Serialize};

use crate::canvas::Canvas;

/// A CSS colour, as 8-bit sRGB with alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// Red, green, blue, alpha.
    pub rgba: [u8; 4],
}

impl Background {
    /// What lies under a JPEG and a pad when nothing is wished for (contract 8).
    pub(crate) const WHITE: Background = Background { rgba: [255; 4] };

    /// What a border is where no colour is wished for.
    pub(crate) const BLACK: Background = Background { rgba: [0, 0, 0, 255] };
}

/// Reads a colour: a CSS name, `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa`, `rgb(…)` or `rgba(…)`. The error says what
/// is expected. `%23` stands for `#`: a path is decoded once, and what was encoded twice arrives so.
pub(crate) fn parse(value: &str) -> Result<Background, String> {
    let lower = value.to_ascii_lowercase();
    let rgba = if let Some(digits) = lower.strip_prefix('#').or_else(|| lower.strip_prefix("%23")) {
        hex_colour(digits)
    } else if let Some(parts) = lower.strip_prefix("rgb") {
        function_colour(parts)
    } else {
        named_colour(&lower)
    };
    rgba.map(|rgba| Background { rgba })
        .ok_or_else(|| "must be a CSS colour such as red, %23ff8800 or rgba(255,136,0,0.5)".to_owned())
}

/// Prints a colour so that it needs no further encoding in a URL.
pub(crate) fn print(background: &Background) -> String {
    let [r, g, b, a] = background.rgba;
    if a == 255 { format!("%23{r:02x}{g:02x}{b:02x}") } else { format!("%23{r:02x}{g:02x}{b:02x}{a:02x}") }
}

/// Lays a colour under a canvas. Blended in sRGB, as browsers do, so that a shadow looks the same on either way.
pub(crate) fn lay_under(canvas: &mut Canvas, background: Background) {
    if canvas.channels != 4 {
        return;
    }
    for pixel in canvas.pixels.chunks_exact_mut(4) {
        let over = blend([pixel[0], pixel[1], pixel[2], pixel[3]], background.rgba);
        pixel.copy_from_slice(&over);
    }
}

/// Puts a canvas on a larger one, so far from left and top. Around it lies the background where nothing shows through
/// either, else nothing.
pub(crate) fn pad(
    canvas: Canvas,
    size: (u32, u32),
    place: (u32, u32),
    background: Option<Background>,
) -> Canvas {
    let opaque = background.filter(|under| canvas.channels == 3 && under.rgba[3] == 255);
    canvas.within(size, place, opaque.map_or([0; 4], |under| under.rgba))
}

/// `top` over `bottom`, straight alpha.
fn blend(top: [u8; 4], bottom: [u8; 4]) -> [u8; 4] {
    let top_share = u32::from(top[3]) * 255;
    let bottom_share = u32::from(bottom[3]) * (255 - u32::from(top[3]));
    let alpha = top_share + bottom_share;
    if alpha == 0 {
        return [0; 4];
    }
    let mix = |t: u8, b: u8| {
        let sum = u32::from(t) * top_share + u32::from(b) * bottom_share;
        ((sum + alpha / 2) / alpha) as u8
    };
    [mix(top[0], bottom[0]), mix(top[1], bottom[1]), mix(top[2], bottom[2]), ((alpha + 127) / 255) as u8]
}

fn hex_colour(digits: &str) -> Option<[u8; 4]> {
    let values: Vec<u8> =
        digits.chars().take(9).map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    match values[..] {
        [r, g, b] => Some([r * 17, g * 17, b * 17, 255]),
        [r, g, b, a] => Some([r * 17, g * 17, b * 17, a * 17]),
        [r, r2, g, g2, b, b2] => Some([r * 16 + r2, g * 16 + g2, b * 16 + b2, 255]),
        [r, r2, g, g2, b, b2, a, a2] => Some([r * 16 + r2, g * 16 + g2, b * 16 + b2, a * 16 + a2]),
        _ => None,
    }
}

/// The rest of `rgb(…)` or `rgba(…)`: CSS takes three or four parts under both names.
fn function_colour(rest: &str) -> Option<[u8; 4]> {
    let inside = rest.strip_prefix('a').unwrap_or(rest).strip_prefix('(')?.strip_suffix(')')?;
    let parts: Vec<&str> = inside.split(',').take(5).collect();
    let (colours, alpha) = match parts[..] {
        [r, g, b] => ([r, g, b], 255),
        [r, g, b, a] => ([r, g, b], share(a, 1.0)?),
        _ => return None,
    };
    Some([share(colours[0], 255.0)?, share(colours[1], 255.0)?, share(colours[2], 255.0)?, alpha])
}

/// A number from 0 to `whole`, or per cent, as 0 to 255.
fn share(text: &str, whole: f32) -> Option<u8> {
    let (number, whole) = text.strip_suffix('%').map_or((text, whole), |number| (number, 100.0));
    let plain = (1..=12).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value: f32 = plain.then(|| number.parse().ok()).flatten()?;
    (0.0..=whole).contains(&value).then(|| (value / whole * 255.0).round() as u8)
}

fn named_colour(name: &str) -> Option<[u8; 4]> {
    if name == "transparent" {
        return Some([0; 4]);
    }
    let index = NAMED.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    let [_, r, g, b] = NAMED[index].1.to_be_bytes();
    Some([r, g, b, 255])
}

/// The named colours of CSS Color 4, in order.
#[rustfmt::skip]
const NAMED: [(&str, u32); 148] = [
    ("aliceblue", 0xf0f8ff), ("antiquewhite", 0xfaebd7), ("aqua", 0x00ffff), ("aquamarine", 0x7fffd4),
    ("azure", 0xf0ffff), ("beige", 0xf5f5dc), ("bisque", 0xffe4c4), ("black", 0x000000),
    ("blanchedalmond", 0xffebcd), ("blue", 0x0000ff), ("blueviolet", 0x8a2be2), ("brown", 0xa52a2a),
    ("burlywood", 0xdeb887), ("cadetblue", 0x5f9ea0), ("chartreuse", 0x7fff00), ("chocolate", 0xd2691e),
    ("coral", 0xff7f50), ("cornflowerblue", 0x6495ed), ("cornsilk", 0xfff8dc), ("crimson", 0xdc143c),
    ("cyan", 0x00ffff), ("darkblue", 0x00008b), ("darkcyan", 0x008b8b), ("darkgoldenrod", 0xb8860b),
    ("darkgray", 0xa9a9a9), ("darkgreen", 0x006400), ("darkgrey", 0xa9a9a9), ("darkkhaki", 0xbdb76b),
    ("darkmagenta", 0x8b008b), ("darkolivegreen", 0x556b2f), ("darkorange", 0xff8c00),
    ("darkorchid", 0x9932cc), ("darkred", 0x8b0000), ("darksalmon", 0xe9967a), ("darkseagreen", 0x8fbc8f),
    ("darkslateblue", 0x483d8b), ("darkslategray", 0x2f4f4f), ("darkslategrey", 0x2f4f4f),
    ("darkturquoise", 0x00ced1), ("darkviolet", 0x9400d3), ("deeppink", 0xff1493),
    ("deepskyblue", 0x00bfff), ("dimgray", 0x696969), ("dimgrey", 0x696969), ("dodgerblue", 0x1e90ff),
    ("firebrick", 0xb22222), ("floralwhite", 0xfffaf0), ("forestgreen", 0x228b22), ("fuchsia", 0xff00ff),
    ("gainsboro", 0xdcdcdc), ("ghostwhite", 0xf8f8ff), ("gold", 0xffd700), ("goldenrod", 0xdaa520),
    ("gray", 0x808080), ("green", 0x008000), ("greenyellow", 0xadff2f), ("grey", 0x808080),
    ("honeydew", 0xf0fff0), ("hotpink", 0xff69b4), ("indianred", 0xcd5c5c), ("indigo", 0x4b0082),
    ("ivory", 0xfffff0), ("khaki", 0xf0e68c), ("lavender", 0xe6e6fa), ("lavenderblush", 0xfff0f5),
    ("lawngreen", 0x7cfc00), ("lemonchiffon", 0xfffacd), ("lightblue", 0xadd8e6), ("lightcoral", 0xf08080),
    ("lightcyan", 0xe0ffff), ("lightgoldenrodyellow", 0xfafad2), ("lightgray", 0xd3d3d3),
    ("lightgreen", 0x90ee90), ("lightgrey", 0xd3d3d3), ("lightpink", 0xffb6c1), ("lightsalmon", 0xffa07a),
    ("lightseagreen", 0x20b2aa), ("lightskyblue", 0x87cefa), ("lightslategray", 0x778899),
    ("lightslategrey", 0x778899), ("lightsteelblue", 0xb0c4de), ("lightyellow", 0xffffe0),
    ("lime", 0x00ff00), ("limegreen", 0x32cd32), ("linen", 0xfaf0e6), ("magenta", 0xff00ff),
    ("maroon", 0x800000), ("mediumaquamarine", 0x66cdaa), ("mediumblue", 0x0000cd),
    ("mediumorchid", 0xba55d3), ("mediumpurple", 0x9370db), ("mediumseagreen", 0x3cb371),
    ("mediumslateblue", 0x7b68ee), ("mediumspringgreen", 0x00fa9a), ("mediumturquoise", 0x48d1cc),
    ("mediumvioletred", 0xc71585), ("midnightblue", 0x191970), ("mintcream", 0xf5fffa),
    ("mistyrose", 0xffe4e1), ("moccasin", 0xffe4b5), ("navajowhite", 0xffdead), ("navy", 0x000080),
    ("oldlace", 0xfdf5e6), ("olive", 0x808000), ("olivedrab", 0x6b8e23), ("orange", 0xffa500),
    ("orangered", 0xff4500), ("orchid", 0xda70d6), ("palegoldenrod", 0xeee8aa), ("palegreen", 0x98fb98),
    ("paleturquoise", 0xafeeee), ("palevioletred", 0xdb7093), ("papayawhip", 0xffefd5),
    ("peachpuff", 0xffdab9), ("peru", 0xcd853f), ("pink", 0xffc0cb), ("plum", 0xdda0dd),
    ("powderblue", 0xb0e0e6), ("purple", 0x800080), ("rebeccapurple", 0x663399), ("red", 0xff0000),
    ("rosybrown", 0xbc8f8f), ("royalblue", 0x4169e1), ("saddlebrown", 0x8b4513), ("salmon", 0xfa8072),
    ("sandybrown", 0xf4a460), ("seagreen", 0x2e8b57), ("seashell", 0xfff5ee), ("sienna", 0xa0522d),
    ("silver", 0xc0c0c0), ("skyblue", 0x87ceeb), ("slateblue", 0x6a5acd), ("slategray", 0x708090),
    ("slategrey", 0x708090), ("snow", 0xfffafa), ("springgreen", 0x00ff7f), ("steelblue", 0x4682b4),
    ("tan", 0xd2b48c), ("teal", 0x008080), ("thistle", 0xd8bfd8), ("tomato", 0xff6347),
    ("turquoise", 0x40e0d0), ("violet", 0xee82ee), ("wheat", 0xf5deb3), ("white", 0xffffff),
    ("whitesmoke", 0xf5f5f5), ("yellow", 0xffff00), ("yellowgreen", 0x9acd32),
];
