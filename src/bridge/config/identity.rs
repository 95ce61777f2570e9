//! What follows from the bus id, unless configured: names that have to differ from device to device.

use super::check::check_bus_id;
use super::error::{At, Fault};
use super::{Config, ConfigError};

/// Where the kernel says what the host is called.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";

/// The client name of a bridge that says nothing else.
pub(super) const DEFAULT_NAME: &str = "bridge";

/// What the topics and client ids of bridges begin with.
const TOPIC_ROOT: &str = "elbus";

/// Who a bridge is, to the bus and to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// What this bus is called in marks.
    pub bus_id: String,
    /// Who the bridge is upstream.
    pub client_id: String,
    /// Requests are expected below this; `None` without RPC.
    pub rpc_prefix: Option<String>,
    /// Responses to requests of the bridge are expected here; `None` without RPC.
    pub reply_topic: Option<String>,
    /// Where `online` and `offline` are told; `None`: nowhere.
    pub presence_topic: Option<String>,
}

impl Config {
    /// Who the bridge is. Reads the name of the host if there is no bus id.
    ///
    /// # Errors
    ///
    /// If there is no bus id, and the name of the host cannot be one.
    pub fn identity(&self) -> Result<Identity, ConfigError> {
        let bus_id = match &self.bus.id {
            Some(id) => id.clone(),
            None => host_name().map_err(|what| Fault::new(At::key("bus", "id"), what))?,
        };
        Ok(self.identity_of(bus_id))
    }

    /// The same with this bus id in the place of the configured one.
    pub(super) fn identity_of(&self, bus_id: String) -> Identity {
        // Bridges of one bus differ in their names, those of several in the ids.
        let own_name = match self.bus.name.as_str() {
            DEFAULT_NAME => bus_id.clone(),
            name => format!("{bus_id}-{name}"),
        };
        let client_id = self.mqtt.client_id.clone();
        let own = |last: &str| format!("{TOPIC_ROOT}/{own_name}/{last}");
        let rpc = self.rpc.as_ref();
        let presence = self.presence.as_ref();
        Identity {
            client_id: client_id.unwrap_or_else(|| format!("{TOPIC_ROOT}-{own_name}")),
            rpc_prefix: rpc.map(|rpc| rpc.prefix.clone().unwrap_or_else(|| own("rpc"))),
            reply_topic: rpc.map(|_| own("reply")),
            presence_topic: presence
                .map(|presence| presence.topic.clone().unwrap_or_else(|| own("status"))),
            bus_id,
        }
    }
}

fn host_name() -> Result<String, String> {
    let text = std::fs::read_to_string(HOST_NAME_FILE)
        .map_err(|error| format!("is missing, and {HOST_NAME_FILE} cannot be read: {error}"))?;
    let name = text.trim();
    check_bus_id(name).map_err(|what| {
        format!("is missing, and the name of the host, {name:?}, cannot be it: {what}")
    })?;
    Ok(name.to_owned())
}
