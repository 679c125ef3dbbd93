//! Reading columns as the house's names. A row that does not parse was not written by this program: a decoding error.

use std::str::FromStr;

use domain::{AccountId, ObjectId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::Row;

/// A text column as a type that parses it.
pub(crate) fn parsed<T>(row: &Row, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<&str>(column)?.parse().map_err(|error| odd(column, error))
}

/// A column of 16 bytes as an account's id.
pub(crate) fn account_id(row: &Row, column: &str) -> Result<AccountId, sqlx::Error> {
    Ok(AccountId::from_bytes(bytes(row, column)?))
}

/// A column of 16 bytes as an object's id.
pub(crate) fn object_id(row: &Row, column: &str) -> Result<ObjectId, sqlx::Error> {
    Ok(ObjectId::from_bytes(bytes(row, column)?))
}

/// A column of exactly so many bytes.
pub(crate) fn bytes<const N: usize>(row: &Row, column: &str) -> Result<[u8; N], sqlx::Error> {
    row.try_get::<&[u8]>(column)?.try_into().map_err(|error| odd(column, error))
}

/// A column of microseconds as a time.
pub(crate) fn time(row: &Row, column: &str) -> Result<Timestamp, sqlx::Error> {
    row.try_get(column).map(Timestamp::from_micros)
}

/// The same where it may be null.
pub(crate) fn maybe_time(row: &Row, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>>(column)?.map(Timestamp::from_micros))
}

/// A text column of JSON as a type that reads it.
pub(crate) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| odd(column, error))
}

/// The same where it may be null.
pub(crate) fn maybe_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, sqlx::Error> {
    let text = row.try_get::<Option<&str>>(column)?;
    text.map(serde_json::from_str).transpose().map_err(|error| odd(column, error))
}

/// The JSON of a value of ours, as it is stored.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers of ours are JSON")
}

/// The error for a column that holds what this program does not write.
pub(crate) fn odd(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}
