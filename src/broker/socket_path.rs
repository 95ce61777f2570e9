//! A socket in the file system: bound without taking anything away from anybody, removed without
//! removing what is not ours.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, Flock, FlockArg};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use tokio::net::UnixListener;

use super::config::ServerConfig;
use crate::Error;
use crate::limits::LISTEN_BACKLOG;

/// How often to try for the lock of the directory. Another broker holds it for an instant only; a
/// stranger that holds it must not keep the broker from starting.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// A path that this process has bound; removed when dropped, unless somebody has replaced it.
#[derive(Debug)]
pub(super) struct BoundPath {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl BoundPath {
    /// Takes responsibility for what is at `path` now.
    pub(super) fn adopt(path: &Path) -> io::Result<Self> {
        let metadata = path.symlink_metadata()?;
        Ok(Self {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        let ours = self
            .path
            .symlink_metadata()
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == (self.device, self.inode));
        if ours && let Err(e) = std::fs::remove_file(&self.path) {
            // A process that has given up its privileges may not, and the next one replaces it.
            let level = match e.kind() {
                io::ErrorKind::PermissionDenied => log::Level::Debug,
                _ => log::Level::Warn,
            };
            log::log!(level, "cannot remove {}: {e}", self.path.display());
        }
    }
}

/// Binds a UNIX socket and listens on it. A dead socket at the path is replaced.
///
/// # Errors
///
/// `Busy` if something else is there: a broker that is alive, or any file that is not a socket.
/// `Io` if the system refuses.
pub(super) async fn listen_at(
    path: &Path,
    config: &ServerConfig,
) -> Result<(UnixListener, BoundPath), Error> {
    let explain = |e: io::Error| Error::io(format_args!("cannot bind {}: {e}", path.display()));
    let _lock = lock_directory(path).await.map_err(explain)?;
    clear(path)?;
    let socket = bind_quietly(path).map_err(explain)?;
    let bound = BoundPath::adopt(path).map_err(explain)?;
    apply_rights(path, config.socket_mode, config)?;
    // Only now can anybody connect, with the rights as they shall be.
    set_backlog(&socket).map_err(explain)?;
    let listener = std::os::unix::net::UnixListener::from(socket);
    listener.set_nonblocking(true).map_err(explain)?;
    let listener = UnixListener::from_std(listener).map_err(explain)?;
    Ok((listener, bound))
}

/// Has a bound socket listen, or changes how many connections may wait at one that listens already.
pub(super) fn set_backlog(socket: &impl AsFd) -> io::Result<()> {
    // Some C libraries (musl) know of 128 at most; the system knows better.
    let backlog = Backlog::new(LISTEN_BACKLOG).unwrap_or(Backlog::MAXALLOWABLE);
    Ok(listen(socket, backlog)?)
}

/// Gives a socket or fifo the mode, and the owner and group of the configuration. A symbolic link
/// is not followed: who owns the directory may have put one in its place, and this may be root.
pub(super) fn apply_rights(
    path: &Path,
    mode: Option<u32>,
    config: &ServerConfig,
) -> Result<(), Error> {
    let (owner, group) = (config.socket_owner, config.socket_group);
    if owner.is_some() || group.is_some() {
        lchown(path, owner, group).map_err(|e| {
            Error::io(format_args!(
                "cannot change the owner of {}: {e}",
                path.display()
            ))
        })?;
    }
    if let Some(mode) = mode {
        set_mode(path, mode).map_err(|e| {
            Error::io(format_args!(
                "cannot set mode {mode:o} of {}: {e}",
                path.display()
            ))
        })?;
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    let bits = Mode::from_bits_truncate(mode);
    match fchmodat(AT_FDCWD, path, bits, FchmodatFlags::NoFollowSymlink) {
        Ok(()) => Ok(()),
        // Kernels before 6.6 cannot do it. The C library can, with /proc. The same error means that
        // it is a link, so that alone is no reason to follow it.
        Err(Errno::EOPNOTSUPP) if !Path::new("/proc/self/fd").exists() => {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        }
        Err(e) => Err(e.into()),
    }
}

/// How the address of a socket that was bound by somebody else is called.
pub(super) fn name_of(address: &SocketAddr) -> String {
    match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => path.to_string_lossy().into_owned(),
        (None, Some(name)) => format!("@{}", String::from_utf8_lossy(name)),
        (None, None) => "unnamed".to_owned(),
    }
}

/// Two brokers that start at the same time must not both find the other's socket dead. The lock is
/// on the directory, so no file is left behind. `None` if it cannot be had.
async fn lock_directory(path: &Path) -> io::Result<Option<Flock<File>>> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = File::open(directory)?;
    for _ in 0..LOCK_ATTEMPTS {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((unlocked, _)) => file = unlocked,
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    log::warn!("{} is locked by another process", directory.display());
    Ok(None)
}

/// Makes way for a new socket, if what is there is dead.
fn clear(path: &Path) -> Result<(), Error> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => {
            return Err(Error::io(format_args!(
                "cannot look at {}: {e}",
                path.display()
            )));
        }
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::busy(format_args!(
            "{} exists and is not a socket",
            path.display()
        )));
    }
    match UnixStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            log::info!("replacing the dead socket {}", path.display());
            std::fs::remove_file(path)
                .map_err(|e| Error::io(format_args!("cannot remove {}: {e}", path.display())))
        }
        Ok(_) => Err(Error::busy(format_args!(
            "another process is listening on {}",
            path.display()
        ))),
        // A full backlog is a sign of life, too.
        Err(e) => Err(Error::busy(format_args!(
            "the socket {} cannot be probed: {e}",
            path.display()
        ))),
    }
}

fn bind_quietly(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_not_changed_through_a_link() {
        let path = |name| {
            let name = format!("elbus-rights-{}-{name}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let (precious, link) = (path("precious"), path("link"));
        std::fs::write(&precious, "").expect("a file");
        set_mode(&precious, 0o600).expect("a mode");
        std::os::unix::fs::symlink(&precious, &link).expect("a link");
        let result = apply_rights(&link, Some(0o666), &ServerConfig::new());
        let mode = precious.metadata().expect("a file").mode();
        for path in [&link, &precious] {
            std::fs::remove_file(path).expect("it is there");
        }
        assert!(result.is_err());
        assert_eq!(mode & 0o777, 0o600);
    }
}
