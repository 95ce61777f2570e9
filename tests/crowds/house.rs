//! A broker that is observed while a crowd stands at its door.

use crate::common::broker::{peak_kib, rss_kib};
use crate::common::wire::Stream;
use crate::common::*;
use crate::service::{Newcomers, Pair};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// By how much memory may be larger at any time, in KiB. Handshakes are bounded in number
/// ([`elbus::limits::MAX_HANDSHAKES`]), clients too ([`elbus::limits::DEFAULT_MAX_CLIENTS`] or the
/// option); 4 KiB for each of the former and of up to 2048 of the latter, and what the allocator keeps.
const BOUND_KIB: u64 = (256 + 2048) * 4 + 4096;

/// By how much memory may be larger afterwards, in KiB: what the allocator keeps for the next ones.
const SLACK_KIB: u64 = 4096;

pub struct House {
    broker: Broker,
    transport: Transport,
}

/// What a process has.
#[derive(Debug, PartialEq, Eq)]
struct State {
    descriptors: usize,
    clients: usize,
    tasks: usize,
}

impl House {
    /// A broker with these arguments.
    pub fn open(transport: Transport, args: &[&str]) -> Self {
        Self::prepared(transport, args, "true")
    }

    /// A broker that may have so many descriptors.
    pub fn with_descriptors(transport: Transport, number: usize) -> Self {
        Self::prepared(transport, &[], &format!("ulimit -n {number}"))
    }

    fn prepared(transport: Transport, args: &[&str], commands: &str) -> Self {
        let always = ["-t", "2", "-w", "2"];
        let launch = Launch::new(&[&always, args].concat()).prepared_by(commands);
        Self {
            broker: launch.start(),
            transport,
        }
    }

    pub fn stream(&self) -> Stream {
        self.broker.stream(self.transport).expect("a connection")
    }

    /// Runs the crowd while clients are served and others come, and looks at what it costs and
    /// leaves.
    pub fn withstands(&self, what: &str, crowd: impl FnOnce()) {
        self.observe(what, true, crowd);
    }

    /// The same for a crowd that leaves no room for anybody else.
    pub fn withstands_full(&self, what: &str, crowd: impl FnOnce()) {
        self.observe(what, false, crowd);
    }

    fn observe(&self, what: &str, newcomers_get_in: bool, crowd: impl FnOnce()) {
        let mut asker = self.broker.client(Transport::Unix, "asker");
        let mut pair = Pair::new(&self.broker);
        let mut newcomers = Newcomers::new(&self.broker, self.transport);
        pair.exchange();
        newcomers.come();
        let pid = self.broker.pid();
        self.eventually_is(&mut asker, |state| state.clients == 3);
        let (before, memory) = (self.state(&mut asker), rss_kib(pid));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            // Set even if the crowd fails, or its failure would never be told.
            let _over = Over(&over);
            scope.spawn(|| pair.serve_until(&over));
            if newcomers_get_in {
                scope.spawn(|| newcomers.come_until(&over));
            }
            crowd();
        });
        let peak = peak_kib(pid).saturating_sub(memory);
        let after = self.eventually_is(&mut asker, |state| *state == before);
        newcomers.come();
        let left = eventually("its memory back", || {
            // Freed pages go back to the system when the allocator is called.
            asker.call_broker("test", b"");
            let left = rss_kib(pid).saturating_sub(memory);
            (left < SLACK_KIB).then_some(left)
        });
        self.note(&format!(
            "{what}: {pair}; {newcomers}; memory {memory} KiB, {peak} KiB more at most, {left} KiB \
             more afterwards; {after:?}"
        ));
        assert!(peak < BOUND_KIB, "{peak} KiB more, {BOUND_KIB} allowed");
    }

    fn state(&self, asker: &mut Wire) -> State {
        let count = |kind: &str| {
            let folder = format!("/proc/{}/{kind}", self.broker.pid());
            std::fs::read_dir(folder).expect("a live process").count()
        };
        let list = asker.call_broker("client.list", b"");
        let names = list.windows(5).filter(|window| window == b"\xA4name");
        State {
            descriptors: count("fd"),
            // Without the broker itself.
            clients: names.count() - 1,
            tasks: count("task"),
        }
    }

    fn eventually_is(&self, asker: &mut Wire, wanted: impl Fn(&State) -> bool) -> State {
        let mut last = None;
        let found = eventually_or(|| {
            let state = self.state(asker);
            if wanted(&state) {
                return Some(state);
            }
            last = Some(state);
            None
        });
        found.unwrap_or_else(|| panic!("it stays at {last:?}"))
    }

    pub fn complaints(&self, text: &str) -> usize {
        self.broker.log().text().matches(text).count()
    }

    pub fn wait_for_complaint(&self, text: &str) {
        eventually(text, || (self.complaints(text) > 0).then_some(()));
    }

    /// A line for those who look at the figures.
    pub fn note(&self, text: &str) {
        println!("{:?}: {text}", self.transport);
    }
}

/// Like [`eventually`], for those who have something to say about a failure.
fn eventually_or<T>(mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = std::time::Instant::now() + DEADLINE;
    while std::time::Instant::now() < end {
        if let Some(found) = probe() {
            return Some(found);
        }
        thread::sleep(std::time::Duration::from_millis(20));
    }
    None
}

/// Tells when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
