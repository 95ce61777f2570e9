//! Which rules carry a message.

use super::rules;
use crate::bridge::config::Rule;
use crate::bridge::rules::{Refused, Routes};
use crate::bridge::topics::names::MAX_TOPIC_BYTES;

fn copies(routes: &Routes) -> Vec<(usize, &str)> {
    let copies = routes.copies.iter();
    copies
        .map(|copy| (copy.rule, copy.topic.as_str()))
        .collect()
}

#[test]
fn every_rule_that_matches_carries_a_message() {
    let rules = rules([
        Rule::out("sensors/#").prefixes("", "plant/"),
        Rule::inward("orders/#"),
        Rule::out("sensors/+/x").prefixes("sensors/", ""),
        Rule::both("sensors/a/#"),
    ]);
    let routes = rules.outward("sensors/a/x", 10);
    let expected = [(0, "plant/sensors/a/x"), (2, "a/x"), (3, "sensors/a/x")];
    assert_eq!(copies(&routes), expected);
    assert_eq!(routes.refused, Refused::default());
    assert_eq!(copies(&rules.outward("orders/a", 10)), []);
    assert_eq!(
        copies(&rules.inward("orders/a", 10, false)),
        [(1, "orders/a")]
    );
    assert_eq!(
        copies(&rules.inward("sensors/a/x", 10, false)),
        [(3, "sensors/a/x")]
    );
    assert_eq!(copies(&rules.inward("sensors/b/x", 10, false)), []);
}

#[test]
fn rules_that_lead_to_the_same_topic_make_one_copy_that_of_the_first() {
    let rules = rules([
        Rule::out("a/#"),
        Rule::out("#"),
        Rule::inward("a/#"),
        Rule::inward("#"),
    ]);
    assert_eq!(copies(&rules.outward("a/b", 0)), [(0, "a/b")]);
    assert_eq!(copies(&rules.outward("b", 0)), [(1, "b")]);
    assert_eq!(copies(&rules.inward("a/b", 0, false)), [(2, "a/b")]);
}

#[test]
fn long_payloads_are_refused_rule_by_rule() {
    let mut small = Rule::both("#");
    small.max_payload = 4;
    let rules = rules([small, Rule::both("#")]);
    assert_eq!(copies(&rules.outward("a", 4)), [(0, "a")]);
    for routes in [rules.outward("a", 5), rules.inward("a", 5, false)] {
        assert_eq!(copies(&routes), [(1, "a")]);
        assert_eq!(routes.refused.size, 1);
    }
    let routes = rules.inward("a", 64 * 1024 + 1, false);
    assert_eq!((routes.copies.len(), routes.refused.size), (0, 2));
}

#[test]
fn retained_messages_only_where_they_are_wanted() {
    let mut fresh = Rule::inward("#");
    fresh.take_retained = false;
    let rules = rules([fresh, Rule::inward("a/#")]);
    assert_eq!(copies(&rules.inward("a/b", 0, false)), [(0, "a/b")]);
    let routes = rules.inward("a/b", 0, true);
    assert_eq!(copies(&routes), [(1, "a/b")]);
    assert_eq!(routes.refused.retained, 1);
}

#[test]
fn topics_that_mqtt_cannot_have_stay_on_the_bus() {
    let rules = rules([Rule::out("#")]);
    let longest = MAX_TOPIC_BYTES - rules.marks().overhead();
    for topic in ["a", &"a".repeat(longest)] {
        assert_eq!(copies(&rules.outward(topic, 0)), [(0, topic)]);
    }
    // Marks of others are not for clients of the bus to make.
    for topic in [
        "",
        "a/+",
        "#",
        "a#",
        "$SYS/a",
        "elbus-origin/x/a",
        &"a".repeat(longest + 1),
    ] {
        let routes = rules.outward(topic, 0);
        assert_eq!(copies(&routes), [], "{topic}");
        assert_eq!(routes.refused.topic, 1, "{topic}");
    }
}

#[test]
fn topics_of_the_broker_leave_only_if_they_are_meant_and_never_come_in() {
    let all = rules([Rule::both("#"), Rule::out("+/info")]);
    assert_eq!(all.outward(".broker/info", 0), Routes::default());
    assert_eq!(copies(&all.outward("x/info", 0)), [(0, "x/info")]);
    for topic in [".broker/info", ".broker"] {
        let routes = all.inward(topic, 0, false);
        assert_eq!((copies(&routes).len(), routes.refused.topic), (0, 1));
    }
    let meant = rules([
        Rule::out(".broker/#").prefixes("", "dev/"),
        Rule::inward("+/#").prefixes("x/", ""),
    ]);
    let routes = meant.outward(".broker/info", 0);
    assert_eq!(copies(&routes), [(0, "dev/.broker/info")]);
    // Below a prefix it is none of the broker's topics.
    let routes = meant.inward(".broker/info", 0, false);
    assert_eq!(copies(&routes), [(1, "x/.broker/info")]);
}

#[test]
fn the_parent_that_a_filter_of_mqtt_matches_has_no_prefix_to_cut() {
    let rules = rules([Rule::inward("plant/#").prefixes("", "plant/")]);
    assert_eq!(copies(&rules.inward("plant/a", 0, false)), [(0, "a")]);
    let routes = rules.inward("plant", 0, false);
    assert_eq!((copies(&routes).len(), routes.refused.topic), (0, 1));
}
