//! The fields of a sent form or a query, as text. A field that is missing reads as empty.

/// Names and values in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` text; what is no UTF-8 becomes replacement characters.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Fields(pairs.collect())
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// The first value of a name, if the name is there.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// All values of a name, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_decoded_and_repeat() {
        let fields = Fields::parse("a=1+2&b=%C3%A9%26&a=3&c&&=x&d=%zz%");
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("d")), ("1 2", "é&", "%zz%"));
        assert_eq!((fields.find("c"), fields.find("e"), fields.get("e")), (Some(""), None, ""));
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1 2", "3"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_what_was_encoded_comes_back(name in "[a-z]{1,8}", value in "\\PC{0,40}", noise in "[%&=+a-z0-9]{0,40}") {
            let text = format!("{noise}&{name}1={}", crate::words::encoded(&value));
            let fields = Fields::parse(&text);
            let name = format!("{name}1");
            prop_assert_eq!(fields.all(&name).last(), Some(&*value));
        }
    }
}
