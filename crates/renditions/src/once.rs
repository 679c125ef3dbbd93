//! Placeholder of once.
