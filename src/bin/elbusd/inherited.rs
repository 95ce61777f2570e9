//! Sockets that the service manager has opened before it started this process (socket activation,
//! `sd_listen_fds(3)`): descriptors from 3 on, as many as `LISTEN_FDS` says, if `LISTEN_PID` is
//! this process. Their names, `LISTEN_FDNAMES`, mean nothing here.

use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::{OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use elbus::address::Address;
use nix::sys::socket::{SockType, getsockopt, sockopt};

use crate::unchecked;

/// Number of the first one.
const FIRST: RawFd = 3;

/// A socket that listens.
#[derive(Debug)]
pub enum Inherited {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// Takes over the sockets that the environment announces. To be called once, before this process
/// opens anything by itself and before it leaves its work to another one.
///
/// # Errors
///
/// A message for humans that names the descriptor that is none, or no socket of this kind.
pub fn take() -> Result<Vec<Inherited>, String> {
    let variable = |name| std::env::var(name).ok();
    let own_pid = std::process::id().to_string();
    if variable("LISTEN_PID").is_none_or(|pid| pid != own_pid) {
        return Ok(Vec::new());
    }
    let Some(count) = variable("LISTEN_FDS") else {
        return Ok(Vec::new());
    };
    let end = count
        .parse::<u16>()
        .map_err(|_| format!("LISTEN_FDS: {count:?} is not a number of descriptors"))?;
    (FIRST..FIRST + RawFd::from(end))
        .map(|number| {
            let descriptor = unchecked::adopt(number)
                .map_err(|error| format!("descriptor {number} of LISTEN_FDS: {error}"))?;
            Inherited::recognise(descriptor).ok_or_else(|| {
                format!(
                    "descriptor {number} of LISTEN_FDS is not a listening UNIX or TCP stream socket"
                )
            })
        })
        .collect()
}

impl Inherited {
    fn recognise(descriptor: OwnedFd) -> Option<Self> {
        let kind = getsockopt(&descriptor, sockopt::SockType).ok()?;
        if kind != SockType::Stream || !getsockopt(&descriptor, sockopt::AcceptConn).ok()? {
            return None;
        }
        // Asking for the address fails if it is of another family.
        let unix = UnixListener::from(descriptor);
        if unix.local_addr().is_ok() {
            return Some(Self::Unix(unix));
        }
        let tcp = TcpListener::from(OwnedFd::from(unix));
        tcp.local_addr().is_ok().then_some(Self::Tcp(tcp))
    }

    /// Whether this is what would be bound at the address.
    pub fn is_at(&self, address: &Address) -> bool {
        match (self, address) {
            (Self::Unix(socket), Address::Unix(wanted)) => socket
                .local_addr()
                .ok()
                .and_then(|own| own.as_pathname().map(|own| is_same(own, wanted)))
                .unwrap_or(false),
            (Self::Tcp(socket), Address::Tcp(wanted) | Address::Tls(wanted)) => {
                match (socket.local_addr(), wanted.to_socket_addrs()) {
                    (Ok(own), Ok(mut wanted)) => wanted.any(|wanted| wanted == own),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Its address, for the log.
    pub fn name(&self) -> String {
        let name = match self {
            Self::Unix(socket) => socket.local_addr().map(|own| {
                if let Some(path) = own.as_pathname() {
                    return path.display().to_string();
                }
                let name = own.as_abstract_name().unwrap_or_default();
                format!("@{}", String::from_utf8_lossy(name))
            }),
            Self::Tcp(socket) => socket.local_addr().map(|own| own.to_string()),
        };
        name.unwrap_or_default()
    }
}

/// Whether two paths lead to the same socket: `/var/run` often is another name of `/run`.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}
