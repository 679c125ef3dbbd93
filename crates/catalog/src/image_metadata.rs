//! Metadata of images as rows that can be asked for (contract 3.11): its scalars by their dotted paths.

use domain::{AccountId, Timestamp};
use serde_json::{Map, Value};

use crate::Error;
use crate::database::{Connection, Query, query};

/// One condition on metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaFilter {
    /// Dotted path, at most 5 levels, segments of letters, digits and `_`, at most 100 characters.
    pub field: String,
    /// How to compare.
    pub operator: MetaOperator,
    /// With what: one value, or up to 10 for `In`.
    pub values: Vec<MetaValue>,
}

/// How a metadata value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the contract")]
pub enum MetaOperator {
    Eq,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
}

/// A value to compare metadata with. `Any` is untyped: text that also matches a number or boolean of that spelling.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MetaValue {
    Any(String),
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// Levels of a path.
const MAX_LEVELS: usize = 5;

/// Characters of a path.
const MAX_FIELD_CHARS: usize = 100;

/// Conditions of one question.
const MAX_FILTERS: usize = 5;

/// Values of one `in`.
const MAX_VALUES: usize = 10;

/// Bytes of a text that can be asked for. PostgreSQL's indexes take no longer ones, and only an operator who has raised
/// the limit of metadata meets this.
const MAX_TEXT_BYTES: usize = 1_024;

/// A scalar in metadata.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Scalar {
    path: String,
    kind: &'static str,
    text: String,
}

/// Writes the scalars of an image's metadata.
pub(crate) async fn insert(
    db: &mut Connection,
    image: i64,
    account: &AccountId,
    uploaded_at: Timestamp,
    metadata: &Map<String, Value>,
) -> Result<(), Error> {
    let mut scalars = Vec::new();
    collect_fields(metadata, "", 1, &mut scalars);
    // A list may name a value twice; a row for it is enough, and a join then finds the image once.
    scalars.sort();
    scalars.dedup();
    for scalar in scalars {
        // Of a number, and of a text that is the spelling of one: forms carry all values as text.
        let number = spelled_number(&scalar.text);
        query(
            "insert into image_metadata (image, account, uploaded_at, path, kind, text, number)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(image)
        .bind(&account.as_bytes()[..])
        .bind(uploaded_at.as_micros())
        .bind(scalar.path)
        .bind(scalar.kind)
        .bind(scalar.text)
        .bind(number)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Removes the scalars of an image's metadata.
pub(crate) async fn remove(db: &mut Connection, image: i64) -> Result<(), Error> {
    query("delete from image_metadata where image = $1").bind(image).execute(db).await?;
    Ok(())
}

/// Refuses conditions that the contract does not allow.
pub(crate) fn check(filters: &[MetaFilter]) -> Result<(), Error> {
    let refused = |text: String| Err(Error::Invalid(text));
    if filters.len() > MAX_FILTERS {
        let count = filters.len();
        return refused(format!(
            "Too many metadata filters: {count} provided, maximum {MAX_FILTERS} allowed"
        ));
    }
    for filter in filters {
        if !is_path(&filter.field) {
            return refused(format!(
                "{:?} is not a metadata field: names of letters, digits and '_', at most {MAX_LEVELS} with dots between, at most {MAX_FIELD_CHARS} characters",
                filter.field
            ));
        }
        let count = filter.values.len();
        let fits =
            if filter.operator == MetaOperator::In { (1..=MAX_VALUES).contains(&count) } else { count == 1 };
        if !fits {
            return refused(format!(
                "a metadata filter takes one value, 'in' takes 1 to {MAX_VALUES}, not {count}"
            ));
        }
        if sign(filter.operator).is_some() && filter.values.iter().any(|value| number(value).is_none()) {
            return refused("a comparison of metadata takes a number".into());
        }
    }
    Ok(())
}

/// The value, where a condition is met by one alone: its images lie in an index in their order of upload.
pub(crate) fn one_value(filter: &MetaFilter) -> Option<&MetaValue> {
    match filter.values.as_slice() {
        [value] if sign(filter.operator).is_none() => Some(value),
        _ => None,
    }
}

/// Adds a condition to a question about `images`. Any member of a list may meet it.
pub(crate) fn push(question: &mut Query, filter: &MetaFilter) {
    question.push(" and exists (select 1 from image_metadata m where m.image = images.number and ");
    push_rows(question, filter);
    question.push(")");
}

/// Adds what is true of the rows `m` that meet a condition with one value; of an image it is true of one row.
pub(crate) fn push_one(question: &mut Query, field: &str, value: &MetaValue) {
    question.push("m.path = ").push_bind(field).push(" and ");
    push_equality(question, value);
    if matches!(value, MetaValue::Any(_)) {
        // A list may hold a number and the text that spells it.
        question.push(
            " and not exists (select 1 from image_metadata d where d.image = m.image and d.path = m.path
                 and d.text = m.text and d.kind < m.kind)",
        );
    }
}

/// Adds what is true of the rows `m` that meet a condition.
pub(crate) fn push_rows(question: &mut Query, filter: &MetaFilter) {
    question.push("m.path = ").push_bind(filter.field.clone()).push(" and (");
    for (index, value) in filter.values.iter().enumerate() {
        if index > 0 {
            question.push(" or ");
        }
        match sign(filter.operator) {
            Some(sign) => push_comparison(question, sign, value),
            None => push_equality(question, value),
        }
    }
    question.push(")");
}

fn sign(operator: MetaOperator) -> Option<&'static str> {
    match operator {
        MetaOperator::Eq | MetaOperator::In => None,
        MetaOperator::Gt => Some(" > "),
        MetaOperator::Gte => Some(" >= "),
        MetaOperator::Lt => Some(" < "),
        MetaOperator::Lte => Some(" <= "),
    }
}

fn push_comparison(question: &mut Query, sign: &'static str, value: &MetaValue) {
    if matches!(value, MetaValue::Number(_)) {
        question.push("m.kind = 'number' and ");
    }
    question.push("m.number").push(sign).push_bind(number(value));
}

fn push_equality(question: &mut Query, value: &MetaValue) {
    match value {
        MetaValue::Any(text) => question.push("m.text = ").push_bind(text.clone()),
        MetaValue::Text(text) => question.push("m.kind = 'text' and m.text = ").push_bind(text.clone()),
        MetaValue::Number(number) => question.push("m.kind = 'number' and m.number = ").push_bind(*number),
        MetaValue::Boolean(yes) => {
            question.push("m.kind = 'boolean' and m.text = ").push_bind(yes.to_string())
        }
    };
}

fn number(value: &MetaValue) -> Option<f64> {
    match value {
        MetaValue::Number(number) => Some(*number).filter(|number| number.is_finite()),
        MetaValue::Any(text) => spelled_number(text),
        MetaValue::Text(_) | MetaValue::Boolean(_) => None,
    }
}

/// The number that a text spells as JSON does.
fn spelled_number(text: &str) -> Option<f64> {
    let json: serde_json::Number = serde_json::from_str(text).ok()?;
    json.as_f64().filter(|number| number.is_finite())
}

fn is_path(field: &str) -> bool {
    field.chars().count() <= MAX_FIELD_CHARS
        && field.split('.').count() <= MAX_LEVELS
        && field.split('.').all(is_name)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What cannot be named by a path cannot be asked for, and is left out.
fn collect_fields(fields: &Map<String, Value>, above: &str, level: usize, scalars: &mut Vec<Scalar>) {
    if level > MAX_LEVELS {
        return;
    }
    for (name, value) in fields.iter().filter(|(name, _)| is_name(name)) {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        // A longer one would not fit into PostgreSQL's index either.
        if path.len() <= MAX_FIELD_CHARS {
            collect(value, &path, level, scalars);
        }
    }
}

fn collect(value: &Value, path: &str, level: usize, scalars: &mut Vec<Scalar>) {
    let (kind, text) = match value {
        Value::Null => return,
        Value::Object(fields) => return collect_fields(fields, path, level + 1, scalars),
        Value::Array(members) => {
            return members.iter().for_each(|member| collect(member, path, level, scalars));
        }
        Value::Bool(yes) => ("boolean", yes.to_string()),
        Value::Number(number) => ("number", number.to_string()),
        Value::String(text) => ("text", text.clone()),
    };
    if text.len() > MAX_TEXT_BYTES {
        return;
    }
    scalars.push(Scalar { path: path.to_owned(), kind, text });
}
