//! Who may register at a listener, and what they may do (protocol, section 15.4).
//!
//! Rights are looked up anew with every batch of frames and with every keep-alive, so a change of
//! the map takes effect on clients that are connected: at their next operation at the latest, for
//! what they receive within half a timeout, and for both at once if the broker is told to look.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use parking_lot::Mutex;

use crate::Error;
use crate::matching::{MASK, Syntax, TOPIC};
use crate::protocol::names::primary_name;

/// The rights of each client by its primary name. Clients that are not in the map cannot register;
/// secondaries share the entry of their primary.
pub type AaaMap = Arc<Mutex<HashMap<String, ClientAaa>>>;

/// A range of IP addresses: one address, or a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpNetwork(IpNet);

impl IpNetwork {
    fn contains(&self, address: IpAddr) -> bool {
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

/// What is allowed of one kind of operation.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Everything,
    /// What these patterns cover.
    Only(Vec<String>),
}

impl Scope {
    fn only(patterns: &[&str]) -> Self {
        Self::Only(patterns.iter().map(ToString::to_string).collect())
    }

    /// One name or topic.
    fn admits(&self, syntax: &Syntax, text: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(rules) => rules.iter().any(|rule| syntax.matches(rule, text)),
        }
    }

    /// All that a filter or a mask can match.
    fn covers(&self, syntax: &Syntax, pattern: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(rules) => rules.iter().any(|rule| syntax.covers(rule, pattern)),
        }
    }
}

/// A method of the broker that shows or does what concerns others than its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GuardedMethod {
    ClientKick,
    TopicList,
}

impl GuardedMethod {
    const ALL: [Self; 2] = [Self::ClientKick, Self::TopicList];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ClientKick => "client.kick",
            Self::TopicList => "topic.list",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// The names of the broker's methods to which a client needs a right of its own, see
/// [`ClientAaa::allow_broker_methods`].
pub fn guarded_methods() -> impl Iterator<Item = &'static str> {
    GuardedMethod::ALL.into_iter().map(GuardedMethod::as_str)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rights {
    hosts: Option<Vec<IpNetwork>>,
    p2p: Scope,
    publish: Scope,
    subscribe: Scope,
    broadcast: Scope,
    /// In the order of [`GuardedMethod::ALL`].
    broker_methods: Vec<GuardedMethod>,
}

impl Rights {
    pub(super) fn may_send_to(&self, target: &str) -> bool {
        self.p2p.admits(&MASK, target)
    }

    pub(super) fn may_broadcast_to(&self, mask: &str) -> bool {
        self.broadcast.covers(&MASK, mask)
    }

    pub(super) fn may_publish_to(&self, topic: &str) -> bool {
        self.publish.admits(&TOPIC, topic)
    }

    pub(super) fn may_subscribe_to(&self, filter: &str) -> bool {
        self.subscribe.covers(&TOPIC, filter)
    }

    pub(super) fn may_call(&self, method: GuardedMethod) -> bool {
        self.broker_methods.contains(&method)
    }

    fn may_connect_from(&self, address: Option<IpAddr>) -> bool {
        match (&self.hosts, address) {
            (Some(networks), Some(address)) => {
                networks.iter().any(|network| network.contains(address))
            }
            // No restriction, or a peer on this machine.
            _ => true,
        }
    }
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
///     .allow_p2p_to(&["plc.*", ".broker"])
///     .allow_subscribe_to(&["plant/#"])
///     .deny_publish()
///     .deny_broadcast();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAaa {
    /// Shared with the sessions of the client; a change makes a new one.
    rights: Arc<Rights>,
}

impl Default for ClientAaa {
    fn default() -> Self {
        Self {
            rights: Arc::new(Rights {
                hosts: None,
                p2p: Scope::Everything,
                publish: Scope::Everything,
                subscribe: Scope::Everything,
                broadcast: Scope::Everything,
                broker_methods: Vec::new(),
            }),
        }
    }
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
        self.with(|rights| rights.hosts = Some(networks))
    }

    /// Masks of the clients to which it may send messages.
    pub fn allow_p2p_to(self, masks: &[&str]) -> Self {
        self.with(|rights| rights.p2p = Scope::only(masks))
    }

    /// It may not send messages, not even to the broker.
    pub fn deny_p2p(self) -> Self {
        self.allow_p2p_to(&[])
    }

    /// Filters of the topics to which it may publish.
    pub fn allow_publish_to(self, filters: &[&str]) -> Self {
        self.with(|rights| rights.publish = Scope::only(filters))
    }

    /// It may not publish.
    pub fn deny_publish(self) -> Self {
        self.allow_publish_to(&[])
    }

    /// Filters of the topics to which it may subscribe. A subscription is allowed if one of them
    /// covers all that it could match: `a/+` does not allow `a/#`.
    pub fn allow_subscribe_to(self, filters: &[&str]) -> Self {
        self.with(|rights| rights.subscribe = Scope::only(filters))
    }

    /// It may not subscribe.
    pub fn deny_subscribe(self) -> Self {
        self.allow_subscribe_to(&[])
    }

    /// Masks of the clients to which it may broadcast. A broadcast is allowed if one of them covers
    /// all that its mask could match.
    pub fn allow_broadcast_to(self, masks: &[&str]) -> Self {
        self.with(|rights| rights.broadcast = Scope::only(masks))
    }

    /// It may not broadcast.
    pub fn deny_broadcast(self) -> Self {
        self.allow_broadcast_to(&[])
    }

    /// Methods of `.broker` that it may call beyond those that are open to every client that may send
    /// to `.broker` at all: some of [`guarded_methods`], `client.kick` and `topic.list`. None by
    /// default. Other names have no effect.
    pub fn allow_broker_methods(self, methods: &[&str]) -> Self {
        let allowed = |method: &GuardedMethod| methods.contains(&method.as_str());
        let methods = GuardedMethod::ALL.into_iter().filter(allowed).collect();
        self.with(|rights| rights.broker_methods = methods)
    }
}

/// The rights of a connected client, as they are now.
#[derive(Debug)]
pub(super) struct LiveAccess {
    map: AaaMap,
    primary: String,
    address: Option<IpAddr>,
    current: Mutex<Arc<Rights>>,
}

/// What a look at the map has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refreshed {
    Unchanged,
    Changed,
    /// The client is no longer admitted.
    Revoked,
}

impl LiveAccess {
    /// The rights with which a client of this name may register from this address; `None` if it
    /// may not.
    pub(super) fn admit(map: &AaaMap, name: &str, address: Option<IpAddr>) -> Option<Self> {
        let primary = primary_name(name);
        let rights = map.lock().get(primary)?.rights.clone();
        rights.may_connect_from(address).then(|| Self {
            map: map.clone(),
            primary: primary.to_owned(),
            address,
            current: Mutex::new(rights),
        })
    }

    /// Looks at the map again.
    pub(super) fn refresh(&self) -> Refreshed {
        // Locked before the look: of two threads that look, the later one must not be overtaken and
        // have its new rights replaced by the old ones.
        let mut current = self.current.lock();
        let Some(rights) = self.entry() else {
            return Refreshed::Revoked;
        };
        if Arc::ptr_eq(&rights, &current) {
            return Refreshed::Unchanged;
        }
        if !rights.may_connect_from(self.address) {
            return Refreshed::Revoked;
        }
        *current = rights;
        Refreshed::Changed
    }

    fn entry(&self) -> Option<Arc<Rights>> {
        let map = self.map.lock();
        map.get(&self.primary).map(|entry| entry.rights.clone())
    }

    pub(super) fn allows(&self, check: impl FnOnce(&Rights) -> bool) -> bool {
        check(&self.current.lock())
    }

    /// The rights as they were at the last refresh.
    pub(super) fn current(&self) -> Arc<Rights> {
        self.current.lock().clone()
    }
}
