//! Placeholder of memory.
