//! `client.list`: who is connected, all or those whose name a regular expression finds.

use std::sync::Arc;

use regex_lite::{Regex, RegexBuilder};

use super::{Failure, Params, encode};
use crate::borrow::Cow;
use crate::broker::hub::Hub;
use crate::broker::peer::Peer;
use crate::common::{ClientInfo, ClientList};
use crate::limits::{MAX_NAME_FILTER_BYTES, MAX_NAME_FILTER_PROGRAM_BYTES};

/// The primary clients, by name. Secondaries are counted with their primary.
pub(super) fn call(hub: &Hub, params: &Params<'_>) -> Result<Cow<'static>, Failure> {
    let filter = params.only("filter")?.map(compile).transpose()?;
    let is_wanted = |peer: &Peer| match &filter {
        None => true,
        Some(filter) => filter.is_match(&peer.name),
    };
    let mut clients: Vec<Listed> = hub
        .peers()
        .into_iter()
        .filter(|(peer, _)| !peer.is_secondary() && is_wanted(peer))
        .map(|(peer, secondaries)| Listed {
            peer,
            instances: 1 + secondaries,
        })
        .collect();
    clients.sort_unstable_by(|a, b| a.peer.name.cmp(&b.peer.name));
    encode(&ClientList {
        clients: clients.iter().map(Listed::info).collect(),
    })
}

/// Searching takes time in proportion to the program times the names, whatever the expression; both
/// are bounded.
fn compile(text: &str) -> Result<Regex, Failure> {
    if text.len() > MAX_NAME_FILTER_BYTES {
        return Err(Failure::parse(format_args!(
            "the filter is longer than {MAX_NAME_FILTER_BYTES} bytes"
        )));
    }
    let mut builder = RegexBuilder::new(text);
    let bounded = builder.size_limit(MAX_NAME_FILTER_PROGRAM_BYTES);
    bounded.build().map_err(Failure::parse)
}

struct Listed {
    peer: Arc<Peer>,
    instances: usize,
}

impl Listed {
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
            uid: peer.origin.identity.uid,
            pid: peer.origin.pid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h05_hostile_expressions_are_refused_or_cheap() {
        let long = "a".repeat(MAX_NAME_FILTER_BYTES + 1);
        let deep = "(".repeat(100) + &")".repeat(100);
        for refused in [
            &*long,
            &deep,
            "((((a{99}){99}){99}){99})",
            r"\w{500}",
            "(",
            "a**{",
        ] {
            assert!(compile(refused).is_err(), "{refused}");
        }
        // An engine that goes back and tries again would not come back.
        let name = "a".repeat(1024);
        for slow in ["(a*)*b", "(a|a)*b", "(a|aa)+$b", &"a?".repeat(60)] {
            compile(slow).expect(slow).is_match(&name);
        }
    }
}
