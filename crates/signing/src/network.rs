//! Client addresses and the networks that hold them (signing-schemes 0 and 1.1).

use std::net::IpAddr;

/// A network, or one address. Host bits do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    bits: u128,
    mask: u128,
    is_v4: bool,
}

impl Network {
    /// Reads an address or a network in CIDR form; an IPv4-mapped one is IPv4.
    pub(crate) fn parse(text: &str) -> Option<Network> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(prefix_length(length)?)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().ok()?;
        let address = written.to_canonical();
        let mapped = if written.is_ipv6() && address.is_ipv4() { 96 } else { 0 };
        let (bits, width) = bits_of(address);
        let length = match length {
            Some(length) => length.checked_sub(mapped)?,
            None => width,
        };
        if length > width {
            return None;
        }
        let mask = if length == 0 { 0 } else { u128::MAX << (width - length) };
        Some(Network { bits: bits & mask, mask, is_v4: address.is_ipv4() })
    }

    /// Whether an address lies in it; an IPv4-mapped one is IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.is_v4 && bits_of(address).0 & self.mask == self.bits
    }
}

/// The bits of an address and how many they are.
fn bits_of(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// The length of a network's prefix: digits without a leading zero.
fn prefix_length(text: &str) -> Option<u32> {
    let fits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (fits && canonical).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let check = |network: &str, address: &str, held| {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), held, "{network:?} {address}");
        };
        check("203.0.113.7", "203.0.113.7", true);
        check("203.0.113.7", "203.0.113.8", false);
        check("203.0.113.7", "::ffff:203.0.113.7", true);
        check("::ffff:203.0.113.7", "203.0.113.7", true);
        check("::ffff:203.0.113.0/120", "203.0.113.9", true);
        check("203.0.113.9/24", "203.0.113.200", true);
        check("203.0.113.9/24", "203.0.114.0", false);
        check("0.0.0.0/0", "8.8.8.8", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "8.8.8.8", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::", false);
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/08",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
            "::/129",
            "a.b",
            "1.2.3.04",
            " 1.2.3.4",
            "::ffff:1.2.3.4/95",
            "fe80::1%eth0",
            "[::1]",
            "1.2.3.4:80",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_network_holds_the_address_that_names_it(address in any::<IpAddr>(), length in 0_u32..=32) {
            let network = Network::parse(&format!("{address}/{length}"));
            if !(address.is_ipv6() && address.to_canonical().is_ipv4()) {
                prop_assert!(network.unwrap().contains(address));
            }
            prop_assert!(Network::parse(&address.to_string()).unwrap().contains(address));
        }
    }
}
