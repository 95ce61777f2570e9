//! A process that is killed while it uses a spool, again and again.
//!
//! The child is this test program, told by a variable to run [`the_child`] only. It says on its
//! standard output what was settled, and what it is about to acknowledge.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::super::State;
use super::super::window::MAX_HANDED_OUT;
use super::*;

const DIRECTORY: &str = "ELBUS_TEST_SPOOL";
const FIRST_ID: &str = "ELBUS_TEST_SPOOL_FIRST_ID";

const ROUNDS: u64 = 15;

fn options(directory: PathBuf) -> Options {
    Options {
        directory: Some(directory),
        max_disk: 16 * 1024 * 1024,
        max_memory: 100_000,
        max_age: Duration::from_secs(3600),
    }
}

/// Uses a spool until it is killed. Does nothing in an ordinary run of the tests.
#[test]
fn the_child() {
    let (Some(directory), Ok(first_id)) = (std::env::var_os(DIRECTORY), std::env::var(FIRST_ID))
    else {
        return;
    };
    let mut id: u64 = first_id.parse().expect("a number");
    let mut random = Random(u64::from(std::process::id()) * 7919 + id);
    let mut spool = Spool::open(&options(directory.into()), Now::read());
    let mut pushed = BTreeMap::new();
    let mut taken = Vec::new();
    // Ends the line that the test harness has begun.
    say("");
    loop {
        let now = Now::read();
        match random.below(8) {
            0..4 => {
                let bytes = match random.below(20) {
                    0 => 40_000,
                    _ => random.below(500) as usize,
                };
                let seq = spool.push(message(id, bytes, now), now).expect("room");
                pushed.insert(seq, id);
                id += 1;
            }
            4 => sync(&mut spool, now),
            5 => drop(spool.sync(now)),
            6 => taken.extend(spool.next(now).map(|(seq, message)| (seq, id_of(&message)))),
            _ if random.below(50) == 0 => {
                spool.rewind();
                taken.clear();
            }
            _ if !taken.is_empty() => {
                let index = random.below(taken.len() as u64) as usize;
                let (seq, id) = taken.swap_remove(index);
                say(&format!("done {id}"));
                spool.acknowledge(seq);
            }
            _ => {}
        }
        let stats = spool.stats();
        if stats.state != State::Disk || stats.dropped_full > 0 || stats.lost > 0 {
            say(&format!("wrong {stats:?}"));
        }
        let settled = spool.settled();
        while let Some(entry) = pushed.first_entry()
            && *entry.key() <= settled
        {
            say(&format!("safe {}", entry.remove()));
        }
    }
}

/// Not captured by the test harness. When the other side is gone, this process has no use.
fn say(line: &str) {
    let line = format!("{line}\n");
    if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

#[test]
fn what_was_settled_survives_a_kill_and_keeps_its_order() {
    let place = Place::on_disk();
    let mut random = Random(u64::from(std::process::id()) + 1);
    let mut first_id = 0;
    // What must be there, and what may come again.
    let (mut safe, mut done) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "--nocapture",
                "bridge::spool::tests::kill::the_child",
            ])
            .env(DIRECTORY, place.path())
            .env(FIRST_ID, first_id.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let mut said = BufReader::new(child.stdout.take().expect("its output"));
        let kill_after = 5 + random.below(2000);
        let mut count = 0;
        let mut line = String::new();
        while said.read_line(&mut line).expect("text") > 0 {
            // A line without an end was not said.
            match line
                .strip_suffix('\n')
                .and_then(|line| line.split_once(' '))
            {
                Some(("safe", id)) => drop(safe.insert(id.parse::<u64>().expect("a number"))),
                Some(("done", id)) => drop(done.insert(id.parse::<u64>().expect("a number"))),
                Some(("wrong", what)) => panic!("round {round}: {what}"),
                _ => {}
            }
            line.clear();
            count += 1;
            // What it has said by then is read to the end.
            if count == kill_after {
                child.kill().expect("killed");
            }
        }
        let status = child.wait().expect("an end");
        assert!(!status.success(), "it was killed");

        let now = Now::read();
        let mut spool = Spool::open(&options(place.path().to_owned()), now);
        assert_eq!(spool.state(), State::Disk);
        let mut found = Vec::new();
        loop {
            let taken = take_all(&mut spool, now);
            found.extend(taken.iter().map(|(_, id)| *id));
            if taken.len() < MAX_HANDED_OUT {
                break;
            }
            // Only then there is more.
            for (seq, id) in taken {
                spool.acknowledge(seq);
                done.insert(id);
            }
        }
        assert!(
            found.is_sorted_by(|a, b| a < b),
            "round {round}: in order, and once"
        );
        let found: BTreeSet<_> = found.into_iter().collect();
        let missing: Vec<_> = safe
            .iter()
            .filter(|id| !found.contains(id) && !done.contains(id))
            .collect();
        assert!(missing.is_empty(), "round {round}: {missing:?}");
        let stats = spool.stats();
        assert_eq!((stats.damaged, stats.lost, stats.dropped_full), (0, 0, 0));
        let last = [&found, &safe, &done]
            .into_iter()
            .filter_map(|ids| ids.last());
        first_id = last.max().map_or(0, |id| id + 1);
    }
    assert!(safe.len() > 1000 && done.len() > 100);
}
