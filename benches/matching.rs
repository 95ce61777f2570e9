//! Who is meant by a topic or a mask, with few and with many filters stored: the lookup itself, as
//! the broker makes it when it has no list of receivers at hand.

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, measurement::WallTime};
use matching::{FilterTrie, NameTrie};
use std::hint::black_box;
use std::time::Duration;

// Not a part of the library's interface.
#[allow(unused)]
#[path = "../src/maps.rs"]
mod maps;
#[allow(unused)]
#[path = "../src/matching/mod.rs"]
mod matching;

/// How many filters or names are stored.
const STORED: [usize; 3] = [10, 1_000, 100_000];
/// As the broker has it.
const MAX_LEVELS: usize = 128;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    topics(&mut criterion);
    masks(&mut criterion);
    criterion.final_summary();
}

/// Line 7 of the plant is asked for, and has one subscriber besides those of all the others.
fn topics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("topic");
    for stored in STORED {
        let with = |filter: fn(usize) -> String| {
            let mut trie: FilterTrie<usize> = FilterTrie::new(MAX_LEVELS);
            for i in 0..stored {
                *trie.insert(&filter(i)).expect("few levels") = i;
            }
            trie
        };
        let exact = with(|i| format!("plant/line{i}/speed"));
        look_up(&mut group, "exact", stored, &exact, "plant/line7/speed");
        look_up(&mut group, "no_match", stored, &exact, "plant/line7/heat");
        let one = with(|i| format!("plant/line{i}/+"));
        look_up(&mut group, "plus", stored, &one, "plant/line7/speed");
        let rest = with(|i| format!("plant/line{i}/#"));
        look_up(&mut group, "hash", stored, &rest, "plant/line7/speed/now");
        // Both branches are followed at every level.
        let mut mixed = with(|i| format!("plant/line{i}/speed"));
        for filter in ["+/+/+", "plant/+/speed", "+/line7/#", "#"] {
            *mixed.insert(filter).expect("few levels") = stored;
        }
        look_up(&mut group, "mixed", stored, &mixed, "plant/line7/speed");
    }
    group.finish();
}

fn look_up(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    stored: usize,
    trie: &FilterTrie<usize>,
    topic: &str,
) {
    group.bench_function(BenchmarkId::new(name, stored), |b| {
        b.iter(|| {
            let mut found = 0;
            trie.for_each_matching(black_box(topic), |value| found += value);
            found
        });
    });
}

/// Ten clients per group.
fn masks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for stored in STORED {
        let mut names: NameTrie<usize> = NameTrie::new(MAX_LEVELS);
        for i in 0..stored {
            let name = format!("group{}.client{}", i / 10, i % 10);
            *names.insert(&name).expect("few parts") = i;
        }
        for (kind, mask) in [
            ("exact", "group0.client7"),
            ("group", "group0.*"),
            ("one_of_each_group", "?.client7"),
            ("everybody", "*"),
        ] {
            group.bench_function(BenchmarkId::new(kind, stored), |b| {
                b.iter(|| {
                    let mut found = 0;
                    names.for_each_matching(black_box(mask), |value| found += value);
                    found
                });
            });
        }
    }
    group.finish();
}
