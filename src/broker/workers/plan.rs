//! When sessions move, and between which workers: the rules, without a clock, a file or a socket.
//!
//! One worker with much to do is better than two with half of it each: it sleeps less, takes more
//! from a socket at a time, and leaves the other cores to the clients. So a second one has to be
//! worth it: cores are idle, or so much comes in that each of them can take as much at a time as one.
//! What cannot be foreseen is tried: if more is not carried than before, all goes back.

use std::collections::VecDeque;
use std::time::Duration;

/// A worker that has this share of a core counts as busy all the time.
pub(super) const HOT: f64 = 0.9;

/// Up to this share of a core one worker may need for the sessions of two.
const COMFORTABLE: f64 = 0.6;

/// A worker that is to take sessions over needs less of its core than this.
const RECEPTIVE: f64 = 0.5;

/// Cores that must have been idle before one more worker is used.
const SPARE_CORES: f64 = 0.5;

/// With less than this many idle cores, others wait for one.
const NO_CORES: f64 = 0.1;

/// Where others wait for cores, workers that together have less than this share of the cores that one
/// worker less could have are one too many.
const CROWDED: f64 = 1.25;

/// For how many looks in a row a state has to last before something is done about it.
const LASTING_LOOKS: u32 = 3;

/// Looks after each move at which nothing moves.
const LOOKS_BETWEEN_MOVES: u32 = 6;

/// Of these, the first, which see the move itself.
const UNSETTLED_LOOKS: u32 = 1;

/// How many looks before a move tell what was carried then: the best of them.
const REMEMBERED_LOOKS: usize = 6;

/// By how much the traffic has to grow for a worker more.
const MIN_GAIN: f64 = 1.1;

/// How long no worker is added after one that brought nothing; doubles each time.
const FIRST_BAR: Duration = Duration::from_secs(3);
const LONGEST_BAR: Duration = Duration::from_secs(30 * 60);

/// What a worker did since the last look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    /// The share of a core that it had.
    pub(super) busy: f64,
    pub(super) clients: usize,
    /// A good part of its traffic is from sessions that could go elsewhere, while others stay.
    pub(super) divisible: bool,
}

/// What there is to see at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    /// Since any fixed moment.
    pub(super) at: Duration,
    /// The preferred worker comes first.
    pub(super) loads: &'a [Load],
    /// Cores of the machine that were idle or did what can wait.
    pub(super) idle_cores: f64,
    /// Clients sent more than could be read at a time. Then a worker more takes as much at a time.
    pub(super) flooded: bool,
    /// What was carried per second, in any unit.
    pub(super) traffic: f64,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// About half of the traffic of a worker goes to another one.
    Half { from: usize, to: usize },
    /// Every session of a worker goes to another one.
    All { from: usize, to: usize },
}

/// A worker that was added lately.
#[derive(Debug)]
struct Trial {
    from: usize,
    to: usize,
    traffic_before: f64,
    /// The sum of some looks.
    traffic: f64,
    looks: u32,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Planner {
    /// For how many looks each worker has been busy all the time, and another one might help.
    hot: Vec<u32>,
    /// For how many looks one worker less would have done.
    roomy: u32,
    /// Looks until something may move.
    rest: u32,
    trial: Option<Trial>,
    traffic: VecDeque<f64>,
    /// No worker is added before that time.
    barred_until: Duration,
    bar: Duration,
}

impl Planner {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            hot: vec![0; workers],
            roomy: 0,
            rest: 0,
            trial: None,
            traffic: VecDeque::new(),
            barred_until: Duration::ZERO,
            bar: FIRST_BAR,
        }
    }

    /// For when nobody has looked for a while.
    pub(super) fn forget(&mut self) {
        self.hot.fill(0);
        self.roomy = 0;
        self.traffic.clear();
    }

    /// Decides what to do after a look.
    pub(super) fn decide(&mut self, look: &Look<'_>) -> Option<Move> {
        for (looks, load) in self.hot.iter_mut().zip(look.loads) {
            let hot = load.busy >= HOT && (look.flooded || look.idle_cores >= SPARE_CORES);
            *looks = if hot { *looks + 1 } else { 0 };
        }
        self.traffic.truncate(REMEMBERED_LOOKS - 1);
        self.traffic.push_front(look.traffic);
        self.roomy = if has_one_too_many(look) {
            self.roomy + 1
        } else {
            0
        };
        if self.rest > 0 {
            self.rest -= 1;
            if let Some(trial) = &mut self.trial
                && self.rest < LOOKS_BETWEEN_MOVES - UNSETTLED_LOOKS
            {
                trial.traffic += look.traffic;
                trial.looks += 1;
            }
            return None;
        }
        let decided = self
            .end_trial(look)
            .or_else(|| self.merge(look))
            .or_else(|| self.split(look));
        if decided.is_some() {
            self.rest = LOOKS_BETWEEN_MOVES;
            self.roomy = 0;
            self.hot.fill(0);
        }
        decided
    }

    /// Sends everybody back if it did not pay.
    fn end_trial(&mut self, look: &Look<'_>) -> Option<Move> {
        let Trial {
            from,
            to,
            traffic_before,
            traffic,
            looks,
        } = self.trial.take()?;
        if traffic / f64::from(looks.max(1)) >= traffic_before * MIN_GAIN {
            return None;
        }
        self.raise_bar(look);
        Some(Move::All { from: to, to: from })
    }

    fn raise_bar(&mut self, look: &Look<'_>) {
        self.barred_until = look.at + self.bar;
        self.bar = (self.bar * 2).min(LONGEST_BAR);
    }

    /// Gives up the worker that has the least to do.
    fn merge(&mut self, look: &Look<'_>) -> Option<Move> {
        if self.roomy < LASTING_LOOKS {
            return None;
        }
        let used = |(number, load): &(usize, &Load)| *number == 0 || load.clients > 0;
        let by_load = |a: &(usize, &Load), b: &(usize, &Load)| a.1.busy.total_cmp(&b.1.busy);
        let loads = || look.loads.iter().enumerate().filter(used);
        let (from, _) = loads().skip(1).min_by(by_load)?;
        let (to, _) = loads().filter(|(to, _)| *to != from).min_by(by_load)?;
        if look.idle_cores < NO_CORES {
            self.raise_bar(look);
        } else {
            self.bar = FIRST_BAR;
        }
        Some(Move::All { from, to })
    }

    /// Takes one more worker, or a better use of those there are.
    fn split(&mut self, look: &Look<'_>) -> Option<Move> {
        if look.at < self.barred_until {
            return None;
        }
        let (loads, hot) = (look.loads, &self.hot);
        let lasting = |number: &usize| hot[*number] >= LASTING_LOOKS && loads[*number].divisible;
        let by_load = |a: &usize, b: &usize| loads[*a].busy.total_cmp(&loads[*b].busy);
        let from = (0..loads.len()).filter(lasting).max_by(by_load)?;
        let to = (0..loads.len()).min_by(by_load)?;
        if loads[to].busy > RECEPTIVE {
            return None;
        }
        self.trial = Some(Trial {
            from,
            to,
            traffic_before: self.traffic.iter().copied().fold(0.0, f64::max),
            traffic: 0.0,
            looks: 0,
        });
        Some(Move::Half { from, to })
    }
}

/// Whether one worker less would do: because there is little to do, or because the machine has no
/// core left and the workers get hardly more than one worker less would.
fn has_one_too_many(look: &Look<'_>) -> bool {
    let others = look.loads.iter().skip(1).filter(|load| load.clients > 0);
    let (mut fewer, mut busy) = (0.0, look.loads.first().map_or(0.0, |load| load.busy));
    for load in others {
        fewer += 1.0;
        busy += load.busy;
    }
    let crowded = !look.flooded && look.idle_cores < NO_CORES && busy < CROWDED * fewer;
    fewer > 0.0 && (busy < COMFORTABLE * fewer || crowded)
}

/// Which sessions of a worker should leave so that about half of its traffic does: their positions.
/// The heaviest stays, and those without any do. Empty if that would change little.
pub(super) fn half(traffic: &[u64]) -> Vec<usize> {
    let mut by_weight: Vec<usize> = (0..traffic.len()).filter(|i| traffic[*i] > 0).collect();
    by_weight.sort_by_key(|i| std::cmp::Reverse(traffic[*i]));
    let (mut stay, mut leave) = (0, 0);
    let mut leaving = Vec::new();
    for i in by_weight {
        if leave < stay {
            leave += traffic[i];
            leaving.push(i);
        } else {
            stay += traffic[i];
        }
    }
    if leave < (stay + leave) / 5 {
        leaving.clear();
    }
    leaving
}
