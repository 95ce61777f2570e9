//! Names as weapons: NULs, lengths, control characters in logs (B9, O11, H13).

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
