//! No descriptors left (O10, H7).

use crate::common::*;

#[test]
fn o10_accept_errors_back_off() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let args = ["-t", "1", "-w", "1"];
        let broker = Launch::new(&args).prepared_by("ulimit -n 32").start();
        let bus = Bus { broker, transport };
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        // Those that are accepted register and stay; the others wait in the kernel.
        let crowd: Vec<Wire> = (0..64)
            .map(|i| {
                let mut wire = bus.connect();
                wire.send_raw(&hello(format!("crowd.{i}").as_bytes()));
                wire
            })
            .collect();
        let complaints = || {
            let text = bus.broker.log().text().to_lowercase();
            let of_accept = |line: &&str| line.contains("accept") || line.contains("os error 24");
            text.lines().filter(of_accept).count()
        };
        eventually("a complaint in the log", || {
            (complaints() > 0).then_some(())
        });
        for _ in 0..500 {
            a.request(&message(1, PROCESSED, "b", b"x"), 1);
            b.expect_bytes(&got_message(0, "a", b"x"));
        }
        // Some keep-alives later: long enough for a loop without pauses to fill the log.
        for _ in 0..4 {
            a.expect_ping();
        }
        assert!(complaints() <= 3, "{} complaints", complaints());
        a.request(&message(1, PROCESSED, "b", b"x"), 1);
        b.expect_bytes(&got_message(0, "a", b"x"));
        drop(crowd);
        bus.broker
            .client_when_free(transport, "crowd.0")
            .expect_silence();
        bus.client("next").expect_silence();
    }
}
