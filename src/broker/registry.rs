//! Who is registered under which name.

use std::sync::Arc;

use super::peer::Peer;
use crate::limits::MAX_LEVELS;
use crate::maps::HashMap;
use crate::matching::NameTrie;
use crate::protocol::names::{is_secondary, primary_name};
use crate::{Error, ErrorKind};

/// See the top of this file. Guarded by one lock, see [`Hub`](super::hub::Hub).
pub(super) struct Registry {
    clients: HashMap<Arc<str>, Entry>,
    /// The same clients, for broadcast masks.
    by_mask: NameTrie<Option<Arc<Peer>>>,
    max_clients: usize,
}

struct Entry {
    peer: Arc<Peer>,
    /// Of a primary client.
    secondaries: Vec<Arc<Peer>>,
}

impl Registry {
    pub(super) fn new(max_clients: usize) -> Self {
        Self {
            clients: HashMap::default(),
            by_mask: NameTrie::new(MAX_LEVELS),
            max_clients,
        }
    }

    /// Registers a client whose name has been checked.
    ///
    /// # Errors
    ///
    /// `Busy` if the name is taken or the broker is full, `NotRegistered` if the name is that of a
    /// secondary client without primary, `Access` if that primary belongs to somebody else, `Data`
    /// if the name has too many parts.
    pub(super) fn insert(&mut self, peer: &Arc<Peer>) -> Result<(), Error> {
        let name = &peer.name;
        if self.clients.contains_key(name) {
            return Err(ErrorKind::Busy.into());
        }
        if self.clients.len() >= self.max_clients {
            return Err(Error::busy(format_args!(
                "the limit of {} clients is reached",
                self.max_clients
            )));
        }
        if is_secondary(name) {
            let primary = self
                .clients
                .get_mut(primary_name(name))
                .ok_or_else(Error::not_registered)?;
            let origin = &peer.origin;
            if !origin.liberties.foreign_secondaries && !origin.belongs_with(&primary.peer.origin) {
                return Err(Error::access("its primary client belongs to somebody else"));
            }
            primary.secondaries.push(peer.clone());
        }
        *self.by_mask.insert(name).map_err(Error::data)? = Some(peer.clone());
        self.clients.insert(
            name.clone(),
            Entry {
                peer: peer.clone(),
                secondaries: Vec::new(),
            },
        );
        Ok(())
    }

    /// Removes this very client, not just anybody of that name, and returns its secondaries.
    pub(super) fn remove(&mut self, peer: &Arc<Peer>) -> Vec<Arc<Peer>> {
        match self.clients.get(&peer.name) {
            Some(entry) if Arc::ptr_eq(&entry.peer, peer) => {}
            _ => return Vec::new(),
        }
        self.by_mask.remove(&peer.name);
        if peer.is_secondary()
            && let Some(primary) = self.clients.get_mut(peer.primary_name())
        {
            primary
                .secondaries
                .retain(|secondary| !Arc::ptr_eq(secondary, peer));
        }
        self.clients
            .remove(&peer.name)
            .map_or_else(Vec::new, |entry| entry.secondaries)
    }

    #[cfg(feature = "metrics")]
    pub(super) fn max_clients(&self) -> usize {
        self.max_clients
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Peer>> {
        self.clients.get(name).map(|entry| &entry.peer)
    }

    /// Calls `visit` for every client whose name matches the mask.
    pub(super) fn for_each_matching(&self, mask: &str, mut visit: impl FnMut(&Arc<Peer>)) {
        self.by_mask
            .for_each_matching(mask, |peer| peer.iter().for_each(&mut visit));
    }

    /// Every client, and how many secondaries it has.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<Peer>, usize)> {
        self.clients
            .values()
            .map(|entry| (&entry.peer, entry.secondaries.len()))
    }
}
