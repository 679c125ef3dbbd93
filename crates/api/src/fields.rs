//! The fields of our own API's JSON bodies, read into values. A name that nobody knows is refused there, and each refusal
//! names its field; the contract's bodies, which forgive more, are read in `words.rs`.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Failure;

/// Characters of a refusal that are told: it may repeat what was sent.
const MAX_TOLD_CHARS: usize = 600;

/// Reads a whole body, or a part of one.
pub(crate) fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Failure> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let place = error.path().to_string();
        let why = without_value(&error.into_inner().to_string());
        let told = if place == "." { why } else { format!("{place}: {why}") };
        Failure::bad_request(tidy(&told))
    })
}

/// What is wrong without the value that is: it may be a secret in a field of another name.
fn without_value(why: &str) -> String {
    let kinds = ["invalid type", "invalid value", "invalid length"];
    let kind = kinds.into_iter().find(|kind| why.starts_with(kind));
    match (kind, why.rfind(", expected ")) {
        (Some(kind), Some(place)) => format!("{kind}{}", &why[place..]),
        _ => why.to_owned(),
    }
}

/// A query as fields, each of them a text. A name that comes twice is refused, since only one could count.
pub(crate) fn of_query(query: &str) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    for (name, value) in crate::list::pairs(query) {
        if let Some(_twice) = fields.insert(name.clone(), Value::String(value)) {
            return Err(Failure::bad_request(tidy(&format!("{name} is there twice"))));
        }
    }
    Ok(fields)
}

fn tidy(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TOLD_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        names: Vec<String>,
        life_s: Option<u32>,
    }

    fn refused(body: Value) -> String {
        let Value::Object(fields) = body else { panic!("an object") };
        read::<Sample>(fields).expect_err("is refused").message().to_owned()
    }

    #[test]
    fn what_is_wrong_is_told_with_the_name_of_its_field() {
        assert!(refused(json!({"names": ["a", 7]})).starts_with("names[1]: invalid type"));
        assert!(refused(json!({"life_s": -1})).starts_with("life_s: invalid value"));
        let unknown = refused(json!({"lives": 1}));
        assert!(unknown.contains("unknown field `lives`") && unknown.contains("`life_s`"), "{unknown}");
        assert_eq!(refused(json!({"life_s": "t0psecret, expected"})), "life_s: invalid type, expected u32");
        assert!(refused(json!({"x".repeat(9_000): 1})).chars().count() <= MAX_TOLD_CHARS);
    }

    #[test]
    fn a_query_is_read_by_the_same_rules() {
        let fields = of_query("a=b%20c&d=").unwrap();
        assert_eq!(Value::Object(fields), json!({"a": "b c", "d": ""}));
        assert!(of_query("a=1&a=1").is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "[ -~]{0,80}") {
            let _ = of_query(&query).and_then(read::<Sample>);
        }
    }
}
