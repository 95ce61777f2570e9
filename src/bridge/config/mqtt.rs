//! The upstream: an MQTT broker, or several that are one cluster.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::TlsFiles;

/// The upstream, and who the bridge is there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Mqtt {
    /// Tried in turn: after a failure the next one. 1 to
    /// [`MAX_UPSTREAMS`](super::MAX_UPSTREAMS).
    pub addresses: Vec<MqttAddress>,
    /// Default: [`MqttVersion::Auto`].
    pub version: MqttVersion,
    /// Default: `elbus-ID` with the bus id; for a bridge that is not called `bridge`,
    /// `elbus-ID-NAME`.
    pub client_id: Option<String>,
    /// Not together with `username_file`.
    pub username: Option<String>,
    /// A file with the user name; a newline at its end is not part of it. Read with each connection.
    pub username_file: Option<PathBuf>,
    /// The same with the password. Needs a user name.
    pub password_file: Option<PathBuf>,
    /// For `mqtts://` only. Without `ca` there is no connection: the upstream of a plant is not
    /// vouched for by the authorities of the Internet, so these are not trusted.
    pub tls: TlsFiles,
    /// Without a word for this long, a ping is sent; an upstream that does not answer it is taken for
    /// gone. Whole seconds, 5 to 65,535. Default: 30 s.
    pub keep_alive: Duration,
    /// Bounds name resolution, connecting and the handshakes together, from 1 to 300 s. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long the upstream keeps subscriptions and messages for a bridge that is away; MQTT 5 only.
    /// Whole seconds, at most 4,294,967,294, zero: not at all. Default: a day.
    pub session_expiry: Duration,
    /// Messages of QoS 1 on their way that are not confirmed yet, 1 to
    /// [`MAX_IN_FLIGHT`](super::MAX_IN_FLIGHT). Default: 64.
    pub in_flight: usize,
    /// Longest packet in either direction, in bytes, 1 KiB to 256 MiB. Default: 1 MiB.
    pub max_packet: usize,
    /// First pause after a failure to connect, 100 ms at least; it doubles up to `retry_max`. Default:
    /// 1 s.
    pub retry_min: Duration,
    /// Longest pause, at most a day. Default: 60 s.
    pub retry_max: Duration,
    /// With MQTT 3.1.1 the topics of what the bridge publishes begin with `PREFIX/ID/`; with any
    /// version such topics are understood. Empty: not marked, which is refused where rules of both
    /// directions overlap. Default: `elbus-origin`.
    pub origin_prefix: String,
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            version: MqttVersion::Auto,
            client_id: None,
            username: None,
            username_file: None,
            password_file: None,
            tls: TlsFiles::default(),
            keep_alive: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            session_expiry: Duration::from_secs(24 * 60 * 60),
            in_flight: 64,
            max_packet: 1024 * 1024,
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            origin_prefix: "elbus-origin".into(),
        }
    }
}

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum MqttVersion {
    /// 5, and 3.1.1 with an upstream that does not know 5.
    #[default]
    Auto,
    /// 5 only.
    V5,
    /// 3.1.1 only.
    V311,
}

impl MqttVersion {
    /// Could it be 3.1.1 that is spoken?
    pub fn may_be_v311(self) -> bool {
        self != Self::V5
    }
}

impl FromStr for MqttVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "5" => Ok(Self::V5),
            "3.1.1" => Ok(Self::V311),
            _ => Err(r#"expected "auto", "5" or "3.1.1""#.into()),
        }
    }
}

impl fmt::Display for MqttVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        })
    }
}

/// Quality of service on the side of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MqttQos {
    /// 0: nothing is confirmed or kept; lost while there is no connection.
    AtMostOnce,
    /// 1: sent again until it is confirmed.
    AtLeastOnce,
}

impl MqttQos {
    /// As the number that it has on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
        }
    }
}

impl FromStr for MqttQos {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "0" => Ok(Self::AtMostOnce),
            "1" => Ok(Self::AtLeastOnce),
            _ => Err("expected 0 or 1".into()),
        }
    }
}

/// Where an upstream listens: `mqtt://HOST:PORT`, or `mqtts://HOST:PORT` with TLS. The port may be
/// missing, it is 1883 then, with TLS 8883; an IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MqttAddress {
    /// With TLS.
    pub tls: bool,
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

/// Longest name of a host, in bytes: what the domain name system has.
const MAX_HOST_BYTES: usize = 253;

impl FromStr for MqttAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("{text:?}: expected mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS");
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let (tls, default_port) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(expected()),
        };
        // What follows the host: nothing, or a colon and the port.
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(expected)?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let is_host = |symbol: char| symbol.is_ascii_alphanumeric() || "-._:%".contains(symbol);
        if host.is_empty() || host.len() > MAX_HOST_BYTES || !host.chars().all(is_host) {
            return Err(expected());
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default_port,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                let number = port.parse().ok().filter(|port| *port > 0);
                number.ok_or_else(|| format!("{text:?}: expected a port from 1 to 65535"))?
            }
            _ => return Err(expected()),
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for MqttAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let (host, port) = (&self.host, self.port);
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
    fn addresses_with_and_without_port() {
        for (text, tls, host, port) in [
            ("mqtt://a", false, "a", 1883),
            ("mqtts://plant-a.example", true, "plant-a.example", 8883),
            ("mqtt://10.0.0.1:1", false, "10.0.0.1", 1),
            ("mqtt://[fd00::1]:99", false, "fd00::1", 99),
            ("mqtts://[::1]", true, "::1", 8883),
        ] {
            let address: MqttAddress = text.parse().expect(text);
            assert_eq!(
                (address.tls, &*address.host, address.port),
                (tls, host, port)
            );
            assert_eq!(address.to_string().parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_none() {
        for text in [
            "",
            "a",
            "a:1883",
            "http://a",
            "mqtt://",
            "mqtt://:1",
            "mqtt://a:",
            "mqtt://a:0",
            "mqtt://a:65536",
            "mqtt://a:+1",
            "mqtt://a/b",
            "mqtt://u@a",
            "mqtt://[::1",
            "mqtt://[]",
            "mqtt://[::1]:",
            "mqtt://[::1]x",
            "mqtt://a b",
            "MQTT://a",
            "mqtt://::1",
        ] {
            assert!(text.parse::<MqttAddress>().is_err(), "{text:?}");
        }
    }
}
