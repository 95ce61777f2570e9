//! Which tables and keys a configuration file may have. Any other key is an error: one that is
//! misspelt must not be taken for one that is missing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{
    BindAddress, BrokerMethod, ClientName, GroupRule, HostRule, Mask, Rule, TopicFilter, UserRule,
};
use crate::options::{BrokerLimits, ListenerOptions, LogOptions, ProcessOptions};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Takes the place of `clients`.
    #[serde(default)]
    pub allow_everybody: bool,
    pub clients: Option<Clients>,
    #[serde(default)]
    pub broker: BrokerLimits,
    /// For every listener that says nothing else.
    #[serde(default)]
    pub defaults: ListenerOptions,
    #[serde(default)]
    pub listeners: BTreeMap<BindAddress, ListenerOptions>,
    #[serde(default)]
    pub process: ProcessOptions,
    #[serde(default)]
    pub log: LogOptions,
    /// The last line of a file with listeners.
    pub end: Option<End>,
}

/// A table without keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {}

/// The rights of each client.
pub type Clients = BTreeMap<ClientName, Rights>;

/// The rules of one listener.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTable {
    #[serde(default)]
    pub allow_everybody: bool,
    pub clients: Option<Clients>,
}

/// What one client may do. A key that is missing grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rights {
    /// From where it may connect over TCP.
    pub hosts: Vec<HostRule>,
    /// Who may connect as this client over a UNIX socket, besides root and the user of the broker.
    pub users: Vec<UserRule>,
    pub groups: Vec<GroupRule>,
    /// To whom it may send messages.
    pub send: Vec<Rule<Mask>>,
    /// To whom it may broadcast.
    pub broadcast: Vec<Rule<Mask>>,
    pub publish: Vec<Rule<TopicFilter>>,
    pub subscribe: Vec<Rule<TopicFilter>>,
    /// The methods of the broker that it may call beyond those that come with the right to send to
    /// `.broker`.
    pub broker_methods: Vec<BrokerMethod>,
}
