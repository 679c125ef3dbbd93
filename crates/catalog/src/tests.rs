//! What the catalog promises, on the real migrations.

mod opening;
