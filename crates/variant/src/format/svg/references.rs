//! How much a document draws when every reference in it is followed: a few elements that refer to each other in twos
//! can stand for a thousand million.

use std::collections::HashMap;

use super::reader::many;
use crate::Error;

/// Elements that may be drawn, references followed.
const MAX_DRAWN: u64 = 1_000_000;

/// Elements with a name and all that lies in them up to the next name.
#[derive(Debug, Default)]
struct Part {
    elements: u64,
    /// Parts within, and names referred to.
    parts: Vec<usize>,
    names: Vec<String>,
}

/// Counts while the document is read.
#[derive(Debug)]
pub(super) struct References {
    parts: Vec<Part>,
    by_name: HashMap<String, usize>,
    /// For each open element, the part that it belongs to.
    open: Vec<usize>,
}

impl References {
    pub(super) fn new() -> References {
        References { parts: vec![Part::default()], by_name: HashMap::new(), open: Vec::new() }
    }

    /// An element begins, perhaps with a name; it may be one that is only looked up, such as a colour's.
    pub(super) fn start(&mut self, id: Option<&str>, is_drawn: bool) {
        let around = self.open.last().copied().unwrap_or(0);
        let part = match id {
            Some(id) if !self.by_name.contains_key(id) => {
                let new = self.parts.len();
                self.by_name.insert(id.to_owned(), new);
                self.parts[around].parts.push(new);
                self.parts.push(Part::default());
                new
            }
            _ => around,
        };
        self.parts[part].elements += u64::from(is_drawn);
        self.open.push(part);
    }

    /// The value of an attribute of the open element; every `#name` in it counts.
    pub(super) fn attribute(&mut self, value: &str) {
        let Some(part) = self.open.last() else { return };
        for after in value.split('#').skip(1) {
            let end = after.find([')', ' ', '"', '\'']).unwrap_or(after.len());
            self.parts[*part].names.push(after[..end].to_owned());
        }
    }

    pub(super) fn end(&mut self) {
        self.open.pop();
    }

    /// Fails when too much would be drawn.
    pub(super) fn hold(&self) -> Result<(), Error> {
        let drawn = self.drawn();
        if drawn > MAX_DRAWN {
            let told = format!("its references draw more than {MAX_DRAWN} elements");
            return Err(many("max_svg_elements", told));
        }
        Ok(())
    }

    /// Elements drawn from the root on. A reference to what is being drawn already draws nothing, as in browsers.
    fn drawn(&self) -> u64 {
        let mut totals: Vec<Option<u64>> = vec![None; self.parts.len()];
        let mut under_way = vec![false; self.parts.len()];
        let mut stack = vec![(0, false)];
        while let Some((part, seen)) = stack.pop() {
            let next = |part: usize| {
                let named = self.parts[part].names.iter().filter_map(|name| self.by_name.get(name));
                self.parts[part].parts.iter().chain(named).copied()
            };
            if seen {
                let below = next(part).filter_map(|next| totals[next]);
                totals[part] = Some(below.fold(self.parts[part].elements, u64::saturating_add));
            } else if totals[part].is_none() && !std::mem::replace(&mut under_way[part], true) {
                stack.push((part, true));
                stack.extend(next(part).filter(|next| !under_way[*next]).map(|next| (next, false)));
            }
        }
        totals[0].unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements by name, each with what it refers to, beside each other.
    fn beside<Text: AsRef<str>>(elements: &[(Text, Text)]) -> References {
        let mut references = References::new();
        references.start(None, true);
        for (id, value) in elements {
            references.start(Some(id.as_ref()), true);
            references.attribute(value.as_ref());
            references.end();
        }
        references
    }

    fn drawn(elements: &[(&str, &str)]) -> u64 {
        beside(elements).drawn()
    }

    #[test]
    fn references_are_followed_and_circles_are_not() {
        assert_eq!(drawn(&[("a", ""), ("b", "")]), 3);
        assert_eq!(drawn(&[("a", "url(#b) #b"), ("b", "")]), 5);
        assert!(drawn(&[("a", "#b"), ("b", "#a")]) <= 5);
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
    }
}
