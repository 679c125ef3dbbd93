//! One question for either database: its text, with `$1`, `$2` … for values, and the values.

use std::borrow::Cow;
use std::marker::PhantomData;

use sqlx::AssertSqlSafe;
use tracing::{Instrument as _, Span};

use super::row::Column;
use super::session::timely;
use super::text::spelled;
use super::{Connection, Database, Row, Wire};

/// A question, or a statement, with what is bound to it so far.
#[derive(Debug)]
pub(crate) struct Query {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// A question whose answer is one column.
pub(crate) struct Scalar<T> {
    query: Query,
    column: PhantomData<fn() -> T>,
}

/// A value. None is null, of that type.
#[derive(Debug)]
pub(crate) enum Value {
    Bool(Option<bool>),
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Value {
    /// As PostgreSQL keeps it.
    fn spelled(self) -> Value {
        match self {
            Value::Text(text) => Value::Text(text.map(spelled)),
            other => other,
        }
    }
}

/// What a question is asked of: a connection, or the database, which lends one to read by.
pub(crate) enum On<'c> {
    Connection(&'c mut Connection),
    Database(&'c Database),
}

/// A question by its text.
pub(crate) fn query(text: impl Into<Cow<'static, str>>) -> Query {
    Query { text: text.into(), values: Vec::new() }
}

/// A question by its text whose answer is one column.
pub(crate) fn query_scalar<T>(text: &'static str) -> Scalar<T> {
    query(text).scalar()
}

/// Expands one expression for the wire that is there: `$wire` is a connection and `$asked` the question with its
/// values bound, both of that database; `$row` makes a [`Row`] of a row.
macro_rules! send {
    ($query:expr, $on:expr, ($asked:ident, $wire:ident, $row:ident) => $answer:expr) => {{
        let Query { text, values } = $query;
        let mut lent;
        let connection = match $on.into() {
            On::Connection(connection) => connection,
            On::Database(database) => {
                lent = database.acquire().await?;
                &mut lent
            }
        };
        match connection.wire() {
            Wire::Sqlite($wire) => {
                let ($asked, $row) = (bound!(text, values.into_iter()), Row::Sqlite);
                $answer
            }
            Wire::Postgres(session) => {
                let values = values.into_iter().map(Value::spelled);
                let ($asked, $row) = (bound!(text, values), Row::Postgres);
                let (before, patience) = session.start();
                let answer = match session.line() {
                    Ok($wire) => timely(patience, async { $answer }).await,
                    Err(gone) => Err(gone),
                };
                session.settle(before, answer)
            }
        }
    }};
}

macro_rules! bound {
    ($text:expr, $values:expr) => {
        $values.fold(sqlx::query(AssertSqlSafe($text)), |asked, value| match value {
            Value::Bool(value) => asked.bind(value),
            Value::Int(value) => asked.bind(value),
            Value::Real(value) => asked.bind(value),
            Value::Text(value) => asked.bind(value),
            Value::Bytes(value) => asked.bind(value),
        })
    };
}

impl Query {
    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds text at the end.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Adds the next value at the end of the text, and binds it.
    pub(crate) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len();
        self.push(&format!("${number}"))
    }

    /// Adds `($3, $4, …)`: the next values, for `in` or as a row. Of none it is a list that nothing is in.
    pub(crate) fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        let mut before = "(";
        for value in values {
            self.push(before).push_bind(value);
            before = ", ";
        }
        self.push(if before == "(" { "(null)" } else { ")" })
    }

    /// Adds `values (…), (…)`: rows of the next values, of which there is at least one.
    pub(crate) fn push_rows<const N: usize>(
        &mut self,
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> &mut Self {
        let mut before = "values ";
        for row in rows {
            self.push(before).push_list(row);
            before = ", ";
        }
        self
    }

    /// Takes the first column of the answer.
    pub(crate) fn scalar<T>(self) -> Scalar<T> {
        Scalar { query: self, column: PhantomData }
    }

    /// What a collector of traces sees of it: its text, which holds no value.
    fn span(&self) -> Span {
        tracing::info_span!(target: "span", "database", otel.kind = "client", db.query.text = %self.text)
    }

    /// Its text.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Does it; returns how many rows it touched.
    pub(crate) async fn execute<'c>(self, on: impl Into<On<'c>>) -> Result<u64, sqlx::Error> {
        let span = self.span();
        async move {
            send!(self, on, (asked, wire, _row) => asked.execute(wire).await.map(|done| done.rows_affected()))
        }
        .instrument(span)
        .await
    }

    /// The one row of the answer; more are left out, none is an error.
    pub(crate) async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<Row, sqlx::Error> {
        let span = self.span();
        async move { send!(self, on, (asked, wire, row) => asked.fetch_one(wire).await.map(row)) }
            .instrument(span)
            .await
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<Row>, sqlx::Error> {
        let span = self.span();
        async move { send!(self, on, (asked, wire, row) => Ok(asked.fetch_optional(wire).await?.map(row))) }
            .instrument(span)
            .await
    }

    /// All rows.
    pub(crate) async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<Row>, sqlx::Error> {
        let span = self.span();
        async move {
            send!(self, on, (asked, wire, row) => Ok(asked.fetch_all(wire).await?.into_iter().map(row).collect()))
        }
        .instrument(span)
        .await
    }
}

impl<T: for<'r> Column<'r>> Scalar<T> {
    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.query = self.query.bind(value);
        self
    }

    /// The column of the one row.
    pub(crate) async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<T, sqlx::Error> {
        self.query.fetch_one(on).await?.try_get(0)
    }

    /// The column of the first row, if there is one.
    pub(crate) async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<T>, sqlx::Error> {
        self.query.fetch_optional(on).await?.map(|row| row.try_get(0)).transpose()
    }

    /// The column of all rows.
    pub(crate) async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<T>, sqlx::Error> {
        self.query.fetch_all(on).await?.iter().map(|row| row.try_get(0)).collect()
    }
}

impl<'c> From<&'c mut Connection> for On<'c> {
    fn from(connection: &'c mut Connection) -> Self {
        On::Connection(connection)
    }
}

impl<'c> From<&'c Database> for On<'c> {
    fn from(database: &'c Database) -> Self {
        On::Database(database)
    }
}

macro_rules! value {
    ($kind:ident: $($from:ty as $to:ty)*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$kind(Some(<$to>::from(value)))
            }
        }

        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Value::$kind(value.map(<$to>::from))
            }
        })*
    };
}

value!(Bool: bool as bool);
value!(Int: i64 as i64  i32 as i64  u32 as i64);
value!(Real: f64 as f64);
value!(Text: String as String  &str as String  &String as String);
value!(Bytes: Vec<u8> as Vec<u8>  &[u8] as Vec<u8>);

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        Value::Text(value.clone())
    }
}

impl From<&Vec<u8>> for Value {
    fn from(value: &Vec<u8>) -> Self {
        Value::Bytes(Some(value.clone()))
    }
}
