//! The methods of `.broker` (protocol, section 9.1), answered in place by whoever asks.
//!
//! Most are open to every client that may send to `.broker`. Those that show or do what concerns
//! others are guarded, see [`may_call`].

mod client_list;
mod topic_list;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::access::{Method, is_trusted_user};
use super::hub::Hub;
use super::origin::Kind;
use super::peer::{Inbox, Peer};
use super::{BROKER_NAME, Broker};
use crate::borrow::Cow;
use crate::protocol::rpc::{
    self, ERROR_HEAD_BYTES, MalformedRpc, NO_REPLY, RPC_ERROR_CODE_INTERNAL,
    RPC_ERROR_CODE_INVALID_METHOD_PARAMS, RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_ERROR_CODE_PARSE,
    RpcPayload,
};
use crate::protocol::{ERR_ACCESS, ERR_DATA};

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
#[derive(Debug)]
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

impl Failure {
    fn parse(why: impl fmt::Display) -> Self {
        Self {
            code: RPC_ERROR_CODE_PARSE,
            text: why.to_string(),
        }
    }

    /// An error of the bus as the RPC layer reports it.
    fn bus(code: u8) -> Self {
        (-32_000 - i16::from(code)).into()
    }
}

/// Answers a message of `caller` to `.broker`. `None` if it is no call, or one that wants no answer.
pub(super) fn answer<'a>(
    hub: &Hub,
    caller: &Peer,
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
    // All but one do nothing but answer.
    if id == NO_REPLY && method != Method::ClientKick.as_str().as_bytes() {
        return None;
    }
    let result = call(hub, caller, method, params);
    if id == NO_REPLY {
        return None;
    }
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

fn call<'a>(hub: &Hub, caller: &Peer, method: &[u8], params: &'a [u8]) -> Result<Cow<'a>, Failure> {
    let name = std::str::from_utf8(method).map_err(|_| Failure::bus(ERR_DATA))?;
    let method = Method::named(name);
    // Its params are whatever the caller wants back.
    let params = match method {
        Some(Method::BenchmarkTest) => Params::raw(params),
        _ => Params::read(params)?,
    };
    let method = method.ok_or(RPC_ERROR_CODE_METHOD_NOT_FOUND)?;
    check_right(caller, method)?;
    match method {
        Method::Test => {
            params.must_be_empty()?;
            encode(&Done { ok: true })
        }
        Method::Info => {
            params.must_be_empty()?;
            encode(&Broker::info())
        }
        Method::Stats => {
            params.must_be_empty()?;
            encode(&hub.stats())
        }
        Method::BenchmarkTest => Ok(Cow::Borrowed(params.bytes)),
        Method::ClientList => client_list::call(hub, &params),
        Method::ClientKick => kick(hub, caller, &params),
        Method::TopicList => topic_list::call(hub, &params),
    }
}

#[derive(Serialize)]
struct Done {
    ok: bool,
}

fn check_right(caller: &Peer, method: Method) -> Result<(), Failure> {
    if may_call(caller, method) {
        return Ok(());
    }
    log::debug!("client {:?} may not call {}", caller.name, method.as_str());
    Err(Failure::bus(ERR_ACCESS))
}

/// Whether the caller has the right to a method. Where there are access rules, they say so. Where
/// there are none, names prove nothing: what counts for guarded methods is that the caller lives in
/// this process, or that its user could end the broker anyway.
fn may_call(caller: &Peer, method: Method) -> bool {
    match (&caller.access, caller.origin.kind) {
        (Some(access), _) => access.allows(|rights| rights.may_call(method)),
        _ if !method.is_guarded() => true,
        (None, Kind::Internal) => true,
        (None, Kind::LocalIpc) => caller.origin.identity.uid.is_some_and(is_trusted_user),
        (None, Kind::Tcp) => false,
    }
}

fn kick(hub: &Hub, caller: &Peer, params: &Params<'_>) -> Result<Cow<'static>, Failure> {
    let Some(name) = params.only("name")? else {
        return Err(RPC_ERROR_CODE_INVALID_METHOD_PARAMS.into());
    };
    let done = hub.force_disconnect(name);
    done.map_err(|e| Failure::bus(e.kind() as u8))?;
    log::info!("client {name:?} is disconnected for {:?}", caller.name);
    encode(&Done { ok: true })
}

/// Params that are a map, or nothing at all. That is checked before the method is known.
struct Params<'a> {
    bytes: &'a [u8],
    entries: usize,
}

impl<'a> Params<'a> {
    /// Not looked into.
    fn raw(bytes: &'a [u8]) -> Self {
        Self { bytes, entries: 0 }
    }

    fn read(bytes: &'a [u8]) -> Result<Self, Failure> {
        let entries = match bytes {
            [] => 0,
            _ => {
                rmp_serde::from_slice::<MapLength>(bytes)
                    .map_err(Failure::parse)?
                    .0
            }
        };
        Ok(Self { bytes, entries })
    }

    fn must_be_empty(&self) -> Result<(), Failure> {
        match self.entries {
            0 => Ok(()),
            _ => Err(RPC_ERROR_CODE_INVALID_METHOD_PARAMS.into()),
        }
    }

    /// The text of the only param that there may be; `None` if there is none, or if it is nil.
    fn only(&self, key: &str) -> Result<Option<&'a str>, Failure> {
        if self.entries == 0 {
            return Ok(None);
        }
        // Not before the number is known: a map of millions would be a flood.
        let params: Option<BTreeMap<&'a str, Option<&'a str>>> = match self.entries {
            1 => rmp_serde::from_slice(self.bytes).ok(),
            _ => None,
        };
        let value = params.and_then(|params| params.get(key).copied());
        value.ok_or_else(|| RPC_ERROR_CODE_INVALID_METHOD_PARAMS.into())
    }
}

/// The number of entries of a map.
struct MapLength(usize);

impl<'de> Deserialize<'de> for MapLength {
    /// Counts what is there, and keeps nothing of it: neither announced lengths nor depth take
    /// memory.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;

        impl<'de> Visitor<'de> for Counter {
            type Value = MapLength;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of params")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MapLength, A::Error> {
                let mut entries = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    entries += 1;
                }
                Ok(MapLength(entries))
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

impl super::Broker {
    /// Registers the broker's own client, `.broker`, which announces what happens and answers calls
    /// of these methods. Params and results are MessagePack; "none" is also an empty map.
    ///
    /// | method | params | result |
    /// |---|---|---|
    /// | `test` | none | `{"ok": true}` |
    /// | `info` | none | [`BrokerInfo`](crate::common::BrokerInfo) |
    /// | `stats` | none | [`BrokerStats`](crate::common::BrokerStats) |
    /// | `client.list` | none, or `{"filter": REGEX}` | [`ClientList`](crate::common::ClientList) |
    /// | `benchmark.test` | any bytes | the same bytes |
    /// | `client.kick` | `{"name": NAME}` | `{"ok": true}` |
    /// | `topic.list` | none | [`TopicList`](crate::common::TopicList) |
    ///
    /// The filter is searched in the names. It is a regular expression as `regex-lite` reads it, of
    /// at most [`MAX_NAME_FILTER_BYTES`](crate::limits::MAX_NAME_FILTER_BYTES); one that is invalid,
    /// or too big when compiled, is answered −32700.
    ///
    /// `client.kick` disconnects a client, which may connect again: −32113 if there is none of that
    /// name, −32117 if it lives in the broker's process. It works without a reply, too, and so as a
    /// command of a fifo: `.broker :client.kick name=NAME`.
    ///
    /// The last two are guarded: clients of listeners with an access map need
    /// [`allow_broker_methods`](super::ClientAaa::allow_broker_methods). Without a map they are open
    /// to the clients of this process, and on UNIX sockets to root and to the user that the broker
    /// runs as; everybody else, all TCP clients among them, gets −32121 (access denied).
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

#[cfg(test)]
mod tests {
    use super::super::internal::origin;
    use super::super::origin::{Identity, Origin};
    use super::*;

    #[test]
    fn without_rules_guarded_methods_are_for_this_process_its_user_and_root() {
        let own = nix::unistd::geteuid().as_raw();
        let stranger = own.wrapping_add(1).max(1);
        for (kind, uid, may) in [
            (Kind::Internal, None, true),
            (Kind::LocalIpc, Some(own), true),
            (Kind::LocalIpc, Some(0), true),
            (Kind::LocalIpc, Some(stranger), false),
            (Kind::LocalIpc, None, false),
            (Kind::Tcp, None, false),
        ] {
            let identity = Identity {
                uid,
                ..Identity::default()
            };
            let origin = Origin {
                identity,
                ..origin(kind)
            };
            let caller = Peer::new(1, "operator".into(), origin, Inbox::Core, None);
            let found = may_call(&caller, Method::ClientKick);
            assert_eq!(found, may, "{kind:?} {uid:?}");
        }
    }
}
