//! What the selectors of a rule may select, told roughly: by one name, class or id of the last element of each. Where that is
//! not told it is any element.

/// What elements may be known by that a list of selectors selects: `name`, `.class`, `#id` or `*`.
pub(super) fn keys(selectors: &str) -> Vec<String> {
    let mut keys: Vec<String> = parts(selectors, |c| c == ',').iter().map(|one| key(one.trim())).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn key(selector: &str) -> String {
    let compound =
        parts(selector, |c| c.is_whitespace() || matches!(c, '>' | '+' | '~')).pop().unwrap_or_default();
    let compound = plain(compound);
    // Of keyframes, which any element may run through.
    let is_moment = compound.contains('%') || ["from", "to"].contains(&compound.as_str());
    let after = |mark: char| {
        let at = compound.find(mark)? + 1;
        let end = compound[at..].find(['.', '#', ':']).map_or(compound.len(), |end| at + end);
        Some(format!("{mark}{}", &compound[at..end]))
    };
    let name = || {
        let name = compound.split([':', '.', '#']).next().unwrap_or_default();
        let name = name.rsplit('|').next().unwrap_or_default();
        if name.is_empty() { "*".to_owned() } else { name.to_owned() }
    };
    if is_moment { "*".to_owned() } else { after('#').or_else(|| after('.')).unwrap_or_else(name) }
}

/// A compound without what stands in brackets.
fn plain(compound: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    compound.chars().filter(outside).collect()
}

/// The parts between marks that stand outside of brackets and strings.
fn parts(text: &str, is_mark: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) => quote = (open != c).then_some(open),
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, c) if depth == 0 && is_mark(c) => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_known_by_the_last_element_that_it_names() {
        let check = |text: &str, expected: &[&str]| assert_eq!(keys(text), expected, "{text}");
        check("path", &["path"]);
        check(".a, #b > c", &[".a", "c"]);
        check("g .a.b:hover", &[".a"]);
        check("rect#x.a", &["#x"]);
        check("svg|rect", &["rect"]);
        check("*", &["*"]);
        check(":root", &["*"]);
        check("a[href='.x, y z']", &["a"]);
        check(":is(.a, .b) ~ :not(#c)", &["*"]);
        check("50%, from", &["*"]);
        check("", &["*"]);
    }
}
