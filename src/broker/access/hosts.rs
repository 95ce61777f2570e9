//! From where peers may connect over TCP.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::RwLock;

use super::IpNetwork;

/// What is allowed, less what is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hosts {
    /// `None`: all.
    pub(super) allowed: Option<Vec<IpNetwork>>,
    /// They win.
    pub(super) denied: Vec<IpNetwork>,
}

impl Hosts {
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        let any = |networks: &[IpNetwork]| networks.iter().any(|network| network.contains(address));
        self.allowed.as_deref().is_none_or(any) && !any(&self.denied)
    }
}

/// From where peers may connect to a TCP listener, whatever their names. A peer from elsewhere is cut
/// off without an answer. All clones are one list, which can be replaced while it is in use: peers
/// that it no longer admits are disconnected within half a timeout, or at once with
/// [`Broker::refresh_access`](crate::broker::Broker::refresh_access).
#[derive(Debug, Clone, Default)]
pub struct HostList(Arc<RwLock<Hosts>>);

impl HostList {
    /// See [`replace`](Self::replace).
    pub fn new(allowed: Option<Vec<IpNetwork>>, denied: Vec<IpNetwork>) -> Self {
        let list = Self::default();
        list.replace(allowed, denied);
        list
    }

    /// Admits the networks that are allowed (`None`: all of them) and not denied.
    pub fn replace(&self, allowed: Option<Vec<IpNetwork>>, denied: Vec<IpNetwork>) {
        *self.0.write() = Hosts { allowed, denied };
    }

    pub(in crate::broker) fn admits(&self, address: IpAddr) -> bool {
        self.0.read().admits(address)
    }
}
