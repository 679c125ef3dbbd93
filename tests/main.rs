//! The whole house from outside: each file tests one feature of a real server on port 0.
#![allow(unreachable_pub, reason = "nobody outside of the tests reaches any of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod harness;

mod animations;
mod api;
mod api_v1;
mod audit;
mod bad_days;
mod bad_input;
mod bombs;
mod browser;
mod clients;
mod commands;
mod counters;
mod delivery;
mod durability;
mod first_picture;
mod hostile;
mod house;
mod limits;
mod load;
mod meanwhile;
mod operations;
mod options;
mod pictures;
mod render;
mod revocation;
mod schemes;
mod sdk;
mod several;
mod signed_attacks;
mod signed_urls;
mod snippets;
mod storage_door;
mod stores;
mod svg;
mod uses;
mod vectors;
