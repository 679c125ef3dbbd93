//! The metadata of an image as rows of keys and values: a part of the image's page.

use askama::Template;
use catalog::Image;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::member::Member;
use crate::words;

/// The most rows that are read from a form.
const MAX_ROWS: usize = 200;

/// The rows as they are shown.
#[derive(Template)]
#[template(path = "image_metadata.html")]
pub(crate) struct MetadataForm {
    csrf: String,
    action: String,
    rows: Vec<Row>,
    /// What is wrong with all of it; empty where nothing is.
    error: String,
    bytes: usize,
    max_bytes: usize,
}

/// A key with its value as text.
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) error: &'static str,
}

impl MetadataForm {
    /// The form of what is kept.
    pub(crate) fn of(member: &Member, image: &Image) -> MetadataForm {
        let rows = image.metadata.iter().map(|(key, value)| Row {
            key: key.clone(),
            value: text_of(value),
            error: "",
        });
        MetadataForm::new(member, image, rows.collect(), String::new())
    }

    /// The rows that are shown to who may not edit.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|row| (&*row.key, &*row.value))
    }

    /// `312 of 1,024 bytes`.
    fn size_words(&self) -> String {
        format!("{} of {} bytes", words::number(self.bytes as u64), words::number(self.max_bytes as u64))
    }

    pub(crate) fn new(member: &Member, image: &Image, rows: Vec<Row>, error: String) -> MetadataForm {
        MetadataForm {
            csrf: crate::shell::token(&member.visit),
            action: member.image_path("image/metadata", &image.id),
            bytes: bytes_of(&object(&rows, &image.metadata)),
            max_bytes: member.visit.dashboard.config().max_metadata_bytes,
            rows,
            error,
        }
    }
}

pub(crate) fn rows_of(fields: &Fields) -> Vec<Row> {
    let values: Vec<&str> = fields.all("meta_value").collect();
    let keys = fields.all("meta_key").take(MAX_ROWS).enumerate();
    keys.map(|(at, key)| Row {
        key: key.trim().to_owned(),
        value: values.get(at).copied().unwrap_or_default().to_owned(),
        error: "",
    })
    .collect()
}

/// Marks rows without a key and those whose key occurred before; says whether there are any.
pub(crate) fn mark_wrong(rows: &mut [Row]) -> bool {
    let mut seen = std::collections::HashSet::new();
    for row in rows.iter_mut() {
        let is_new = seen.insert(row.key.clone());
        row.error = match (row.key.is_empty(), is_new) {
            (true, _) => "Enter a key.",
            (false, false) => "This key occurs twice.",
            _ => "",
        };
    }
    rows.iter().any(|row| !row.error.is_empty())
}

/// The rows as an object. A value whose text was not changed keeps its type; what was typed is text.
pub(crate) fn object(rows: &[Row], before: &Map<String, Value>) -> Map<String, Value> {
    let value = |row: &Row| match before.get(&row.key) {
        Some(value) if text_of(value) == row.value => value.clone(),
        _ => Value::String(row.value.clone()),
    };
    rows.iter().filter(|row| !row.key.is_empty()).map(|row| (row.key.clone(), value(row))).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What counts against the limit: the bytes of the JSON.
pub(crate) fn bytes_of(metadata: &Map<String, Value>) -> usize {
    if metadata.is_empty() { 0 } else { serde_json::to_string(metadata).map_or(0, |json| json.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(&str, &str)]) -> Vec<Row> {
        pairs
            .iter()
            .map(|(key, value)| Row { key: (*key).into(), value: (*value).into(), error: "" })
            .collect()
    }

    #[test]
    fn an_untouched_value_keeps_its_type_and_a_typed_one_is_text() {
        let before = serde_json::json!({"n": 5, "deep": {"a": [1]}, "s": "5", "b": true});
        let before = before.as_object().unwrap();
        let typed =
            rows(&[("n", "5"), ("deep", "{\"a\":[1]}"), ("s", "5"), ("b", "false"), ("new", "7"), ("", "x")]);
        let after = Value::Object(object(&typed, before));
        assert_eq!(
            after,
            serde_json::json!({"n": 5, "deep": {"a": [1]}, "s": "5", "b": "false", "new": "7"})
        );
    }

    #[test]
    fn a_key_must_be_there_once() {
        let mut fine = rows(&[("a", "1"), ("b", "1")]);
        assert!(!mark_wrong(&mut fine));
        let mut wrong = rows(&[("a", "1"), ("", "2"), ("a", "3")]);
        assert!(mark_wrong(&mut wrong));
        assert_eq!(
            wrong.iter().map(|row| row.error).collect::<Vec<_>>(),
            ["", "Enter a key.", "This key occurs twice."]
        );
    }

    #[test]
    fn keys_and_values_come_in_pairs() {
        let fields = Fields::parse("meta_key=+a+&meta_value=1&meta_key=b&meta_value=&meta_key=c");
        let rows = rows_of(&fields);
        let pairs: Vec<_> = rows.iter().map(|row| (&*row.key, &*row.value)).collect();
        assert_eq!(pairs, [("a", "1"), ("b", ""), ("c", "")]);
    }

    #[test]
    fn the_meter_counts_the_bytes_of_the_json() {
        assert_eq!(bytes_of(&Map::new()), 0);
        assert_eq!(bytes_of(&object(&rows(&[("a", "é")]), &Map::new())), "{\"a\":\"é\"}".len());
    }
}
