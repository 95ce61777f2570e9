//! Random operations, compared with a queue that anybody understands.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::memory;
use super::*;

#[derive(Debug, Clone)]
enum Operation {
    Push {
        bytes: usize,
    },
    Next,
    /// Acknowledges one of those that are under way, counted from the oldest.
    Acknowledge {
        index: usize,
    },
    Rewind,
    Write,
    Sync,
    /// Ends the run in an orderly way, or as if it was killed; then opens the spool again.
    Reopen {
        is_killed: bool,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (0..500usize).prop_map(|bytes| Operation::Push { bytes }),
        2 => (4_000..9_000usize).prop_map(|bytes| Operation::Push { bytes }),
        1 => (30_000..34_000usize).prop_map(|bytes| Operation::Push { bytes }),
        8 => Just(Operation::Next),
        3 => Just(Operation::Acknowledge { index: 0 }),
        3 => (0..20usize).prop_map(|index| Operation::Acknowledge { index }),
        1 => Just(Operation::Rewind),
        1 => Just(Operation::Write),
        1 => Just(Operation::Sync),
        1 => any::<bool>().prop_map(|is_killed| Operation::Reopen { is_killed }),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Item {
    id: u64,
    bytes: u64,
    /// Known from when it is pushed, or handed out.
    seq: Option<u64>,
    is_under_way: bool,
    /// It may come again in the next run.
    is_done: bool,
}

struct Model {
    items: VecDeque<Item>,
    dropped: u64,
}

impl Model {
    fn live(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.is_done)
    }

    /// The oldest ones are dropped.
    fn drop_oldest(&mut self, count: u64) {
        for _ in 0..count {
            while matches!(self.items.front(), Some(item) if item.is_done) {
                self.items.pop_front();
            }
            assert!(
                self.items.pop_front().is_some(),
                "more is dropped than there was"
            );
        }
    }

    /// Compares what is counted.
    fn check(&mut self, spool: &Spool, options: &Options) {
        let stats = spool.stats();
        self.drop_oldest(stats.dropped_full - self.dropped);
        self.dropped = stats.dropped_full;
        assert_eq!(stats.queued, self.live().count() as u64);
        assert_eq!(
            stats.queued_bytes,
            self.live().map(|item| item.bytes).sum::<u64>()
        );
        assert!(stats.memory_bytes <= options.max_memory as u64);
        assert!(stats.disk_bytes <= options.max_disk);
        assert_eq!((stats.lost, stats.damaged, stats.last_error), (0, 0, None));
    }

    /// Another run finds what was settled and not acknowledged, perhaps more, and nothing else.
    fn reopened(&mut self, spool: &mut Spool, now: Now, settled: u64) {
        let taken = take_all(spool, now);
        spool.rewind();
        let mut old = std::mem::take(&mut self.items).into_iter();
        for (seq, id) in taken {
            let item = loop {
                let item = old
                    .next()
                    .expect("nothing is invented, and the order is kept");
                if item.id == id {
                    break item;
                }
                must_be_gone(&item, settled);
            };
            self.items.push_back(Item {
                seq: Some(seq),
                is_under_way: false,
                is_done: false,
                ..item
            });
        }
        old.for_each(|item| must_be_gone(&item, settled));
        self.dropped = spool.stats().dropped_full;
    }
}

fn must_be_gone(item: &Item, settled: u64) {
    let was_settled = matches!(item.seq, Some(seq) if seq <= settled);
    assert!(item.is_done || !was_settled, "{item:?} is missing");
}

fn run(options: &Options, operations: Vec<Operation>) {
    let mut now = start();
    let mut spool = Spool::open(options, now);
    let mut model = Model {
        items: VecDeque::new(),
        dropped: 0,
    };
    for (id, operation) in operations.into_iter().enumerate() {
        let id = id as u64;
        now = later(now, 1);
        match operation {
            Operation::Push { bytes } => {
                let message = message(id, bytes, now);
                let bytes = memory::bytes(&message);
                let fits = memory::charge(&message) <= options.max_memory;
                let seq = spool.push(message, now);
                assert_eq!(seq.is_ok(), fits);
                // Dropped are those before it.
                model.items.extend(seq.ok().map(|seq| Item {
                    id,
                    bytes,
                    seq: Some(seq),
                    is_under_way: false,
                    is_done: false,
                }));
            }
            Operation::Next => {
                let got = spool.next(now).map(|(seq, message)| (seq, id_of(&message)));
                let mut waiting = model.items.iter_mut();
                let expected = waiting.find(|item| !item.is_done && !item.is_under_way);
                assert_eq!(got.map(|(_, id)| id), expected.as_ref().map(|item| item.id));
                if let (Some((seq, _)), Some(item)) = (got, expected) {
                    assert!(item.seq.is_none_or(|known| known == seq));
                    item.seq = Some(seq);
                    item.is_under_way = true;
                }
            }
            Operation::Acknowledge { index } => {
                let mut under_way = model.items.iter_mut();
                let mut under_way = under_way
                    .by_ref()
                    .filter(|item| item.is_under_way && !item.is_done);
                if let Some(item) = under_way.nth(index) {
                    spool.acknowledge(item.seq.expect("a number"));
                    item.is_done = true;
                }
            }
            Operation::Rewind => {
                spool.rewind();
                model
                    .items
                    .iter_mut()
                    .for_each(|item| item.is_under_way = false);
            }
            Operation::Write => drop(spool.sync(now)),
            Operation::Sync => sync(&mut spool, now),
            Operation::Reopen { is_killed } => {
                let settled = match is_killed {
                    _ if options.directory.is_none() => 0,
                    true => spool.settled(),
                    false => u64::MAX,
                };
                if !is_killed {
                    sync(&mut spool, now);
                    model.check(&spool, options);
                }
                match is_killed {
                    true => drop(spool),
                    false => spool.close(now),
                }
                spool = Spool::open(options, now);
                model.reopened(&mut spool, now, settled);
            }
        }
        model.check(&spool, options);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_the_disk_it_is_a_queue(operations in prop::collection::vec(operation(), 0..200)) {
        let place = Place::new();
        let options = Options {
            max_disk: 64 * 1024,
            max_memory: 32 * 1024,
            ..place.options()
        };
        run(&options, operations);
    }

    #[test]
    fn in_memory_it_is_a_queue(operations in prop::collection::vec(operation(), 0..200)) {
        let options = Options { max_memory: 32 * 1024, max_disk: u64::MAX, ..memory_only() };
        run(&options, operations);
    }
}
