//! What a bridge carries, what it takes of the processor, and what it adds to the way of a message:
//! `elbus-bridge` between a bus and a mosquitto beside mosquitto's own bridge between two mosquittos, and
//! one mosquitto alone.
//!
//! `cargo bench --features bridge,server,rpc --bench bridge > docs/bridge-performance.md` writes that
//! document in less than three minutes. It needs `mosquitto` and `setpriv`.
//!
//! Every round measures everything once, the ways in turn, so that what else the machine does meets them
//! alike. `ELBUS_BENCH_ROUNDS` is the number of rounds.

mod ends;
mod page;
mod processes;
mod way;

use std::fmt;
use std::time::{Duration, Instant};

use processes::Scene;
use way::{Figures, Way};

/// What many write into their documents.
type Anything<T> = Result<T, Box<dyn std::error::Error>>;

/// Rounds, if the environment does not say otherwise.
const ROUNDS: usize = 5;
/// No round begins later than this after the start.
const LAST_ROUND: Duration = Duration::from_secs(140);
/// How long anything may take that is waited for.
const DEADLINE: Duration = Duration::from_secs(10);

/// Seen from the bus.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Out,
    In,
}

/// What is sent, and where to.
#[derive(Clone, Copy)]
struct Case {
    direction: Direction,
    /// 0 or 1: at the sender, over the bridge, and at the subscriber. On the bus 1 is `Processed`.
    qos: u8,
    /// Bytes.
    payload: usize,
    /// Messages of which the rate is measured.
    messages: u64,
}

const fn case(direction: Direction, qos: u8, payload: usize, messages: u64) -> Case {
    Case {
        direction,
        qos,
        payload,
        messages,
    }
}

const CASES: [Case; 6] = [
    case(Direction::Out, 1, 100, 20_000),
    case(Direction::Out, 1, 4096, 10_000),
    case(Direction::Out, 0, 100, 40_000),
    case(Direction::In, 1, 100, 20_000),
    case(Direction::In, 1, 4096, 10_000),
    case(Direction::In, 0, 100, 40_000),
];

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Out => "out",
            Direction::In => "in",
        };
        write!(f, "{direction}, QoS {}, {} B", self.qos, self.payload)
    }
}

/// The ways of one case, in the order of the tables.
struct Ways {
    case: Case,
    ways: [Way; 3],
    rounds: Vec<[Figures; 3]>,
}

fn main() -> Anything<()> {
    let rounds = match std::env::var("ELBUS_BENCH_ROUNDS") {
        Ok(text) => text.parse::<usize>()?.max(1),
        Err(_) => ROUNDS,
    };
    let begin = Instant::now();
    let scene = Scene::start()?;
    let mut all = Vec::new();
    for case in CASES {
        let mut ways = [
            Way::over_one_mosquitto(&scene, case)?,
            Way::over_two_mosquittos(&scene, case)?,
            Way::over_the_bus(&scene, case)?,
        ];
        for way in &mut ways {
            way.open()?;
        }
        all.push(Ways {
            case,
            ways,
            rounds: Vec::new(),
        });
    }
    for round in 0..rounds {
        if begin.elapsed() > LAST_ROUND {
            break;
        }
        eprintln!("round {} of {rounds}", round + 1);
        for Ways { case, ways, rounds } in &mut all {
            let mut figures = [Figures::default(); 3];
            // Each is first in one round, and last in another.
            for turn in 0..ways.len() {
                let which = (turn + round) % ways.len();
                figures[which] = ways[which]
                    .measure(&scene)
                    .map_err(|error| format!("{case}, {}: {error}", way::NAMES[which]))?;
            }
            rounds.push(figures);
        }
    }
    page::print(&all)
}
