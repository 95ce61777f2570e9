//! Ranges of IP addresses.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::Error;

/// A range of IP addresses: one address, or a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpNetwork(IpNet);

impl IpNetwork {
    pub(in crate::broker) fn contains(&self, address: IpAddr) -> bool {
        // A listener on `::` sees IPv4 peers as IPv6 addresses.
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for IpNetwork {
    type Err = Error;

    /// Reads `10.0.0.0/8`, `fd00::/8`, `192.168.1.7` or `::1`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let network = text.parse::<IpNet>();
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        network.or_else(|_| single()).map(Self).map_err(|_| {
            Error::data(format_args!(
                "{text:?} is neither an IP address nor a network in CIDR notation"
            ))
        })
    }
}

impl From<IpNet> for IpNetwork {
    fn from(network: IpNet) -> Self {
        Self(network)
    }
}

impl From<IpAddr> for IpNetwork {
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}
