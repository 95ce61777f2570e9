//! The outbox under a model checker, which decides after each use of a lock which thread goes on:
//! several sources queue and flush, while the peer's own task drains, the peer reads, and somebody
//! looks in between.
//!
//! What has to be true: bytes leave complete, once and in order; nothing is stranded; bounds are kept;
//! who waits is woken. A thread that is never woken shows as a deadlock. The checker prints the
//! schedule of a failure, which `shuttle::replay` repeats.
//!
//! `tests/verify model` runs this; `ELBUS_SCHEDULES` says how many schedules are tried.

use std::collections::BTreeMap;
use std::env;
use std::pin::pin;
use std::sync::Arc;

use shuttle::future::{block_on, spawn};
use shuttle::rand::{RngCore, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

use super::{Account, Allowance, Bounds, Encoded, Outbox, Payload, Push};
use crate::transport::budget::Charge;
use crate::transport::simulated::{Behaviour, Chance, Far, stream};
use crate::transport::socket::Socket;

/// Schedules of each kind for each model, unless told otherwise.
const DEFAULT_SCHEDULES: usize = 2_000;

/// The same schedules each time.
const SEED: u64 = 1;

/// Sources, and the frames of each.
const SOURCES: u8 = 3;
const FRAMES: u8 = 4;

/// Of a frame, in bytes: its source, its number, and what follows from them.
const FRAME_BYTES: usize = 10;

const ALLOWANCE: Allowance = Allowance {
    largest_frame: FRAME_BYTES,
    reserve: 0,
};

fn frame(source: u8, number: u8) -> [u8; FRAME_BYTES] {
    let mut frame = [source ^ number; FRAME_BYTES];
    (frame[0], frame[1]) = (source, number);
    frame
}

fn schedules() -> usize {
    let schedules = env::var("ELBUS_SCHEDULES").ok();
    schedules.map_or(DEFAULT_SCHEDULES, |text| text.parse().expect("a number"))
}

/// Tries many schedules: some by chance, some with few but surprising switches.
fn check(model: impl Fn() + Send + Sync + Clone + 'static) {
    let schedules = schedules();
    run(
        RandomScheduler::new_from_seed(SEED, schedules),
        model.clone(),
    );
    run(PctScheduler::new_from_seed(SEED, 3, schedules), model);
}

fn run(scheduler: impl Scheduler + Send + 'static, model: impl Fn() + Send + Sync + 'static) {
    let tried = Runner::new(scheduler, Config::new()).run(model);
    println!("{tried} schedules");
}

/// An outbox with little room, on a stream with less, and the peer's end of that.
fn outbox(with_linger: bool) -> (Arc<Outbox>, Far) {
    let mut chance = Chance::new(thread_rng().next_u64());
    let behaviour = Behaviour {
        capacity: chance.between(5, 40),
        partial: 30,
        blocking: 20,
        // The checker itself decides when who is told goes on.
        late: 0,
        unwatched: 0,
        reset_after: None,
    };
    let (near, far) = stream(behaviour, chance);
    let bounds = Bounds {
        frames: 3,
        bytes: 3 * FRAME_BYTES - 1,
        // Shorter than a timer can do, so that no clock is needed.
        linger: with_linger.then_some(std::time::Duration::ZERO),
    };
    let (_, output) = Socket::Simulated(near).split().expect("nothing to watch");
    (
        Arc::new(Outbox::new(output, bounds, Charge::default())),
        far,
    )
}

/// Queues all frames of one source as the router does. Returns how many the outbox has taken.
async fn send(outbox: Arc<Outbox>, source: u8) -> u8 {
    let mut is_promised = false;
    for number in 0..FRAMES {
        match push(&outbox, &frame(source, number), &mut is_promised).await {
            Push::Closed => return number,
            Push::Queued { settle } => is_promised |= settle,
            Push::Full | Push::NoMemory => unreachable!("waited for room"),
        }
        // A batch ends now and then.
        if number % 2 == 1 && std::mem::take(&mut is_promised) {
            outbox.settle();
        }
    }
    if is_promised {
        outbox.settle();
    }
    FRAMES
}

async fn push(outbox: &Outbox, bytes: &[u8], is_promised: &mut bool) -> Push {
    let encoded = Encoded {
        head: bytes,
        payload: Payload::Copied(&[]),
        realtime: false,
        counted: bytes.len(),
    };
    loop {
        let mut room = pin!(outbox.room());
        room.as_mut().enable();
        for _ in 0..2 {
            match outbox.push(encoded, Account::Frame) {
                Push::Full | Push::NoMemory => outbox.flush(),
                result => return result,
            }
        }
        if std::mem::take(is_promised) {
            outbox.settle();
        }
        room.await;
    }
}

/// Reads until the end of the stream, or until so many bytes are there.
async fn read(far: &Far, expected: usize) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < expected {
        let received = far.received(7).await;
        read.extend(received.bytes);
        if received.is_last {
            break;
        }
    }
    read
}

/// How many frames of each source there are. They have to be whole, and in their order.
fn count(bytes: &[u8]) -> BTreeMap<u8, u8> {
    let mut next = BTreeMap::new();
    for got in bytes.chunks(FRAME_BYTES) {
        let number = next.entry(got[0]).or_insert(0);
        assert_eq!(got, &frame(got[0], *number)[..got.len()]);
        *number += u8::from(got.len() == FRAME_BYTES);
    }
    next
}

/// Everything leaves, whoever writes it.
fn everything_leaves(with_linger: bool) {
    let (outbox, far) = outbox(with_linger);
    let sources: Vec<_> = (0..SOURCES)
        .map(|source| spawn(send(outbox.clone(), source)))
        .collect();
    let drain = spawn({
        let outbox = outbox.clone();
        async move { outbox.drain(None).await }
    });
    let auditor = thread::spawn({
        let outbox = outbox.clone();
        move || {
            for _ in 0..4 {
                outbox.audit(ALLOWANCE);
            }
        }
    });
    let expected = FRAME_BYTES * usize::from(SOURCES * FRAMES);
    let bytes = block_on(read(&far, expected));
    assert!(count(&bytes).values().all(|frames| *frames == FRAMES));
    for source in sources {
        assert_eq!(block_on(source).expect("no panic"), FRAMES);
    }
    auditor.join().expect("no panic");
    outbox.close();
    block_on(drain).expect("no panic").expect("no failure");
}

/// The peer's task ends: it finishes what waits, while sources go on until they are told.
fn the_end_is_told_to_all() {
    let (outbox, far) = outbox(false);
    let sources: Vec<_> = (0..SOURCES)
        .map(|source| spawn(send(outbox.clone(), source)))
        .collect();
    let task = spawn({
        let outbox = outbox.clone();
        async move {
            // What a session does: it drains, until something else ends it.
            {
                let mut drain = pin!(outbox.drain(None));
                let polled = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(drain.as_mut().poll(cx).is_ready())
                });
                assert!(!polled.await, "nobody has closed it");
            }
            let finished = outbox.finish(None).await;
            outbox.close();
            finished
        }
    });
    let bytes = block_on(read(&far, usize::MAX));
    let got = count(&bytes);
    for (source, handle) in sources.into_iter().enumerate() {
        let taken = block_on(handle).expect("no panic");
        let got = got.get(&(source as u8)).copied().unwrap_or(0);
        assert!(got <= taken, "{got} frames of {taken} have left");
    }
    block_on(task).expect("no panic").expect("no failure");
    assert_eq!(outbox.audit(ALLOWANCE), super::Load::default());
}

#[test]
fn model_of_the_hand_over() {
    check(|| everything_leaves(false));
}

#[test]
fn model_of_the_hand_over_with_linger() {
    check(|| everything_leaves(true));
}

/// Only schedules that are fair: the session spins while a source is in the middle of a write.
#[test]
fn model_of_the_end() {
    run(
        RandomScheduler::new_from_seed(SEED, schedules()),
        the_end_is_told_to_all,
    );
}
