//! The rules, under a clock of our own.

use std::time::Duration;

use super::super::measure::Machine;
use super::super::plan::{Load, Look, Move, Planner, half};

/// A machine that is looked at once per second.
struct Scene {
    planner: Planner,
    second: u64,
    loads: Vec<Load>,
    idle_cores: f64,
    flooded: bool,
    traffic: f64,
}

impl Scene {
    /// All clients on the first of some workers, which is idle.
    fn new(workers: usize) -> Self {
        let mut loads = vec![Load::default(); workers];
        loads[0].clients = 8;
        Self {
            planner: Planner::new(workers),
            second: 0,
            loads,
            idle_cores: 2.0,
            flooded: false,
            traffic: 1000.0,
        }
    }

    fn busy(&mut self, busy: &[f64]) {
        for (load, busy) in self.loads.iter_mut().zip(busy) {
            load.busy = *busy;
            load.divisible = load.clients > 1 && *busy > 0.0;
        }
    }

    fn look(&mut self) -> Option<Move> {
        self.second += 1;
        let decided = self.planner.decide(&Look {
            at: Duration::from_secs(self.second),
            loads: &self.loads,
            idle_cores: self.idle_cores,
            flooded: self.flooded,
            traffic: self.traffic,
        });
        if let Some(Move::Half { from, to } | Move::All { from, to }) = decided {
            let moved = match decided {
                Some(Move::Half { .. }) => self.loads[from].clients / 2,
                _ => self.loads[from].clients,
            };
            self.loads[from].clients -= moved;
            self.loads[to].clients += moved;
        }
        decided
    }

    /// What is decided in so many seconds.
    fn run(&mut self, seconds: usize) -> Vec<Move> {
        (0..seconds).filter_map(|_| self.look()).collect()
    }
}

const SPREAD: Move = Move::Half { from: 0, to: 1 };
const GATHER: Move = Move::All { from: 1, to: 0 };

#[test]
fn a_worker_that_copes_is_left_alone() {
    let mut scene = Scene::new(2);
    scene.busy(&[0.85, 0.0]);
    assert_eq!(scene.run(100), []);
}

#[test]
fn a_peak_is_no_reason() {
    let mut scene = Scene::new(2);
    for _ in 0..50 {
        scene.busy(&[1.0, 0.0]);
        assert_eq!(scene.run(2), []);
        scene.busy(&[0.5, 0.0]);
        assert_eq!(scene.look(), None);
    }
}

#[test]
fn a_worker_that_is_busy_all_the_time_gives_half_away() {
    let mut scene = Scene::new(2);
    scene.busy(&[0.99, 0.0]);
    assert_eq!(scene.run(3), [SPREAD]);
    scene.busy(&[0.8, 0.8]);
    scene.traffic = 1600.0;
    assert_eq!(scene.run(100), []);
}

#[test]
fn on_a_machine_without_idle_cores_nothing_spreads() {
    let mut scene = Scene::new(4);
    scene.idle_cores = 0.4;
    scene.busy(&[1.0, 0.0, 0.0, 0.0]);
    assert_eq!(scene.run(100), []);
}

/// Large batches stay large batches on two workers, and save the clients work: that is tried.
#[test]
fn a_flood_is_shared_even_so() {
    let mut scene = Scene::new(2);
    (scene.idle_cores, scene.flooded) = (0.0, true);
    scene.busy(&[1.0, 0.0]);
    assert_eq!(scene.run(3), [SPREAD]);
    scene.busy(&[0.6, 0.6]);
    scene.traffic = 1500.0;
    assert_eq!(scene.run(20), []);
    scene.flooded = false;
    assert_eq!(scene.run(3), [GATHER]);
}

#[test]
fn a_single_sender_is_not_divided() {
    let mut scene = Scene::new(2);
    scene.busy(&[1.0, 0.0]);
    scene.loads[0].divisible = false;
    assert_eq!(scene.run(100), []);
}

/// It costs less and less to find out that a second worker is of no use.
#[test]
fn what_brings_nothing_is_taken_back_and_tried_ever_less() {
    let mut scene = Scene::new(2);
    let mut spreads = Vec::new();
    for second in 0..100_000 {
        let spread = scene.loads[1].clients > 0;
        scene.busy(if spread { &[0.8, 0.8] } else { &[1.0, 0.0] });
        scene.traffic = if spread { 1020.0 } else { 1000.0 };
        match scene.look() {
            Some(SPREAD) => spreads.push(second),
            Some(GATHER) => assert!(second - spreads[spreads.len() - 1] <= 7),
            None => {}
            other => panic!("{other:?}"),
        }
    }
    let waits: Vec<_> = spreads.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits[0] >= 8, "{waits:?}");
    assert!(waits.is_sorted(), "{waits:?}");
    assert!(waits.last() >= Some(&1800), "{waits:?}");
}

#[test]
fn more_workers_are_added_one_by_one() {
    let mut scene = Scene::new(4);
    scene.busy(&[1.0, 0.0, 0.0, 0.0]);
    assert_eq!(scene.run(3), [SPREAD]);
    scene.busy(&[1.0, 0.95, 0.0, 0.0]);
    scene.traffic = 1900.0;
    assert_eq!(scene.run(8), [Move::Half { from: 0, to: 2 }]);
    scene.busy(&[0.9, 1.0, 0.6, 0.0]);
    scene.traffic = 2500.0;
    assert_eq!(scene.run(8), [Move::Half { from: 1, to: 3 }]);
    scene.busy(&[0.9, 1.0, 0.6, 0.7]);
    scene.traffic = 3500.0;
    // Nobody has time.
    assert_eq!(scene.run(20), []);
}

#[test]
fn all_come_back_when_there_is_less_to_do() {
    let mut scene = Scene::new(4);
    for (load, clients) in scene.loads.iter_mut().zip([4, 2, 1, 1]) {
        load.clients = clients;
    }
    scene.busy(&[0.4, 0.3, 0.2, 0.1]);
    assert_eq!(scene.run(3), [Move::All { from: 3, to: 2 }]);
    scene.busy(&[0.4, 0.3, 0.3, 0.0]);
    assert_eq!(scene.run(7), [Move::All { from: 1, to: 2 }]);
    scene.busy(&[0.3, 0.0, 0.2, 0.0]);
    assert_eq!(scene.run(7), [Move::All { from: 2, to: 0 }]);
    scene.busy(&[0.5, 0.0, 0.0, 0.0]);
    assert_eq!(scene.run(100), []);
}

/// Two workers that share one core are worse than one that has it.
#[test]
fn on_a_machine_that_has_become_full_workers_do_not_compete() {
    let mut scene = Scene::new(2);
    scene.busy(&[1.0, 0.0]);
    assert_eq!(scene.run(3), [SPREAD]);
    scene.busy(&[0.8, 0.8]);
    scene.traffic = 1800.0;
    scene.idle_cores = 0.0;
    assert_eq!(scene.run(20), []);
    scene.busy(&[0.5, 0.4]);
    assert_eq!(scene.run(3), [GATHER]);
    // It does not start again at once.
    scene.busy(&[1.0, 0.0]);
    scene.idle_cores = 2.0;
    assert_eq!(scene.run(6), []);
    assert_eq!(scene.run(3), [SPREAD]);
}

#[test]
fn nothing_flaps() {
    let mut scene = Scene::new(3);
    let mut last = 0;
    for second in 0..10_000_u64 {
        // As erratic as can be.
        let wave = |k: u64| ((second / 4 * k) % 11) as f64 / 10.0;
        scene.busy(&[wave(3), wave(5), wave(7)]);
        scene.traffic = 1000.0 * (1.0 + wave(9));
        scene.idle_cores = 3.0 * wave(2);
        if scene.look().is_some() {
            assert!(last == 0 || second - last > 6, "{last} {second}");
            last = second;
        }
    }
    assert!(last > 0);
}

#[test]
fn half_of_the_traffic() {
    assert_eq!(half(&[]), [0; 0]);
    assert_eq!(half(&[0, 0, 0]), [0; 0]);
    assert_eq!(half(&[0, 7, 0]), [0; 0]);
    assert_eq!(half(&[5, 5]), [1]);
    assert_eq!(half(&[10, 0, 10, 10, 10]), [2, 4]);
    assert_eq!(half(&[3, 100, 40, 50]), [3, 2, 0]);
    // It would not be worth it.
    assert_eq!(half(&[1, 1000, 1]), [0; 0]);
}

#[test]
fn idle_cores_of_the_machine() {
    let stat = |user: u64, idle: u64, wait: u64| {
        let all = format!("cpu  {user} 0 10 {idle} {wait} 1 2 3 4 5");
        Machine::parse(&format!("{all}\ncpu0 1 2\ncpu1 1 2\nintr 5 6\nctxt 1\n"))
    };
    let then = stat(100, 1000, 50).expect("well formed");
    let now = stat(150, 1100, 100).expect("well formed");
    // 150 of 200 ticks of two cores.
    assert!((now.idle_cores(&then) - 1.5).abs() < 1e-9);
    for bad in [
        "",
        "cpu",
        "cpu  1 2 3\n",
        "cpu  1 2 x 4 5 6 7 8\n",
        "intr 1\n",
    ] {
        assert_eq!(Machine::parse(bad), None, "{bad:?}");
    }
}
