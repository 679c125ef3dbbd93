//! Placeholder of database.
