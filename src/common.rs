//! What the broker tells about itself and its clients (protocol, section 9.1), and helpers that
//! programs around a broker share.
//!
//! The structures travel as MessagePack maps with the keys in the order of their fields:
//! `rmp_serde::to_vec_named` writes them, `rmp_serde::from_slice` reads them.
//!
//! ```
//! # #[cfg(all(feature = "rpc", feature = "broker"))]
//! # mod example {
//! use elbus::broker::Broker;
//! use elbus::common::ClientList;
//! use elbus::rpc::{Rpc, RpcClient};
//! use elbus::{QoS, empty_payload};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = Broker::new();
//! broker.init_default_core_rpc().await?;
//! let rpc = RpcClient::new0(broker.register_client("operator").await?);
//!
//! let params = empty_payload!();
//! let reply = rpc.call(".broker", "client.list", params, QoS::Processed).await?;
//! let list: ClientList = rmp_serde::from_slice(reply.payload())?;
//! let names: Vec<&str> = list.clients.iter().map(|client| client.name).collect();
//! assert_eq!(names, [".broker", "operator"]);
//! # Ok(())
//! # }
//! # }
//! # #[cfg(all(feature = "rpc", feature = "broker"))]
//! # example::main().unwrap();
//! ```

use std::cmp::Ordering;

#[cfg(feature = "rpc-base")]
use serde::{Deserialize, Serialize};

/// One primary client, as `client.list` shows it. Clients compare by name only.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "rpc-base", derive(Serialize, Deserialize))]
pub struct ClientInfo<'a> {
    /// The name under which the client is registered.
    pub name: &'a str,
    /// `internal`, `local_ipc` or `tcp`.
    pub kind: &'a str,
    /// `IP:PORT` of a TCP peer.
    #[cfg_attr(feature = "rpc-base", serde(borrow))]
    pub source: Option<&'a str>,
    /// The address of the listener that accepted the client, as given at start.
    #[cfg_attr(feature = "rpc-base", serde(borrow))]
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
    #[cfg_attr(feature = "rpc-base", serde(default))]
    pub dropped: u64,
    /// Bytes that wait for the client.
    #[cfg_attr(feature = "rpc-base", serde(default))]
    pub queue_bytes: usize,
    /// Topic filters the client is subscribed to.
    #[cfg_attr(feature = "rpc-base", serde(default))]
    pub subscriptions: u64,
    /// When the client was registered, in nanoseconds since the UNIX epoch; 0 if unknown.
    #[cfg_attr(feature = "rpc-base", serde(default))]
    pub connected: u64,
    /// The user that the process of a UNIX socket client runs as.
    #[cfg_attr(feature = "rpc-base", serde(default))]
    pub uid: Option<u32>,
    /// The process of a UNIX socket client.
    #[cfg_attr(feature = "rpc-base", serde(default))]
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
#[cfg_attr(feature = "rpc-base", derive(Serialize, Deserialize))]
pub struct ClientList<'a> {
    /// Sorted by name.
    #[cfg_attr(feature = "rpc-base", serde(borrow))]
    pub clients: Vec<ClientInfo<'a>>,
}

/// One topic filter that somebody is subscribed to, as `topic.list` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "rpc-base", derive(Serialize, Deserialize))]
pub struct TopicInfo<'a> {
    /// As the clients have it, up to the first `#`.
    pub filter: &'a str,
    /// How many clients, secondaries counted one by one.
    pub subscribers: u64,
}

/// The reply to `topic.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "rpc-base", derive(Serialize, Deserialize))]
pub struct TopicList<'a> {
    /// Sorted by filter. At most [`MAX_LISTED_TOPICS`](crate::limits::MAX_LISTED_TOPICS), with at most
    /// [`MAX_LISTED_TOPIC_BYTES`](crate::limits::MAX_LISTED_TOPIC_BYTES) in all: the first ones.
    #[cfg_attr(feature = "rpc-base", serde(borrow))]
    pub topics: Vec<TopicInfo<'a>>,
    /// There are more. Absent on the wire unless true.
    #[cfg_attr(
        feature = "rpc-base",
        serde(default, skip_serializing_if = "std::ops::Not::not")
    )]
    pub truncated: bool,
}

/// The reply to `stats`: what the broker has done since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "rpc-base", derive(Serialize, Deserialize))]
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
#[cfg_attr(feature = "rpc-base", derive(Serialize, Deserialize))]
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
#[cfg(feature = "rpc-base")]
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

#[cfg(feature = "rpc-base")]
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
mod tests;
