//! Style sheets, declarations and values with everything taken out that could reach for something: a value is taken
//! apart and only known functions, plain words, numbers and strings are put together again. What is dubious is left
//! out, never mended. Every loop runs over its text once per nesting, and nesting is bounded.

use super::links;

/// Blocks within blocks, and parentheses within parentheses.
const MAX_NESTING: usize = 16;

/// Functions that only compute, in order.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "abs", "acos", "asin", "atan", "atan2", "blur", "brightness", "calc", "circle", "clamp", "color", "color-mix",
    "conic-gradient", "contrast", "cos", "cubic-bezier", "drop-shadow", "ellipse", "exp", "grayscale",
    "hsl", "hsla", "hue-rotate", "hwb", "hypot", "inset", "invert", "lab", "lch", "linear", "linear-gradient",
    "matrix", "matrix3d", "max", "min", "mod", "oklab", "oklch", "opacity", "path", "perspective", "polygon",
    "radial-gradient", "rgb", "rgba", "rotate", "rotatex", "rotatey", "rotatez", "saturate", "scale", "scalex",
    "scaley", "sepia", "sin", "skewx", "skewy", "steps", "translate", "translatex", "translatey", "var",
];

/// Rules with an at sign whose blocks hold rules again.
const GROUPS: [&str; 4] = ["media", "supports", "keyframes", "-webkit-keyframes"];

/// Words that no text may hold, whatever stands around them: something somewhere has run them once.
const WORDS: [&str; 7] =
    ["javascript:", "vbscript:", "expression(", "-moz-binding", "behavior:", "</style", "<script"];

/// What of a style sheet may stay.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// Its rules.
    pub(super) text: String,
    /// Those that refer to something in the document.
    pub(super) referring: Vec<Referring>,
}

/// A rule that refers to something.
#[derive(Debug)]
pub(super) struct Referring {
    /// What it selects, or the moment of an animation.
    pub(super) selectors: String,
    /// The properties that do, with their values.
    pub(super) declarations: Vec<(String, String)>,
}

/// The rules of a style sheet that may stay.
pub(super) fn style_sheet(text: &str) -> Sheet {
    let mut sheet = Sheet::default();
    rules(&without_comments(text), 0, &mut sheet);
    if is_harmless(&sheet.text) { sheet } else { Sheet::default() }
}

/// The declarations of a `style` attribute that may stay.
pub(super) fn declarations(text: &str) -> String {
    let text = without_comments(text);
    let kept: Vec<String> = split(&text, ';').into_iter().filter_map(declaration).collect();
    kept.join(";")
}

/// A value, if all of it may stay.
pub(super) fn value(text: &str) -> Option<String> {
    // A comment would hide from a browser what is read here, a quotation mark for instance.
    (!text.contains("/*")).then_some(())?;
    let mut scanner = Scanner { rest: text, out: String::with_capacity(text.len()), closing: Vec::new() };
    while !scanner.rest.is_empty() {
        scanner.step()?;
    }
    (scanner.closing.is_empty() && is_harmless(&scanner.out)).then_some(scanner.out)
}

/// Whether a text holds none of the words.
pub(super) fn is_harmless(text: &str) -> bool {
    let squeezed: String =
        text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    !WORDS.iter().any(|word| squeezed.contains(word))
}

/// Takes a value apart, a token at a time.
struct Scanner<'a> {
    rest: &'a str,
    out: String,
    closing: Vec<char>,
}

impl Scanner<'_> {
    /// Nothing when the value may not stay.
    fn step(&mut self) -> Option<()> {
        let first = self.rest.chars().next()?;
        match first {
            '"' | '\'' => self.string(first),
            '(' | '[' => self.open(first),
            ')' | ']' => {
                (self.closing.pop()? == first).then_some(())?;
                self.put(1);
                Some(())
            }
            c if is_word(c) => self.word(),
            c if c.is_whitespace() || "+*/%.,#!".contains(c) => {
                self.put(c.len_utf8());
                Some(())
            }
            _ => None,
        }
    }

    fn put(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.out.push_str(taken);
        self.rest = rest;
    }

    fn open(&mut self, first: char) -> Option<()> {
        (self.closing.len() < MAX_NESTING).then_some(())?;
        self.closing.push(if first == '(' { ')' } else { ']' });
        self.put(1);
        Some(())
    }

    fn string(&mut self, quote: char) -> Option<()> {
        let end = self.rest[1..].find(quote)? + 2;
        let inside = &self.rest[1..end - 1];
        let plain = !inside.chars().any(|c| c.is_control() || matches!(c, '\\' | '<' | '>'));
        plain.then(|| self.put(end))
    }

    fn word(&mut self) -> Option<()> {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let name = self.rest[..end].to_ascii_lowercase();
        if !self.rest[end..].starts_with('(') {
            // A function that fetches is none with a space before its parenthesis; nobody needs to know that.
            let fetches = ["url", "src", "image", "image-set"].contains(&name.as_str());
            (!fetches || !self.rest[end..].trim_start().starts_with('(')).then_some(())?;
            self.put(end);
            return Some(());
        }
        if name == "url" {
            return self.url(end + 1);
        }
        FUNCTIONS.binary_search(&name.as_str()).ok()?;
        self.put(end);
        self.open('(')
    }

    /// `url(…)` from its parenthesis on: into the document only.
    fn url(&mut self, inside: usize) -> Option<()> {
        let text = &self.rest[inside..];
        let start = text.trim_start();
        let quote = start.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (address, after) = match quote {
            Some(quote) => {
                let end = start[1..].find(quote)? + 1;
                (&start[1..end], &start[end + 1..])
            }
            None => {
                let end = start.find(')')?;
                (start[..end].trim_end(), &start[end..])
            }
        };
        let rest = after.trim_start().strip_prefix(')')?;
        let address = links::fragment(address)?;
        self.out.push_str("url(");
        self.out.push_str(address);
        self.out.push(')');
        self.rest = rest;
        Some(())
    }
}

/// What names, words and numbers are made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '-' | '_')
        || !c.is_ascii() && !c.is_whitespace() && !c.is_control()
}

/// `name: value`.
fn declaration(text: &str) -> Option<String> {
    let (name, text) = text.split_once(':')?;
    let name = name.trim();
    let named = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) && !name.is_empty();
    let forbidden = ["src", "behavior", "-moz-binding"];
    (named && !forbidden.iter().any(|word| name.eq_ignore_ascii_case(word))).then_some(())?;
    let value = value(text.trim())?;
    Some(format!("{name}:{value}"))
}

/// Rules, one after the other; what does not end is left out with all that follows.
fn rules(text: &str, nesting: usize, out: &mut Sheet) {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("<!--").or_else(|| rest.strip_prefix("-->")) {
            rest = after;
            continue;
        }
        let Some(end) = find(rest, &['{', ';']) else { return };
        let (prelude, after) = rest.split_at(end);
        if let Some(behind) = after.strip_prefix(';') {
            // A rule without a block, such as an import.
            rest = behind;
            continue;
        }
        let Some(close) = find_close(&after[1..]) else { return };
        rule(prelude.trim(), &after[1..=close], nesting, out);
        rest = &after[close + 2..];
    }
}

fn rule(prelude: &str, block: &str, nesting: usize, out: &mut Sheet) {
    let mut inside = Sheet::default();
    if let Some(rest) = prelude.strip_prefix('@') {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let known = GROUPS.iter().any(|group| rest[..end].eq_ignore_ascii_case(group));
        if !known || nesting >= MAX_NESTING || !is_plain(&rest[end..]) {
            return;
        }
        rules(block, nesting + 1, &mut inside);
    } else {
        let selects = !prelude.is_empty() && is_plain(prelude);
        if !selects {
            return;
        }
        let kept: Vec<String> = split(block, ';').into_iter().filter_map(declaration).collect();
        inside.referring.extend(referring(prelude, &kept));
        inside.text = kept.join(";");
    }
    out.referring.append(&mut inside.referring);
    if !inside.text.is_empty() {
        out.text.push_str(prelude);
        out.text.push('{');
        out.text.push_str(&inside.text);
        out.text.push('}');
    }
}

fn referring(selectors: &str, declarations: &[String]) -> Option<Referring> {
    let referring = declarations.iter().filter_map(|one| one.split_once(':'));
    let referring = referring.filter(|(_, value)| value.contains("url("));
    let declarations: Vec<_> = referring.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (!declarations.is_empty()).then(|| Referring { selectors: selectors.to_owned(), declarations })
}

/// Whether a selector or a condition consists of what those consist of, and every bracket and quote in it is closed.
fn is_plain(text: &str) -> bool {
    let known = |c: char| is_word(c) || c.is_whitespace() || ".#:*>+~,()[]=|^$%\"'/".contains(c);
    let mut closing = Vec::new();
    let mut quote = None;
    for c in text.chars() {
        if !known(c) {
            return false;
        }
        match (quote, c) {
            (Some(open), c) => quote = (open != c).then_some(open),
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => closing.push(')'),
            (None, '[') => closing.push(']'),
            (None, ')' | ']') if closing.pop() != Some(c) => return false,
            _ => {}
        }
        if closing.len() > MAX_NESTING {
            return false;
        }
    }
    let lower = text.to_ascii_lowercase();
    let words = ["url(", "src(", "image", "/*"];
    quote.is_none() && closing.is_empty() && !words.iter().any(|word| lower.contains(word))
}

/// Comments become spaces; one that does not end takes the rest with it. Strings are left alone.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if quote.is_none() && rest.starts_with("/*") {
            let Some(end) = rest[2..].find("*/") else { return out };
            out.push(' ');
            rest = &rest[end + 4..];
            continue;
        }
        quote = match (quote, c) {
            (None, '"' | '\'') => Some(c),
            (Some(open), c) if open == c || c == '\n' => None,
            (quote, _) => quote,
        };
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Where one of the marks stands first, outside of strings, brackets and blocks.
fn find(text: &str, marks: &[char]) -> Option<usize> {
    let mut walk = Walk::default();
    text.char_indices().find_map(|(at, c)| {
        let found = walk.outside() && marks.contains(&c);
        walk.take(c);
        found.then_some(at)
    })
}

/// Where the block that the text begins within is closed.
fn find_close(text: &str) -> Option<usize> {
    let mut walk = Walk::default();
    text.char_indices().find_map(|(at, c)| {
        let closed = walk.outside() && c == '}';
        walk.take(c);
        closed.then_some(at)
    })
}

/// The parts between marks that stand outside of strings, brackets and blocks.
fn split(text: &str, mark: char) -> Vec<&str> {
    let mut walk = Walk::default();
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if walk.outside() && c == mark {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        } else {
            walk.take(c);
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Keeps count of what is open, as a browser does.
#[derive(Default)]
struct Walk {
    quote: Option<char>,
    open: Vec<char>,
}

impl Walk {
    fn outside(&self) -> bool {
        self.quote.is_none() && self.open.is_empty()
    }

    fn take(&mut self, c: char) {
        match (self.quote, c) {
            (Some(open), c) if open == c || c == '\n' => self.quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => self.quote = Some(c),
            (None, '(') => self.open.push(')'),
            (None, '[') => self.open.push(']'),
            (None, '{') => self.open.push('}'),
            (None, c) if self.open.last() == Some(&c) => {
                self.open.pop();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_only_compute_stay_as_they_are() {
        for text in [
            "#fff",
            "0.5",
            "10px 20%",
            "rgba(1, 2, 3, .5)",
            "translate(10 20) rotate(-45deg)",
            "matrix(1,0,0,1,3.5e-2,-4)",
            "\"Open Sans\", 'Noto', sans-serif",
            "url(#a.b-c)",
            "url(#g) none",
            "calc((1px + 2%) * 3)",
            "var(--ink, red) !important",
            "Größe",
        ] {
            assert_eq!(value(text).as_deref(), Some(text));
        }
        assert_eq!(value("URL( '#a' )").as_deref(), Some("url(#a)"));
    }

    #[test]
    fn values_that_reach_for_something_are_left_out() {
        for text in [
            "url(http://a.test/b)",
            "url(//a.test)",
            "url('x.svg#a')",
            "url(#a)(",
            "urL ('//a.test')",
            "url( #a",
            "url(#a b)",
            "url(data:image/svg+xml,x)",
            "u\\72l(//a.test)",
            "image-set('a.png' 1x)",
            "image('a.png')",
            "src('a.png')",
            "element(#a)",
            "attr(href)",
            "expression(alert(1))",
            "/*\"*/url(http://a.test)/*\"*/",
            "red;x:url(//a)",
            "red}a{b:c",
            "'open",
            "'a\nb'",
            "'</style>'",
            "'java script:x'",
            "progid:DXImageTransform(a=1)",
            "@import",
            "((((((((((((((((((1))))))))))))))))))",
            "(]",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn declarations_are_judged_one_by_one() {
        let check = |text: &str, kept: &str| assert_eq!(declarations(text), kept, "{text}");
        check("fill:red; stroke : url(#a)", "fill:red;stroke:url(#a)");
        check("fill:red;background:url(//a.test);opacity:.5", "fill:red;opacity:.5");
        check("behavior:url(#a);-moz-binding:url(#a);src:x;fill:red", "fill:red");
        check("fill:/* ; */red", "fill:red");
        check("font-family:'a;b';fill:\"x", "font-family:'a;b'");
        check("--a:{b:c};fill:red", "fill:red");
        check("fill:url(//a;b);x:y", "x:y");
    }

    #[test]
    fn rules_stay_and_what_fetches_goes() {
        let check = |text: &str, kept: &str| assert_eq!(style_sheet(text).text, kept, "{text}");
        check(".a, #b > c { fill: red }", ".a, #b > c{fill:red}");
        check("@import 'x.css'; a{fill:red}", "a{fill:red}");
        check("@import url(//a.test/x;y);a{fill:red}", "a{fill:red}");
        check("@font-face{font-family:x;src:url(x.woff)} a{fill:red}", "a{fill:red}");
        check("@media (min-width:1px){a{fill:red;x:url(//b)}}", "@media (min-width:1px){a{fill:red}}");
        check("@keyframes k{from{fill:red}50%{fill:blue}}", "@keyframes k{from{fill:red}50%{fill:blue}}");
        check("<!-- a{fill:red} -->", "a{fill:red}");
        check("a{fill:red}}b{fill:blue}c{fill:tan}", "a{fill:red}c{fill:tan}");
        check("a[href^='x']{fill:red}", "a[href^='x']{fill:red}");
        check("a[b='{']{fill:red}c{fill:blue}", "c{fill:blue}");
        check("a{fill:red", "");
        check("@media x{@media x{@media x{a{fill:red}}}}", "@media x{@media x{@media x{a{fill:red}}}}");
        check("a{fill:red} b{x:'</style><script>'}", "a{fill:red}");
        check("/* a{fill:red} */", "");
        check("/* open", "");
        check("a\\{b{fill:red}", "");
    }

    #[test]
    fn deep_nesting_and_many_rules_take_no_time() {
        let deep = "@media x{".repeat(2_000) + "a{fill:red}" + &"}".repeat(2_000);
        assert_eq!(style_sheet(&deep).text, "");
        let many = "a{fill:red}".repeat(50_000);
        assert_eq!(style_sheet(&many).text, many);
        assert_eq!(value(&"(".repeat(100_000)), None);
    }
}
