//! How other services write wishes: their words become [`crate::Options`], their source the id of an image of the
//! account. What has no counterpart is refused by name, and so is a source that lies elsewhere. Signatures are not
//! known here.

mod cloudimage;
mod imgproxy;
mod ours;
mod thumbor;

pub use self::ours::Translation;
use crate::Error;

/// A service whose URLs can be read, below its mount and behind its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `/v7/{id}?w=400&func=bound`, the query being the one that counts: sealed operations before free ones.
    Cloudimage,
    /// `/rs:fit:400:300/plain/{id}@webp`, or the id in base64url.
    Imgproxy,
    /// `/fit-in/400x300/filters:quality(80)/{id}`.
    Thumbor,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: &[Dialect] = &[Dialect::Cloudimage, Dialect::Imgproxy, Dialect::Thumbor];

    /// Reads a raw path and, of Cloudimage, the query. An error names the word that cannot be met.
    pub fn read(self, path: &str, query: Option<&str>) -> Result<Translation, Error> {
        let path = path.strip_prefix('/').unwrap_or(path);
        match self {
            Dialect::Cloudimage => cloudimage::read(path, query),
            Dialect::Imgproxy => imgproxy::read(path),
            Dialect::Thumbor => thumbor::read(path),
        }
    }

    /// The words that are read, as `docs/migration-options.md` lists them.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Dialect::Cloudimage => cloudimage::WORDS,
            Dialect::Imgproxy => imgproxy::WORDS,
            Dialect::Thumbor => thumbor::WORDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Options;

    #[test]
    fn the_table_for_people_names_every_word_that_is_read() {
        let table = include_str!("../../../docs/migration-options.md");
        for &dialect in Dialect::ALL {
            for word in dialect.words() {
                let is_told = ['`', '(', '='].iter().any(|end| table.contains(&format!("`{word}{end}")));
                assert!(is_told, "{dialect:?}: {word}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_url_is_read_or_refused_and_what_is_read_is_an_option_text_of_ours(
            index in 0..Dialect::ALL.len(),
            path in "(/(rs:fill|rs:fit:|w:|h:|g:no|q:|dpr:2|ex:1|bl:|t:|rot:90|plain|fit-in|trim|-|[0-9]{0,3}x[0-9]{0,3}|left|top|smart|filters:|quality\\(80\\)|fill\\(red\\)|[a-zA-Z0-9:@._-]{0,6}|%[0-9a-fA-F]{0,2}|\\PC)?){0,8}",
            query in prop::option::of("((w|h|func|q|gravity|bg_color|dpr|blur|trim|bright|flip)=(crop|h|bound|fit|[0-9]{0,3}|north|red|%20)&?){0,6}"),
        ) {
            if let Ok(translation) = Dialect::ALL[index].read(&path, query.as_deref()) {
                let text = translation.options.to_string();
                if !text.is_empty() {
                    prop_assert_eq!(Options::parse(&text), Ok(translation.options));
                }
            }
        }
    }
}
