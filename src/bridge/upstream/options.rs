//! Where to connect, as whom, and within which bounds.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The port of MQTT over TCP.
const PORT: u16 = 1883;

/// The port of MQTT over TLS.
const TLS_PORT: u16 = 8883;

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

impl Address {
    /// The address in a text.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (is_tls, rest) = if let Some(rest) = text.strip_prefix("mqtts://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("mqtt://") {
            (false, rest)
        } else {
            return Err(format!(
                "{text:?} begins neither with mqtt:// nor with mqtts://"
            ));
        };
        let (host, port) = split_port(rest).map_err(|why| format!("{text:?}: {why}"))?;
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/@?#[]".contains(c);
        if host.is_empty() || host.contains(is_odd) {
            return Err(format!("{text:?} has no host, or more than host and port"));
        }
        let standard = if is_tls { TLS_PORT } else { PORT };
        Ok(Self {
            host: host.to_owned(),
            port: port.unwrap_or(standard),
            is_tls,
        })
    }
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

/// Host and port; brackets around an IPv6 address are taken off.
fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']').ok_or("the bracket is not closed")?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err("text behind the bracket"),
            }
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if !text.starts_with('[') && host.contains(':') {
        return Err("an IPv6 address needs brackets");
    }
    match port.map(str::parse::<u16>).transpose() {
        Ok(Some(0)) | Err(_) => Err("the port is no number from 1 to 65535"),
        Ok(port) => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, host, port, is_tls) in [
            ("mqtt://plant", "plant", 1883, false),
            ("mqtt://plant:1", "plant", 1, false),
            ("mqtts://10.0.0.1", "10.0.0.1", 8883, true),
            ("mqtts://[fd00::1]", "fd00::1", 8883, true),
            ("mqtt://[fd00::1]:65535", "fd00::1", 65_535, false),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((&*address.host, address.port), (host, port));
            assert_eq!(address.is_tls, is_tls);
            assert_eq!(Address::parse(&address.to_string()).unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "plant",
            "plant:1883",
            "http://plant",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://a:0",
            "mqtt://a:65536",
            "mqtt://a:x",
            "mqtt://fd00::1",
            "mqtt://[fd00::1",
            "mqtt://[a]b",
            "mqtt://a/b",
            "mqtt://user@a",
            "mqtt://a b",
            "mqtt://a\n",
            "mqtt://[]",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_reach_a_log() {
        let secret = Secret::Text("swordfish".to_owned());
        assert!(!format!("{secret:?}").contains("swordfish"));
    }
}
