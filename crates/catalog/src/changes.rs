//! Placeholder of changes.
