//! Where a client comes from, and what follows from that.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::access::HostList;

/// Where a client comes from; shown in `client.list`.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) kind: Kind,
    /// `IP:PORT` of a TCP peer.
    pub(super) source: Option<String>,
    /// The address that was bound, as it was given.
    pub(super) port: Option<Arc<str>>,
    pub(super) identity: Identity,
    /// The process of a peer on this machine.
    pub(super) pid: Option<i32>,
    /// From where its listener takes connections.
    pub(super) hosts: Option<HostList>,
    pub(super) liberties: Liberties,
}

impl fmt::Display for Origin {
    /// For the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.source, self.pid, self.identity.uid) {
            (Kind::Tcp, Some(source), ..) => write!(f, "from {source}"),
            (_, _, Some(pid), Some(uid)) => write!(f, "process {pid} of user {uid}"),
            _ => f.write_str("of unknown origin"),
        }
    }
}

impl Origin {
    /// Its listener takes connections from there.
    pub(super) fn is_from_allowed_host(&self) -> bool {
        match (&self.hosts, self.identity.address) {
            (Some(hosts), Some(address)) => hosts.admits(address),
            _ => true,
        }
    }

    /// Both are the same user of this machine, or the same host. Of a TCP client of this machine the
    /// user is not known, and taken on trust. Root may be anybody's.
    pub(super) fn belongs_with(&self, other: &Self) -> bool {
        let user = |origin: &Self| match origin.kind {
            Kind::Internal => Some(nix::unistd::geteuid().as_raw()),
            Kind::LocalIpc | Kind::Tcp => origin.identity.uid,
        };
        match (self.identity.address, other.identity.address) {
            (Some(one), Some(other)) => one.to_canonical() == other.to_canonical(),
            (Some(one), None) | (None, Some(one)) => one.to_canonical().is_loopback(),
            (None, None) => user(self).is_some_and(|uid| uid == 0 || user(other) == Some(uid)),
        }
    }
}

/// What programs beyond this process may do only where their listener says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Liberties {
    /// Publishing to the topics of the broker.
    pub(super) broker_topics: bool,
    /// Registering secondaries of clients of others.
    pub(super) foreign_secondaries: bool,
}

impl Liberties {
    pub(super) const ALL: Self = Self {
        broker_topics: true,
        foreign_secondaries: true,
    };
}

/// Who a peer is, as far as the kernel can say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// Of a TCP peer.
    pub(super) address: Option<IpAddr>,
    /// User and effective group of a peer on a UNIX socket, when it connected.
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// How a client is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Internal,
    LocalIpc,
    Tcp,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::LocalIpc => "local_ipc",
            Self::Tcp => "tcp",
        }
    }
}
