//! What the broker tells about itself and its clients (protocol, section 9.1), and helpers that
//! programs around a broker share.
//!
//! The structures travel as MessagePack maps with the keys in the order of their fields:
//! `rmp_serde::to_vec_named` writes them, `rmp_serde::from_slice` reads them.

use std::cmp::Ordering;

#[cfg(feature = "rpc")]
use serde::{Deserialize, Serialize};

/// One primary client, as `client.list` shows it. Clients compare by name only.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "rpc", derive(Serialize, Deserialize))]
pub struct ClientInfo<'a> {
    /// The name under which the client is registered.
    pub name: &'a str,
    /// `internal`, `local_ipc` or `tcp`.
    pub kind: &'a str,
    /// `IP:PORT` of a TCP peer.
    #[cfg_attr(feature = "rpc", serde(borrow))]
    pub source: Option<&'a str>,
    /// The address of the listener that accepted the client, as given at start.
    #[cfg_attr(feature = "rpc", serde(borrow))]
    pub port: Option<&'a str>,
    /// Frames received from the client.
    pub r_frames: u64,
    /// Bytes received from the client.
    pub r_bytes: u64,
    /// Frames queued for the client.
    pub w_frames: u64,
    /// Bytes queued for the client.
    pub w_bytes: u64,
    /// Frames that wait for the client.
    pub queue: usize,
    /// The client and its secondaries, counted.
    pub instances: usize,
    // What follows is newer than the protocol. Lists of older brokers end here.
    /// Frames for the client that were not delivered because its queue had no room.
    #[cfg_attr(feature = "rpc", serde(default))]
    pub dropped: u64,
    /// Bytes that wait for the client.
    #[cfg_attr(feature = "rpc", serde(default))]
    pub queue_bytes: usize,
    /// Topic filters the client is subscribed to.
    #[cfg_attr(feature = "rpc", serde(default))]
    pub subscriptions: u64,
    /// When the client was registered, in nanoseconds since the UNIX epoch; 0 if unknown.
    #[cfg_attr(feature = "rpc", serde(default))]
    pub connected: u64,
    /// The user that the process of a UNIX socket client runs as.
    #[cfg_attr(feature = "rpc", serde(default))]
    pub uid: Option<u32>,
    /// The process of a UNIX socket client.
    #[cfg_attr(feature = "rpc", serde(default))]
    pub pid: Option<i32>,
}

impl Ord for ClientInfo<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(other.name)
    }
}

impl PartialOrd for ClientInfo<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ClientInfo<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ClientInfo<'_> {}

/// The reply to `client.list`.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "rpc", derive(Serialize, Deserialize))]
pub struct ClientList<'a> {
    /// Sorted by name.
    #[cfg_attr(feature = "rpc", serde(borrow))]
    pub clients: Vec<ClientInfo<'a>>,
}

/// The reply to `stats`: what the broker has done since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "rpc", derive(Serialize, Deserialize))]
pub struct BrokerStats {
    /// Seconds since the start.
    pub uptime: u64,
    /// Frames received.
    pub r_frames: u64,
    /// Bytes received.
    pub r_bytes: u64,
    /// Frames queued for clients.
    pub w_frames: u64,
    /// Bytes queued for clients.
    pub w_bytes: u64,
}

/// The reply to `info`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "rpc", derive(Serialize, Deserialize))]
pub struct BrokerInfo<'a> {
    /// Who makes the broker.
    pub author: &'a str,
    /// The version of the broker.
    pub version: &'a str,
}

/// Nanoseconds since the UNIX epoch; 0 while the clock stands before it.
#[cfg(feature = "broker")]
pub fn now_ns() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| {
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// Params of a method from `K=V` pairs, as people type them (protocol, section 10.1).
///
/// A value becomes a bool (`true`, `false`), else an `i64`, else an `f64`, else a string, whichever
/// it reads as first. Empty pairs are skipped. Of two pairs with the same key the last one counts.
///
/// ```
/// use serde_value::Value;
///
/// let params = elbus::common::str_to_params_map(&["id=5", "", "unit=°C"])?;
/// assert_eq!(params["id"], Value::I64(5));
/// assert_eq!(params["unit"], Value::String("°C".to_owned()));
/// # Ok::<(), elbus::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if a pair has no `=`.
#[cfg(feature = "rpc")]
pub fn str_to_params_map<'a>(
    pairs: &[&'a str],
) -> Result<std::collections::HashMap<&'a str, serde_value::Value>, crate::Error> {
    let pairs = pairs.iter().filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => Ok((key, typed_value(value))),
            None => Err(crate::Error::data(format_args!("no = in {pair:?}"))),
        })
        .collect()
}

#[cfg(feature = "rpc")]
fn typed_value(text: &str) -> serde_value::Value {
    use serde_value::Value;
    if let Ok(value) = text.parse() {
        Value::Bool(value)
    } else if let Ok(value) = text.parse() {
        Value::I64(value)
    } else if let Ok(value) = text.parse() {
        Value::F64(value)
    } else {
        Value::String(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_sort_by_name() {
        let named = |name, queue| ClientInfo {
            name,
            queue,
            ..Default::default()
        };
        let mut list = [named("b", 1), named("a.b", 2), named("a", 3)];
        list.sort();
        assert_eq!(list.map(|client| client.name), ["a", "a.b", "b"]);
        assert_eq!(named("a", 1), named("a", 2));
    }

    #[cfg(feature = "broker")]
    #[test]
    fn the_clock_is_in_nanoseconds() {
        let year_2020 = 1_577_836_800_000_000_000;
        assert!(now_ns() > year_2020);
    }
}

#[cfg(all(test, feature = "rpc"))]
mod rpc_tests {
    use std::collections::BTreeMap;

    use serde_value::Value;

    use super::*;

    /// The keys of a MessagePack map, in order: what starts a string shorter than 32 bytes.
    fn position(bytes: &[u8], key: &str) -> usize {
        let mut packed = vec![0xA0 | u8::try_from(key.len()).unwrap()];
        packed.extend_from_slice(key.as_bytes());
        let mut windows = bytes.windows(packed.len());
        windows
            .position(|window| window == packed)
            .unwrap_or_else(|| panic!("no key {key}"))
    }

    #[test]
    fn a_client_is_a_map_in_the_order_of_the_protocol() {
        let bytes = rmp_serde::to_vec_named(&ClientInfo::default()).unwrap();
        assert_eq!(bytes[..3], [0xDE, 0, 16]);
        let keys = [
            "name",
            "kind",
            "source",
            "port",
            "r_frames",
            "r_bytes",
            "w_frames",
            "w_bytes",
            "queue",
            "instances",
            "dropped",
            "queue_bytes",
            "subscriptions",
            "connected",
            "uid",
            "pid",
        ];
        let positions = keys.map(|key| position(&bytes, key));
        assert!(positions.is_sorted(), "{positions:?}");
    }

    #[test]
    fn a_list_goes_round() {
        let client = ClientInfo {
            name: "n",
            kind: "tcp",
            source: Some("127.0.0.1:5000"),
            port: Some("0.0.0.0:7777"),
            w_bytes: u64::MAX,
            pid: Some(42),
            ..Default::default()
        };
        let clients = vec![client];
        let bytes = rmp_serde::to_vec_named(&ClientList { clients }).unwrap();
        let list: ClientList = rmp_serde::from_slice(&bytes).unwrap();
        let [client] = list.clients.as_slice() else {
            panic!("not one client: {list:?}");
        };
        assert_eq!(
            (client.name, client.kind, client.source, client.port),
            ("n", "tcp", Some("127.0.0.1:5000"), Some("0.0.0.0:7777"))
        );
        assert_eq!((client.w_bytes, client.pid), (u64::MAX, Some(42)));
    }

    #[test]
    fn a_list_of_an_older_broker_is_read() {
        #[derive(Serialize)]
        struct Older {
            name: &'static str,
            kind: &'static str,
            source: Option<&'static str>,
            port: Option<&'static str>,
            r_frames: u64,
            r_bytes: u64,
            w_frames: u64,
            w_bytes: u64,
            queue: u64,
            instances: u64,
        }
        let older = Older {
            name: "n",
            kind: "internal",
            source: None,
            port: None,
            r_frames: 1,
            r_bytes: 2,
            w_frames: 3,
            w_bytes: 4,
            queue: 5,
            instances: 6,
        };
        let bytes = rmp_serde::to_vec_named(&BTreeMap::from([("clients", [older])])).unwrap();
        let list: ClientList = rmp_serde::from_slice(&bytes).unwrap();
        let client = &list.clients[0];
        assert_eq!((client.instances, client.dropped, client.uid), (6, 0, None));
    }

    #[test]
    fn stats_are_a_map_of_short_integers() {
        let stats = BrokerStats {
            uptime: 5,
            r_frames: 200,
            ..Default::default()
        };
        let bytes = rmp_serde::to_vec_named(&stats).unwrap();
        let expected: &[u8] =
            b"\x85\xA6uptime\x05\xA8r_frames\xCC\xC8\xA7r_bytes\0\xA8w_frames\0\xA7w_bytes\0";
        assert_eq!(bytes, expected);
        assert_eq!(rmp_serde::from_slice::<BrokerStats>(&bytes).unwrap(), stats);
    }

    #[test]
    fn info_is_author_and_version() {
        let info = BrokerInfo {
            author: "a",
            version: "v",
        };
        let bytes = rmp_serde::to_vec_named(&info).unwrap();
        assert_eq!(bytes, b"\x82\xA6author\xA1a\xA7version\xA1v");
        assert_eq!(rmp_serde::from_slice::<BrokerInfo>(&bytes).unwrap(), info);
    }

    #[test]
    fn values_have_the_first_type_they_read_as() {
        let text = |text: &str| Value::String(text.to_owned());
        let cases = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("True", text("True")),
            ("-5", Value::I64(-5)),
            ("9223372036854775807", Value::I64(i64::MAX)),
            (
                "9223372036854775808",
                Value::F64(9_223_372_036_854_775_808.0),
            ),
            ("1e3", Value::F64(1000.0)),
            ("nan", Value::F64(f64::NAN)),
            ("", text("")),
            ("a=b", text("a=b")),
        ];
        for (value, expected) in cases {
            let pair = format!("k={value}");
            let params = str_to_params_map(&[&pair]).unwrap();
            assert_eq!(params["k"], expected, "{value:?}");
        }
    }

    #[test]
    fn pairs_are_skipped_replaced_or_refused() {
        let params = str_to_params_map(&["", "k=1", "k=2", "", "=x"]).unwrap();
        assert_eq!(params.len(), 2);
        assert_eq!(params["k"], Value::I64(2));
        assert!(str_to_params_map(&[]).unwrap().is_empty());
        let refused = str_to_params_map(&["k=1", "nonsense"]).unwrap_err();
        assert_eq!(refused.kind(), crate::ErrorKind::Data);
    }
}
