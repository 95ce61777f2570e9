//! Only the newest message of each topic, every so often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::bridge::rules::conflation::{Conflation, MAX_BYTES, MAX_TOPICS};

const INTERVAL: Duration = Duration::from_millis(100);

/// A conflation whose messages are numbers, driven by milliseconds.
struct Driven {
    conflation: Conflation<u32>,
    start: Instant,
}

impl Driven {
    fn new() -> Self {
        Self {
            conflation: Conflation::new(INTERVAL),
            start: Instant::now(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// What passes when this is offered, and whether an older one is gone.
    fn offer(&mut self, ms: u64, topic: &str, message: u32) -> (Vec<u32>, bool) {
        let (now, mut passing) = (self.at(ms), Vec::new());
        let replaced = self.conflation.offer(topic, message, 8, now, &mut passing);
        (passing, replaced)
    }

    fn due(&mut self, ms: u64) -> Vec<u32> {
        let (now, mut passing) = (self.at(ms), Vec::new());
        self.conflation.due(now, &mut passing);
        passing
    }

    fn next_due(&self) -> Option<u64> {
        let due = self.conflation.next_due()?;
        Some((due - self.start).as_millis() as u64)
    }
}

#[test]
fn the_first_passes_at_once_and_of_the_others_the_newest_at_the_end() {
    let mut driven = Driven::new();
    assert_eq!(driven.next_due(), None);
    assert_eq!(driven.offer(0, "a", 1), (vec![1], false));
    assert_eq!(driven.next_due(), None, "nothing waits");
    assert_eq!(driven.offer(10, "a", 2), (vec![], false));
    assert_eq!(driven.offer(20, "a", 3), (vec![], true));
    assert_eq!(driven.offer(30, "b", 4), (vec![4], false));
    assert_eq!(driven.next_due(), Some(100));
    assert_eq!(driven.due(99), [] as [u32; 0]);
    assert_eq!(driven.due(100), [3]);
    // It rests again, from then on.
    assert_eq!(driven.offer(150, "a", 5), (vec![], false));
    assert_eq!(driven.next_due(), Some(200));
    assert_eq!(driven.due(1000), [5]);
    assert_eq!(driven.due(2000), [] as [u32; 0]);
    assert_eq!(driven.offer(2000, "a", 6), (vec![6], false));
}

#[test]
fn what_is_due_passes_before_what_comes() {
    let mut driven = Driven::new();
    driven.offer(0, "a", 1);
    driven.offer(50, "a", 2);
    assert_eq!(driven.offer(100, "b", 3), (vec![2, 3], false));
    driven.offer(110, "a", 4);
    // Nobody has asked when it was due.
    assert_eq!(driven.offer(500, "a", 5), (vec![4], false));
    assert_eq!(driven.due(600), [5]);
}

#[test]
fn beyond_the_number_of_topics_the_first_to_end_passes_early() {
    let mut driven = Driven::new();
    for number in 0..MAX_TOPICS as u32 {
        let topic = number.to_string();
        assert_eq!(driven.offer(0, &topic, number).0, [number]);
    }
    driven.offer(1, "1", 7);
    // The first has nothing that waits; then comes the second.
    assert_eq!(driven.offer(2, "x", 8), (vec![8], false));
    assert_eq!(driven.offer(3, "y", 9), (vec![7, 9], false));
    // Forgotten, so it passes at once.
    assert_eq!(driven.offer(4, "1", 10).0, [10]);
}

#[test]
fn beyond_the_bytes_the_first_to_end_passes_early() {
    let mut conflation = Conflation::new(INTERVAL);
    let (now, mut passing) = (Instant::now(), Vec::new());
    let third = MAX_BYTES / 3;
    for topic in ["a", "b", "c"] {
        conflation.offer(topic, topic, 1, now, &mut passing);
        conflation.offer(topic, topic, third, now, &mut passing);
    }
    assert_eq!(
        passing,
        ["a", "b", "c", "a"],
        "three thirds and topics are too much"
    );
    passing.clear();
    // One that could never be held takes the place of what waits, and passes.
    let replaced = conflation.offer("b", "large", MAX_BYTES, now, &mut passing);
    assert_eq!((replaced, passing), (true, vec!["large"]));
    // Long topics count.
    let mut conflation = Conflation::new(INTERVAL);
    let mut passing = Vec::new();
    for number in 0..200 {
        let topic = format!("{number}{}", "x".repeat(60_000));
        conflation.offer(&topic, number, 8, now, &mut passing);
        conflation.offer(&topic, number, 8, now, &mut passing);
    }
    let mut waiting = Vec::new();
    conflation.drain(&mut waiting);
    assert!(waiting.len() < 20, "{}", waiting.len());
    assert_eq!(passing.len() + waiting.len(), 400);
}

#[test]
fn what_waits_at_the_end_is_drained_in_order() {
    let mut driven = Driven::new();
    for (ms, topic, message) in [(0, "a", 1), (1, "b", 2), (2, "b", 3), (3, "a", 4)] {
        driven.offer(ms, topic, message);
    }
    let mut passing = Vec::new();
    driven.conflation.drain(&mut passing);
    assert_eq!(passing, [4, 3]);
    assert_eq!(driven.next_due(), None);
}

#[derive(Debug, Clone)]
struct Step {
    pause_ms: u64,
    /// `None`: it is asked for what is due.
    offered: Option<(u8, usize)>,
}

fn step() -> impl Strategy<Value = Step> {
    let offered = prop::option::weighted(0.8, (0u8..8, 0usize..600));
    (0u64..60, offered).prop_map(|(pause_ms, offered)| Step { pause_ms, offered })
}

proptest! {
    /// Within small bounds, so that they are met: of each topic everything passes in order, but what a
    /// newer one has replaced; and often enough the newest of all.
    #[test]
    fn nothing_is_lost_but_what_is_replaced(steps in prop::collection::vec(step(), 0..200)) {
        let mut conflation = Conflation::bounded(INTERVAL, 4, 1500);
        let start = Instant::now();
        let mut now = Duration::ZERO;
        let mut offered: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        let mut passed: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        let mut replaced = 0;
        for (number, step) in steps.iter().enumerate() {
            now += Duration::from_millis(step.pause_ms);
            let mut passing = Vec::new();
            if let Some((topic, bytes)) = step.offered {
                offered.entry(topic).or_default().push(number);
                let message = (topic, number);
                let name = topic.to_string();
                let gone = conflation.offer(&name, message, bytes, start + now, &mut passing);
                replaced += usize::from(gone);
            } else {
                conflation.due(start + now, &mut passing);
                prop_assert!(conflation.next_due().is_none_or(|due| due > start + now));
            }
            prop_assert!(conflation.is_within_bounds());
            for (topic, number) in passing {
                passed.entry(topic).or_default().push(number);
            }
        }
        let mut rest = Vec::new();
        conflation.drain(&mut rest);
        for (topic, number) in rest {
            passed.entry(topic).or_default().push(number);
        }
        for (topic, offered) in &offered {
            let passed = &passed[topic];
            prop_assert!(passed.is_sorted(), "in order: {passed:?}");
            let (all, these) = (BTreeSet::from_iter(offered), BTreeSet::from_iter(passed));
            prop_assert!(these.len() == passed.len() && these.is_subset(&all));
            prop_assert_eq!(passed.last(), offered.last(), "the newest wins");
        }
        let count = |all: &BTreeMap<u8, Vec<usize>>| all.values().map(Vec::len).sum::<usize>();
        prop_assert_eq!(count(&passed) + replaced, count(&offered));
    }
}
