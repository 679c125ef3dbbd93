//! JSON as policies are written in it: texts, whole numbers, lists, and objects that name nothing twice. What could be read
//! in two ways is no policy.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Object(Object),
    List(Vec<Json>),
    Text(String),
    /// Written as a whole number: no fraction, no exponent.
    Integer(i64),
}

/// The members of an object by their names.
pub(crate) type Object = BTreeMap<String, Json>;

impl Json {
    /// Reads a text of at most so many bytes that holds one value, and white space around it. Values that no policy has,
    /// such as `null`, and nesting past 128 levels are refused.
    pub(crate) fn parse(text: &[u8], max_bytes: usize) -> Option<Json> {
        if text.len() > max_bytes {
            return None;
        }
        serde_json::from_slice(text).ok()
    }

    /// The object, if it is one.
    pub(crate) fn object(self) -> Option<Object> {
        match self {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a list, a text or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        number.try_into().map(Json::Integer).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = members.next_element()? {
            list.push(member);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Object::new();
        while let Some((name, value)) = members.next_entry()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands there twice"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<Json> {
        Json::parse(text.as_bytes(), 100_000)
    }

    #[test]
    fn what_policies_are_made_of_is_read() {
        let read = parse(" {\"a\": [1, \"\\u0062\", -2], \"c\": {}}\n").and_then(Json::object).unwrap();
        let list = vec![Json::Integer(1), Json::Text("b".into()), Json::Integer(-2)];
        let object =
            Object::from([("a".into(), Json::List(list)), ("c".into(), Json::Object(Object::new()))]);
        assert_eq!(read, object);
        assert_eq!(parse("\"x\"").and_then(Json::text).as_deref(), Some("x"));
        assert_eq!(parse("1").and_then(Json::text), None);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for bad in [
            "",
            " ",
            "{",
            "{}{}",
            "{}x",
            "\u{feff}{}",
            "null",
            "true",
            "1.0",
            "1e3",
            "-0",
            "01",
            "+1",
            "0x1",
            "NaN",
            "9223372036854775808",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "[null]",
            "// x\n1",
            "\"\u{1}\"",
            "\"\\ud800\"",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(Json::parse(b"\"\xFF\"", 100), None);
        assert_eq!(Json::parse(b"[1]", 2), None);
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(100)).is_some());
        assert!(parse(&nested(10_000)).is_none());
        assert!(parse(&"[".repeat(100_000)).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_none(bytes: Vec<u8>, text in "([\\[\\]{},:\"0-9ae\\\\-]| ){0,30}") {
            let _ = (Json::parse(&bytes, 1_000), parse(&text));
        }
    }
}
