//! A second look at what was written, by rules of its own: it knows what must not be in an SVG that we serve, and
//! nothing of how the filter works. What it finds is a fault of ours; the file is refused then.

use super::reader::{Attribute, Event, Reader, Space};
use crate::Error;

/// Elements that run, embed or link.
const ELEMENTS: [&str; 21] = [
    "script",
    "foreignobject",
    "iframe",
    "embed",
    "object",
    "audio",
    "video",
    "canvas",
    "link",
    "meta",
    "base",
    "form",
    "input",
    "handler",
    "listener",
    "html",
    "body",
    "applet",
    "discard",
    "include",
    "metadata",
];

/// Words that no value and no style sheet holds.
const WORDS: [&str; 8] = [
    "javascript:",
    "vbscript:",
    "expression(",
    "-moz-binding",
    "behavior:",
    "@import",
    "@font-face",
    "<script",
];

/// Reads to the end. The error names what was found.
pub(super) fn inert(reader: &mut Reader<'_>) -> Result<(), Error> {
    let mut styles = Vec::new();
    while let Some(event) = reader.next()? {
        match event {
            Event::Start { space, name, attributes } => {
                let lower = name.to_ascii_lowercase();
                require(space == Space::Svg, "an element of another language")?;
                require(!ELEMENTS.contains(&lower.as_str()), "an element that runs or embeds")?;
                attributes.iter().try_for_each(|attribute| check(&lower, attribute))?;
                styles.push(lower == "style");
            }
            Event::Text(text) if styles.last() == Some(&true) => style(&text)?,
            Event::Text(_) => {}
            Event::End => {
                styles.pop();
            }
        }
    }
    Ok(())
}

fn check(element: &str, attribute: &Attribute<'_>) -> Result<(), Error> {
    let name = attribute.name.to_ascii_lowercase();
    let value = squeezed(&attribute.value);
    require(!name.starts_with("on"), "an event handler")?;
    require(
        matches!(attribute.space, Space::None | Space::Xlink | Space::Xml),
        "an attribute of another language",
    )?;
    require(!matches!(name.as_str(), "src" | "base" | "data" | "action" | "ping"), "an address")?;
    if name == "href" {
        let picture = value.starts_with("data:image/") && !value.starts_with("data:image/svg");
        let may = value.starts_with('#') || picture && matches!(element, "image" | "feimage");
        return require(may, "a link");
    }
    if name == "attributename" {
        let target = value.rsplit(':').next().unwrap_or_default();
        require(
            !target.starts_with("on") && !matches!(target, "href" | "style" | "src"),
            "a dangerous animation",
        )?;
    }
    style(&attribute.value)
}

/// A style sheet, a declaration or any other value.
fn style(text: &str) -> Result<(), Error> {
    let text = squeezed(text);
    require(!text.contains('\\'), "an escape")?;
    require(!WORDS.iter().any(|word| text.contains(word)), "a dangerous word")?;
    for function in ["src(", "image(", "image-set("] {
        require(!text.contains(function), "a function that fetches")?;
    }
    let mut addresses = text.split("url(").skip(1);
    require(addresses.all(|after| after.trim_start_matches(['"', '\'']).starts_with('#')), "an address")
}

/// Small letters, without what browsers overlook in addresses.
fn squeezed(text: &str) -> String {
    let seen = text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !is_unseen(*c));
    seen.collect::<String>().to_ascii_lowercase()
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

fn require(holds: bool, found: &str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Damaged(format!("it still holds {found} when it is cleaned"))) }
}
