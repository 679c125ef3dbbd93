//! The door for browsers: delivery URLs become bytes, refusals or 304s.
#![forbid(unsafe_code)]
