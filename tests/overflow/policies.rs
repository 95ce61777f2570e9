//! Each policy with a client that never reads, for messages, publications and broadcasts.

use crate::common::client_list::ask_client_uint;
use crate::common::*;
use crate::scene::{ENOUGH, Kind, Policy, Scene};

fn on_both_transports(policy: Policy, body: impl Fn(&mut Scene)) {
    for transport in [Transport::Unix, Transport::Tcp] {
        body(&mut Scene::new(policy, transport));
    }
}

/// The sender is told once; from then on the name is unknown.
fn messages_cut_the_receiver(policy: Policy) {
    on_both_transports(policy, |scene| {
        let refused = scene.fill_up();
        assert!(refused > 0);
        let code = scene.sender.request_code(&Kind::Message.send(0, PROCESSED));
        assert_eq!(code, NOT_REGISTERED);
        scene.others_are_served();
        scene.assert_cut(Kind::Message);
    });
}

/// The acks do not tell.
fn copies_cut_the_receiver(policy: Policy, kind: Kind) {
    on_both_transports(policy, |scene| {
        scene.send_enough(kind);
        scene.others_are_served();
        scene.assert_cut(kind);
    });
}

#[test]
fn backpressure_messages() {
    messages_cut_the_receiver(Policy::Backpressure);
}

#[test]
fn backpressure_publications() {
    copies_cut_the_receiver(Policy::Backpressure, Kind::Publication);
}

#[test]
fn backpressure_broadcasts() {
    copies_cut_the_receiver(Policy::Backpressure, Kind::Broadcast);
}

#[test]
fn disconnect_messages() {
    messages_cut_the_receiver(Policy::Disconnect);
}

#[test]
fn disconnect_publications() {
    copies_cut_the_receiver(Policy::Disconnect, Kind::Publication);
}

#[test]
fn disconnect_broadcasts() {
    copies_cut_the_receiver(Policy::Disconnect, Kind::Broadcast);
}

#[test]
fn drop_messages() {
    on_both_transports(Policy::Drop, |scene| {
        let refused = scene.fill_up();
        assert!(refused > 0);
        // Refused again and again, and nobody is cut for it.
        for _ in 0..50 {
            let code = scene
                .sender
                .request_code(&Kind::Message.send(refused, PROCESSED));
            assert_eq!(code, NOT_DELIVERED);
        }
        scene.others_are_served();
        scene.assert_registered();
        // Exactly what was accepted is there, in order.
        for number in 0..refused {
            scene.stalled.expect_bytes(&Kind::Message.got(number));
        }
        // With the queue empty, messages pass again.
        scene.stalled.expect_nothing_from(&mut scene.sender);
        scene.stalled.expect_silence();
        scene.assert_registered();
    });
}

/// The receiver misses some, but gets the others in order, and the sender never notices.
fn copies_are_dropped(kind: Kind) {
    on_both_transports(Policy::Drop, |scene| {
        scene.send_enough(kind);
        scene.others_are_served();
        scene.assert_registered();
        let end = ENOUGH + 1;
        let (sender, stalled, good) = (&mut scene.sender, &mut scene.stalled, &mut scene.good);
        let received = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let numbers = std::iter::repeat_with(|| kind.number_of(&stalled.read_frame()));
                numbers
                    .take_while(|number| *number != end)
                    .collect::<Vec<_>>()
            });
            // As soon as there is room this reaches the receiver: it ends the reading.
            eventually("there is room again", || {
                sender.request(&kind.send(end, PROCESSED), end);
                good.expect_bytes(&kind.got(end));
                reader.is_finished().then_some(())
            });
            reader.join().expect("the reader")
        });
        assert!(
            !received.is_empty() && received.len() < ENOUGH as usize,
            "{}",
            received.len()
        );
        assert!(
            received.is_sorted_by(|a, b| a < b),
            "out of order or doubled"
        );
        assert_eq!(received.first(), Some(&0));
    });
}

#[test]
fn drop_publications() {
    copies_are_dropped(Kind::Publication);
}

#[test]
fn drop_broadcasts() {
    copies_are_dropped(Kind::Broadcast);
}

/// The connection of the receiver ends at once, also when its sender still remembers it and says
/// nothing more.
#[test]
fn the_end_of_a_cut_receiver_needs_no_further_traffic() {
    for policy in [Policy::Backpressure, Policy::Disconnect] {
        on_both_transports(policy, |scene| {
            scene.fill_up();
            assert!(!scene.stalled.drain().is_empty());
        });
    }
}

/// A frame that nobody asked to be told about disappears without a word, whatever the policy.
#[test]
fn without_an_ack_the_sender_hears_nothing() {
    for policy in Policy::ALL {
        on_both_transports(policy, |scene| {
            for number in 0..ENOUGH {
                scene.sender.send_raw(&Kind::Message.send(number, NO));
            }
            scene.others_are_served();
            if policy == Policy::Drop {
                scene.assert_registered();
            } else {
                scene.assert_cut(Kind::Message);
            }
        });
    }
}

/// The default is backpressure: a receiver that reads late, but within the timeout, misses
/// nothing, although far more is sent than fits.
#[test]
fn the_default_waits_for_a_receiver_that_reads_late() {
    on_both_with(&["-t", "30", "--queue-size", "16"], |bus| {
        let (mut a, mut b) = (bus.quiet_client("sender"), bus.quiet_client("t.stalled"));
        let mut writer = Wire::new(a.stream().try_clone().expect("a second handle"));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..ENOUGH {
                    writer.send_raw(&Kind::Message.send(number, PROCESSED));
                }
            });
            // The reader starts when its queue is full.
            let mut asker = bus.quiet_client("asker");
            eventually("a full queue", || {
                let waiting = ask_client_uint(&mut asker, "t.stalled", "queue");
                (waiting >= Some(16)).then_some(())
            });
            scope.spawn(|| {
                for number in 0..ENOUGH {
                    b.expect_bytes(&Kind::Message.got(number));
                }
            });
            for number in 0..ENOUGH {
                a.expect_bytes(&ack(number, OK));
            }
        });
        b.expect_nothing_from(&mut a);
    });
}
