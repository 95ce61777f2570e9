//! `client.list`: who is connected, all or those whose name a regular expression finds.

use regex_lite::{Regex, RegexBuilder};

use super::{Failure, Params, encode};
use crate::borrow::Cow;
use crate::broker::hub::Hub;
use crate::broker::peer::Peer;
use crate::broker::roster::{self, Listed};
use crate::common::ClientList;
use crate::limits::{MAX_NAME_FILTER_BYTES, MAX_NAME_FILTER_PROGRAM_BYTES};

/// The primary clients, by name. Secondaries are counted with their primary.
pub(super) fn call(hub: &Hub, params: &Params<'_>) -> Result<Cow<'static>, Failure> {
    let filter = params.only("filter")?.map(compile).transpose()?;
    let is_wanted = |peer: &Peer| match &filter {
        None => true,
        Some(filter) => filter.is_match(&peer.name),
    };
    let clients = roster::of(hub.peers(), is_wanted);
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
