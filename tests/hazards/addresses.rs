//! Topics, filters and masks without text, and with too much of it (H3, H4).

use crate::common::*;

const LEVELS: usize = elbus::limits::MAX_LEVELS;

/// Nothing in them but separators and blanks.
const BLANK: [&str; 10] = ["", " ", "/", "//", "///", "\t", " / ", ".", "..", "/./"];

#[test]
fn h03_blank_topics_are_topics_like_any_other() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        for filter in BLANK {
            b.request(&subscribe(1, PROCESSED, &[filter]), 1);
            for topic in BLANK {
                a.request(&publish(2, PROCESSED, topic, b"x"), 2);
                if topic == filter {
                    b.expect_bytes(&got_publication(0, "a", topic, b"x"));
                }
            }
            b.request(&unsubscribe(3, PROCESSED, &[filter]), 3);
            b.expect_nothing_from(&mut a);
        }
    });
}

#[test]
fn h03_blank_masks_and_targets_reach_nobody() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        for text in BLANK {
            a.request(&broadcast(1, PROCESSED, text, b"x"), 1);
            let code = a.request_code(&message(2, PROCESSED, text, b"x"));
            assert_eq!(code, NOT_REGISTERED, "{text:?}");
        }
        a.expect_silence();
        b.expect_nothing_from(&mut a);
    });
}

/// A name of separators is found by masks of as many parts, and by its own.
#[test]
fn h03_names_of_separators_are_found_by_their_parts() {
    on_both(|bus| {
        // Of more parts than the masks have.
        let mut sender = bus.client("s.e.n.d.e.r");
        let mut blank = bus.client(" ..");
        for mask in [" ..", "?.?.?", " .*", " .?.*"] {
            sender.send_raw(&broadcast(1, NO, mask, b"x"));
            blank.expect_bytes(&got_broadcast(0, "s.e.n.d.e.r", b"x"));
        }
        for mask in ["..", "?", "?.?", "?.?.?.?", " .", " ..."] {
            sender.send_raw(&broadcast(1, NO, mask, b"x"));
        }
        blank.expect_nothing_from(&mut sender);
    });
}

/// elbus 0.2 has no bound of levels, and overflows its stack at some thousands.
#[test]
fn h04_topics_as_deep_as_allowed_work_and_deeper_ones_are_refused() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        let deep = |level: &str, levels: usize| vec![level; levels].join("/");
        let topic = deep("l", LEVELS);
        for filter in [
            topic.clone(),
            deep("+", LEVELS),
            format!("{}/#", deep("+", LEVELS - 1)),
        ] {
            b.request(&subscribe(1, PROCESSED, &[&filter]), 1);
            a.request(&publish(2, PROCESSED, &topic, b"x"), 2);
            b.expect_bytes(&got_publication(0, "a", &topic, b"x"));
            b.request(&unsubscribe(3, PROCESSED, &[&filter]), 3);
        }
        let too_deep = deep("l", LEVELS + 1);
        let code = b.request_code(&subscribe(4, PROCESSED, &["t", &too_deep]));
        assert_eq!(code, DATA);
        b.expect_silence();
    });
}

/// Masks and names whose parts can be matched in very many ways, if one tries them all.
#[test]
fn h04_masks_do_not_multiply() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let mut deep: Vec<Wire> = (0..8)
            .map(|last| bus.client(&format!("{}.{last}", vec!["p"; LEVELS - 1].join("."))))
            .collect();
        let any = vec!["?"; LEVELS].join(".");
        let mixed = vec!["?.p"; LEVELS / 2 - 1].join(".") + ".?.?";
        let rest = vec!["?"; LEVELS - 1].join(".") + ".*";
        for mask in [&any, &mixed, &rest] {
            a.request(&broadcast(1, PROCESSED, mask, b"x"), 1);
            for wire in &mut deep {
                wire.expect_bytes(&got_broadcast(0, "a", b"x"));
            }
        }
        // A `*` ends the mask, so that a second one cannot multiply with it.
        let stars = vec!["*"; LEVELS].join(".");
        a.send_raw(&broadcast(2, NO, &stars, b"x"));
        a.expect_bytes(&got_broadcast(0, "a", b"x"));
        for wire in &mut deep {
            wire.expect_bytes(&got_broadcast(0, "a", b"x"));
            wire.expect_nothing_from(&mut a);
        }
    });
}

/// All filters of 12 levels that are `a` or `+`, from each of four clients, and topics that nobody
/// has published to before: no list of receivers is remembered for them.
#[test]
fn h04_publications_among_multiplying_filters_stay_cheap() {
    on_both(|bus| {
        let filters: Vec<String> = (0..1 << 12)
            .map(|bits: u32| {
                let level = |i: u32| if bits >> i & 1 == 1 { "+" } else { "a" };
                (0..12).map(level).collect::<Vec<_>>().join("/")
            })
            .collect();
        let mut greedy: Vec<Wire> = (0..4)
            .map(|i| {
                let mut wire = bus.client(&format!("greedy.{i}"));
                for some in filters.chunks(256) {
                    let some: Vec<&str> = some.iter().map(String::as_str).collect();
                    wire.request(&subscribe(1, PROCESSED, &some), 1);
                }
                wire
            })
            .collect();
        let mut a = bus.client("a");
        let before = cpu_ticks(&bus.broker);
        for i in 0..100 {
            let topic = format!("{}/{i}", ["a"; 11].join("/"));
            a.request(&publish(2, PROCESSED, &topic, b"x"), 2);
            for wire in &mut greedy {
                wire.expect_bytes(&got_publication(0, "a", &topic, b"x"));
            }
        }
        // Time on a core, which other programs cannot prolong: far more than it takes (below 1 ms
        // each), far less than a search that grows with the number of combinations.
        let ticks = cpu_ticks(&bus.broker) - before;
        assert!(ticks < 500, "{ticks} hundredths of a second for 100 topics");
    });
}

/// Time that the broker has had on a core, in hundredths of a second.
fn cpu_ticks(broker: &Broker) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", broker.pid())).expect("its state");
    let (_, fields) = stat.rsplit_once(") ").expect("its name");
    let times = fields.split(' ').skip(11).take(2);
    times
        .map(|time| time.parse::<u64>().expect("a number"))
        .sum()
}
