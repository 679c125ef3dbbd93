//! Which URLs the resource of a policy opens (signing-schemes 4): a pattern whose wildcards stay within a section, that is
//! protocol, domain, path or query.

/// The URL of a request as the outside sees it, without the parameters of the signature.
#[derive(Debug, Clone)]
pub(super) struct PublicUrl<'r> {
    pub(super) protocol: &'static str,
    pub(super) host: &'r str,
    pub(super) path: &'r str,
    /// Without its `?`.
    pub(super) query: Option<String>,
}

impl PublicUrl<'_> {
    /// The URL in one piece.
    pub(super) fn text(&self) -> String {
        let joint = if self.query.is_some() { "?" } else { "" };
        let query = self.query.as_deref().unwrap_or_default();
        format!("{}://{}{}{joint}{query}", self.protocol, self.host, self.path)
    }
}

/// The resource of a policy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resource(String);

/// A pattern by its sections.
#[derive(Debug, Clone, Copy)]
struct Sections<'p> {
    /// None for any.
    protocol: Option<&'p str>,
    domain: &'p str,
    /// None where the pattern ends with the domain.
    path: Option<&'p str>,
    query: Option<&'p str>,
}

impl Resource {
    /// Takes a resource as the policy has it.
    pub(super) fn new(text: String) -> Self {
        Resource(text)
    }

    /// Whether it names this URL itself, and not what a wildcard fits.
    pub(super) fn names(&self, url: &PublicUrl<'_>) -> bool {
        self.is(url) && !self.0.contains('*')
    }

    /// Whether it opens a URL. Takes at most as many steps as the product of both lengths.
    pub(super) fn opens(&self, url: &PublicUrl<'_>) -> bool {
        let pattern = self.0.as_str();
        if pattern == "*" || self.is(url) {
            return true;
        }
        let (protocol, rest) = protocol_of(pattern);
        let (domain, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let sections = |path, query| Sections { protocol, domain, path, query };
        if rest.is_empty() {
            return sections(None, None).fit(url);
        }
        // SDKs write the `?` before a query without the backslash that tells it from a wildcard; so where there is none it is
        // read in both ways.
        match rest.split_once("\\?") {
            Some((path, query)) => sections(Some(path), Some(query)).fit(url),
            None => {
                let as_query = rest.split_once('?').map(|(path, query)| sections(Some(path), Some(query)));
                sections(Some(rest), None).fit(url) || as_query.is_some_and(|sections| sections.fit(url))
            }
        }
    }

    fn is(&self, url: &PublicUrl<'_>) -> bool {
        self.0.replace("\\?", "?") == url.text()
    }
}

impl Sections<'_> {
    fn fit(self, url: &PublicUrl<'_>) -> bool {
        self.protocol.is_none_or(|protocol| fits(protocol, url.protocol))
            && fits(self.domain, url.host)
            && match self.path {
                // A pattern that ends in an asterisk opens all that may come after.
                None => self.domain.ends_with('*'),
                Some(path) => fits(path, url.path) && self.fit_query(path, url.query.as_deref()),
            }
    }

    fn fit_query(self, path: &str, query: Option<&str>) -> bool {
        match (self.query, query) {
            (Some(pattern), Some(query)) => fits(pattern, query),
            (Some(_), None) => false,
            (None, query) => query.is_none() || path.ends_with('*'),
        }
    }
}

/// The protocol of a pattern, if it names one, and the rest.
fn protocol_of(pattern: &str) -> (Option<&str>, &str) {
    match pattern.split_once("://") {
        Some((protocol, rest)) if !protocol.contains('/') => (Some(protocol), rest),
        _ => (None, pattern),
    }
}

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `*`: any run of characters, also none.
    AnyRun,
    /// `?`: one character.
    AnyOne,
    /// The character itself; `\?` is a question mark.
    This(u8),
}

fn places(pattern: &str) -> Vec<Place> {
    let mut places = Vec::with_capacity(pattern.len());
    let mut rest = pattern.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let (place, tail) = match (first, tail) {
            (b'\\', [b'?', tail @ ..]) => (Place::This(b'?'), tail),
            (b'*', tail) => (Place::AnyRun, tail),
            (b'?', tail) => (Place::AnyOne, tail),
            (byte, tail) => (Place::This(byte), tail),
        };
        // Two asterisks fit what one does.
        if place != Place::AnyRun || places.last() != Some(&Place::AnyRun) {
            places.push(place);
        }
        rest = tail;
    }
    places
}

/// Whether a pattern fits a whole text. Each asterisk takes as little as it can, and only the last one that was met takes
/// more when the rest does not fit: what stands before it fits already, and no other choice there opens more.
fn fits(pattern: &str, text: &str) -> bool {
    let (places, text) = (places(pattern), text.as_bytes());
    let (mut at, mut index) = (0, 0);
    let mut last_run = None;
    while let Some(&byte) = text.get(index) {
        match places.get(at) {
            Some(Place::AnyRun) => {
                at += 1;
                last_run = Some((at, index));
            }
            Some(&place) if place == Place::AnyOne || place == Place::This(byte) => {
                at += 1;
                index += 1;
            }
            _ => {
                let Some((after_run, run_ends)) = last_run else { return false };
                at = after_run;
                index = run_ends + 1;
                last_run = Some((after_run, index));
            }
        }
    }
    places[at..].iter().all(|&place| place == Place::AnyRun)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opens(pattern: &str, url: &str) -> bool {
        let (protocol, rest) = url.split_once("://").unwrap();
        let (target, query) = match rest.split_once('?') {
            Some((target, query)) => (target, Some(query.to_owned())),
            None => (rest, None),
        };
        let (host, path) = target.split_at(target.find('/').unwrap());
        let protocol = if protocol == "https" { "https" } else { "http" };
        let parsed = PublicUrl { protocol, host, path, query };
        assert_eq!(parsed.text(), url);
        Resource::new(pattern.to_owned()).opens(&parsed)
    }

    #[test]
    fn wildcards_stay_within_their_section() {
        let check = |pattern: &str, url: &str, expected| {
            assert_eq!(opens(pattern, url), expected, "{pattern} {url}");
        };
        check("https://h/d/x.jpg", "https://h/d/x.jpg", true);
        check("https://h/d/x.jpg", "https://h/d/x.jpg?", false);
        check("https://h/d/x.jpg", "http://h/d/x.jpg", false);
        check("https://h/d/x.jpg", "https://h/d/X.jpg", false);
        check("https://h/d/*.jpg", "https://h/d/x.jpg", true);
        check("https://h/d/*.jpg", "https://h/d/.jpg", true);
        check("https://h/d/*.jpg", "https://h/d/e/x.jpg", true);
        check("https://h/d/*.jpg", "https://h/d/x.jpg?size=1", false);
        check("https://h/d/*.jpg", "https://h/d/x?a=.jpg", false);
        check("https://h/d/*", "https://h/d/x.jpg?size=1", true);
        check("https://h/d/*", "https://h/d", false);
        check("https://h/*", "https://h.evil/x", false);
        check("https://*.h/x", "https://a.b.h/x", true);
        check("https://*.h/x", "https://evil/a.h/x", false);
        check("https://h*/x", "https://h.evil/x", true);
        check("http*://h/x", "https://h/x", true);
        check("http?://h/x", "http://h/x", false);
        check("*://h/x", "http://h/x", true);
        check("h/x", "http://h/x", true);
        check("h/x", "https://h/y", false);
    }

    #[test]
    fn a_pattern_that_ends_early_opens_what_comes_after_its_asterisk_only() {
        let check = |pattern: &str, url: &str, expected| {
            assert_eq!(opens(pattern, url), expected, "{pattern} {url}");
        };
        for url in ["https://h/", "http://h/x?y", "https://a.b/c"] {
            check("*", url, true);
            check("*://*", url, true);
            check("", url, false);
            check("/x", url, false);
            check("https://h", url, false);
        }
        check("https://*", "https://h/x?y", true);
        check("https://*", "http://h/x", false);
        check("https://*.h*", "https://a.h.b/x?y", true);
        check("https://*/x", "https://h/x", true);
        check("https://*/x", "https://h/y", false);
    }

    #[test]
    fn a_query_begins_at_its_escaped_question_mark_and_else_at_the_first() {
        let check = |pattern: &str, url: &str, expected| {
            assert_eq!(opens(pattern, url), expected, "{pattern} {url}");
        };
        check("https://h/x\\?a=*", "https://h/x?a=1&b=2", true);
        check("https://h/x\\?a=*", "https://h/x?b=1", false);
        check("https://h/x\\?a=*", "https://h/x", false);
        check("https://h/x\\?*", "https://h/x?", true);
        check("https://h/x\\?*", "https://h/x", false);
        check("https://h/*\\?a=1", "https://h/x?a=2", false);
        check("https://h/x\\?a=\\?", "https://h/x?a=?", true);
        check("https://h/x\\?a=\\?", "https://h/x?a=b", false);
        check("https://h/x\\?a=?", "https://h/x?a=b", true);
        check("https://h/x?a=*", "https://h/x?a=1", true);
        check("https://h/x?a=*", "https://h/xya=1", true);
        check("https://h/*?a=1", "https://h/x?a=1", true);
        check("https://h/a?b\\?c=1", "https://h/a?b?c=1", true);
        check("https://h/a?*\\?c=1", "https://h/a?b?c=1", false);
        check("https://h/phot?.jpg", "https://h/photz.jpg", true);
        check("https://h/phot?.jpg", "https://h/photzz.jpg", false);
        check("https://h/phot?.jpg", "https://h/phot.jpg", false);
    }

    #[test]
    fn a_resource_names_a_url_where_it_is_one() {
        let check = |pattern: &str, expected| {
            let (host, path, query) = ("h", "/x*", Some("a=1".to_owned()));
            let url = PublicUrl { protocol: "https", host, path: &path[..2], query };
            assert_eq!(Resource::new(pattern.into()).names(&url), expected, "{pattern}");
            let url = PublicUrl { path, query: None, ..url };
            assert!(!Resource::new("https://h/x*".into()).names(&url));
        };
        check("https://h/x?a=1", true);
        check("https://h/x\\?a=1", true);
        check("https://h/x\\?a=?", false);
        check("https://h/x", false);
        check("*", false);
    }

    #[test]
    fn the_worst_pattern_takes_bounded_work() {
        let pattern = format!("https://h/{}b*", "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab".repeat(100));
        assert!(!opens(&pattern, &format!("https://h/{}", "a".repeat(4_000))));
        assert!(opens(&format!("https://h/{}", "*".repeat(5_000)), "https://h/x"));
    }

    /// The same question, answered by trying everything.
    fn plainly(places: &[Place], text: &[u8]) -> bool {
        match (places.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some((Place::AnyRun, rest)), None) => plainly(rest, text),
            (Some((Place::AnyRun, rest)), Some((_, tail))) => plainly(rest, text) || plainly(places, tail),
            (Some(_), None) => false,
            (Some((&place, rest)), Some((&byte, tail))) => {
                (place == Place::AnyOne || place == Place::This(byte)) && plainly(rest, tail)
            }
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_trying_everything_finds(pattern in "[ab*?]{0,9}", text in "[ab?]{0,9}") {
            prop_assert_eq!(fits(&pattern, &text), plainly(&places(&pattern), text.as_bytes()));
        }

        #[test]
        fn any_pattern_is_answered_and_a_url_opens_itself(
            pattern in "\\PC{0,40}|(https?|\\*)?(://)?[h*.?\\\\]{0,4}(/[a*?\\\\]{0,5}){0,3}",
            path in "(/[a-z*]{0,5}){1,3}",
            query in prop::option::of("[a-z=&?]{0,8}"),
        ) {
            let url = format!("https://h{path}{}", query.map(|query| format!("?{query}")).unwrap_or_default());
            let _ = opens(&pattern, &url);
            prop_assert!(opens(&url, &url));
            prop_assert!(opens(&url.replace('?', "\\?"), &url));
        }
    }
}
