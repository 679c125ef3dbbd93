//! A row of either database.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

use super::text::restored;

/// A row that a question was answered with.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column may be read as: `i64`, `f64`, `bool`, `&str`, `String`, `&[u8]`, `Vec<u8>`, and each as an option.
pub(crate) trait Column<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
    /// The value as it was given, from what PostgreSQL keeps for it.
    fn given(self) -> Self;
}

macro_rules! columns {
    ($($kind:ty)*) => {
        $(impl<'r> Column<'r> for $kind {
            fn given(self) -> Self {
                self
            }
        })*
    };
}

// A borrowed text is as PostgreSQL has it: for names, words and JSON of ours, which hold no control characters.
columns!(i64 f64 bool &'r str &'r [u8] Vec<u8>);
columns!(Option<i64> Option<f64> Option<bool> Option<&'r str> Option<&'r [u8]> Option<Vec<u8>>);

impl Column<'_> for String {
    fn given(self) -> Self {
        restored(self)
    }
}

impl Column<'_> for Option<String> {
    fn given(self) -> Self {
        self.map(restored)
    }
}

impl Row {
    /// A column by its name or its place.
    pub(crate) fn try_get<'r, T: Column<'r>>(
        &'r self,
        column: impl ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    ) -> Result<T, sqlx::Error> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column).map(Column::given),
        }
    }
}
