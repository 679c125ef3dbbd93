//! The promises of [`crate::Backend`], as tests that every backend passes.
