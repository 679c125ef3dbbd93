//! What counts as one address, wherever something is counted by it.

use std::net::{IpAddr, Ipv6Addr};

/// What an address is counted as: of IPv6 its whole /64, which is the least that anybody is given; an IPv4 address
/// written as IPv6 is the IPv4 one.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        assert_eq!(source(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
    }

    #[test]
    fn one_network_of_ipv6_counts_as_one_address() {
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
        check("2001:db8:1:3:3:4:5:6", "2001:db8:1:3::");
        check("203.0.113.9", "203.0.113.9");
        check("::ffff:203.0.113.9", "203.0.113.9");
    }
}
