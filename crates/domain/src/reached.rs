//! How the server was reached, as the outside sees it.

/// The host that a visitor asked for, and whether by https. The server's front leaves it with every request that goes on
/// to the API or the dashboard: signatures of some schemes hold the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reached {
    /// The host as it was written, with the port where one was: from the request, or from a trusted proxy's header.
    pub host: String,
    /// Whether it was asked by https.
    pub is_https: bool,
}
