//! The server as a value: started, asked where it listens, stopped.

use std::net::SocketAddr;

use catalog::Catalog;
use domain::Clock;
use renditions::Renditions;
use storage::Storage;

use crate::Config;

/// A running server.
pub struct Server {
    address: SocketAddr,
    catalog: Catalog,
    storage: Storage,
    renditions: Renditions,
}

impl Server {
    /// Starts a server; it answers when this returns. `announce` is told what to print for people (setup address).
    pub async fn start(
        _config: Config,
        _clock: Clock,
        _announce: impl Fn(&str) + Send + Sync + 'static,
    ) -> anyhow::Result<Server> {
        todo!()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its catalog, for fixtures.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Its storage, for counters.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Its renditions, for counters.
    pub fn renditions(&self) -> &Renditions {
        &self.renditions
    }

    /// Stops: refuses what is new at once, finishes what runs.
    pub async fn stop(self) {
        todo!()
    }
}
