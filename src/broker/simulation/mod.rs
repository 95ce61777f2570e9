//! A broker and its clients in memory, where a seed decides what happens, in which order, and what
//! goes wrong.
//!
//! The broker is the real one, from the handshake to the outboxes, on a runtime of one thread and with
//! a clock that stands still until somebody waits. In place of sockets it has streams of
//! `transport::simulated`. The clients follow the protocol; what goes wrong is the streams, the
//! pauses and that clients go at any moment. They know what the broker owes to them, and panic if
//! they do not get it:
//!
//! - nothing is lost that was acknowledged or sent under back-pressure, nothing comes twice, frames of
//!   one sender come in their order, acks too, and what was refused does not come at all;
//! - nothing goes to a connection whose name another one has by now;
//! - whoever reads is not disconnected, and gets everything within a bounded time;
//! - no queue exceeds its bounds at any step, and what is charged is what waits (`inspect`);
//! - when all have gone nothing is left of them.
//!
//! `ELBUS_SEEDS=10000 cargo test --all-features --lib simulation` tries so many seeds;
//! `ELBUS_SEED=7` repeats one.
//!
//! | file | what it holds |
//! |---|---|
//! | `plan` | what kind of a run a seed stands for |
//! | `world` | the steps |
//! | `connection` | a connection as its client sees it |
//! | `ledger` | what was sent, and who had to get it |
//! | `inspect` | what must be true of the broker |
//! | `ending` | everything arrives, everybody goes |
//! | `trace` | what is shown of a run that is repeated |

mod connection;
mod ending;
mod inspect;
mod ledger;
mod plan;
mod trace;
mod world;

use std::env;
use std::hash::Hasher;
use std::ops::Range;

use world::World;

/// A moment of a run: things happen one after the other.
type Step = usize;

/// Seeds that are tried unless told otherwise: a few seconds.
const DEFAULT_SEEDS: u64 = 200;

/// The seeds to try.
fn seeds() -> Range<u64> {
    let number = |name| {
        let text = env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is no number: {text:?}")),
        )
    };
    match number("ELBUS_SEED") {
        Some(seed) => {
            trace::start();
            seed..seed + 1
        }
        None => 0..number("ELBUS_SEEDS").unwrap_or(DEFAULT_SEEDS),
    }
}

/// One run. Returns a number that tells it from others.
async fn simulate(seed: u64) -> u64 {
    let mut world = World::new(seed).await;
    world.live().await;
    world.settle().await;
    let fingerprint = world.fingerprint.finish();
    world.end().await;
    fingerprint
}

/// Runs on a thread of its own: threads keep memory for later, and what is there would be different
/// with each seed before this one.
fn run(seed: u64) -> u64 {
    let run = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        runtime.expect("a runtime").block_on(simulate(seed))
    });
    run.join().unwrap_or_else(|_| {
        panic!(
            "seed {seed} fails, see above; to repeat it:\n\
             ELBUS_SEED={seed} cargo test --all-features --lib simulation"
        )
    })
}

#[test]
fn promises_are_kept_whatever_happens() {
    let seeds = seeds();
    for seed in seeds.clone() {
        run(seed);
    }
    println!("seeds {seeds:?}: all promises were kept");
}

/// Otherwise no failure could be repeated.
#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..10 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
