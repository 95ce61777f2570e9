//! Reads the texts of options: byte sizes, seconds, modes, users, groups, addresses. What makes no
//! sense is refused here, so that the rest of the program can rely on what it gets.

use std::ffi::CString;
use std::time::Duration;

use elbus::address::Address;
use elbus::broker::Overflow;
use nix::unistd::{Group, Uid, User};

use crate::config_file::sizes::decimal;
pub use crate::config_file::sizes::{ByteSize, positive};

/// Shortest and longest timeout. Below, pings would be all that a broker does; above, it is a typo.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest time that a frame may wait to be joined by others.
const BUF_TTL_MAX: Duration = Duration::from_secs(1);

/// A user as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    /// The name and the primary group; `None` for a number that nobody has.
    pub entry: Option<(CString, u32)>,
}

/// See [`ByteSize`].
pub fn byte_size(text: &str) -> Result<ByteSize, String> {
    text.parse()
}

/// A whole number, also 0.
pub fn rate(text: &str) -> Result<u32, String> {
    let number = decimal(text).and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| "expected a whole number".into())
}

/// What happens when a queue is full.
pub fn overflow(text: &str) -> Result<Overflow, String> {
    text.parse()
        .map_err(|error: elbus::Error| error.to_string())
}

/// The size of a frame: its length has 32 bits on the wire.
pub fn frame_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if u32::try_from(size.0).is_err() {
        return Err("must be less than 4G".into());
    }
    Ok(size)
}

/// Seconds with an optional fraction.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|timeout| (TIMEOUT_MIN..=TIMEOUT_MAX).contains(timeout))
        .ok_or_else(|| {
            let (min, max) = (TIMEOUT_MIN.as_secs_f64(), TIMEOUT_MAX.as_secs());
            format!("expected a number of seconds from {min} to {max}")
        })
}

/// Whole microseconds.
pub fn buf_ttl(text: &str) -> Result<Duration, String> {
    let micros = text.parse().ok().map(Duration::from_micros);
    micros.filter(|ttl| *ttl <= BUF_TTL_MAX).ok_or_else(|| {
        let max = BUF_TTL_MAX.as_micros();
        format!("expected a whole number of microseconds, at most {max}")
    })
}

/// Permission bits of a socket, octal.
pub fn socket_mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "expected an octal number from 0 to 777, as in 660".into())
}

/// The id of a group that is given by name or number. Names are looked up.
pub fn group_id(text: &str) -> Result<u32, String> {
    if let Some(gid) = id(text) {
        return Ok(gid);
    }
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("there is no such group".into()),
        Err(error) => Err(format!("cannot look up the group: {error}")),
    }
}

/// A user that is given by name or number. Both are looked up; a number need not be known.
pub fn account(text: &str) -> Result<Account, String> {
    let uid = id(text);
    let found = match uid {
        Some(uid) => User::from_uid(Uid::from_raw(uid)),
        None => User::from_name(text),
    };
    match (found, uid) {
        (Ok(Some(user)), _) => {
            let name = CString::new(user.name).map_err(|error| error.to_string())?;
            Ok(Account {
                uid: user.uid.as_raw(),
                entry: Some((name, user.gid.as_raw())),
            })
        }
        (_, Some(uid)) => Ok(Account { uid, entry: None }),
        (Ok(None), None) => Err("there is no such user".into()),
        (Err(error), None) => Err(format!("cannot look up the user: {error}")),
    }
}

/// The number of a user or group. The largest one is no such number: to the system it means "leave
/// it as it is".
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

/// What the kernel adds to the badness of this process.
pub fn oom_score(text: &str) -> Result<i16, String> {
    let score = text
        .parse()
        .ok()
        .filter(|score| (-1000..=1000).contains(score));
    score.ok_or_else(|| "expected a whole number from -1000 to 1000".into())
}

/// Where to listen (protocol, section 1).
pub fn bind_address(text: &str) -> Result<Address, String> {
    let address = Address::parse_server(text);
    match &address {
        Address::Fifo(path) if path.as_os_str().is_empty() => {
            Err("expected a path after `fifo:`".into())
        }
        Address::Fifo(_) if !cfg!(feature = "rpc") => {
            Err("fifos need the feature `rpc`, without which this elbusd was built".into())
        }
        Address::Tls(_) if !cfg!(feature = "tls") => {
            Err("TLS needs the feature `tls`, without which this elbusd was built".into())
        }
        Address::Tcp(address) | Address::Tls(address) if !address.contains(':') => Err(
            "expected a path that starts with `/` or ends in .sock, .socket or .ipc, \
                 HOST:PORT, tls://HOST:PORT, or fifo:PATH"
                .into(),
        ),
        _ => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_fit_the_length_field() {
        assert_eq!(frame_size("4294967295"), Ok(ByteSize(4_294_967_295)));
        assert!(frame_size("4G").is_err());
    }

    #[test]
    fn timeouts_in_seconds_and_fractions() {
        assert_eq!(timeout("5"), Ok(Duration::from_secs(5)));
        assert_eq!(timeout("0.25"), Ok(Duration::from_millis(250)));
        for text in [
            "", "0", "-1", "nan", "inf", "1e300", "0.0001", "86401", "5s",
        ] {
            assert!(timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn write_buffers_wait_a_second_at_most() {
        assert_eq!(buf_ttl("0"), Ok(Duration::ZERO));
        assert_eq!(buf_ttl("10"), Ok(Duration::from_micros(10)));
        for text in ["", "-1", "0.5", "1000001"] {
            assert!(buf_ttl(text).is_err(), "{text}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(socket_mode("0660"), Ok(0o660));
        assert_eq!(socket_mode("777"), Ok(0o777));
        for text in ["", "888", "1777", "-1", "rw-rw----"] {
            assert!(socket_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn groups_by_number_and_name() {
        assert_eq!(group_id("4321"), Ok(4321));
        assert!(group_id("no such group").is_err());
        assert!(group_id("4294967295").is_err());
    }

    #[test]
    fn users_by_number_and_name() {
        let root = account("root").expect("there is always one");
        assert_eq!(root.uid, 0);
        assert_eq!(account("0").expect("a number").entry, root.entry);
        assert_eq!(account("4321").expect("a number").uid, 4321);
        for text in ["", "-1", "no such user", "4294967295"] {
            assert!(account(text).is_err(), "{text}");
        }
    }

    #[test]
    fn oom_scores_have_bounds() {
        assert_eq!(oom_score("-1000"), Ok(-1000));
        assert_eq!(oom_score("1000"), Ok(1000));
        for text in ["", "-1001", "1001", "99999", "0.5"] {
            assert!(oom_score(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_meant() {
        assert!(bind_address("/run/elbus.sock").is_ok());
        assert!(bind_address("0.0.0.0:7777").is_ok());
        for text in ["", "fifo:", "elbus", "7777"] {
            assert!(bind_address(text).is_err(), "{text}");
        }
    }
}
