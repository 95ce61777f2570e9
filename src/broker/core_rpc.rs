//! The methods of `.broker` (protocol, section 9.1), answered in place by whoever asks.

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::hub::Hub;
use super::peer::{Inbox, Kind, Peer};
use super::{BROKER_NAME, Broker};
use crate::borrow::Cow;
use crate::common::{ClientInfo, ClientList};
use crate::protocol::ERR_DATA;
use crate::protocol::rpc::{
    self, ERROR_HEAD_BYTES, MalformedRpc, NO_REPLY, RPC_ERROR_CODE_INTERNAL,
    RPC_ERROR_CODE_INVALID_METHOD_PARAMS, RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_ERROR_CODE_PARSE,
    RpcPayload,
};

/// A reply on its way to the caller.
pub(super) struct Reply<'a> {
    head: [u8; ERROR_HEAD_BYTES],
    head_bytes: usize,
    pub(super) body: Cow<'a>,
}

impl Reply<'_> {
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..self.head_bytes]
    }
}

/// Why a call failed.
struct Failure {
    code: i16,
    text: String,
}

impl From<i16> for Failure {
    fn from(code: i16) -> Self {
        Self {
            code,
            text: String::new(),
        }
    }
}

/// Answers a message to `.broker`. `None` if it is no call, or one that wants no answer.
pub(super) fn answer<'a>(
    hub: &Hub,
    header: Option<&'a [u8]>,
    payload: &'a [u8],
) -> Option<Reply<'a>> {
    let (id, method, params) = match rpc::decode(header, payload) {
        Ok(RpcPayload::Request { id, method, params }) => (id, method, params),
        Ok(_) => return None,
        Err(e) => {
            log_malformed(e);
            return None;
        }
    };
    // No method does anything but answer.
    if id == NO_REPLY {
        return None;
    }
    let result = call(hub, method, params);
    let mut reply = Reply {
        head: [0; ERROR_HEAD_BYTES],
        head_bytes: 0,
        body: Cow::Borrowed(&[]),
    };
    match result {
        Ok(body) => {
            let head = rpc::reply_head(id);
            reply.head_bytes = head.len();
            reply.head[..head.len()].copy_from_slice(&head);
            reply.body = body;
        }
        Err(failure) => {
            reply.head = rpc::error_head(id, failure.code);
            reply.head_bytes = reply.head.len();
            reply.body = Cow::Owned(failure.text.into_bytes());
        }
    }
    Some(reply)
}

fn log_malformed(e: MalformedRpc) {
    log::debug!("message to {BROKER_NAME} ignored: {e}");
}

fn call<'a>(hub: &Hub, method: &[u8], params: &'a [u8]) -> Result<Cow<'a>, Failure> {
    if method == b"benchmark.test" {
        return Ok(Cow::Borrowed(params));
    }
    let method = std::str::from_utf8(method).map_err(|_| bus_error(ERR_DATA))?;
    let params = Params::read(params)?;
    match method {
        "test" => {
            params.must_be_empty()?;
            encode(&Test { ok: true })
        }
        "info" => {
            params.must_be_empty()?;
            encode(&Broker::info())
        }
        "stats" => {
            params.must_be_empty()?;
            encode(&hub.stats())
        }
        "client.list" => {
            params.must_be_empty()?;
            encode(&client_list(hub))
        }
        _ => Err(RPC_ERROR_CODE_METHOD_NOT_FOUND.into()),
    }
}

#[derive(Serialize)]
struct Test {
    ok: bool,
}

/// What is known of the params before the method is: they have to be a map, or nothing at all.
struct Params {
    entries: usize,
}

impl Params {
    fn read(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.is_empty() {
            return Ok(Self { entries: 0 });
        }
        rmp_serde::from_slice(bytes).map_err(|e| Failure {
            code: RPC_ERROR_CODE_PARSE,
            text: e.to_string(),
        })
    }

    fn must_be_empty(&self) -> Result<(), Failure> {
        match self.entries {
            0 => Ok(()),
            _ => Err(RPC_ERROR_CODE_INVALID_METHOD_PARAMS.into()),
        }
    }
}

impl<'de> Deserialize<'de> for Params {
    /// Counts what is there, and keeps nothing of it: neither announced lengths nor depth take
    /// memory.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;

        impl<'de> Visitor<'de> for Counter {
            type Value = Params;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of params")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut entries = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    entries += 1;
                }
                Ok(Params { entries })
            }
        }

        deserializer.deserialize_map(Counter)
    }
}

fn encode(value: &impl Serialize) -> Result<Cow<'static>, Failure> {
    let bytes = rmp_serde::to_vec_named(value).map_err(|e| Failure {
        code: RPC_ERROR_CODE_INTERNAL,
        text: e.to_string(),
    })?;
    Ok(Cow::Owned(bytes))
}

/// A code of the bus as the RPC layer reports it.
fn bus_error(code: u8) -> Failure {
    (-32_000 - i16::from(code)).into()
}

/// The primary clients, by name. Secondaries are counted with their primary.
fn client_list(hub: &Hub) -> impl Serialize {
    let peers = hub.peers();
    let mut clients: Vec<OwnedInfo> = peers
        .iter()
        .filter(|(peer, _)| !peer.is_secondary())
        .map(|(peer, secondaries)| OwnedInfo {
            peer: peer.clone(),
            instances: 1 + secondaries,
        })
        .collect();
    clients.sort_unstable_by(|a, b| a.peer.name.cmp(&b.peer.name));
    OwnedList(clients)
}

struct OwnedInfo {
    peer: std::sync::Arc<Peer>,
    instances: usize,
}

struct OwnedList(Vec<OwnedInfo>);

impl Serialize for OwnedList {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let clients = self.0.iter().map(OwnedInfo::info).collect();
        ClientList { clients }.serialize(serializer)
    }
}

impl OwnedInfo {
    fn info(&self) -> ClientInfo<'_> {
        let peer = &*self.peer;
        let (r_frames, r_bytes) = peer.received();
        let (load, queued) = peer.queued();
        ClientInfo {
            name: &peer.name,
            kind: peer.origin.kind.as_str(),
            source: peer.origin.source.as_deref(),
            port: peer.origin.port.as_deref(),
            r_frames,
            r_bytes,
            w_frames: queued.frames,
            w_bytes: queued.bytes,
            queue: load.frames + load.acks,
            instances: self.instances,
            dropped: queued.refused,
            queue_bytes: load.bytes,
            subscriptions: peer.own_filters.lock().subscriptions.len() as u64,
            connected: peer.connected_ns,
            uid: peer.origin.uid,
            pid: peer.origin.pid,
        }
    }
}

impl super::Broker {
    /// Registers the broker's own client, `.broker`, which answers calls of the methods `test`,
    /// `info`, `stats`, `client.list` and `benchmark.test`, and announces what happens.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) if there is one already.
    #[allow(clippy::unused_async)]
    pub async fn init_default_core_rpc(&self) -> Result<(), crate::Error> {
        let peer = Peer::new(
            self.hub.new_peer_id(),
            BROKER_NAME.into(),
            super::internal::origin(Kind::Internal),
            Inbox::Core,
            None,
        );
        self.hub.register(&std::sync::Arc::new(peer))
    }
}
