//! The broker announces, replies and takes fifo commands while somebody does not read (B3), and
//! tells about those who do not (O17).

use crate::common::client_list::find;
use crate::common::*;
use crate::connections::overflow;
use std::io::Write;
use std::thread;

const ARGS: &[&str] = &["-t", "1", "--queue-size", "16"];

/// Registers clients one after the other until the trouble is over; each must be answered.
fn register_while(bus: &Bus, trouble: thread::ScopedJoinHandle<'_, ()>) {
    let mut count = 0;
    while !trouble.is_finished() || count < 100 {
        bus.quiet_client(&format!("newcomer.{count}"))
            .expect_silence();
        count += 1;
    }
    trouble.join().expect("the trouble maker");
}

#[test]
fn b03_a_stalled_subscriber_of_announcements_stops_nobody() {
    on_both_with(ARGS, |bus| {
        let mut stalled = bus.client("stalled");
        stalled.request(&subscribe(1, PROCESSED, &[".broker/info"]), 1);
        // Two announcements of about 1 KiB each per name.
        let long = "n".repeat(1_000);
        for i in 0..4_000 {
            drop(bus.client(&format!("{long}{i}")));
        }
        let mut next = bus.quiet_client("next");
        assert_eq!(next.call_broker("test", b""), b"\x81\xA2ok\xC3");
    });
}

#[test]
fn b03_a_caller_that_does_not_read_replies_stops_nobody() {
    on_both_with(ARGS, |bus| {
        let mut caller = bus.client("caller");
        let request = rpc_request(7, "benchmark.test", &[0; 16 * 1024]);
        let call = message(1, NO, ".broker", &request);
        thread::scope(|scope| {
            let trouble = scope.spawn(move || {
                for _ in 0..2_000 {
                    // Sooner or later the broker cuts it.
                    if caller.try_send_raw(&call).is_err() {
                        break;
                    }
                }
            });
            register_while(bus, trouble);
        });
        let mut next = bus.quiet_client("next");
        assert_eq!(next.call_broker("test", b""), b"\x81\xA2ok\xC3");
    });
}

#[test]
fn b03_a_fifo_command_to_a_stalled_client_stops_nobody() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let dir = broker::TempDir::new();
        let fifo = dir.path().join("fifo");
        let bind = format!("fifo:{}", fifo.display());
        let bus = Bus {
            broker: Broker::start(&[ARGS, &["-B", &bind]].concat()),
            transport,
        };
        let _stalled = bus.client("stalled");
        let line = format!("stalled {}\n", "x".repeat(4_000));
        thread::scope(|scope| {
            let trouble = scope.spawn(|| {
                let mut fifo = std::fs::File::options()
                    .write(true)
                    .open(&fifo)
                    .expect("the fifo");
                for _ in 0..5_000 {
                    fifo.write_all(line.as_bytes()).expect("a line");
                }
            });
            register_while(&bus, trouble);
        });
        let mut next = bus.quiet_client("next");
        next.request(&subscribe(1, PROCESSED, &["t"]), 1);
        std::fs::write(&fifo, "=t end\n").expect("a line");
        next.expect_bytes(&got_publication(0, ".broker", "t", b"end"));
    }
}

/// Whoever is disconnected for a full queue is named on `.broker/warn`, to which everybody is
/// subscribed.
#[test]
fn o17_a_disconnected_receiver_is_named_in_a_warning() {
    for policy in ["backpressure", "disconnect"] {
        on_both_with(&[ARGS, &["--overflow", policy]].concat(), |bus| {
            let mut bystander = bus.client("bystander");
            let mut sender = bus.quiet_client("sender");
            let stalled = bus.client("stalled.client");
            overflow(&mut sender, "stalled.client");
            let warning = bystander.read_frame();
            assert_eq!(warning.kind, PUBLISH);
            assert!(warning.body.starts_with(b".broker\0.broker/warn\0"));
            assert!(
                find(&warning.body, b"stalled.client").is_some(),
                "{}",
                show(&warning.body)
            );
            drop(stalled);
        });
    }
}
