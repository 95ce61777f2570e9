//! Sessions that move, with real sockets and real threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::scene::{DEADLINE, Scene, message, move_to, wait_for};
use crate::QoS;
use crate::broker::{Overflow, ServerConfig};
use crate::protocol::RESPONSE_OK;
use crate::protocol::delivery::Delivery;

const CLIENTS: usize = 6;
const FRAMES: u32 = 3000;

fn name(client: usize) -> String {
    format!("c{client}")
}

/// Numbers that look like chance, and are the same every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> usize {
        let step = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = step.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }
}

/// A frame of a client: whom it is for, what is in it, and whether it asks for an ack.
fn frame(sender: usize, number: u32) -> (usize, Vec<u8>, QoS) {
    let mut chance = Chance((sender as u64) << 32 | u64::from(number));
    chance.next();
    let size = match chance.next() % 1000 {
        0..600 => chance.next() % 200,
        600..950 => chance.next() % 5_000,
        950..995 => chance.next() % 100_000,
        _ => 1024 * 1024 - chance.next() % 1000,
    };
    let qos = match chance.next() % 4 {
        0 => QoS::No,
        1 => QoS::Processed,
        2 => QoS::Realtime,
        _ => QoS::RealtimeProcessed,
    };
    let first = chance.next();
    let mut payload = number.to_le_bytes().to_vec();
    payload.extend((0..size).map(|i| (first + i * 7) as u8));
    (chance.next() % CLIENTS, payload, qos)
}

/// Reads all that a client has to get, and compares each byte.
fn check_what_arrives(input: &mut super::scene::Incoming, client: usize) {
    let mut next = [0_u32; CLIENTS];
    let mut next_ack = 0;
    // The numbers of the frames of a sender that are for this client; of the own ones with an ack.
    let find =
        |sender: usize, from: u32| (from..FRAMES).find(|number| frame(sender, *number).0 == client);
    let find_ack = |from: u32| (from..FRAMES).find(|number| frame(client, *number).2.needs_ack());
    let expected: usize = (0..CLIENTS)
        .map(|sender| {
            (0..FRAMES)
                .filter(|n| frame(sender, *n).0 == client)
                .count()
        })
        .sum();
    let acks = (0..FRAMES).filter(|n| frame(client, *n).2.needs_ack());
    for _ in 0..expected + acks.count() {
        let got = input.next(|delivery| match delivery {
            Delivery::Ack { op_id, code } => {
                let number = find_ack(next_ack).expect("another ack");
                assert_eq!((u32::from_le_bytes(op_id), code), (number, RESPONSE_OK));
                next_ack = number + 1;
            }
            Delivery::Frame {
                sender, payload, ..
            } => {
                let sender: usize = sender[1..].parse().expect("a client");
                let number = find(sender, next[sender]).expect("another frame");
                let (_, wanted, _) = frame(sender, number);
                assert!(
                    payload == wanted,
                    "frame {number} from {sender} to {client}"
                );
                next[sender] = number + 1;
            }
            Delivery::Ping => {}
        });
        assert!(got.is_some(), "client {client} was disconnected");
    }
}

/// Every frame arrives exactly once and in order, while sessions go from worker to worker.
#[test]
fn nothing_is_lost_or_doubled_on_the_way() {
    let config = ServerConfig::new()
        .timeout(DEADLINE)
        .queue_size(64)
        .queue_bytes(256 * 1024);
    let mut scene = Scene::start(3, &config);
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|client| match client % 2 {
            0 => scene.unix_client(&name(client)),
            _ => scene.tcp_client(&name(client)),
        })
        .collect();
    let peers: Vec<_> = (0..CLIENTS).map(|i| scene.peer(&name(i))).collect();
    let done = AtomicBool::new(false);
    let mut moves = 0;
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for (client, ends) in clients.iter_mut().enumerate() {
            let (input, output) = (&mut ends.input, &mut ends.output);
            readers.push(scope.spawn(move || check_what_arrives(input, client)));
            scope.spawn(move || {
                for number in 0..FRAMES {
                    let (target, payload, qos) = frame(client, number);
                    let bytes = message(number, &name(target), &payload, qos);
                    output.write_all(&bytes).expect("open");
                }
            });
        }
        let (done, peers) = (&done, &peers);
        let mover = scope.spawn(move || {
            let (mut moves, mut chance) = (0, Chance(1));
            while !done.load(Relaxed) {
                for peer in peers {
                    moves += usize::from(!peer.placement.is_elsewhere());
                    // Now and then to where it is.
                    peer.tell_to_move(chance.next() % 3);
                }
                thread::sleep(Duration::from_micros(300));
            }
            moves
        });
        let ended: Vec<_> = readers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        done.store(true, Relaxed);
        moves = mover.join().expect("no panic");
        assert!(ended.iter().all(Result::is_ok));
    });
    assert!(moves > 300, "only {moves} moves");
    let weak: Vec<_> = peers.iter().map(Arc::downgrade).collect();
    drop(peers);
    scene.shutdown();
    for client in &mut clients {
        assert_eq!(client.input.next(|_| ()), None);
    }
    // What is no longer connected is not kept by anybody.
    wait_for("all is let go", || {
        weak.iter().all(|peer| peer.strong_count() == 0)
    });
}

/// What waits for a client that does not read goes with it, and leaves in order.
#[test]
fn a_queue_moves_with_its_client() {
    const PAYLOAD: usize = 5000;
    let config = ServerConfig::new()
        .timeout(DEADLINE)
        .queue_size(300)
        .queue_bytes(16 * 1024 * 1024);
    let scene = Scene::start(2, &config);
    let mut sender = scene.unix_client("sender");
    let mut slow = scene.unix_client("slow");
    let peer = scene.peer("slow");
    let is_full = || peer.queued().0.frames == 300;
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..2000_u32 {
                let payload = number.to_le_bytes().repeat(PAYLOAD / 4);
                let bytes = message(number, "slow", &payload, QoS::No);
                sender.output.write_all(&bytes).expect("open");
            }
        });
        wait_for("the queue fills", is_full);
        for turn in 0..200 {
            move_to(&peer, (turn + 1) % 2);
            // It holds a frame for which there is no room. When there is, it goes.
            scene.peer("sender").tell_to_move(turn % 2);
        }
        assert!(is_full());
        for number in 0..2000_u32 {
            if number % 100 == 0 {
                peer.tell_to_move(number as usize / 100 % 2);
            }
            let got = slow.input.next(|delivery| match delivery {
                Delivery::Frame { payload, .. } => {
                    payload == number.to_le_bytes().repeat(PAYLOAD / 4)
                }
                _ => false,
            });
            assert_eq!(got, Some(true), "frame {number}");
        }
    });
}

#[test]
fn a_worker_is_woken_for_each_client_that_comes() {
    let scene = Scene::start(2, &ServerConfig::new().timeout(DEADLINE));
    let _client = scene.unix_client("client");
    // After the task was spawned, which may be done before.
    let woken = |workers: &[usize]| wait_for("it is woken", || *scene.woken.lock() == workers);
    woken(&[0]);
    let peer = scene.peer("client");
    move_to(&peer, 1);
    woken(&[0, 1]);
    move_to(&peer, 0);
    woken(&[0, 1, 0]);
}

/// A client whose queue is full for a moment, because it is on its way, is not one that is slow.
#[test]
fn nobody_is_cut_off_for_moving() {
    for overflow in [Overflow::Drop, Overflow::Disconnect] {
        let config = ServerConfig::new()
            .timeout(DEADLINE)
            .queue_size(4)
            .overflow(overflow);
        let scene = Scene::start(3, &config);
        let mut sender = scene.unix_client("sender");
        let mut receiver = scene.unix_client("receiver");
        let peer = scene.peer("receiver");
        move_to(&scene.peer("sender"), 2);
        // So many frames fit the socket, whatever the queue does.
        const AHEAD: u32 = 50;
        let received = AtomicU32::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..2000_u32 {
                    wait_for("the receiver reads", || {
                        number < received.load(Relaxed) + AHEAD
                    });
                    let bytes = message(number, "receiver", b"m", QoS::Processed);
                    sender.output.write_all(&bytes).expect("open");
                    let ack = sender.input.next(|delivery| match delivery {
                        Delivery::Ack { code, .. } => Some(code),
                        _ => None,
                    });
                    assert_eq!(ack, Some(Some(RESPONSE_OK)), "frame {number}");
                }
            });
            for number in 0..2000_u32 {
                peer.tell_to_move(number as usize % 2);
                assert!(receiver.input.next(|_| ()).is_some(), "frame {number}");
                received.store(number + 1, Relaxed);
            }
        });
    }
}

#[test]
fn a_shutdown_ends_those_who_are_on_their_way() {
    for _ in 0..20 {
        let mut scene = Scene::start(3, &ServerConfig::new().timeout(DEADLINE));
        let mut clients: Vec<_> = (0..20).map(|i| scene.unix_client(&name(i))).collect();
        let peers: Vec<_> = (0..20).map(|i| scene.peer(&name(i))).collect();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0.. {
                    if done.load(Relaxed) {
                        break;
                    }
                    peers.iter().for_each(|peer| peer.tell_to_move(turn % 3));
                }
            });
            thread::sleep(Duration::from_millis(5));
            scene.shutdown();
            done.store(true, Relaxed);
        });
        for client in &mut clients {
            assert_eq!(client.input.next(|_| ()), None);
        }
        assert!(peers.iter().all(|peer| !peer.is_alive()));
    }
}

#[test]
fn who_has_moved_is_still_watched_and_can_be_told_to_go() {
    let scene = Scene::start(2, &ServerConfig::new().timeout(Duration::from_millis(500)));
    let mut lazy = scene.unix_client("lazy");
    let mut unwanted = scene.tcp_client("unwanted");
    let half = message(1, "lazy", &[0; 100], QoS::No);
    lazy.output.write_all(&half[..50]).expect("open");
    for name in ["lazy", "unwanted"] {
        move_to(&scene.peer(name), 1);
    }
    // Half a frame that does not go on is the end.
    assert_eq!(lazy.input.next(|_| ()), None);
    // With a ping before, which comes from another thread.
    thread::sleep(Duration::from_millis(600));
    scene
        .broker
        .force_disconnect("unwanted")
        .expect("connected");
    assert_eq!(unwanted.input.next(|_| ()), None);
}

/// An application may end a runtime that it has given to the broker.
#[test]
fn a_client_that_does_not_arrive_is_unregistered() {
    let mut scene = Scene::start(2, &ServerConfig::new().timeout(DEADLINE));
    let mut client = scene.unix_client("c");
    scene.workers.pop().expect("the second worker").stop();
    scene.peer("c").tell_to_move(1);
    assert_eq!(client.input.next(|_| ()), None);
    wait_for("the name is free", || scene.broker.hub.find("c").is_none());
    scene.unix_client("c");
    scene.shutdown();
}
