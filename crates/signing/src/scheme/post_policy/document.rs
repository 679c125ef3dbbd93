//! The document of a POST policy: JSON from a stranger, read strictly and within bounds. What is not known is refused,
//! for a condition that is passed over is a door left open.

use std::borrow::Cow;
use std::fmt;

use domain::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::stamp::parse_iso;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document<'j> {
    /// When it ends.
    #[serde(deserialize_with = "iso_time")]
    pub(super) expiration: Timestamp,
    /// What a form must hold.
    #[serde(borrow, deserialize_with = "conditions")]
    pub(super) conditions: Vec<Condition<'j>>,
}

/// What a form must hold. Names of fields are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition<'j> {
    /// A field has this value.
    Equal(Cow<'j, str>, Cow<'j, str>),
    /// The value of a field starts with this text.
    StartsWith(Cow<'j, str>, Cow<'j, str>),
    /// The file has at least and at most so many bytes.
    FileBytes(u64, u64),
}

impl<'j> Document<'j> {
    /// Longest document, in bytes. A form of Amazon's is held to 20 KB in all but the file.
    pub(super) const MAX_BYTES: usize = 20 * 1024;
    /// Most conditions.
    pub(super) const MAX_CONDITIONS: usize = 100;

    /// Reads one. Its depth is that of the grammar, so nothing deep is ever entered.
    pub(super) fn parse(json: &'j [u8]) -> Option<Document<'j>> {
        (json.len() <= Self::MAX_BYTES).then(|| serde_json::from_slice(json).ok()).flatten()
    }
}

fn iso_time<'de, D: Deserializer<'de>>(json: D) -> Result<Timestamp, D::Error> {
    let Text(text) = Text::deserialize(json)?;
    parse_iso(&text).ok_or_else(|| D::Error::custom("a time is written like 2026-09-21T14:23:20Z"))
}

fn conditions<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<Condition<'de>>, D::Error> {
    json.deserialize_seq(Conditions)
}

struct Conditions;

impl<'de> Visitor<'de> for Conditions {
    type Value = Vec<Condition<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of conditions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut conditions = Vec::new();
        while let Some(condition) = list.next_element()? {
            if conditions.len() == Document::MAX_CONDITIONS {
                return Err(A::Error::custom("there are too many conditions"));
            }
            conditions.push(condition);
        }
        Ok(conditions)
    }
}

impl<'de> Deserialize<'de> for Condition<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(OneCondition)
    }
}

struct OneCondition;

impl<'de> Visitor<'de> for OneCondition {
    type Value = Condition<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one field, or a list of three")
    }

    /// `{"field": "value"}`
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Condition<'de>, A::Error> {
        let one: Option<(Text<'de>, Text<'de>)> = map.next_entry()?;
        let (Text(name), Text(value)) = one.ok_or_else(|| A::Error::custom("an object names a field"))?;
        if map.next_key::<serde::de::IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("an object names one field"));
        }
        Ok(Condition::Equal(lower_case(name), value))
    }

    /// `["eq", "$field", "value"]`, `["starts-with", "$field", "prefix"]`, `["content-length-range", 1, 5000]`
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Condition<'de>, A::Error> {
        let Text(operator) = next(&mut list)?;
        let condition = match &*lower_case(operator) {
            "eq" => Condition::Equal(field(&mut list)?, next::<Text<'de>, A>(&mut list)?.0),
            "starts-with" => Condition::StartsWith(field(&mut list)?, next::<Text<'de>, A>(&mut list)?.0),
            "content-length-range" => Condition::FileBytes(next(&mut list)?, next(&mut list)?),
            _ => return Err(A::Error::custom("the operator is not known")),
        };
        match list.next_element::<serde::de::IgnoredAny>()? {
            Some(_) => Err(A::Error::custom("a list has three parts")),
            None => Ok(condition),
        }
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(list: &mut A) -> Result<T, A::Error> {
    list.next_element()?.ok_or_else(|| A::Error::custom("a list has three parts"))
}

/// `$field`
fn field<'de, A: SeqAccess<'de>>(list: &mut A) -> Result<Cow<'de, str>, A::Error> {
    let Text(name) = next(list)?;
    let own = match name {
        Cow::Borrowed(name) => name.strip_prefix('$').map(Cow::Borrowed),
        Cow::Owned(name) => name.strip_prefix('$').map(|name| Cow::Owned(name.to_owned())),
    };
    let own = own.filter(|name| !name.is_empty());
    own.map(lower_case).ok_or_else(|| A::Error::custom("a field is written like $key"))
}

/// A name in lower case; mostly it is.
fn lower_case(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name }
}

/// A text, which is that of the JSON itself where nothing in it is escaped.
struct Text<'j>(Cow<'j, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(OneText)
    }
}

struct OneText;

impl<'de> Visitor<'de> for OneText {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(conditions: &str) -> String {
        format!(r#"{{"expiration":"2026-09-21T14:23:20Z","conditions":[{conditions}]}}"#)
    }

    #[test]
    fn each_kind_of_condition_is_read() {
        let text = with(
            r#"{"Content-Type":"a"},["EQ","$Key","b\u00e9"],["starts-with","$x-amz-meta-a",""],["content-length-range",0,5]"#,
        );
        let document = Document::parse(text.as_bytes()).unwrap();
        assert_eq!(document.expiration, Timestamp::from_seconds(1_790_000_600));
        assert_eq!(
            document.conditions,
            [
                Condition::Equal("content-type".into(), "a".into()),
                Condition::Equal("key".into(), "bé".into()),
                Condition::StartsWith("x-amz-meta-a".into(), "".into()),
                Condition::FileBytes(0, 5),
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for bad in [
            "{}",
            r#"{"a":"b","c":"d"}"#,
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":["b"]}"#,
            r#""a""#,
            "1",
            "null",
            "[]",
            r#"["eq"]"#,
            r#"["eq","$a"]"#,
            r#"["eq","a","b"]"#,
            r#"["eq","$","b"]"#,
            r#"["eq","$a",1]"#,
            r#"["eq","$a","b","c"]"#,
            r#"["ne","$a","b"]"#,
            r#"["content-length-range",1]"#,
            r#"["content-length-range","1","2"]"#,
            r#"["content-length-range",-1,2]"#,
            r#"["content-length-range",1.5,2]"#,
            r#"["content-length-range",1,99999999999999999999]"#,
            r#"[["eq","$a","b"]]"#,
            r#"{"a":"b"},"#,
            r#"{"a":"\ud800"}"#,
        ] {
            assert_eq!(Document::parse(with(bad).as_bytes()), None, "{bad}");
        }
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"expiration":"2026-09-21T14:23:20Z"}"#,
            r#"{"conditions":[]}"#,
            r#"{"expiration":1790000600,"conditions":[]}"#,
            r#"{"expiration":"tomorrow","conditions":[]}"#,
            r#"{"expiration":"2026-09-21T14:23:20Z","conditions":{}}"#,
            r#"{"expiration":"2026-09-21T14:23:20Z","conditions":[],"version":1}"#,
            r#"{"expiration":"2026-09-21T14:23:20Z","conditions":[],"conditions":[]}"#,
            r#"{"expiration":"2026-09-21T14:23:20Z","expiration":"2036-09-21T14:23:20Z","conditions":[]}"#,
            &format!("{}x", with("")),
            &format!("\u{feff}{}", with("")),
        ] {
            assert_eq!(Document::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Document::parse(b"{\"expiration\":\"\xff\",\"conditions\":[]}"), None);
    }

    #[test]
    fn a_policy_has_its_bounds() {
        let of = |count| with(&vec![r#"{"a":"b"}"#; count].join(","));
        assert!(Document::parse(of(Document::MAX_CONDITIONS).as_bytes()).is_some());
        assert!(Document::parse(of(Document::MAX_CONDITIONS + 1).as_bytes()).is_none());
        let padded = |bytes: usize| format!("{:<bytes$}", with(""));
        assert!(Document::parse(padded(Document::MAX_BYTES).as_bytes()).is_some());
        assert!(Document::parse(padded(Document::MAX_BYTES + 1).as_bytes()).is_none());
        assert!(Document::parse(with(&"[".repeat(20_000)).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            conditions in "([\\[\\]{},:]|\"(eq|\\$key|starts-with|content-length-range|a)\"|[0-9]{1,3}|null|\\PC){0,24}",
        ) {
            if let Some(document) = Document::parse(with(&conditions).as_bytes()) {
                prop_assert!(document.conditions.len() <= 12);
            }
        }
    }
}
