//! The document written anew: only elements and attributes that draw, under one namespace, in one spelling. White
//! space between them stays where it shows; nothing is indented, for that alone can fill a disk.

use super::css;
use super::links::{self, Clean};
use super::names::{self, Kind};
use super::reader::{Attribute, Event, Reader, SVG, Space, XLINK, broken};
use super::references::References;
use crate::Error;

/// What may be written beyond twice what was read, in bytes.
const SPARE_BYTES: usize = 64 << 10;

/// Reads to the end and gives what may stay.
pub(super) fn filtered(reader: &mut Reader<'_>, length: usize, clean: &Clean) -> Result<String, Error> {
    let mut filter = Filter {
        out: String::with_capacity(length),
        most: length.saturating_mul(2).saturating_add(SPARE_BYTES),
        clean,
        open: Vec::new(),
        skipped: 0,
        unnamed_is_svg: false,
        is_empty: false,
        style: None,
        references: References::new(),
    };
    while let Some(event) = reader.next()? {
        match event {
            Event::Start { space, name, attributes } => filter.start(space, name, &attributes)?,
            Event::Text(text) => filter.text(&text),
            Event::End => filter.end(),
        }
        if filter.out.len() > filter.most {
            return Err(broken("it would grow to more than twice its size"));
        }
    }
    filter.references.hold()?;
    Ok(filter.out)
}

/// An element that stays, while it is open.
struct Open<'a> {
    name: &'a str,
    shows_text: bool,
}

/// A style sheet while it is read: its attributes as they are written, and its text.
struct Sheet {
    attributes: String,
    text: String,
}

struct Filter<'a, 'c> {
    out: String,
    most: usize,
    clean: &'c Clean,
    open: Vec<Open<'a>>,
    /// Open elements that do not stay, the outermost included.
    skipped: usize,
    /// The root has no namespace, so what has none is meant to be SVG.
    unnamed_is_svg: bool,
    /// The last thing that was written is the start of an element.
    is_empty: bool,
    style: Option<Sheet>,
    references: References,
}

impl<'a> Filter<'a, '_> {
    fn start(&mut self, space: Space, name: &'a str, attributes: &[Attribute<'_>]) -> Result<(), Error> {
        if self.skipped > 0 || self.style.is_some() {
            self.skipped += 1;
            return Ok(());
        }
        if self.open.is_empty() {
            self.unnamed_is_svg = space == Space::None;
            if name != "svg" || !matches!(space, Space::Svg | Space::None) {
                return Err(broken("its root is no svg element"));
            }
        }
        let is_svg = space == Space::Svg || space == Space::None && self.unnamed_is_svg;
        if !is_svg || !names::is_element(name) || !animates_well(name, attributes) {
            self.skipped = 1;
            return Ok(());
        }
        if name == "style" {
            self.style_sheet(attributes);
        } else {
            self.element(name, attributes);
        }
        Ok(())
    }

    fn style_sheet(&mut self, attributes: &[Attribute<'_>]) {
        let kind = find(attributes, Space::None, "type").map(str::trim);
        if !kind.is_none_or(|kind| kind.is_empty() || kind.eq_ignore_ascii_case("text/css")) {
            self.skipped = 1;
            return;
        }
        let mut written = String::new();
        if let Some(media) = find(attributes, Space::None, "media") {
            if !is_plain(media) {
                self.skipped = 1;
                return;
            }
            put_attribute("media", media, &mut written);
        }
        self.style = Some(Sheet { attributes: written, text: String::new() });
    }

    fn element(&mut self, name: &'a str, attributes: &[Attribute<'_>]) {
        let is_drawn = !matches!(name, "stop" | "linearGradient" | "radialGradient");
        let (id, class) = (find(attributes, Space::None, "id"), find(attributes, Space::None, "class"));
        self.references.start(name, id, class, is_drawn);
        self.out.push('<');
        self.out.push_str(name);
        if self.open.is_empty() {
            put_attribute("xmlns", SVG, &mut self.out);
            put_attribute("xmlns:xlink", XLINK, &mut self.out);
        }
        for attribute in attributes {
            self.attribute(name, attribute);
        }
        self.out.push('>');
        self.is_empty = true;
        let around = self.open.last().is_some_and(|open| open.shows_text);
        self.open.push(Open { name, shows_text: around || names::shows_text(name) });
    }

    fn attribute(&mut self, element: &str, attribute: &Attribute<'_>) {
        let value = attribute.value.as_str();
        match (attribute.space, attribute.name) {
            (Space::None | Space::Xlink, "href") => {
                let name = if attribute.space == Space::Xlink { "xlink:href" } else { "href" };
                if let Some(address) = self.link(element, value) {
                    self.references.link(&address);
                    put_attribute(name, &address, &mut self.out);
                }
            }
            (Space::Xml, "space" | "lang") if is_plain(value) => {
                put_attribute(&format!("xml:{}", attribute.name), value, &mut self.out);
            }
            (Space::None, name) => {
                let kept = names::kind(name).and_then(|kind| kept(kind, value));
                if let Some(kept) = kept {
                    self.references.attribute(name, &kept);
                    put_attribute(name, &kept, &mut self.out);
                }
            }
            _ => {}
        }
    }

    /// A link, if it stays: into the document, or for a picture its data.
    fn link(&self, element: &str, value: &str) -> Option<String> {
        if !css::is_harmless(value) {
            return None;
        }
        if let Some(fragment) = links::fragment(value) {
            return Some(fragment.to_owned());
        }
        matches!(element, "image" | "feImage").then(|| links::picture(value, self.clean)).flatten()
    }

    fn text(&mut self, text: &str) {
        if self.skipped > 0 {
            return;
        }
        if let Some(sheet) = &mut self.style {
            sheet.text.push_str(text);
        } else if self.open.last().is_some_and(|open| open.shows_text) && !text.is_empty() {
            self.is_empty = false;
            put_text(text, &mut self.out);
        }
    }

    fn end(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if let Some(sheet) = self.style.take() {
            let kept = css::style_sheet(&sheet.text);
            for css::Referring { selectors, declarations } in &kept.referring {
                self.references.rule(selectors, declarations);
            }
            if !kept.text.is_empty() {
                self.is_empty = false;
                self.out.push_str("<style");
                self.out.push_str(&sheet.attributes);
                self.out.push('>');
                put_text(&kept.text, &mut self.out);
                self.out.push_str("</style>");
            }
        } else if let Some(open) = self.open.pop() {
            self.references.end();
            if std::mem::take(&mut self.is_empty) {
                self.out.pop();
                self.out.push_str("/>");
            } else {
                self.out.push_str("</");
                self.out.push_str(open.name);
                self.out.push('>');
            }
        }
    }
}

/// Whether an element is no animation, or one of something that draws.
fn animates_well(name: &str, attributes: &[Attribute<'_>]) -> bool {
    let targets: Vec<&Attribute<'_>> = attributes.iter().filter(|a| a.name == "attributeName").collect();
    let well = |a: &&Attribute<'_>| a.space == Space::None && names::is_animatable(a.value.trim());
    !names::is_animation(name) || targets.iter().all(well)
}

fn find<'v>(attributes: &'v [Attribute<'_>], space: Space, name: &str) -> Option<&'v str> {
    let found = attributes.iter().find(|attribute| attribute.space == space && attribute.name == name);
    found.map(|attribute| attribute.value.as_str())
}

/// What of a value may stay.
fn kept(kind: Kind, value: &str) -> Option<String> {
    match kind {
        Kind::Plain | Kind::Target => is_plain(value).then(|| value.to_owned()),
        Kind::Css => css::value(value),
        Kind::Steps => {
            let steps: Option<Vec<String>> = value.split(';').map(css::value).collect();
            steps.map(|steps| steps.join(";"))
        }
        Kind::Style => Some(css::declarations(value)).filter(|kept| !kept.is_empty()),
    }
}

/// Whether a value is what it looks like: nothing is escaped in it, and no function in it fetches.
fn is_plain(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let fetches = ["url(", "src(", "image(", "image-set("].iter().any(|word| lower.contains(word));
    !fetches && !value.contains('\\') && css::is_harmless(value)
}

fn put_attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => put(c, out),
        }
    }
    out.push('"');
}

fn put_text(text: &str, out: &mut String) {
    for c in text.chars() {
        if c == '\r' { out.push_str("&#13;") } else { put(c, out) }
    }
}

/// A character, so that it is only text: a sniffer that reads nothing but bytes finds no code either.
fn put(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        ':' if ends_with(out, "script") => out.push_str("&#58;"),
        '=' if ends_in_handler(out) => out.push_str("&#61;"),
        c => out.push(c),
    }
}

fn ends_with(out: &str, word: &str) -> bool {
    let start = out.len().checked_sub(word.len());
    start.and_then(|start| out.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

/// Whether the last word begins with `on`, as in `onload`.
fn ends_in_handler(out: &str) -> bool {
    let letters = out.bytes().rev().take(32).take_while(u8::is_ascii_alphabetic).count();
    letters > 2 && out.get(out.len() - letters..).is_some_and(|word| word[..2].eq_ignore_ascii_case("on"))
}
