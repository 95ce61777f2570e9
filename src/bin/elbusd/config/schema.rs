//! Which tables and keys a configuration file may have. Any other key is an error: one that is
//! misspelt must not be taken for one that is missing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{BrokerMethod, ClientName, Mask, Network, TopicFilter};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Takes the place of `clients`.
    #[serde(default)]
    pub allow_everybody: bool,
    pub clients: Option<BTreeMap<ClientName, Rights>>,
}

/// What one client may do. A key that is missing grants nothing.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rights {
    /// From where it may connect over TCP; UNIX sockets have their permissions.
    pub hosts: Vec<Network>,
    /// To whom it may send messages.
    pub send: Vec<Mask>,
    /// To whom it may broadcast.
    pub broadcast: Vec<Mask>,
    pub publish: Vec<TopicFilter>,
    pub subscribe: Vec<TopicFilter>,
    /// The methods of the broker that it may call beyond those that are open to all.
    pub broker_methods: Vec<BrokerMethod>,
}
