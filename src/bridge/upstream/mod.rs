//! The connection to the MQTT broker or cluster: MQTT 5 and 3.1.1 behind one type.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `options` | where to connect, as whom, within which bounds |
//! | `dialer` | addresses in turn, the version that the upstream speaks, back-off |
//! | `backoff` | how long to wait before the next attempt; pure |
//! | `credentials` | user names, passwords, certificates, read anew for each connection |
//! | `connection` | one connection: what was sent and not yet confirmed, subscriptions |
//! | `window` | the messages that wait for their PUBACK; pure |
//! | `message` | what is published and received, whatever the version; which topics can be sent |
//! | `v5`, `v4` | what `rumqttc` has in two modules, made one |
//!
//! `rumqttc` carries the packets. What it keeps for a session of its own is not used: each connection
//! has a new event loop, and what was not confirmed on the last one is sent again by whoever has it in
//! store. Its event loop runs in a task of its own, since a poll that is given up in the middle of a
//! write loses the packet.

mod backoff;
mod connection;
mod credentials;
mod dialer;
mod message;
mod options;
mod v4;
mod v5;
mod window;

pub(crate) use backoff::{Backoff, chance};
pub(crate) use connection::{Connection, Event, Unsent};
pub(crate) use dialer::Dialer;
pub(crate) use message::{Ack, Extras, Message, Received, is_sendable};
pub(crate) use options::{
    Address, Credentials, Options, Secret, Subscription, TlsFiles, VersionChoice, Will,
};

use std::fmt;

/// The version of MQTT that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1.
    V311,
}

impl Version {
    /// As it is called everywhere.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V5 => "5",
            Self::V311 => "3.1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
