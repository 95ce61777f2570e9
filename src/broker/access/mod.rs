//! Who may register at a listener, and what they may do (protocol, section 15.4).
//!
//! Rights are looked up anew with every batch of frames and with every keep-alive, so a change of
//! the map takes effect on clients that are connected: at their next operation at the latest, for
//! what they receive within half a timeout, and for both at once if the broker is told to look.
//!
//! A rule that denies beats every rule that allows. Patterns of clients are compared with patterns
//! of rules: what a filter or mask could reach has to be allowed as a whole. What it reaches beside
//! that is denied is left out when it is delivered.
//!
//! | file | job |
//! |---|---|
//! | `network`, `hosts` | ranges of IP addresses; from where peers may connect |
//! | `scope` | what is allowed of one kind of operation |
//! | `methods` | the methods of `.broker` |
//! | `rights` | all rights of one client |
//! | `live` | those of clients that are connected |

mod hosts;
mod live;
mod methods;
mod network;
mod rights;
mod scope;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

pub use hosts::HostList;
pub(super) use live::{LiveAccess, Refreshed};
#[cfg(feature = "rpc")]
pub(super) use methods::Method;
pub use methods::{broker_methods, guarded_methods};
pub use network::IpNetwork;
pub(super) use rights::Rights;

use methods::Methods;

/// The rights of each client by its primary name. Clients that are not in the map cannot register;
/// secondaries share the entry of their primary.
pub type AaaMap = Arc<Mutex<HashMap<String, ClientAaa>>>;

/// True for root and the user of this process: they could end the broker, or take its place.
pub(super) fn is_trusted_user(uid: u32) -> bool {
    uid == 0 || uid == nix::unistd::geteuid().as_raw()
}

/// The rights of one client. The default allows everything from everywhere, but for the
/// [guarded methods](Self::allow_broker_methods) of the broker. Two are equal if they
/// were made from the same networks and patterns, in the same order.
///
/// ```
/// use elbus::broker::ClientAaa;
///
/// let rights = ClientAaa::new()
///     .hosts_allow(vec!["192.168.0.0/16".parse().unwrap(), "::1".parse().unwrap()])
///     .hosts_deny(vec!["192.168.7.0/24".parse().unwrap()])
///     .allow_p2p_to(&["plc.*", ".broker"])
///     .allow_subscribe_to(&["plant/#"])
///     .deny_subscribe_to(&["plant/secret/#"])
///     .deny_publish()
///     .deny_broadcast();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientAaa {
    /// Shared with the sessions of the client; a change makes a new one.
    rights: Arc<Rights>,
}

impl ClientAaa {
    /// Everything is allowed, but for the [guarded methods](Self::allow_broker_methods).
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, change: impl FnOnce(&mut Rights)) -> Self {
        change(Arc::make_mut(&mut self.rights));
        self
    }

    /// Networks from which the client may connect over TCP. Peers on a UNIX socket are not asked.
    pub fn hosts_allow(self, networks: Vec<IpNetwork>) -> Self {
        self.with(|rights| rights.hosts.allowed = Some(networks))
    }

    /// Networks from which the client may not connect over TCP, whatever
    /// [`hosts_allow`](Self::hosts_allow) says.
    pub fn hosts_deny(self, networks: Vec<IpNetwork>) -> Self {
        self.with(|rights| rights.hosts.denied = networks)
    }

    /// Ids of the users that may connect as this client over a UNIX socket, besides those of
    /// [`groups_allow`](Self::groups_allow), root and the user of this process. The kernel says who
    /// a peer was when it connected. Default: every user who has access to the socket.
    pub fn users_allow(self, uids: Vec<u32>) -> Self {
        self.with(|rights| rights.locals.get_or_insert_default().users = uids)
    }

    /// Ids of the groups that may connect as this client over a UNIX socket, see
    /// [`users_allow`](Self::users_allow). What counts is the effective group of the peer, not the
    /// other groups it is in.
    pub fn groups_allow(self, gids: Vec<u32>) -> Self {
        self.with(|rights| rights.locals.get_or_insert_default().groups = gids)
    }

    /// Masks of the clients to which it may send messages.
    pub fn allow_p2p_to(self, masks: &[&str]) -> Self {
        self.with(|rights| rights.p2p.allow_only(masks))
    }

    /// Masks of the clients to which it may not send messages, nor to their secondaries, whatever is
    /// allowed.
    pub fn deny_p2p_to(self, masks: &[&str]) -> Self {
        self.with(|rights| rights.p2p.deny(masks))
    }

    /// It may not send messages, not even to the broker.
    pub fn deny_p2p(self) -> Self {
        self.allow_p2p_to(&[])
    }

    /// Filters of the topics to which it may publish.
    pub fn allow_publish_to(self, filters: &[&str]) -> Self {
        self.with(|rights| rights.publish.allow_only(filters))
    }

    /// Filters of the topics to which it may not publish, whatever is allowed.
    pub fn deny_publish_to(self, filters: &[&str]) -> Self {
        self.with(|rights| rights.publish.deny(filters))
    }

    /// It may not publish.
    pub fn deny_publish(self) -> Self {
        self.allow_publish_to(&[])
    }

    /// Filters of the topics to which it may subscribe. A subscription is allowed if one of them
    /// covers all that it could match: `a/+` does not allow `a/#`.
    pub fn allow_subscribe_to(self, filters: &[&str]) -> Self {
        self.with(|rights| rights.subscribe.allow_only(filters))
    }

    /// Filters of the topics that it does not get, whatever is allowed. A subscription that could
    /// bring nothing else is refused; of what a wider one brings, they are left out.
    pub fn deny_subscribe_to(self, filters: &[&str]) -> Self {
        self.with(|rights| rights.subscribe.deny(filters))
    }

    /// It may not subscribe.
    pub fn deny_subscribe(self) -> Self {
        self.allow_subscribe_to(&[])
    }

    /// Masks of the clients to which it may broadcast. A broadcast is allowed if one of them covers
    /// all that its mask could match.
    pub fn allow_broadcast_to(self, masks: &[&str]) -> Self {
        self.with(|rights| rights.broadcast.allow_only(masks))
    }

    /// Masks of the clients that its broadcasts do not reach, nor their secondaries, whatever is
    /// allowed. A broadcast that could reach nobody else is refused.
    pub fn deny_broadcast_to(self, masks: &[&str]) -> Self {
        self.with(|rights| rights.broadcast.deny(masks))
    }

    /// It may not broadcast.
    pub fn deny_broadcast(self) -> Self {
        self.allow_broadcast_to(&[])
    }

    /// Methods of `.broker` that it may call, some of [`broker_methods`]. Those that are not
    /// [guarded](guarded_methods) come with the right to send to `.broker`; with this one, a client
    /// may call the methods named here without that. None by default. Other names have no effect.
    pub fn allow_broker_methods(self, methods: &[&str]) -> Self {
        let methods = Methods::named(methods);
        self.with(|rights| rights.broker_methods = methods)
    }
}
