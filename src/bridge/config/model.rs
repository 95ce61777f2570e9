//! What can be configured: the whole, the bus, the store, RPC, presence.

use std::path::PathBuf;
use std::time::Duration;

use super::identity::DEFAULT_NAME;
use super::{ConfigError, Mqtt, MqttAddress, Rule};
use crate::DEFAULT_QUEUE_SIZE;
use crate::matching::MASK;
use crate::protocol::names::primary_name;

/// All that a bridge has to be told. [`check`](Self::check) says whether it makes sense; a bridge
/// does not start with a configuration that makes none.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The bus, and who the bridge is there.
    pub bus: Bus,
    /// The upstream.
    pub mqtt: Mqtt,
    /// Where messages wait for the upstream.
    pub store: Store,
    /// What is carried, at most [`MAX_RULES`](super::MAX_RULES) rules.
    pub rules: Vec<Rule>,
    /// RPC over MQTT; `None`: none.
    pub rpc: Option<Rpc>,
    /// What the upstream is told of who is there; `None`: nothing.
    pub presence: Option<Presence>,
}

impl Config {
    /// A bridge from the bus at this address (see [`Address`](crate::address::Address)) to this
    /// upstream (see [`MqttAddress`]), without rules.
    ///
    /// # Errors
    ///
    /// If the address of the upstream is none.
    pub fn new(bus: &str, upstream: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        config.bus.address = bus.to_owned();
        let address: MqttAddress = upstream.parse().map_err(ConfigError::new)?;
        config.mqtt.addresses.push(address);
        Ok(config)
    }
}

/// The bus, and who the bridge is there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Bus {
    /// Where the broker listens: a path, `HOST:PORT` or `tls://HOST:PORT`. Default:
    /// `/run/elbus.sock`.
    pub address: String,
    /// The name of the client, without `/`, `+` and `#`. `elbus top` takes `bridge` and `bridge.…` for
    /// bridges. Default: `bridge`.
    pub name: String,
    /// What this bus is called in the marks of messages, by which bridges know what is their own. All
    /// bridges of one bus have to have the same, and those of other buses different ones. At most
    /// [`MAX_BUS_ID_BYTES`](super::MAX_BUS_ID_BYTES) bytes, without `/`, `+`, `#`, `,` and control
    /// characters. Default: the name of the host.
    pub id: Option<String>,
    /// Bounds connecting and each confirmation, from 1 ms to a day. Default: 5 s.
    pub timeout: Duration,
    /// Frames that may wait in the event channel, and to be sent. Default: 8192.
    pub queue_size: usize,
    /// For `tls://HOST:PORT` only, and there at least `ca`.
    pub tls: TlsFiles,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            address: "/run/elbus.sock".into(),
            name: DEFAULT_NAME.into(),
            id: None,
            timeout: Duration::from_secs(5),
            queue_size: DEFAULT_QUEUE_SIZE,
            tls: TlsFiles::default(),
        }
    }
}

/// Certificates in PEM format, read with each connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The authorities that may vouch for the other side.
    pub ca: Option<PathBuf>,
    /// The certificate of this side, if the other one asks for it; with `key`.
    pub certificate: Option<PathBuf>,
    /// The private key to it, not encrypted.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where messages wait that the upstream has not confirmed yet.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Store {
    /// A directory of this bridge alone; made if it is missing. `None`: messages are kept in memory
    /// only, and are gone with the process.
    pub directory: Option<PathBuf>,
    /// What the files may take, in bytes, at least 64 KiB; beyond it the oldest messages are dropped.
    /// Default: 16 MiB.
    pub max_disk: u64,
    /// What messages in memory may take, in bytes, at least 4 KiB: all of them if there is no
    /// directory, else those on their way to and from it. Default: 4 MiB.
    pub max_memory: usize,
    /// Messages that have waited for longer are dropped; 1 s at least. Default: a week.
    pub max_age: Duration,
    /// How long a message may wait until it is made sure that the disk has it; at most 60 s, zero: not
    /// at all, each message by itself. Default: 100 ms.
    pub sync: Duration,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            directory: None,
            max_disk: 16 * 1024 * 1024,
            max_memory: 4 * 1024 * 1024,
            max_age: Duration::from_secs(7 * 24 * 60 * 60),
            sync: Duration::from_millis(100),
        }
    }
}

/// RPC over the requests and responses of MQTT 5.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rpc {
    /// Requests are expected at `PREFIX/CLIENT/METHOD`. Default: `elbus/ID/rpc` with the bus
    /// id, or `elbus/ID-NAME/rpc` for a bridge that is not called `bridge`.
    pub prefix: Option<String>,
    /// Bounds each call, in both directions, from 1 ms to a day. Default: 5 s.
    pub timeout: Duration,
    /// Calls in each direction that wait for their answer, 1 to 65,535. Default: 64.
    pub max_pending: usize,
    /// What hosts may call on the bus; nothing without it.
    pub serve: Vec<Serve>,
    /// What clients of the bus may call at the bridge.
    pub call: Vec<Call>,
}

impl Default for Rpc {
    fn default() -> Self {
        Self {
            prefix: None,
            timeout: Duration::from_secs(5),
            max_pending: 64,
            serve: Vec::new(),
            call: Vec::new(),
        }
    }
}

/// Methods of clients that hosts may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Serve {
    /// Masks of names: `plc.*`.
    pub clients: Vec<String>,
    /// Names of methods, or `*` alone for all.
    pub methods: Vec<String>,
}

impl Serve {
    /// These methods of these clients.
    pub fn new(clients: &[&str], methods: &[&str]) -> Self {
        Self {
            clients: owned(clients),
            methods: owned(methods),
        }
    }

    /// May hosts call this method of this client?
    pub(crate) fn grants(&self, client: &str, method: &str) -> bool {
        let mut methods = self.methods.iter();
        methods.any(|known| known == "*" || known == method)
            && self.clients.iter().any(|mask| means(mask, client))
    }
}

/// A method of the bridge on the bus that is answered upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// Its name on the bus. Those that begin with `bridge.` are the bridge's own.
    pub method: String,
    /// Where the request is published.
    pub topic: String,
    /// Masks of the clients that may call it.
    pub callers: Vec<String>,
}

impl Call {
    /// These clients may call this method; the request goes to this topic.
    pub fn new(method: &str, topic: &str, callers: &[&str]) -> Self {
        Self {
            method: method.to_owned(),
            topic: topic.to_owned(),
            callers: owned(callers),
        }
    }

    /// May this client call it? A secondary may what its primary may.
    pub(crate) fn grants(&self, caller: &str) -> bool {
        let caller = primary_name(caller);
        self.callers.iter().any(|mask| means(mask, caller))
    }
}

/// Does the mask mean this client? Those of the broker's own process only if it begins like their names:
/// who writes `*` does not mean to let hosts end the connections of others.
fn means(mask: &str, client: &str) -> bool {
    MASK.matches(mask, client) && (!client.starts_with('.') || mask.starts_with('.'))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Retained messages that tell the upstream who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presence {
    /// `online` while the bridge is connected, else `offline`. Default: `elbus/ID/status` with the bus
    /// id, or `elbus/ID-NAME/status` for a bridge that is not called `bridge`.
    pub topic: Option<String>,
    /// Each primary client of the bus is a topic behind this prefix while it is registered. Default:
    /// none.
    pub registrations: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_mean_the_clients_of_the_broker_only_if_they_say_so() {
        assert!(means("plc.*", "plc.1") && means("*", "plc.1") && means("?", "x"));
        assert!(!means("plc.*", "plc") && !means("plc.?", "plc.1.2"));
        assert!(!means("*", ".broker") && !means("?.broker", ".broker"));
        assert!(means(".broker", ".broker") && means(".*", ".broker"));
        assert!(Serve::new(&["plc.*"], &["get"]).grants("plc.1", "get"));
        assert!(!Serve::new(&["plc.*"], &["get"]).grants("plc.1", "set"));
        assert!(Call::new("ack", "t", &["plc.*"]).grants("plc.1%%2"));
    }
}
