//! The four ways in which clients write metadata into a form (contract 4.2): JSON as text or as a part of its own,
//! `metadata[k]` and `metadata.k`.

use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::Error;

/// Levels of one name. What is kept has 1,024 bytes at most, so nobody needs more.
const MAX_DEPTH: usize = 32;

/// One step in a name such as `metadata[list][]`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    /// `[]`: one more element of a list.
    Push,
}

/// Whether a part of this name is metadata.
pub(crate) fn is_metadata(name: &str) -> bool {
    name.strip_prefix("metadata").is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

/// Merges one part into what came before it. Where two parts set the same value the later one holds.
pub(crate) fn merge_part(into: &mut Map<String, Value>, name: &str, text: &str) -> Result<(), Error> {
    let path = name.strip_prefix("metadata").unwrap_or(name);
    if path.is_empty() {
        merge(into, parse_object(text)?);
        return Ok(());
    }
    let steps = parse_path(path).ok_or_else(|| {
        Error::form(format!(
            "a name like metadata[key] or metadata.key is needed, with at most {MAX_DEPTH} levels"
        ))
    })?;
    set(into, &steps, Value::String(text.to_owned()))
}

fn parse_object(text: &str) -> Result<Map<String, Value>, Error> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::form("metadata must be a JSON object, such as {\"key\":\"value\"}")),
        Err(_) => Err(Error::form("metadata is no valid JSON; write an object, such as {\"key\":\"value\"}")),
    }
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.entry(key), value) {
            (Entry::Occupied(mut held), Value::Object(new)) if held.get().is_object() => {
                if let Value::Object(old) = held.get_mut() {
                    merge(old, new);
                }
            }
            (Entry::Occupied(mut held), value) => _ = held.insert(value),
            (Entry::Vacant(free), value) => _ = free.insert(value),
        }
    }
}

/// Reads `[k]`, `.k` and `[]`, in any order; none where the name is written otherwise.
fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let step = if let Some(inside) = rest.strip_prefix('[') {
            let (key, after) = inside.split_once(']')?;
            rest = after;
            if key.is_empty() { Step::Push } else { Step::Key(key.to_owned()) }
        } else {
            let named = rest.strip_prefix('.')?;
            let end = named.find(['.', '[']).unwrap_or(named.len());
            rest = &named[end..];
            Step::Key(Some(&named[..end]).filter(|key| !key.is_empty())?.to_owned())
        };
        steps.push(step);
    }
    let begins_with_key = matches!(steps.first(), Some(Step::Key(_)));
    (begins_with_key && steps.len() <= MAX_DEPTH).then_some(steps)
}

/// Puts a value where the steps lead, making objects and lists on the way.
fn set(into: &mut Map<String, Value>, steps: &[Step], value: Value) -> Result<(), Error> {
    let Some((Step::Key(first), rest)) = steps.split_first() else { return Err(mixed()) };
    let mut place = into.entry(first.clone()).or_insert(Value::Null);
    for (index, step) in rest.iter().enumerate() {
        let holds_object = matches!(rest.get(index + 1), Some(Step::Key(key)) if lacks(place, key));
        place = match step {
            Step::Key(key) => object_of(place)?.entry(key.clone()).or_insert(Value::Null),
            Step::Push => last_of(place, holds_object)?,
        };
    }
    // A list or an object that is there already is not thrown away for one text.
    if place.is_array() || place.is_object() {
        return Err(mixed());
    }
    *place = value;
    Ok(())
}

/// Whether a list ends in an object that does not have this key yet: clients write the fields of an object in a
/// list one after the other.
fn lacks(list: &Value, key: &str) -> bool {
    let last = list.as_array().and_then(|list| list.last()).and_then(Value::as_object);
    last.is_some_and(|object| !object.contains_key(key))
}

fn object_of(place: &mut Value) -> Result<&mut Map<String, Value>, Error> {
    if place.is_null() {
        *place = Value::Object(Map::new());
    }
    place.as_object_mut().ok_or_else(mixed)
}

fn last_of(place: &mut Value, goes_on: bool) -> Result<&mut Value, Error> {
    if place.is_null() {
        *place = Value::Array(Vec::new());
    }
    let list = place.as_array_mut().ok_or_else(mixed)?;
    if !goes_on {
        list.push(Value::Null);
    }
    list.last_mut().ok_or_else(mixed)
}

fn mixed() -> Error {
    Error::form("two parts of metadata say different things about the same key")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(parts: &[(&str, &str)]) -> Result<Value, Error> {
        let mut map = Map::new();
        for (name, text) in parts {
            merge_part(&mut map, name, text)?;
        }
        Ok(Value::Object(map))
    }

    fn check(parts: &[(&str, &str)], expected: Value) {
        assert_eq!(read(parts).unwrap(), expected, "{parts:?}");
    }

    #[test]
    fn r_52_all_four_forms_of_metadata_are_read() {
        check(
            &[("metadata", r#"{"k":"v","n":{"x":1},"b":true}"#)],
            json!({"k": "v", "n": {"x": 1}, "b": true}),
        );
        check(
            &[
                ("metadata[k]", "v"),
                ("metadata[n][x]", "1"),
                ("metadata[arr][]", "1"),
                ("metadata[arr][]", "2"),
            ],
            json!({"k": "v", "n": {"x": "1"}, "arr": ["1", "2"]}),
        );
        check(
            &[("metadata.k", "v"), ("metadata.n.x", "1"), ("metadata.arr[]", "1"), ("metadata.arr[]", "2")],
            json!({"k": "v", "n": {"x": "1"}, "arr": ["1", "2"]}),
        );
        check(
            &[("metadata[l][][a]", "1"), ("metadata[l][][b]", "2"), ("metadata[l][][a]", "3")],
            json!({"l": [{"a": "1", "b": "2"}, {"a": "3"}]}),
        );
    }

    #[test]
    fn parts_of_metadata_are_merged_and_the_later_one_holds() {
        check(
            &[("metadata", r#"{"a":1,"n":{"x":1}}"#), ("metadata[n][y]", "2"), ("metadata.a", "3")],
            json!({"a": "3", "n": {"x": 1, "y": "2"}}),
        );
    }

    #[test]
    fn metadata_that_is_no_object_or_contradicts_itself_is_refused() {
        for text in ["", "x", "1", "[]", "null", "\"a\"", "{", "{\"a\":}", "{\"a\":1}x", &"[".repeat(10_000)]
        {
            assert!(matches!(read(&[("metadata", text)]), Err(Error::Form(_))), "{text}");
        }
        for name in ["metadata[]", "metadata[", "metadata[a", "metadata.", "metadata..a", "metadata[a]b"] {
            assert!(read(&[(name, "v")]).is_err(), "{name}");
        }
        assert!(read(&[(&format!("metadata{}", "[a]".repeat(33)), "v")]).is_err());
        assert!(read(&[("metadata[a]", "v"), ("metadata[a][b]", "w")]).is_err());
        assert!(read(&[("metadata[a][]", "v"), ("metadata[a]", "w")]).is_err());
    }

    #[test]
    fn only_metadata_is_metadata() {
        for name in ["metadata", "metadata[a]", "metadata.a"] {
            assert!(is_metadata(name), "{name}");
        }
        for name in ["Metadata", "metadatas", "meta", "metadata_a"] {
            assert!(!is_metadata(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_and_text_is_taken_or_refused_without_panic(
            parts in proptest::collection::vec(("metadata[\\[\\].a-c]{0,24}", "\\PC{0,20}"), 0..6),
        ) {
            let mut map = Map::new();
            for (name, text) in &parts {
                let _ = merge_part(&mut map, name, text);
            }
        }

        #[test]
        fn every_key_comes_back_as_it_was_sent(keys in proptest::collection::vec("[^\\[\\].]{1,8}", 1..5), text in ".{0,20}") {
            let name = keys.iter().fold("metadata".to_owned(), |name, key| format!("{name}[{key}]"));
            let mut map = Map::new();
            merge_part(&mut map, &name, &text).unwrap();
            let whole = Value::Object(map);
            let found = keys.iter().try_fold(&whole, |place, key| place.get(key)).cloned();
            prop_assert_eq!(found, Some(Value::String(text)));
        }
    }
}
