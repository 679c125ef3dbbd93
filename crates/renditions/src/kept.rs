//! Placeholder of kept.
