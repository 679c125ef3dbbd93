//! A catalog for the tests of the floors above: fresh, with the real migrations.

use domain::Clock;

use crate::Catalog;

/// A catalog in a temporary folder that goes with the value.
pub struct TestCatalog {
    /// The catalog.
    pub catalog: Catalog,
    _folder: tempfile::TempDir,
}

/// A fresh catalog as a first start leaves it, with the system's clock.
pub async fn fresh() -> TestCatalog {
    fresh_at(Clock::system()).await
}

/// The same with another clock.
pub async fn fresh_at(_clock: Clock) -> TestCatalog {
    todo!()
}
