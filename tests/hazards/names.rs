//! Names as weapons: NULs, lengths, control characters in logs, imitations of the broker (B9, O11, H12,
//! H13). What the programs show on a terminal is tested with them, in `tests/cli`.

use crate::common::*;

#[test]
fn b09_names_with_nul_are_refused() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for name in ["witness\0", "\0witness", "witness\0x", "a\0b\0c", "\0"] {
            let mut wire = bus.connect();
            assert_eq!(wire.try_register(name.as_bytes()), Some(DATA), "{name:?}");
            wire.expect_closed();
        }
        witness.expect_silence();
    });
}

#[test]
fn o11_long_and_strange_names_are_refused() {
    on_both(|bus| {
        let long = "n".repeat(65_535);
        for name in [
            long.as_str(),
            "a*",
            "?",
            "a\u{1b}[31m",
            "line\nbreak",
            "tab\t",
            "\u{7f}",
        ] {
            assert_eq!(
                bus.connect().try_register(name.as_bytes()),
                Some(DATA),
                "{name:?}"
            );
        }
    });
}

/// Whatever peers send, the log stays one line per event and free of control characters.
#[test]
fn o11_the_log_is_free_of_control_characters() {
    on_both_with(&["--verbose", "-t", "1"], |bus| {
        let evil = "\u{1b}]0;owned\u{7}\r\nFORGED LINE \u{9b}31m";
        let mut a = bus.client("a");
        for name in [evil.to_string(), format!("a%%{evil}"), format!(".{evil}")] {
            assert_ne!(bus.connect().try_register(name.as_bytes()), Some(OK));
        }
        a.request(&subscribe(1, PROCESSED, &[evil]), 1);
        a.request(&unsubscribe(2, PROCESSED, &[evil]), 2);
        a.request(&publish(3, PROCESSED, evil, b"x"), 3);
        a.request(&broadcast(4, PROCESSED, evil, b"x"), 4);
        assert_eq!(
            a.request_code(&message(5, PROCESSED, evil, b"x")),
            NOT_REGISTERED
        );
        a.request(&message(6, PROCESSED, ".broker", evil.as_bytes()), 6);
        a.request(
            &message(7, PROCESSED, ".broker", &rpc_request(0, evil, b"")),
            7,
        );
        a.send_raw(&frame(8, MESSAGE, evil.as_bytes()));
        a.expect_refused(8);
        // The name is in the log, so the log was looked at after all of it was written.
        drop(bus.client("last.one"));
        eventually("the log is complete", || {
            bus.broker.log().text().contains("last.one").then_some(())
        });
        let text = bus.broker.log().text();
        for line in text.lines() {
            assert!(
                !line.chars().any(char::is_control),
                "{}",
                line.escape_debug()
            );
            assert!(!line.starts_with("FORGED"), "{line}");
        }
    });
}

/// elbus 0.2 refuses the leading dot as well.
#[test]
fn h12_names_of_the_broker_cannot_be_had() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for name in [".", "..", ".x", ".broker", ".broker.x", ".broker%%0", ".%%"] {
            let mut wire = bus.connect();
            assert_eq!(wire.try_register(name.as_bytes()), Some(DATA), "{name}");
            wire.expect_closed();
        }
        // The broker is still the broker.
        assert_eq!(witness.call_broker("test", b""), b"\x81\xA2ok\xC3");
    });
}

/// Secondaries without a primary, however the name is put together.
#[test]
fn h12_secondaries_of_nobody_cannot_be_had() {
    on_both(|bus| {
        let mut victim = bus.client("victim");
        for name in [
            "%%",
            "%%0",
            "%%victim",
            "vict%%im",
            "victi%%m",
            "victim.%%0",
            "Victim%%0",
        ] {
            let answer = bus.connect().try_register(name.as_bytes());
            assert_eq!(answer, Some(NOT_REGISTERED), "{name}");
        }
        victim.expect_silence();
    });
}

/// What only looks like the name of somebody else is another name to the broker.
#[test]
fn h12_lookalikes_get_nothing_of_the_other() {
    on_both(|bus| {
        let (mut a, mut victim) = (bus.client("a"), bus.client("victim"));
        for name in [
            "victim ",
            " victim",
            "victim%",
            "victim%0",
            "vict\u{456}m",
            "victim\u{200b}",
        ] {
            let mut wire = bus.connect();
            if wire.try_register(name.as_bytes()) == Some(OK) {
                a.request(&message(1, PROCESSED, "victim", b"x"), 1);
                victim.expect_bytes(&got_message(0, "a", b"x"));
                wire.expect_nothing_from(&mut a);
            }
        }
    });
}
