//! Where to listen when nobody says: a place that this user can write to and where `elbus` users
//! look first.

use std::path::{Path, PathBuf};

use elbus::address::Address;
use nix::unistd::{AccessFlags, eaccess};

/// Where the socket of a broker that serves the whole device belongs.
const RUN: &str = "/run";

/// File name of the socket.
const SOCKET: &str = "elbus.sock";

/// `elbus.sock` in `/run`, else in `$XDG_RUNTIME_DIR`, else in the directory for temporary files.
pub fn choose() -> Address {
    let user_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let dir = choose_dir(user_dir, is_writable).unwrap_or_else(std::env::temp_dir);
    Address::Unix(dir.join(SOCKET))
}

/// The first directory of those that outlive no reboot in which a socket can be made.
fn choose_dir(user_dir: Option<PathBuf>, usable: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    // The specification of XDG_RUNTIME_DIR wants relative paths to be ignored.
    let user_dir = user_dir.filter(|dir| dir.is_absolute());
    [Some(PathBuf::from(RUN)), user_dir]
        .into_iter()
        .flatten()
        .find(|dir| usable(dir))
}

fn is_writable(dir: &Path) -> bool {
    dir.is_dir() && eaccess(dir, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_among(user_dir: &str, usable: &[&str]) -> Option<PathBuf> {
        choose_dir(Some(user_dir.into()), |dir| {
            usable.iter().any(|one| Path::new(one) == dir)
        })
    }

    #[test]
    fn run_comes_first() {
        let dir = choose_among("/run/user/7", &["/run", "/run/user/7"]);
        assert_eq!(dir, Some("/run".into()));
    }

    #[test]
    fn then_the_directory_of_the_user() {
        let dir = choose_among("/run/user/7", &["/run/user/7"]);
        assert_eq!(dir, Some("/run/user/7".into()));
    }

    #[test]
    fn a_relative_or_unusable_directory_is_none() {
        assert_eq!(choose_among("run", &["run"]), None);
        assert_eq!(choose_among("/run/user/7", &[]), None);
        assert_eq!(choose_dir(None, |dir| dir != Path::new(RUN)), None);
    }
}
