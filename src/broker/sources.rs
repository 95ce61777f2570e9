//! Where the connections of one listener come from, and how many of them and how often from each
//! source.
//!
//! A source is a host or a user of this machine. What one of them may take is bounded, so that one
//! that is broken or hostile leaves room for others. Root and the user of the broker are exempt: all
//! programs of a device may run as root, and could do worse.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::access::is_trusted_user;
use super::origin::Identity;
use crate::limits::MAX_SOURCES;

/// How far a source may be ahead of its rate.
const BURST: Duration = Duration::from_secs(1);

/// What is bounded. The default is nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceLimits {
    /// Connections at a time, of all sources together.
    pub(super) total: usize,
    /// Of one source.
    pub(super) each: usize,
    /// New ones of one source per second; 0: any number.
    pub(super) rate: u32,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            total: usize::MAX,
            each: usize::MAX,
            rate: 0,
        }
    }
}

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    /// A host. An IPv6 host usually has a network of 2^64 addresses, which counts as one.
    Host(IpAddr),
    User(u32),
}

impl Source {
    fn of(identity: &Identity) -> Option<Self> {
        match (identity.address, identity.uid) {
            (Some(address), _) => Some(Self::Host(match address.to_canonical() {
                IpAddr::V6(address) => {
                    let network = address.to_bits() >> 64 << 64;
                    Ipv6Addr::from_bits(network).into()
                }
                v4 => v4,
            })),
            (None, Some(uid)) if !is_trusted_user(uid) => Some(Self::User(uid)),
            _ => None,
        }
    }
}

/// Why a connection is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    Total(usize),
    Each(usize),
    Rate(u32),
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Total(limit) => write!(f, "the limit of {limit} connections is reached"),
            Self::Each(limit) => write!(f, "more than {limit} connections from one source"),
            Self::Rate(limit) => {
                write!(f, "more than {limit} connections a second from one source")
            }
        }
    }
}

/// See the top of this file.
pub(super) struct Sources {
    limits: SourceLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    open: usize,
    each: HashMap<Source, Account>,
}

/// What one source has taken.
struct Account {
    open: usize,
    /// When it will be back within its rate, as if its connections had come evenly.
    even: Instant,
}

impl Account {
    fn is_idle(&self, now: Instant) -> bool {
        self.open == 0 && self.even <= now
    }
}

impl Sources {
    pub(super) fn new(limits: SourceLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            table: Mutex::default(),
        })
    }

    /// Counts one more connection, for as long as the result lives.
    ///
    /// # Errors
    ///
    /// If that is one too many.
    pub(super) fn admit(
        self: &Arc<Self>,
        identity: &Identity,
        now: Instant,
    ) -> Result<Visit, Excess> {
        let SourceLimits { total, each, rate } = self.limits;
        let mut table = self.table.lock();
        if table.open >= total {
            return Err(Excess::Total(total));
        }
        let mut source = Source::of(identity);
        if table.each.len() >= MAX_SOURCES {
            table.each.retain(|_, account| !account.is_idle(now));
            // So many that are active at once are bounded together only.
            source = source
                .filter(|source| table.each.len() < MAX_SOURCES || table.each.contains_key(source));
        }
        if let Some(source) = source {
            let account = table
                .each
                .entry(source)
                .or_insert(Account { open: 0, even: now });
            if account.open >= each {
                return Err(Excess::Each(each));
            }
            if rate > 0 {
                let even = account.even.max(now) + Duration::from_secs(1) / rate;
                if even - now > BURST {
                    return Err(Excess::Rate(rate));
                }
                account.even = even;
            }
            account.open += 1;
        }
        table.open += 1;
        drop(table);
        Ok(Visit {
            sources: self.clone(),
            source,
        })
    }
}

#[cfg(test)]
impl Sources {
    /// Connections at present.
    pub(super) fn open(&self) -> usize {
        self.table.lock().open
    }
}

/// One connection, until it is dropped.
pub(super) struct Visit {
    sources: Arc<Sources>,
    source: Option<Source>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut table = self.sources.table.lock();
        table.open -= 1;
        let Some(source) = self.source else { return };
        let Some(account) = table.each.get_mut(&source) else {
            return;
        };
        account.open -= 1;
        if account.open == 0 && self.sources.limits.rate == 0 {
            table.each.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Identity {
        Identity {
            address: Some(text.parse().expect("an address")),
            ..Identity::default()
        }
    }

    fn user(uid: u32) -> Identity {
        Identity {
            uid: Some(uid),
            ..Identity::default()
        }
    }

    fn sources(total: usize, each: usize, rate: u32) -> Arc<Sources> {
        Sources::new(SourceLimits { total, each, rate })
    }

    #[test]
    fn connections_are_bounded_together_and_for_each_source() {
        let (sources, now) = (sources(3, 2, 0), Instant::now());
        let admit = |identity: &Identity| sources.admit(identity, now);
        let (a, b) = (host("10.0.0.1"), host("10.0.0.2"));
        let first = admit(&a).ok();
        let second = admit(&a).ok();
        assert_eq!(admit(&a).err(), Some(Excess::Each(2)));
        let third = admit(&b).ok();
        assert!(first.is_some() && second.is_some() && third.is_some());
        assert_eq!(admit(&b).err(), Some(Excess::Total(3)));
        drop(second);
        assert!(admit(&a).is_ok());
        drop((first, third));
        assert!(sources.table.lock().each.is_empty());
    }

    #[test]
    fn what_counts_as_one_source() {
        let (sources, now) = (sources(100, 1, 0), Instant::now());
        let is_new = |identity: &Identity| {
            let admitted = sources.admit(identity, now);
            admitted.map(std::mem::forget).is_ok()
        };
        assert!(is_new(&host("10.0.0.1")));
        assert!(!is_new(&host("::ffff:10.0.0.1")));
        assert!(is_new(&host("2001:db8::1")));
        assert!(!is_new(&host("2001:db8::ffff:1")));
        assert!(is_new(&host("2001:db8:0:1::1")));
        let stranger = nix::unistd::geteuid().as_raw() + 4711;
        assert!(is_new(&user(stranger)));
        assert!(!is_new(&user(stranger)));
        // Root is not bounded, nor is who cannot be told apart.
        for identity in [user(0), Identity::default()] {
            assert!(is_new(&identity) && is_new(&identity));
        }
    }

    #[test]
    fn a_source_may_be_ahead_of_its_rate_by_a_second() {
        let (sources, start) = (sources(usize::MAX, usize::MAX, 10), Instant::now());
        let host = host("10.0.0.1");
        let admitted = |at: Duration| sources.admit(&host, start + at).is_ok();
        for _ in 0..10 {
            assert!(admitted(Duration::ZERO));
        }
        assert!(!admitted(Duration::ZERO));
        assert!(!admitted(Duration::from_millis(99)));
        assert!(admitted(Duration::from_millis(100)));
        assert!(!admitted(Duration::from_millis(100)));
        for _ in 0..10 {
            assert!(admitted(Duration::from_secs(60)));
        }
        assert!(!admitted(Duration::from_secs(60)));
    }

    #[test]
    fn the_table_of_sources_is_bounded() {
        let (sources, now) = (sources(usize::MAX, 1, 1), Instant::now());
        for number in 0..3 * MAX_SOURCES as u32 {
            let address = std::net::Ipv4Addr::from_bits(number);
            let visit = sources.admit(&host(&address.to_string()), now).ok();
            drop(visit.expect("room"));
        }
        assert!(sources.table.lock().each.len() <= MAX_SOURCES);
        // What is not needed any more goes when there is need.
        let later = now + Duration::from_secs(2);
        assert!(sources.admit(&host("192.168.0.1"), later).is_ok());
        assert_eq!(sources.table.lock().each.len(), 1);
    }
}
