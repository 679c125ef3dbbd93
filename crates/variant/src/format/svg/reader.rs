//! A bounded reader of XML: elements with resolved namespaces, decoded attributes and decoded text. It refuses what is
//! not well-formed, what declares an entity and what passes a limit; it never looks at anything outside the document.
//! What may stay is not decided here.

use std::collections::HashSet;
use std::time::Instant;

use xmlparser::{ElementEnd, Reference, Stream, Token, Tokenizer};

use crate::deadline::still_time;
use crate::{Error, Limits};

pub(super) const SVG: &str = "http://www.w3.org/2000/svg";
pub(super) const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u32 = 256;

/// Where a name belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// In no namespace.
    None,
    /// SVG's.
    Svg,
    /// XLink's.
    Xlink,
    /// That of `xml:`.
    Xml,
    /// Any other.
    Other,
}

impl Space {
    fn of(uri: &str) -> Space {
        match uri {
            "" => Space::None,
            SVG => Space::Svg,
            XLINK => Space::Xlink,
            XML => Space::Xml,
            _ => Space::Other,
        }
    }
}

/// An attribute, its value decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) space: Space,
    pub(super) name: &'a str,
    pub(super) value: String,
}

/// What the document consists of. Comments, instructions and the document type are left out; an empty element ends
/// like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Start { space: Space, name: &'a str, attributes: Vec<Attribute<'a>> },
    Text(String),
    End,
}

/// Reads a document, event by event.
pub(super) struct Reader<'a> {
    tokens: Tokenizer<'a>,
    limits: &'a Limits,
    deadline: Instant,
    /// The names of open elements as they are written, each with the number of declarations below it.
    open: Vec<(&'a str, &'a str, usize)>,
    /// Prefixes and what they stand for, the innermost last.
    declared: Vec<(&'a str, String)>,
    /// An element whose attributes are being read.
    started: Option<(&'a str, &'a str)>,
    raw: Vec<(&'a str, &'a str, &'a str)>,
    /// An empty element was given; its end comes next.
    ending: bool,
    elements: u32,
    /// Every prefix with everything that it has stood for.
    namespaces: HashSet<(&'a str, String)>,
    events: u32,
    rooted: bool,
}

impl<'a> Reader<'a> {
    /// Opens a document. Refuses what is too long, is no UTF-8 or declares an entity.
    pub(super) fn new(bytes: &'a [u8], limits: &'a Limits, deadline: Instant) -> Result<Reader<'a>, Error> {
        let most = limits.max_svg_bytes;
        if bytes.len() > most {
            let told = format!("an SVG may have at most {most} bytes");
            return Err(Error::TooManyPieces { limit: "max_svg_bytes", told });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| broken("it is not in UTF-8"))?;
        if declares_entity(bytes) {
            return Err(broken("it declares an entity"));
        }
        Ok(Reader {
            tokens: Tokenizer::from(text),
            limits,
            deadline,
            open: Vec::new(),
            declared: vec![("xml", XML.to_owned()), ("xmlns", XMLNS.to_owned())],
            started: None,
            raw: Vec::new(),
            ending: false,
            elements: 0,
            namespaces: HashSet::new(),
            events: 0,
            rooted: false,
        })
    }

    /// The next event; nothing at the end of a whole document.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        if std::mem::take(&mut self.ending) {
            return self.end().map(Some);
        }
        while let Some(token) = self.tokens.next() {
            self.events += 1;
            if self.events.is_multiple_of(EVENTS_PER_LOOK) {
                still_time(self.deadline)?;
            }
            let token =
                token.map_err(|error| broken(&format!("it is not well-formed at {}", error.pos())))?;
            if let Some(event) = self.take(token)? {
                return Ok(Some(event));
            }
        }
        if self.rooted && self.open.is_empty() { Ok(None) } else { Err(broken("it ends early")) }
    }

    fn take(&mut self, token: Token<'a>) -> Result<Option<Event<'a>>, Error> {
        match token {
            Token::Declaration { encoding, .. } => {
                let known = ["utf-8", "utf8", "us-ascii", "ascii"];
                let foreign = encoding
                    .is_some_and(|name| !known.iter().any(|known| name.as_str().eq_ignore_ascii_case(known)));
                if foreign { Err(broken("its encoding is not UTF-8")) } else { Ok(None) }
            }
            Token::EntityDeclaration { .. } => Err(broken("it declares an entity")),
            Token::ElementStart { prefix, local, .. } => {
                self.started = Some((prefix.as_str(), local.as_str()));
                self.raw.clear();
                Ok(None)
            }
            Token::Attribute { prefix, local, value, .. } => {
                self.attribute(prefix.as_str(), local.as_str(), value.as_str())?;
                Ok(None)
            }
            Token::ElementEnd { end: ElementEnd::Close(prefix, local), .. } => {
                match self.open.last() {
                    Some((p, l, _)) if (*p, *l) == (prefix.as_str(), local.as_str()) => {}
                    _ => return Err(broken("an element is not closed")),
                }
                self.end().map(Some)
            }
            Token::ElementEnd { end, .. } => {
                self.ending = end == ElementEnd::Empty;
                self.start().map(Some)
            }
            Token::Text { text } => self.text(text.as_str(), true),
            Token::Cdata { text, .. } => self.text(text.as_str(), false),
            _ => Ok(None),
        }
    }

    fn attribute(&mut self, prefix: &'a str, name: &'a str, value: &'a str) -> Result<(), Error> {
        let most = self.limits.max_svg_attributes;
        if self.raw.len() >= most as usize {
            return Err(many(
                "max_svg_attributes",
                format!("an element of it has more than {most} attributes"),
            ));
        }
        self.raw.push((prefix, name, value));
        Ok(())
    }

    fn text(&mut self, text: &'a str, has_references: bool) -> Result<Option<Event<'a>>, Error> {
        if self.open.is_empty() {
            return if text.trim().is_empty() {
                Ok(None)
            } else {
                Err(broken("it has text outside its root"))
            };
        }
        let text = if has_references { decoded(text, false)? } else { text.to_owned() };
        Ok(Some(Event::Text(text)))
    }

    fn start(&mut self) -> Result<Event<'a>, Error> {
        let (prefix, name) = self.started.take().ok_or_else(|| broken("it is not well-formed"))?;
        self.count()?;
        let below = self.declared.len();
        self.open.push((prefix, name, below));
        let raw = std::mem::take(&mut self.raw);
        for (prefix, name, value) in &raw {
            if let Some(declared) = declaration(prefix, name) {
                self.declare(declared, value)?;
            }
        }
        let space = Space::of(self.uri(prefix)?);
        let attributes = self.attributes(&raw)?;
        self.raw = raw;
        Ok(Event::Start { space, name, attributes })
    }

    fn count(&mut self) -> Result<(), Error> {
        if self.open.is_empty() && std::mem::replace(&mut self.rooted, true) {
            return Err(broken("it has two roots"));
        }
        self.elements += 1;
        let (depth, elements) = (self.limits.max_svg_depth, self.limits.max_svg_elements);
        if self.open.len() >= depth as usize {
            return Err(many("max_svg_depth", format!("its elements lie more than {depth} deep")));
        }
        if self.elements > elements {
            return Err(many("max_svg_elements", format!("it has more than {elements} elements")));
        }
        Ok(())
    }

    fn declare(&mut self, prefix: &'a str, value: &str) -> Result<(), Error> {
        let most = self.limits.max_svg_namespaces;
        let uri = decoded(value, true)?;
        self.namespaces.insert((prefix, uri.clone()));
        if self.namespaces.len() > most as usize {
            return Err(many("max_svg_namespaces", format!("it declares more than {most} namespaces")));
        }
        let reserved = matches!(prefix, "xml" | "xmlns") || uri == XML || uri == XMLNS;
        let emptied = uri.is_empty() && !prefix.is_empty();
        if emptied || reserved && (prefix, uri.as_str()) != ("xml", XML) {
            return Err(broken("it declares a namespace that cannot be declared"));
        }
        if self.uri(prefix) != Ok(&uri) {
            self.declared.push((prefix, uri));
        }
        Ok(())
    }

    /// What a prefix stands for here; nothing for none where no default is declared.
    fn uri(&self, prefix: &str) -> Result<&str, Error> {
        match self.declared.iter().rev().find(|(declared, _)| *declared == prefix) {
            Some((_, uri)) => Ok(uri),
            None if prefix.is_empty() => Ok(""),
            None => Err(broken("a prefix in it is not declared")),
        }
    }

    fn attributes(&self, raw: &[(&'a str, &'a str, &'a str)]) -> Result<Vec<Attribute<'a>>, Error> {
        let mut seen = HashSet::with_capacity(raw.len());
        let mut attributes = Vec::with_capacity(raw.len());
        for (prefix, name, value) in raw {
            let uri = if prefix.is_empty() { "" } else { self.uri(prefix)? };
            if !seen.insert((uri, *name, *prefix == "xmlns")) {
                return Err(broken("an attribute stands there twice"));
            }
            if declaration(prefix, name).is_none() {
                attributes.push(Attribute { space: Space::of(uri), name, value: decoded(value, true)? });
            }
        }
        Ok(attributes)
    }

    fn end(&mut self) -> Result<Event<'a>, Error> {
        let (_, _, below) = self.open.pop().ok_or_else(|| broken("it is not well-formed"))?;
        self.declared.truncate(below);
        Ok(Event::End)
    }
}

/// The prefix that an attribute declares, empty for the default.
fn declaration<'a>(prefix: &str, name: &'a str) -> Option<&'a str> {
    match (prefix, name) {
        ("", "xmlns") => Some(""),
        ("xmlns", name) => Some(name),
        _ => None,
    }
}

/// Anywhere, a comment or CDATA too: nobody needs the words.
fn declares_entity(bytes: &[u8]) -> bool {
    let word = b"<!entity";
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Text with its references replaced. White space of attributes becomes spaces, as XML wants it.
fn decoded(text: &str, is_attribute: bool) -> Result<String, Error> {
    let plain = |part: &str, out: &mut String| {
        if is_attribute {
            out.extend(part.chars().map(|c| if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c }));
        } else {
            // A line ends with a line feed, however it was written.
            out.push_str(&part.replace("\r\n", "\n").replace('\r', "\n"));
        }
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain(&rest[..at], &mut out);
        let end = rest[at..].find(';').ok_or_else(|| broken("a reference in it does not end"))?;
        let written = &rest[at..=at + end];
        let reference = Stream::from(written).try_consume_reference();
        match reference {
            Some(Reference::Char(c)) => out.push(c),
            Some(Reference::Entity(name)) => {
                out.push(predefined(name).ok_or_else(|| broken("it refers to an unknown entity"))?);
            }
            None => return Err(broken("a reference in it is malformed")),
        }
        rest = &rest[at + end + 1..];
    }
    plain(rest, &mut out);
    if out.chars().all(is_xml) { Ok(out) } else { Err(broken("it holds a character that XML has not")) }
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// Whether XML 1.0 has a character.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

pub(super) fn broken(sentence: &str) -> Error {
    Error::Damaged(sentence.to_owned())
}

pub(super) fn many(limit: &'static str, told: String) -> Error {
    Error::TooManyPieces { limit, told }
}
