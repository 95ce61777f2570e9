//! The rights of clients that are connected.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{AaaMap, Rights};
use crate::broker::origin::Identity;
use crate::protocol::names::primary_name;

/// The rights of a connected client, as they are now.
#[derive(Debug)]
pub(in crate::broker) struct LiveAccess {
    map: AaaMap,
    primary: String,
    identity: Identity,
    current: Mutex<Arc<Rights>>,
}

/// What a look at the map has shown.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::broker) enum Refreshed {
    Unchanged,
    Changed,
    /// The client is no longer admitted.
    Revoked,
}

impl LiveAccess {
    /// The rights with which a client of this name may register, being who it is; `None` if it may
    /// not.
    pub(in crate::broker) fn admit(map: &AaaMap, name: &str, identity: Identity) -> Option<Self> {
        let primary = primary_name(name);
        let rights = map.lock().get(primary)?.rights.clone();
        rights.may_connect(&identity).then(|| Self {
            map: map.clone(),
            primary: primary.to_owned(),
            identity,
            current: Mutex::new(rights),
        })
    }

    /// Looks at the map again.
    pub(in crate::broker) fn refresh(&self) -> Refreshed {
        // Locked before the look: of two threads that look, the later one must not be overtaken and
        // have its new rights replaced by the old ones.
        let mut current = self.current.lock();
        let Some(rights) = self.entry() else {
            return Refreshed::Revoked;
        };
        if Arc::ptr_eq(&rights, &current) {
            return Refreshed::Unchanged;
        }
        if !rights.may_connect(&self.identity) {
            return Refreshed::Revoked;
        }
        *current = rights;
        Refreshed::Changed
    }

    fn entry(&self) -> Option<Arc<Rights>> {
        let map = self.map.lock();
        map.get(&self.primary).map(|entry| entry.rights.clone())
    }

    pub(in crate::broker) fn allows(&self, check: impl FnOnce(&Rights) -> bool) -> bool {
        check(&self.current.lock())
    }

    /// The rights as they were at the last refresh.
    pub(in crate::broker) fn current(&self) -> Arc<Rights> {
        self.current.lock().clone()
    }
}
