//! Where to connect, as whom, and within which bounds.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a connection needs to know. Nothing of this is checked here: the configuration has been.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Tried in turn; at least one.
    pub(crate) addresses: Vec<Address>,
    pub(crate) version: VersionChoice,
    pub(crate) client_id: String,
    pub(crate) credentials: Credentials,
    pub(crate) tls: TlsFiles,
    /// Whole seconds, at least 5.
    pub(crate) keep_alive: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) retry_min: Duration,
    pub(crate) retry_max: Duration,
    /// How long the upstream keeps the session of an absent bridge, in seconds; MQTT 5.
    pub(crate) session_expiry_s: u32,
    /// Messages of QoS 1 that wait for their PUBACK, in each direction; at least 1.
    pub(crate) in_flight: u16,
    /// Longest packet in either direction, in bytes.
    pub(crate) max_packet: u32,
    pub(crate) will: Option<Will>,
    pub(crate) subscriptions: Vec<Subscription>,
}

/// What the upstream publishes, retained, when the bridge is gone without a word.
#[derive(Debug, Clone)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// What is subscribed to on each connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) filter: String,
    /// QoS 1, else 0.
    pub(crate) confirmed: bool,
    /// Whether retained messages are wanted.
    pub(crate) retained: bool,
}

/// Which version to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionChoice {
    /// MQTT 5; 3.1.1 where that is refused.
    Auto,
    /// MQTT 5 only.
    V5,
    /// MQTT 3.1.1 only.
    V311,
}

/// A text of the configuration, or the contents of a file without the final line break.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    Text(String),
    File(PathBuf),
}

impl fmt::Debug for Secret {
    /// Texts may be passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
        }
    }
}

/// Who the bridge is to the upstream; read for each connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) username: Option<Secret>,
    pub(crate) password: Option<Secret>,
}

/// The files for TLS, all in PEM format; read for each connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    /// The authorities that may vouch for the upstream; no others are trusted.
    pub(crate) ca: Option<PathBuf>,
    /// Certificate and key of the bridge.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

/// `mqtt://HOST:PORT` or `mqtts://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an IP address; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "mqtts" } else { "mqtt" };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_reach_a_log() {
        let secret = Secret::Text("swordfish".to_owned());
        assert!(!format!("{secret:?}").contains("swordfish"));
    }
}
