//! Conditions on metadata in a query: `meta.<field>[<operator>]=<value>` (contract 3.11).

use catalog::{MetaFilter, MetaOperator, MetaValue};

use crate::error::Failure;

const MAX_FILTERS: usize = 5;
const MAX_LEVELS: usize = 5;
const MAX_FIELD_CHARS: usize = 100;
const MAX_VALUES: usize = 10;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Any,
    Text,
    Number,
    Boolean,
}

const OPERATORS: [(&str, MetaOperator, Type); 15] = [
    ("eq", MetaOperator::Eq, Type::Any),
    ("eq:string", MetaOperator::Eq, Type::Text),
    ("eq:number", MetaOperator::Eq, Type::Number),
    ("eq:boolean", MetaOperator::Eq, Type::Boolean),
    ("gt", MetaOperator::Gt, Type::Number),
    ("gt:number", MetaOperator::Gt, Type::Number),
    ("gte", MetaOperator::Gte, Type::Number),
    ("gte:number", MetaOperator::Gte, Type::Number),
    ("lt", MetaOperator::Lt, Type::Number),
    ("lt:number", MetaOperator::Lt, Type::Number),
    ("lte", MetaOperator::Lte, Type::Number),
    ("lte:number", MetaOperator::Lte, Type::Number),
    ("in", MetaOperator::In, Type::Any),
    ("in:string", MetaOperator::In, Type::Text),
    ("in:number", MetaOperator::In, Type::Number),
];

/// Reads all conditions of a query: names after `meta.`, and their values.
pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Vec<MetaFilter>, Failure> {
    if pairs.len() > MAX_FILTERS {
        let provided = pairs.len();
        return Err(Failure::bad_request(format!(
            "Too many metadata filters: {provided} provided, maximum {MAX_FILTERS} allowed"
        )));
    }
    pairs.iter().map(|(name, value)| parse_one(name, value)).collect()
}

fn parse_one(name: &str, value: &str) -> Result<MetaFilter, Failure> {
    let (field, operator) =
        name.split_once('[').and_then(|(field, rest)| Some((field, rest.strip_suffix(']')?))).ok_or_else(
            || Failure::bad_request("a metadata filter is written meta.<field>[<operator>]=<value>"),
        )?;
    check_field(field)?;
    let (_, operator, kind) =
        OPERATORS.iter().find(|(word, ..)| *word == operator).ok_or_else(|| unsupported(operator))?;
    let texts: Vec<&str> =
        if *operator == MetaOperator::In { value.split('|').collect() } else { vec![value] };
    if texts.len() > MAX_VALUES {
        return Err(Failure::bad_request(format!("a metadata filter takes at most {MAX_VALUES} values")));
    }
    let values = texts.into_iter().map(|text| parse_value(field, *kind, text)).collect::<Result<_, _>>()?;
    Ok(MetaFilter { field: field.to_owned(), operator: *operator, values })
}

fn check_field(field: &str) -> Result<(), Failure> {
    let word =
        |level: &str| !level.is_empty() && level.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let fits = field.len() <= MAX_FIELD_CHARS
        && field.split('.').count() <= MAX_LEVELS
        && field.split('.').all(word);
    if fits {
        return Ok(());
    }
    Err(Failure::bad_request(format!(
        "a metadata field is named by letters, digits and _, with a dot between at most {MAX_LEVELS} levels and at most \
         {MAX_FIELD_CHARS} characters"
    )))
}

fn parse_value(field: &str, kind: Type, text: &str) -> Result<MetaValue, Failure> {
    let wrong = |what: &str| Failure::bad_request(format!("the metadata filter on '{field}' takes {what}"));
    match kind {
        Type::Any => Ok(MetaValue::Any(text.to_owned())),
        Type::Text => Ok(MetaValue::Text(text.to_owned())),
        Type::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(MetaValue::Number(number)),
            _ => Err(wrong("a number")),
        },
        Type::Boolean => match text {
            "true" => Ok(MetaValue::Boolean(true)),
            "false" => Ok(MetaValue::Boolean(false)),
            _ => Err(wrong("true or false")),
        },
    }
}

fn unsupported(operator: &str) -> Failure {
    let shown: String = operator.chars().filter(|c| !c.is_control()).take(40).collect();
    Failure::bad_request(format!("Unsupported metadata filter operator: '{shown}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Vec<MetaFilter>, String> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        parse(&pairs).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_filter_names_field_operator_and_values() {
        let filters = read(&[
            ("status[eq]", "active"),
            ("a.b[in:number]", "1|2.5"),
            ("n[gte]", "-3"),
            ("ok[eq:boolean]", "true"),
        ])
        .unwrap();
        let expected = |field: &str, operator, values| MetaFilter { field: field.into(), operator, values };
        assert_eq!(filters[0], expected("status", MetaOperator::Eq, vec![MetaValue::Any("active".into())]));
        assert_eq!(
            filters[1],
            expected("a.b", MetaOperator::In, vec![MetaValue::Number(1.0), MetaValue::Number(2.5)])
        );
        assert_eq!(filters[2], expected("n", MetaOperator::Gte, vec![MetaValue::Number(-3.0)]));
        assert_eq!(filters[3], expected("ok", MetaOperator::Eq, vec![MetaValue::Boolean(true)]));
    }

    #[test]
    fn the_documented_failures_have_their_documented_texts() {
        let error = read(&[("a[not-eq]", "1")]).unwrap_err();
        assert!(error.contains("Unsupported metadata filter operator: 'not-eq'"), "{error}");
        let error = read(&[("a[eq]", "1"); 6]).unwrap_err();
        assert!(error.contains("Too many metadata filters: 6 provided, maximum 5 allowed"), "{error}");
    }

    #[test]
    fn a_filter_that_cannot_be_meant_is_refused() {
        let eleven = ["1"; 11].join("|");
        for (name, value) in [
            ("<field>[<operator>]", "x"),
            ("a", "1"),
            ("a[eq", "1"),
            ("a[]", "1"),
            ("a-b[eq]", "1"),
            ("[eq]", "1"),
            ("a..b[eq]", "1"),
            ("a.b.c.d.e.f[eq]", "1"),
            ("a[gt]", "many"),
            ("a[gt]", "NaN"),
            ("a[eq:boolean]", "yes"),
            ("a[in]", &eleven),
            (&format!("{}[eq]", "f".repeat(101)), "1"),
        ] {
            assert!(read(&[(name, value)]).is_err(), "{name}={value}");
        }
    }
}
