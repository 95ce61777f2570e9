//! Section 8, second half: `reg`, `unreg` and `shutdown`, as ordinary publications of `.broker`.

use crate::common::*;
use nix::sys::signal::Signal;
use std::time::{SystemTime, UNIX_EPOCH};

fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    u64::try_from(since.as_nanos()).expect("a clock before 2554")
}

/// Expects a publication of `.broker` whose payload is the prefix and a plausible time.
fn expect_announcement(wire: &mut Wire, topic: &str, prefix: &[u8], since: u64) {
    let frame = wire.read_frame();
    let expected = [b".broker\0", topic.as_bytes(), b"\0", prefix].concat();
    assert_eq!(
        (frame.kind, frame.flag),
        (PUBLISH, 0),
        "{}",
        show(&frame.bytes())
    );
    let time = match frame.body.strip_prefix(expected.as_slice()) {
        Some(time) => time
            .try_into()
            .map(u64::from_be_bytes)
            .expect("eight bytes of time"),
        None => panic!("got {}, expected {}", show(&frame.body), show(&expected)),
    };
    assert!(
        (since..=now_ns()).contains(&time),
        "{time} is not between {since} and now"
    );
}

fn expect_info(wire: &mut Wire, subject: &str, name: &str, since: u64) {
    let prefix = announcement_prefix(subject, name);
    expect_announcement(wire, ".broker/info", &prefix, since);
}

fn observer(bus: &Bus) -> Wire {
    let mut observer = bus.client("observer");
    observer.request(&subscribe(1, PROCESSED, &[".broker/info"]), 1);
    observer
}

#[test]
fn the_exact_bytes_of_reg() {
    let prefix = announcement_prefix("reg", "new");
    assert_eq!(prefix, b"\x83\xA1s\xA3reg\xA1d\xA3new\xA1t\xCF");
    on_both(|bus| {
        let mut observer = observer(bus);
        let since = now_ns();
        let mut new = bus.client("new");
        // Sent before the newcomer's `01`, hence before anything the newcomer can do.
        new.request(&message(1, PROCESSED, "observer", b"hi"), 1);
        expect_info(&mut observer, "reg", "new", since);
        observer.expect_bytes(&got_message(0, "new", b"hi"));
    });
}

/// Each way of leaving is announced once: the next registration follows directly.
fn unreg_is_announced_once(leave: impl Fn(&Bus, Wire) -> Option<Wire>) {
    on_both_with(&["-t", "1"], |bus| {
        let mut observer = observer(bus);
        let since = now_ns();
        for _ in 0..3 {
            let leaver = bus.broker.client_when_free(bus.transport, "leaver");
            expect_info(&mut observer, "reg", "leaver", since);
            let _rest = leave(bus, leaver);
            expect_info(&mut observer, "unreg", "leaver", since);
        }
        let mut last = bus.client("last");
        expect_info(&mut observer, "reg", "last", since);
        observer.expect_nothing_from(&mut last);
    });
}

#[test]
fn unreg_after_close() {
    unreg_is_announced_once(|_, leaver| {
        drop(leaver);
        None
    });
}

#[test]
fn unreg_after_half_close() {
    unreg_is_announced_once(|_, mut leaver| {
        leaver.half_close();
        leaver.expect_closed();
        Some(leaver)
    });
}

#[test]
fn unreg_after_reset() {
    unreg_is_announced_once(|_, mut leaver| {
        leaver.send_raw(&message(1, NO, "leaver", b"unread"));
        leaver.send_raw(&message(2, PROCESSED, "leaver", b"unread"));
        leaver.expect_bytes(&got_message(0, "leaver", b"unread"));
        drop(leaver);
        None
    });
}

#[test]
fn unreg_after_malformed_input() {
    unreg_is_announced_once(|_, mut leaver| {
        leaver.send_raw(&frame(1, 0x3F, b""));
        leaver.expect_refused(1);
        Some(leaver)
    });
}

#[test]
fn unreg_after_a_late_frame() {
    unreg_is_announced_once(|_, mut leaver| {
        leaver.send_raw(&[1]);
        leaver.expect_closed();
        Some(leaver)
    });
}

#[test]
fn refused_registrations_are_not_announced() {
    on_both(|bus| {
        let mut observer = observer(bus);
        for name in ["", ".x", ".broker", "observer", "nobody%%0"] {
            assert_ne!(bus.connect().try_register(name.as_bytes()), Some(OK));
        }
        drop(bus.connect());
        observer.expect_silence();
        let since = now_ns();
        let _next = bus.client("next");
        expect_info(&mut observer, "reg", "next", since);
    });
}

#[test]
fn secondaries_are_not_announced() {
    on_both(|bus| {
        let mut observer = observer(bus);
        let since = now_ns();
        let mut primary = bus.client("p");
        expect_info(&mut observer, "reg", "p", since);
        drop(bus.client("p%%a"));
        let mut b = bus.client("p%%b");
        drop(bus.broker.client_when_free(bus.transport, "p%%a"));
        observer.expect_nothing_from(&mut b);
        primary.half_close();
        primary.expect_closed();
        b.expect_closed();
        expect_info(&mut observer, "unreg", "p", since);
        let mut next = bus.client("next");
        expect_info(&mut observer, "reg", "next", since);
        observer.expect_nothing_from(&mut next);
    });
}

#[test]
fn info_needs_a_subscription() {
    on_both(|bus| {
        let mut a = bus.client("a");
        drop(bus.client("b"));
        drop(bus.broker.client_when_free(bus.transport, "b"));
        a.expect_silence();
    });
}

#[test]
fn an_observer_sees_neither_itself_nor_the_past() {
    on_both(|bus| {
        let _earlier = bus.client("earlier");
        observer(bus).expect_silence();
    });
}

#[test]
fn wildcards_reach_the_announcements() {
    on_both(|bus| {
        for filter in [".broker/#", "#", "+/info", ".broker/+"] {
            let mut observer = bus.broker.client_when_free(bus.transport, "observer");
            observer.request(&subscribe(1, PROCESSED, &[filter]), 1);
            let since = now_ns();
            let new = bus.broker.client_when_free(bus.transport, "new");
            expect_info(&mut observer, "reg", "new", since);
            drop(new);
            expect_info(&mut observer, "unreg", "new", since);
        }
    });
}

/// The payload: a map of `s` and `t`. The subscription was made by the broker.
fn shutdown_by(signal: Signal) {
    on_both(|bus| {
        let mut a = bus.client("a");
        let _primary = bus.client("p");
        let mut secondary = bus.client("p%%a");
        let since = now_ns();
        bus.broker.signal(signal);
        let prefix = b"\x82\xA1s\xA8shutdown\xA1t\xCF";
        for wire in [&mut a, &mut secondary] {
            expect_announcement(wire, ".broker/warn", prefix, since);
        }
        a.drain();
        secondary.drain();
    });
}

#[test]
fn shutdown_by_sigterm() {
    shutdown_by(Signal::SIGTERM);
}

#[test]
fn shutdown_by_sigint() {
    shutdown_by(Signal::SIGINT);
}

#[test]
fn the_subscription_to_warnings_can_be_undone() {
    on_both(|bus| {
        let mut a = bus.quiet_client("a");
        bus.broker.signal(Signal::SIGTERM);
        let frames: Vec<_> = a.drain().iter().map(|frame| show(&frame.bytes())).collect();
        assert!(frames.is_empty(), "got {frames:?}");
    });
}

/// The automatic subscription is one like any other: subscribing again does not double it.
#[test]
fn subscribing_to_warnings_again_does_not_double_them() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &[".broker/warn", ".broker/#"]), 1);
        bus.broker.signal(Signal::SIGTERM);
        let warnings = a.drain().into_iter().filter(|frame| {
            frame
                .body
                .starts_with(b".broker\0.broker/warn\0\x82\xA1s\xA8shutdown")
        });
        assert_eq!(warnings.count(), 1);
    });
}
