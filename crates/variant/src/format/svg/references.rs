//! How much a document draws when every reference in it is followed, those of its style sheets too: a few elements that
//! refer to each other in twos can stand for a thousand million. The drawing is walked through, and given up past a bound.
//!
//! Where it is not sure whether a rule holds for an element it does, and what an element inherits it has beside its own: so
//! more is counted than is drawn, never less.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::reader::many;
use super::selectors;
use crate::Error;

/// Elements that may be drawn, references followed.
const MAX_DRAWN: u64 = 1_000_000;

/// References that one element may have, by attributes, by rules and inherited. Those to colours do not count.
const MAX_OF_ONE: usize = 64;

/// References that rules may make: for each thing that they select, each that they refer to.
const MAX_RULED: usize = 200_000;

/// So many bytes of the names in a rule weigh as much as a reference.
const LONG_NAME_BYTES: usize = 64;

/// An element as it was read.
#[derive(Debug)]
struct Element {
    parent: Option<usize>,
    /// What rules may know it by.
    keys: Vec<String>,
    is_drawn: bool,
    references: Vec<Reference>,
}

/// What somebody refers to.
#[derive(Debug, Clone)]
struct Reference {
    how: How,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// What lies there is drawn in this place, with what this place hands down.
    Link,
    /// It is drawn once for this element.
    Once,
    /// It is drawn for this element and for all that lie in it, by this property of [`INHERITED`], or another.
    Inherited(usize),
}

/// Properties by which elements refer to what is drawn for all that lie in them.
const INHERITED: [&str; 6] = ["fill", "stroke", "marker", "marker-start", "marker-mid", "marker-end"];

/// What is handed down: by which property, and to whom it leads.
type Inherited = (usize, usize);

/// Counts what is read.
#[derive(Debug, Default)]
pub(super) struct References {
    elements: Vec<Element>,
    open: Vec<usize>,
    by_name: HashMap<String, usize>,
    /// What the rules of style sheets refer to, by what they select.
    rules: HashMap<String, Vec<Reference>>,
    /// How many those are.
    ruled: usize,
}

/// An element as it is drawn.
#[derive(Debug, Default)]
struct Node {
    children: Vec<usize>,
    links: Vec<usize>,
    once: Vec<usize>,
    inherited: Rc<[Inherited]>,
}

/// An element while it is drawn: how many of its edges were followed, and what hands down to it that is no parent.
struct Frame {
    at: usize,
    next: usize,
    carried: Rc<[Inherited]>,
}

impl References {
    pub(super) fn new() -> References {
        References::default()
    }

    /// An element begins; it may be one that is only looked up, such as a colour's.
    pub(super) fn start(&mut self, name: &str, id: Option<&str>, class: Option<&str>, is_drawn: bool) {
        let number = self.elements.len();
        let mut keys = vec![name.to_owned(), "*".to_owned()];
        keys.extend(class.unwrap_or_default().split_whitespace().map(|class| format!(".{class}")));
        if let Some(id) = id {
            keys.push(format!("#{id}"));
            self.by_name.entry(id.to_owned()).or_insert(number);
        }
        let parent = self.open.last().copied();
        self.elements.push(Element { parent, keys, is_drawn, references: Vec::new() });
        self.open.push(number);
    }

    /// A link of the open element.
    pub(super) fn link(&mut self, address: &str) {
        self.add(How::Link, address);
    }

    /// An attribute of the open element that may hold `url(#name)`.
    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        if !value.contains("url(") {
            return;
        }
        if ["values", "from", "to", "by"].contains(&name) {
            // Of an animation, whose target may lie anywhere.
            return self.rule("*", &[("fill".to_owned(), value.to_owned())]);
        }
        if name != "style" {
            return self.add(how(name), value);
        }
        for (property, value) in value.split(';').filter_map(|declaration| declaration.split_once(':')) {
            self.add(how(property), value);
        }
    }

    fn add(&mut self, how: How, value: &str) {
        let Some(element) = self.open.last().and_then(|open| self.elements.get_mut(*open)) else { return };
        element.references.extend(names(value).map(|name| Reference { how, name: name.to_owned() }));
    }

    pub(super) fn end(&mut self) {
        self.open.pop();
    }

    /// A rule of a style sheet with those of its declarations that hold `url(#name)`.
    pub(super) fn rule(&mut self, selectors: &str, declarations: &[(String, String)]) {
        let named = declarations.iter().flat_map(|(name, value)| names(value).map(|it| (how(name), it)));
        let named: Vec<Reference> = named.map(|(how, it)| Reference { how, name: it.to_owned() }).collect();
        let keys = selectors::keys(selectors);
        // What is copied for each key.
        let named_bytes: usize = named.iter().map(|reference| reference.name.len()).sum();
        let copied = named.len().saturating_add(named_bytes / LONG_NAME_BYTES);
        self.ruled = self.ruled.saturating_add(keys.len().saturating_mul(copied));
        if self.ruled > MAX_RULED {
            return;
        }
        for key in keys {
            self.rules.entry(key).or_default().extend_from_slice(&named);
        }
    }

    /// Fails when too much would be drawn.
    pub(super) fn hold(&self) -> Result<(), Error> {
        let nodes = if self.ruled > MAX_RULED { None } else { self.nodes() };
        let drawn = nodes.and_then(|nodes| drawn(&nodes));
        let told = || format!("its references draw more than {MAX_DRAWN} elements");
        drawn.map(drop).ok_or_else(|| many("max_svg_elements", told()))
    }

    /// The elements with all that they refer to; none where one has too many.
    fn nodes(&self) -> Option<Vec<Node>> {
        let rules: HashMap<&str, Vec<(How, usize)>> =
            self.rules.iter().map(|(key, rule)| (key.as_str(), self.known(rule))).collect();
        let mut nodes: Vec<Node> = Vec::with_capacity(self.elements.len());
        for (number, element) in self.elements.iter().enumerate() {
            let ruled = element.keys.iter().filter_map(|key| rules.get(key.as_str())).flatten().copied();
            let own = self.known(&element.references).into_iter().chain(ruled);
            let own: Vec<(How, usize)> = own.take(MAX_OF_ONE + 1).collect();
            let of = |wanted| own.iter().filter(move |(how, _)| *how == wanted).map(|(_, target)| *target);
            let handed = own.iter().filter_map(|(how, target)| match how {
                How::Inherited(property) => Some((*property, *target)),
                _ => None,
            });
            let above = element.parent.map(|parent| nodes[parent].inherited.clone()).unwrap_or_default();
            let inherited = joined(&above, handed);
            if own.len() > MAX_OF_ONE || inherited.len() > MAX_OF_ONE {
                return None;
            }
            let (links, once) = (of(How::Link).collect(), of(How::Once).collect());
            nodes.push(Node { children: Vec::new(), links, once, inherited });
            if let Some(parent) = element.parent {
                nodes[parent].children.push(number);
            }
        }
        Some(nodes)
    }

    /// Those of some references that lead to something that is drawn.
    fn known(&self, references: &[Reference]) -> Vec<(How, usize)> {
        let known = references.iter().filter_map(|it| Some((it.how, *self.by_name.get(&it.name)?)));
        known.filter(|(_, target)| self.elements[*target].is_drawn).take(MAX_OF_ONE + 1).collect()
    }
}

/// Elements drawn from the root on; none past the bound. A reference to what is being drawn already draws nothing, as in
/// browsers.
fn drawn(nodes: &[Node]) -> Option<u64> {
    if nodes.is_empty() {
        return Some(0);
    }
    // With what hands down to them: by links the same may be drawn in itself, otherwise painted.
    let mut open: HashSet<(usize, Rc<[Inherited]>)> = HashSet::from([(0, Rc::default())]);
    let (mut drawn, mut steps) = (1, 0);
    let mut stack = vec![Frame { at: 0, next: 0, carried: Rc::default() }];
    while let Some(frame) = stack.last_mut() {
        let Some(target) = nodes[frame.at].edge(frame.next, &frame.carried) else {
            open.remove(&(frame.at, frame.carried.clone()));
            stack.pop();
            continue;
        };
        let carried = nodes[frame.at].carried(frame.next, &frame.carried);
        frame.next += 1;
        steps += 1;
        if steps > MAX_DRAWN || carried.len() > MAX_OF_ONE {
            return None;
        }
        if open.insert((target, carried.clone())) {
            drawn += 1;
            stack.push(Frame { at: target, next: 0, carried });
        }
    }
    Some(drawn)
}

impl Node {
    /// What is drawn with it, one after the other; none at the end.
    fn edge(&self, number: usize, carried: &[Inherited]) -> Option<usize> {
        let own: [&[usize]; 3] = [&self.children, &self.links, &self.once];
        let mut number = number;
        for edges in own {
            match edges.get(number) {
                Some(edge) => return Some(*edge),
                None => number -= edges.len(),
            }
        }
        let handed = self.inherited.get(number).or_else(|| carried.get(number - self.inherited.len()));
        handed.map(|(_, target)| *target)
    }

    /// What hands down along an edge: in children what does already, and to what is linked also what this one has itself.
    fn carried(&self, number: usize, carried: &Rc<[Inherited]>) -> Rc<[Inherited]> {
        let (children, links) = (self.children.len(), self.links.len());
        if number < children {
            carried.clone()
        } else if number < children + links {
            joined(carried, self.inherited.iter().copied())
        } else {
            Rc::default()
        }
    }
}

/// What is handed down with what comes to it. The same by the same property is drawn once; by others it is drawn again.
fn joined(above: &Rc<[Inherited]>, own: impl Iterator<Item = Inherited>) -> Rc<[Inherited]> {
    let new: Vec<Inherited> = own.filter(|one| one.0 >= INHERITED.len() || !above.contains(one)).collect();
    if new.is_empty() { above.clone() } else { above.iter().copied().chain(new).collect() }
}

/// How a property refers: paints, marks and custom properties are inherited.
fn how(property: &str) -> How {
    let property = property.trim().to_ascii_lowercase();
    match INHERITED.iter().position(|name| *name == property) {
        Some(number) => How::Inherited(number),
        None if property.starts_with("--") => How::Inherited(INHERITED.len()),
        None => How::Once,
    }
}

/// Every `#name` in a value.
fn names(value: &str) -> impl Iterator<Item = &str> {
    value.split('#').skip(1).map(|after| {
        let end = after.find([')', ' ', '"', '\'']).unwrap_or(after.len());
        &after[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements by name, each with what it links to, beside each other.
    fn beside<Text: AsRef<str>>(elements: &[(Text, Text)]) -> References {
        let mut references = References::new();
        references.start("svg", None, None, true);
        for (id, value) in elements {
            references.start("g", Some(id.as_ref()), None, true);
            references.link(value.as_ref());
            references.end();
        }
        references
    }

    fn rule(references: &mut References, selectors: &str, property: &str, value: &str) {
        references.rule(selectors, &[(property.to_owned(), value.to_owned())]);
    }

    fn count(references: &References) -> Option<u64> {
        references.nodes().and_then(|nodes| drawn(&nodes))
    }

    /// Patterns that each hold a rectangle of the class `cN`, and one that draws the first.
    fn patterns(many: usize) -> References {
        let mut references = References::new();
        references.start("svg", None, None, true);
        for number in 0..many {
            references.start("pattern", Some(&format!("p{number}")), None, true);
            for _ in 0..2 {
                references.start("rect", None, Some(&format!("x c{number}")), true);
                references.end();
            }
            references.end();
        }
        references
    }

    #[test]
    fn references_are_followed_and_circles_are_not() {
        let drawn = |elements: &[(&str, &str)]| count(&beside(elements)).unwrap();
        assert_eq!(drawn(&[("a", ""), ("b", "")]), 3);
        assert_eq!(drawn(&[("a", "#b #b"), ("b", "")]), 5);
        assert_eq!(drawn(&[("a", "#b"), ("b", "#a")]), 5);
        assert_eq!(drawn(&[("a", "#nothing")]), 2);
    }

    #[test]
    fn doubling_over_and_over_is_refused_and_a_long_chain_is_not() {
        let doubling: Vec<(String, String)> =
            (0..70).map(|n| (format!("a{n}"), format!("#a{} #a{}", n + 1, n + 1))).collect();
        let chain: Vec<(String, String)> =
            (0..900).map(|n| (format!("a{n}"), format!("#a{}", n + 1))).collect();
        assert!(matches!(beside(&doubling).hold(), Err(Error::TooManyPieces { .. })));
        assert_eq!(beside(&chain).hold(), Ok(()));
        // A way back from each to the one before hides nothing.
        let hidden: Vec<(String, String)> = (0..70)
            .rev()
            .map(|n: usize| (format!("a{n}"), format!("#a{} #a{} #a{}", n.saturating_sub(1), n + 1, n + 1)))
            .collect();
        assert!(beside(&hidden).hold().is_err());
    }

    #[test]
    fn rules_of_style_sheets_refer_as_attributes_do() {
        let mut references = patterns(70);
        assert_eq!(references.hold(), Ok(()));
        for number in 0..70 {
            let next = format!("url(#p{})", number + 1);
            rule(&mut references, &format!("g > rect.c{number}:hover, .none"), "filter", &next);
        }
        assert!(references.hold().is_err());
    }

    #[test]
    fn what_is_inherited_counts_for_all_that_lie_within() {
        let mut references = References::new();
        references.start("svg", None, None, true);
        references.start("pattern", Some("p"), None, true);
        for _ in 0..9 {
            references.start("rect", None, None, true);
            references.end();
        }
        references.end();
        references.start("g", None, None, true);
        references.attribute("style", "opacity:1;fill:url(#p)");
        for _ in 0..9 {
            references.start("rect", None, None, true);
            references.end();
        }
        assert_eq!(count(&references), Some(1 + 10 + 10 + 10 * 10));
        rule(&mut references, "rect", "--ink", "url(#p)");
        assert!(count(&references) > Some(200));
    }

    #[test]
    fn what_a_link_hands_down_counts_within_what_it_links_to() {
        let mut references = References::new();
        references.start("svg", None, None, true);
        for number in 0..9 {
            references.start("pattern", Some(&format!("p{number}")), None, true);
            references.start("use", None, None, true);
            references.link("#many");
            references.attribute("fill", &format!("url(#p{})", number + 1));
            references.end();
            references.end();
        }
        references.start("g", Some("many"), None, true);
        for _ in 0..50 {
            references.start("rect", None, None, true);
            references.end();
        }
        assert!(references.hold().is_err());
    }

    #[test]
    fn colours_draw_nothing_however_often_they_are_named() {
        let mut references = References::new();
        references.start("svg", None, None, true);
        for number in 0..1_000 {
            references.start("linearGradient", Some(&format!("g{number}")), None, false);
            references.end();
            rule(&mut references, "path", "fill", &format!("url(#g{number})"));
        }
        for _ in 0..1_000 {
            references.start("path", None, None, true);
            references.end();
        }
        assert_eq!(count(&references), Some(2_001));
    }

    #[test]
    fn many_rules_for_many_elements_take_no_time() {
        let mut references = References::new();
        references.start("svg", None, None, true);
        references.start("g", Some("g"), None, true);
        references.end();
        for _ in 0..50_000 {
            rule(&mut references, "path.a", "filter", "url(#g)");
            references.start("path", None, Some("a"), true);
            references.end();
        }
        assert!(references.hold().is_err());
    }
}
