//! What a burst took goes back to the system, though nothing happens after it. That is what jemalloc is
//! told; the programs of `--all-features` have another allocator, so it is looked at with a program that
//! `ELBUSD` names, and with those that are built without `std-alloc`.

use crate::common::broker::{peak_kib, rss_kib};
use crate::common::*;
use crate::missing;

/// What may stay beyond what there was before, in KiB: empty segments that each worker keeps, the
/// allocator's own records, and pages of which a part is in use.
const SLACK_KIB: u64 = 4 * 1024;

/// Fills the queues of clients that do not read, 16 MiB in all, and lets these go.
fn burst(bus: &Bus, sender: &mut Wire) {
    let names: Vec<String> = (0..16).map(|i| format!("deaf.{i}")).collect();
    let deaf: Vec<Wire> = names.iter().map(|name| bus.quiet_client(name)).collect();
    for name in &names {
        while sender.request_code(&message(1, PROCESSED, name, &[7; 4_000])) == OK {}
    }
    drop(deaf);
}

/// Waits until the resident memory is what it was, and a little. Whoever stays says nothing meanwhile.
fn comes_back(bus: &Bus, before: u64) {
    let pid = bus.broker.pid();
    let peak = peak_kib(pid);
    assert!(peak > before + 3 * SLACK_KIB, "{peak} KiB, {before} before");
    eventually("free memory to go back", || {
        (rss_kib(pid) <= before + SLACK_KIB).then_some(())
    });
}

/// False after saying why it is not looked at.
fn is_checked() -> bool {
    let is_emulated = std::env::var_os("ELBUSD_RUNNER").is_some();
    let has_jemalloc = std::env::var_os("ELBUSD").is_some() || !cfg!(feature = "std-alloc");
    let reason = match (is_emulated, has_jemalloc) {
        (true, _) => "the memory of an emulator is not that of the broker",
        (false, false) => "this broker was built without jemalloc",
        (false, true) => return true,
    };
    missing::say_not_checked(reason);
    false
}

/// A short timeout, because memory goes back with the keep-alive; queues that take it all.
const ARGS: [&str; 6] = ["-t", "1", "--overflow", "drop", "--queue-size", "10000"];

#[test]
fn memory_goes_back_while_a_client_stays_and_says_nothing() {
    if !is_checked() {
        return;
    }
    on_both_with(&ARGS, |bus| {
        let mut sender = bus.quiet_client("sender");
        let before = rss_kib(bus.broker.pid());
        burst(bus, &mut sender);
        comes_back(bus, before);
        assert_eq!(sender.request_code(&subscribe(1, PROCESSED, &["t"])), OK);
    });
}

#[test]
fn memory_goes_back_when_everybody_has_gone() {
    if !is_checked() {
        return;
    }
    on_both_with(&ARGS, |bus| {
        let mut sender = bus.quiet_client("sender");
        let before = rss_kib(bus.broker.pid());
        burst(bus, &mut sender);
        drop(sender);
        comes_back(bus, before);
    });
}
