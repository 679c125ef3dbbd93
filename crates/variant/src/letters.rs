//! Text as pixels: shaped as HarfBuzz does, filled by coverage. The font is Noto Sans, which has the letters of the
//! Latin, Greek and Cyrillic scripts; it comes with its crate, so that no machine's own fonts change a rendition.

use std::sync::OnceLock;

use ab_glyph_rasterizer::{Point, Rasterizer, point};
use harfrust::{Buffer, Font, GlyphId, ShapeOptions, ShaperFont, shape};
use skrifa::{DrawMemory, PathSink, ScalerFont};

use crate::canvas::Canvas;

/// How far the font goes above and below the line, in ems (its `hhea` table).
const ABOVE: f32 = 1.069;
const BELOW: f32 = 0.293;

/// A text to be drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lettering<'a> {
    /// What it says.
    pub(crate) text: &'a str,
    /// Height of an em in pixels.
    pub(crate) size_pixels: f32,
    /// Red, green, blue, alpha.
    pub(crate) color: [u8; 4],
    /// Where lines break, in pixels.
    pub(crate) width: Option<f32>,
    /// Where shorter lines lie in the box: 0 left, 1 right.
    pub(crate) align: f64,
    /// Pixels that are drawn at most; what lies beyond is cut.
    pub(crate) most: (u32, u32),
}

/// The first character that the font has no letter for.
pub(crate) fn missing(text: &str) -> Option<char> {
    let font = font()?;
    text.chars().find(|c| font.charmap().map_unicode(*c).is_none())
}

/// Draws a text on a clear canvas that is as large as its lines.
pub(crate) fn draw(lettering: &Lettering<'_>) -> Canvas {
    let size = lettering.size_pixels;
    let lines = lines(lettering);
    let widest = lines.iter().map(|line| line.width).fold(1.0, f32::max);
    let leading = (ABOVE + BELOW) * size;
    let side = |length: f32, most: u32| (length.ceil() as u32).clamp(1, most.max(1));
    let width = side(widest, lettering.most.0);
    let height = side(leading * lines.len() as f32, lettering.most.1);
    let mut coverage = Coverage { width, height, values: vec![0; width as usize * height as usize] };
    for (index, line) in lines.iter().enumerate() {
        let left = ((widest - line.width) * lettering.align as f32).round();
        let base = (index as f32 * leading + ABOVE * size).round();
        for glyph in &line.glyphs {
            coverage.fill(glyph.id, (left + glyph.x, base - glyph.y), size);
        }
    }
    let [red, green, blue, alpha] = lettering.color;
    let opacity = |value: u8| ((u32::from(value) * u32::from(alpha) + 127) / 255) as u8;
    let pixels = coverage.values.iter().flat_map(|value| [red, green, blue, opacity(*value)]).collect();
    Canvas { width, height, channels: 4, pixels }
}

/// A letter in its place on a line, in pixels.
struct Glyph {
    id: u32,
    x: f32,
    y: f32,
}

struct Line {
    glyphs: Vec<Glyph>,
    width: f32,
}

/// The text in lines that are no longer than the width, as far as words allow.
fn lines(lettering: &Lettering<'_>) -> Vec<Line> {
    let (size, most) = (lettering.size_pixels, lettering.width.unwrap_or(f32::INFINITY));
    let mut lines = Vec::new();
    let mut held: Option<(String, Line)> = None;
    for word in lettering.text.split(' ') {
        let longer = held.as_ref().map_or_else(|| word.to_owned(), |(text, _)| format!("{text} {word}"));
        let tried = shaped(&longer, size);
        match held.take() {
            Some((_, line)) if tried.width > most => {
                lines.push(line);
                held = Some((word.to_owned(), shaped(word, size)));
            }
            _ => held = Some((longer, tried)),
        }
    }
    lines.extend(held.map(|(_, line)| line));
    lines
}

fn shaped(text: &str, size_pixels: f32) -> Line {
    let mut line = Line { glyphs: Vec::new(), width: 0.0 };
    let Some(font) = font() else { return line };
    let scale = size_pixels / f32::from(font.units_per_em());
    let mut buffer = Buffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    if shape(&ShaperFont::new(font), &mut buffer, ShapeOptions::new()).is_err() {
        return line;
    }
    for (info, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
        line.glyphs.push(Glyph {
            id: info.glyph_id,
            x: line.width + position.x_offset as f32 * scale,
            y: position.y_offset as f32 * scale,
        });
        line.width += position.x_advance as f32 * scale;
    }
    line
}

fn font() -> Option<&'static Font> {
    static FONT: OnceLock<Option<Font>> = OnceLock::new();
    FONT.get_or_init(|| Font::new(notosans::REGULAR_TTF, 0)).as_ref()
}

/// How much of each pixel is covered.
struct Coverage {
    width: u32,
    height: u32,
    values: Vec<u8>,
}

impl Coverage {
    /// Fills a letter whose origin lies at a place.
    fn fill(&mut self, id: u32, (x, y): (f32, f32), size_pixels: f32) {
        let Some(font) = font() else { return };
        let mut outline = Outline::default();
        let scaler = ScalerFont::unhinted(font.clone(), Some(size_pixels));
        let drawn =
            scaler.outline(GlyphId::new(id)).map(|glyph| glyph.draw(DrawMemory::Scratch, &mut outline));
        if !matches!(drawn, Some(Ok(_))) || outline.curves.is_empty() {
            return;
        }
        // Whole pixels around the letter, which keeps the share of a pixel by which it is moved.
        let left = (x + outline.least.x).floor();
        let top = (y - outline.most.y).floor();
        let columns = (x + outline.most.x).ceil() - left + 1.0;
        let rows = (y - outline.least.y).ceil() - top + 1.0;
        if left > self.width as f32 || top > self.height as f32 || columns + left < 0.0 || rows + top < 0.0 {
            return;
        }
        let mut rasterizer = Rasterizer::new(columns as usize, rows as usize);
        let place = |at: Point| point(at.x + x - left, y - at.y - top);
        for curve in &outline.curves {
            match *curve {
                Curve::Line(a, b) => rasterizer.draw_line(place(a), place(b)),
                Curve::Quad(a, b, c) => rasterizer.draw_quad(place(a), place(b), place(c)),
                Curve::Cubic(a, b, c, d) => rasterizer.draw_cubic(place(a), place(b), place(c), place(d)),
            }
        }
        rasterizer.for_each_pixel_2d(|column, row, share| {
            self.add(left as i64 + i64::from(column), top as i64 + i64::from(row), share);
        });
    }

    fn add(&mut self, column: i64, row: i64, share: f32) {
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        if (0..width).contains(&column) && (0..height).contains(&row) {
            let value = &mut self.values[(row * width + column) as usize];
            *value = value.saturating_add((share.clamp(0.0, 1.0) * 255.0).round() as u8);
        }
    }
}

/// A piece of an outline; y grows upwards.
enum Curve {
    Line(Point, Point),
    Quad(Point, Point, Point),
    Cubic(Point, Point, Point, Point),
}

struct Outline {
    curves: Vec<Curve>,
    start: Point,
    last: Point,
    least: Point,
    most: Point,
}

impl Default for Outline {
    fn default() -> Self {
        let (start, far) = (point(0.0, 0.0), f32::INFINITY);
        Outline { curves: Vec::new(), start, last: start, least: point(far, far), most: point(-far, -far) }
    }
}

impl Outline {
    /// Moves on, and keeps the box that holds every point.
    fn reach(&mut self, points: &[Point]) {
        for at in points {
            self.least = point(self.least.x.min(at.x), self.least.y.min(at.y));
            self.most = point(self.most.x.max(at.x), self.most.y.max(at.y));
            self.last = *at;
        }
    }
}

impl PathSink for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.start = point(x, y);
        self.reach(&[point(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.curves.push(Curve::Line(self.last, point(x, y)));
        self.reach(&[point(x, y)]);
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let (control, end) = (point(cx0, cy0), point(x, y));
        self.curves.push(Curve::Quad(self.last, control, end));
        self.reach(&[control, end]);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let (first, second, end) = (point(cx0, cy0), point(cx1, cy1), point(x, y));
        self.curves.push(Curve::Cubic(self.last, first, second, end));
        self.reach(&[first, second, end]);
    }

    fn close(&mut self) {
        let start = self.start;
        self.line_to(start.x, start.y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Lettering<'_> {
        let color = [255, 0, 0, 255];
        Lettering { text, size_pixels: 40.0, color, width: None, align: 0.0, most: (2_000, 2_000) }
    }

    /// The columns and rows of what is drawn: first and last.
    fn ink(canvas: &Canvas) -> [usize; 4] {
        let width = canvas.width as usize;
        let seen: Vec<usize> =
            (0..canvas.pixels.len() / 4).filter(|at| canvas.pixels[at * 4 + 3] > 100).collect();
        let columns = || seen.iter().map(|at| at % width);
        let rows = || seen.iter().map(|at| at / width);
        [columns().min().unwrap(), columns().max().unwrap(), rows().min().unwrap(), rows().max().unwrap()]
    }

    #[test]
    fn letters_stand_where_letters_stand() {
        let canvas = draw(&plain("H"));
        // A capital is 714 units tall and stands on the line; its stems begin 98 units from the left.
        assert_eq!(canvas.height, 55);
        let [left, right, top, bottom] = ink(&canvas);
        assert!((3..=5).contains(&left) && (23..=26).contains(&right), "{left} to {right}");
        assert!((13..=15).contains(&top) && (41..=43).contains(&bottom), "{top} to {bottom}");
        let middle = &canvas.pixels[(30 * canvas.width as usize + left + 1) * 4..][..4];
        assert_eq!(middle, [255, 0, 0, 255], "within a stem");
        assert!(canvas.pixels.chunks_exact(4).any(|pixel| (1..255).contains(&pixel[3])), "edges are smooth");
    }

    #[test]
    fn letters_are_shaped() {
        assert!(
            draw(&plain("AVAV")).width < 2 * draw(&plain("AA")).width.max(draw(&plain("VV")).width),
            "kerning"
        );
        assert!(
            draw(&plain("e\u{301}")).width <= draw(&plain("e")).width + 1,
            "an accent stands above its letter"
        );
        assert_ne!(draw(&plain("И")), draw(&plain("Й")));
    }

    #[test]
    fn lines_break_between_words_and_lie_as_they_are_told() {
        let one = draw(&plain("one two three"));
        let broken = Lettering { width: Some(125.0), ..plain("one two three") };
        let three = draw(&broken);
        assert!(three.width <= 125 && three.width < one.width);
        assert!(three.height > one.height * 2 - 3, "{} from {}", three.height, one.height);
        let right = ink(&draw(&Lettering { align: 1.0, ..broken }));
        assert!(right[1] >= ink(&three)[1]);
        let unbroken = draw(&Lettering { width: Some(5.0), ..plain("unbreakable") });
        assert_eq!(unbroken, draw(&plain("unbreakable")), "a word stays whole");
    }

    #[test]
    fn however_large_it_is_what_lies_beyond_is_cut() {
        let huge = Lettering { size_pixels: 2_000.0, most: (300, 200), ..plain("WWWWWWWWWWWWWWWW") };
        let canvas = draw(&huge);
        assert_eq!((canvas.width, canvas.height), (300, 200));
        assert_eq!((draw(&plain("")).width, draw(&plain(" ")).height), (1, 55));
    }

    #[test]
    fn what_the_font_does_not_have_is_told() {
        assert_eq!(missing("Grüße, Ελλάδα, Привет! €½—"), None);
        assert_eq!(missing("a日b"), Some('日'));
    }
}
