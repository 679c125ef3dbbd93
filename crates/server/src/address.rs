//! Whom an address stands for: whether it is a proxy of ours, and whether it tells visitors apart.

use std::net::IpAddr;
use std::sync::Arc;

use domain::source;

use crate::config::Network;

/// What is known of addresses. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    trusted_proxies: Arc<[Network]>,
}

impl Addresses {
    /// These networks are proxies of ours.
    pub(crate) fn new(trusted_proxies: Vec<Network>) -> Self {
        Addresses { trusted_proxies: trusted_proxies.into() }
    }

    /// Whether an address is a proxy of ours.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// Whether an address tells one visitor from another: a proxy of ours never does, any other once a proxy is
    /// trusted; until then loopback and private ones may be a proxy that nobody has named.
    pub(crate) fn tells_apart(&self, address: IpAddr) -> bool {
        if self.trusted_proxies.is_empty() { is_global(address) } else { !self.is_proxy(address) }
    }

    /// Whom a connection is counted for; nobody where it comes from a proxy, or from an address that tells nothing.
    pub(crate) fn source_of_peer(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        self.tells_apart(peer).then(|| source(peer))
    }
}

/// Not loopback, private or link-local.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(proxies: &[&str], peer: &str, expected: Option<&str>) {
        let addresses = Addresses::new(proxies.iter().map(|network| network.parse().unwrap()).collect());
        let source = addresses.source_of_peer(peer.parse().unwrap());
        assert_eq!(source, expected.map(|ip| ip.parse().unwrap()), "{proxies:?} {peer}");
    }

    #[test]
    fn loopback_and_private_peers_are_nobody_until_a_proxy_is_trusted() {
        check(&[], "127.0.0.1", None);
        check(&[], "10.0.0.7", None);
        check(&[], "::1", None);
        check(&[], "203.0.113.9", Some("203.0.113.9"));
        check(&["192.0.2.1"], "127.0.0.1", Some("127.0.0.1"));
        check(&["192.0.2.1"], "192.0.2.1", None);
    }

    #[test]
    fn one_network_of_ipv6_counts_as_one_address() {
        check(&[], "2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::"));
        check(&[], "::ffff:203.0.113.9", Some("203.0.113.9"));
    }
}
