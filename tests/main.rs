//! The whole house from outside: each file tests one feature of a real server on port 0.

mod harness;

mod api;
mod bad_input;
mod browser;
mod delivery;
mod first_picture;
mod house;
mod pictures;
mod revocation;
mod sdk;
mod signed_urls;
