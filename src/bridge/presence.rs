//! Who is there, told upstream with retained messages: the bridge itself (`online`, and `offline` as its
//! last will), and, if that is wanted, each client of the bus.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bus::Link;
use super::config::Config;
use super::shared::Shared;
use super::upstream::{Extras, Message, Will, is_sendable};
use crate::common::ClientList;
use crate::rpc::Rpc;
use crate::{Frame, QoS, empty_payload};

/// Where the broker announces who comes and goes, and who it is.
pub(super) const INFO_TOPIC: &str = ".broker/info";
const BROKER_NAME: &str = ".broker";

/// Clients that are told of; later ones are not.
pub(super) const MAX_CLIENTS: usize = 4096;

const ONLINE: &[u8] = b"online";
const OFFLINE: &[u8] = b"offline";

/// What the broker announces.
#[derive(serde::Deserialize)]
struct Announcement<'a> {
    s: &'a str,
    #[serde(default)]
    d: Option<&'a str>,
}

/// The clients of the bus, and what of them is not told yet.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    present: BTreeSet<String>,
    untold: BTreeSet<String>,
}

impl Registrations {
    fn came(&mut self, name: &str) {
        if self.present.len() < MAX_CLIENTS && is_sendable(name) {
            self.present.insert(name.to_owned());
            self.untold.insert(name.to_owned());
        }
    }

    fn left(&mut self, name: &str) {
        if self.present.remove(name) {
            self.untold.insert(name.to_owned());
        }
    }

    /// Exactly these are there.
    fn are(&mut self, names: BTreeSet<String>) {
        let gone: Vec<String> = self.present.difference(&names).cloned().collect();
        for name in gone {
            self.left(&name);
        }
        for name in names {
            if !self.present.contains(&name) {
                self.came(&name);
            }
        }
    }

    /// A new connection: the upstream may know nothing.
    pub(super) fn tell_all(&mut self) {
        self.untold.extend(self.present.iter().cloned());
    }

    /// The upstream has this one in store. If it is not there, that is from before.
    pub(super) fn is_told(&mut self, name: &str) {
        if !self.present.contains(name) && self.untold.len() < 2 * MAX_CLIENTS {
            self.untold.insert(name.to_owned());
        }
    }

    /// Something to tell: a name, and whether it is there.
    fn next(&mut self) -> Option<(String, bool)> {
        let name = self.untold.pop_first()?;
        let is_present = self.present.contains(&name);
        Some((name, is_present))
    }
}

/// What the upstream says when the bridge is gone without a word.
pub(super) fn will(topic: Option<&str>) -> Option<Will> {
    topic.map(|topic| Will {
        topic: topic.to_owned(),
        payload: OFFLINE.to_vec(),
    })
}

/// Tells whether the bridge is there.
pub(super) fn told(topic: &str, is_online: bool) -> Message {
    retained(topic.to_owned(), if is_online { ONLINE } else { OFFLINE })
}

/// The next client of the bus to tell of.
pub(super) fn next_registration(shared: &Shared) -> Option<Message> {
    let prefix = shared.registrations_prefix()?;
    let (name, is_present) = shared.registrations.lock().next()?;
    // What is retained ends with an empty payload.
    let payload = if is_present { ONLINE } else { b"" };
    Some(retained(format!("{prefix}{name}"), payload))
}

/// Below which filter the upstream says what it has in store of clients.
pub(super) fn registrations_filter(config: &Config) -> Option<String> {
    let prefix = config.presence.as_ref()?.registrations.as_deref()?;
    Some(format!("{prefix}#"))
}

fn retained(topic: String, payload: &[u8]) -> Message {
    Message {
        topic,
        payload: payload.to_vec(),
        confirmed: true,
        retain: true,
        extras: Extras::default(),
    }
}

/// Takes note of an announcement, if this is one.
pub(super) fn hear(shared: &Shared, frame: &Frame) {
    if shared.registrations_prefix().is_none()
        || frame.topic() != Some(INFO_TOPIC)
        || frame.sender() != BROKER_NAME
    {
        return;
    }
    let Ok(announcement) = rmp_serde::from_slice::<Announcement<'_>>(frame.payload()) else {
        return;
    };
    let mut registrations = shared.registrations.lock();
    match (announcement.s, announcement.d) {
        ("reg", Some(name)) => registrations.came(name),
        ("unreg", Some(name)) => registrations.left(name),
        _ => return,
    }
    shared.wake.notify_one();
}

/// Asks the broker who is there; announcements tell of those who come later.
pub(super) async fn count_clients(link: &Link, shared: &Arc<Shared>) {
    if shared.registrations_prefix().is_none() {
        return;
    }
    let params = empty_payload!();
    let reply = link
        .rpc()
        .call(BROKER_NAME, "client.list", params, QoS::Processed)
        .await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            log::warn!("presence: the broker does not say who is there: {error}");
            return;
        }
    };
    match rmp_serde::from_slice::<ClientList<'_>>(reply.payload()) {
        Ok(list) => {
            let names = list.clients.iter().map(|client| client.name.to_owned());
            shared.registrations.lock().are(names.collect());
            shared.wake.notify_one();
        }
        Err(error) => log::warn!("presence: the list of clients makes no sense: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(registrations: &mut Registrations) -> Vec<(String, bool)> {
        std::iter::from_fn(|| registrations.next()).collect()
    }

    #[test]
    fn what_changes_is_told_once_and_everything_to_a_new_connection() {
        let mut registrations = Registrations::default();
        registrations.are(["a", "b"].map(str::to_owned).into());
        registrations.came("c");
        registrations.left("a");
        let expected = [("a", false), ("b", true), ("c", true)];
        let expected = expected.map(|(name, is)| (name.to_owned(), is));
        assert_eq!(told(&mut registrations), expected);
        assert_eq!(told(&mut registrations), []);
        registrations.left("nobody");
        registrations.are(["b"].map(str::to_owned).into());
        assert_eq!(told(&mut registrations), [("c".to_owned(), false)]);
        registrations.tell_all();
        assert_eq!(told(&mut registrations), [("b".to_owned(), true)]);
        registrations.is_told("b");
        registrations.is_told("old");
        assert_eq!(told(&mut registrations), [("old".to_owned(), false)]);
    }

    #[test]
    fn names_that_make_no_topic_and_too_many_are_left_out() {
        let mut registrations = Registrations::default();
        registrations.came("a+");
        assert_eq!(told(&mut registrations), []);
        for number in 0..=MAX_CLIENTS {
            registrations.came(&number.to_string());
        }
        assert_eq!(told(&mut registrations).len(), MAX_CLIENTS);
    }
}
