//! The rights of one client, and the questions that are asked about them.

use super::hosts::Hosts;
use super::is_trusted_user;
use super::methods::{Method, Methods};
use super::scope::Scope;
use crate::broker::origin::Identity;
use crate::broker::{BROKER_NAME, BROKER_WARN_TOPIC};
use crate::matching::{MASK, TOPIC};
use crate::protocol::names::primary_name;

/// See the top of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) struct Rights {
    pub(super) hosts: Hosts,
    /// `None`: every user on this machine.
    pub(super) locals: Option<Locals>,
    pub(super) p2p: Scope,
    pub(super) publish: Scope,
    pub(super) subscribe: Scope,
    pub(super) broadcast: Scope,
    /// Beyond those that come with the right to send to `.broker`.
    pub(super) broker_methods: Methods,
}

/// Peers on UNIX sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Locals {
    pub(super) users: Vec<u32>,
    pub(super) groups: Vec<u32>,
}

impl Default for Rights {
    /// Everything, but for the guarded methods.
    fn default() -> Self {
        Self {
            hosts: Hosts::default(),
            locals: None,
            p2p: Scope::EVERYTHING,
            publish: Scope::EVERYTHING,
            subscribe: Scope::EVERYTHING,
            broadcast: Scope::EVERYTHING,
            broker_methods: Methods::default(),
        }
    }
}

impl Rights {
    pub(in crate::broker) fn may_send_to(&self, target: &str) -> bool {
        self.p2p.admits(&MASK, target) && !self.p2p.denies(&MASK, primary_name(target))
            // Each call is looked at by itself.
            || target == BROKER_NAME && !self.broker_methods.is_empty()
    }

    /// All that the mask can reach is allowed, but for single clients, see
    /// [`reaches`](Self::reaches).
    pub(in crate::broker) fn may_broadcast_to(&self, mask: &str) -> bool {
        self.broadcast.covers(&MASK, mask)
    }

    /// A permitted broadcast goes to this client.
    pub(in crate::broker) fn reaches(&self, name: &str) -> bool {
        let denied = |name| self.broadcast.denies(&MASK, name);
        !denied(name) && !denied(primary_name(name))
    }

    pub(in crate::broker) fn reaches_everybody(&self) -> bool {
        !self.broadcast.denies_something()
    }

    pub(in crate::broker) fn may_publish_to(&self, topic: &str) -> bool {
        self.publish.admits(&TOPIC, topic)
    }

    /// All that the filter can bring is allowed, but for single topics, see
    /// [`may_receive`](Self::may_receive).
    pub(in crate::broker) fn may_subscribe_to(&self, filter: &str) -> bool {
        self.subscribe.covers(&TOPIC, filter)
    }

    /// A permitted subscription brings this topic. The warnings of the broker are for everybody.
    pub(in crate::broker) fn may_receive(&self, topic: &str) -> bool {
        !self.subscribe.denies(&TOPIC, topic) || topic == BROKER_WARN_TOPIC
    }

    pub(in crate::broker) fn may_call(&self, method: Method) -> bool {
        self.broker_methods.contains(method)
            || !method.is_guarded() && self.p2p.admits(&MASK, BROKER_NAME)
    }

    pub(in crate::broker) fn may_connect(&self, identity: &Identity) -> bool {
        match (identity.address, identity.uid) {
            (Some(address), _) => self.hosts.admits(address),
            (None, uid) => self.locals.as_ref().is_none_or(|locals| {
                let is_listed =
                    |list: &[u32], id: Option<u32>| id.is_some_and(|id| list.contains(&id));
                is_listed(&locals.users, uid)
                    || is_listed(&locals.groups, identity.gid)
                    || uid.is_some_and(is_trusted_user)
            }),
        }
    }
}
