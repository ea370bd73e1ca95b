//! Networks as they are written in configuration, and the question whether an address is inside.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;

/// One network: `203.0.113.0/24`, `2001:db8::/32`, or a single address.
///
/// It is either IPv4 or genuine IPv6, as normalised addresses are, so that one sender has one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// What is wrong with the text of a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor a network.
    #[error("{0:?} is no network; write one like 203.0.113.0/24, 2001:db8::/32 or 203.0.113.7")]
    Unreadable(String),
    /// Bits behind the prefix are set, so one of the two parts is a slip.
    #[error("{0} has bits behind its prefix; write {network} if the whole network is meant", network = .0.trunc())]
    HostBits(IpNet),
    /// An IPv4 network written as IPv6, which contains no normalised address.
    #[error("{0} is IPv4 inside IPv6; write the IPv4 network itself")]
    MappedIpv4(IpNet),
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        const MAPPED_BITS: u8 = 96;
        let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network: IpNet = parsed.map_err(|_| NetworkError::Unreadable(text.chars().take(60).collect()))?;
        let mapped = |v6: Ipv6Addr| v6.to_ipv4_mapped().is_some() && network.prefix_len() >= MAPPED_BITS;
        match network.addr() {
            IpAddr::V6(v6) if mapped(v6) => Err(NetworkError::MappedIpv4(network)),
            _ if network != network.trunc() => Err(NetworkError::HostBits(network)),
            IpAddr::V4(_) | IpAddr::V6(_) => Ok(Self(network)),
        }
    }
}

impl Network {
    /// Whether every address of its family is inside.
    #[must_use]
    pub fn is_everybody(self) -> bool {
        self.0.prefix_len() == 0
    }
}

/// A list of networks. Lists are short, so a look-up goes through all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Whether a normalised address ([`IpAddr::to_canonical`]) is inside one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.0.contains(&address))
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(network: &str, address: &str) -> bool {
        Networks::from_iter([network.parse().unwrap()]).contains(address.parse().unwrap())
    }

    #[test]
    fn both_families_and_single_addresses() {
        assert!(inside("203.0.113.0/24", "203.0.113.255"));
        assert!(!inside("203.0.113.0/24", "203.0.114.0"));
        assert!(inside("203.0.113.7", "203.0.113.7") && !inside("203.0.113.7", "203.0.113.8"));
        assert!(inside("2001:db8::/32", "2001:db8:ffff::1") && !inside("2001:db8::/32", "2001:db9::"));
        assert!(inside("2001:db8::1", "2001:db8::1") && !inside("2001:db8::1", "2001:db8::2"));
        assert!(!inside("0.0.0.0/0", "2001:db8::1") && !inside("::/0", "192.0.2.1"), "families are apart");
        assert!(!Networks::default().contains("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn each_slip_is_named() {
        let error = |text: &str| text.parse::<Network>().unwrap_err();
        for text in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "localhost", "2001:db8::/129", " 10.0.0.0/8"] {
            assert!(matches!(error(text), NetworkError::Unreadable(_)), "{text}");
        }
        assert!(error("10.0.0.1/8").to_string().contains("write 10.0.0.0/8"), "{}", error("10.0.0.1/8"));
        assert!(matches!(error("2001:db8::1/32"), NetworkError::HostBits(_)));
        assert!(matches!(error("::ffff:192.0.2.0/120"), NetworkError::MappedIpv4(_)));
        assert!(matches!(error("::ffff:192.0.2.1"), NetworkError::MappedIpv4(_)));
    }
}
