//! A range of addresses: a network and the length of its prefix.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A range of addresses, such as `10.96.0.0/12`. Bits after the prefix are zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IpRange {
    network: IpAddr,
    length: u8,
}

/// The text is not an address, a slash, and a length that such an address can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an address range such as 10.96.0.0/12")]
pub struct BadRange;

impl IpRange {
    /// The range of `address` with a prefix of `length` bits; `None` if such an address does not have as many.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (length <= longest).then(|| Self { network: mask(address, length), length })
    }

    /// The range that consists of one address.
    pub fn of(address: IpAddr) -> Self {
        Self { network: address, length: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Its first address.
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// How many bits its addresses have in common.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether it is a single address.
    pub fn is_single(self) -> bool {
        self == Self::of(self.network)
    }

    /// Whether `address` is in it. An IPv4 address is in no IPv6 range, nor the other way round.
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.network.is_ipv4() && mask(address, self.length) == self.network
    }
}

fn mask(address: IpAddr, length: u8) -> IpAddr {
    let unused = |bits: u32| bits - u32::from(length);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(unused(32)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(unused(128)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

impl FromStr for IpRange {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let (address, length) = text.split_once('/').ok_or(BadRange)?;
        let (address, length) = (address.parse().map_err(|_| BadRange)?, length.parse().map_err(|_| BadRange)?);
        Self::new(address, length).ok_or(BadRange)
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_single() { write!(f, "{}", self.network) } else { write!(f, "{}/{}", self.network, self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> IpRange {
        text.parse().unwrap()
    }

    #[test]
    fn bits_after_the_prefix_do_not_matter() {
        assert_eq!(range("10.97.3.4/12"), range("10.96.0.0/12"));
        assert_eq!(range("fd00:1::2/16").to_string(), "fd00::/16");
        assert_eq!(range("10.0.0.1/32").to_string(), "10.0.0.1");
        assert_eq!(range("10.0.0.1/0").to_string(), "0.0.0.0/0");
    }

    #[test]
    fn contains_its_addresses_and_no_others() {
        let table = [
            ("10.96.0.0/12", "10.111.255.255", true),
            ("10.96.0.0/12", "10.112.0.0", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fe80::1", true),
            ("::/0", "127.0.0.1", false),
            ("fc00::/7", "fd12::3", true),
            ("fc00::/7", "fe00::", false),
        ];
        for (text, address, inside) in table {
            assert_eq!(range(text).contains(address.parse().unwrap()), inside, "{address} in {text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "10.0.0.1", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "a/8"] {
            assert_eq!(text.parse::<IpRange>(), Err(BadRange), "{text}");
        }
    }
}
