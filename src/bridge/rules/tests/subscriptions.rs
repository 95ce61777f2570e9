//! What has to be subscribed to.

use super::rules;
use crate::bridge::config::{MqttQos, Rule};

fn upstream(list: Vec<Rule>) -> Vec<String> {
    let subscriptions = rules(list).subscriptions();
    let shown = subscriptions.iter().map(|one| {
        let retained = if one.take_retained { " retained" } else { "" };
        format!("{} {}{retained}", one.filter, one.qos.number())
    });
    shown.collect()
}

#[test]
fn each_rule_inwards_subscribes_to_its_filter_and_to_marked_topics() {
    let list = vec![
        Rule::out("out/#"),
        Rule::inward("a/#"),
        Rule::both("b/+")
            .prefixes("", "plant/")
            .qos(MqttQos::AtMostOnce),
        Rule::inward("$SYS/#"),
    ];
    let expected = [
        "a/# 1 retained",
        "elbus-origin/+/a/# 1 retained",
        "plant/b/+ 0 retained",
        "elbus-origin/+/plant/b/+ 0 retained",
        "$SYS/# 1 retained",
    ];
    assert_eq!(upstream(list), expected);
}

#[test]
fn what_another_filter_covers_is_not_subscribed_to_twice() {
    let mut fresh = Rule::inward("a/+").qos(MqttQos::AtMostOnce);
    fresh.take_retained = false;
    let narrow = || Rule::inward("a/b");
    let expected = ["a/+ 1 retained", "elbus-origin/+/a/+ 1 retained"];
    assert_eq!(upstream(vec![fresh.clone(), narrow()]), expected);
    assert_eq!(upstream(vec![narrow(), fresh.clone()]), expected);
    // `#` gets the marked ones, too.
    assert_eq!(
        upstream(vec![narrow(), fresh.clone(), Rule::inward("#")]),
        ["# 1 retained"]
    );
    assert_eq!(upstream(vec![fresh]), ["a/+ 0", "elbus-origin/+/a/+ 0"]);
}

#[test]
fn the_bus_is_asked_for_each_filter_once() {
    let filters = |list: Vec<Rule>| {
        let rules = rules(list);
        rules
            .bus_filters()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let list = vec![
        Rule::out("a/b"),
        Rule::inward("x/#"),
        Rule::out("a/b").prefixes("", "plant/"),
        Rule::both("b/+"),
    ];
    assert_eq!(filters(list), ["a/b", "b/+"]);
    let wide = vec![
        Rule::out("a/b"),
        Rule::out("c"),
        Rule::out("a/#"),
        Rule::out("a/+"),
    ];
    assert_eq!(filters(wide), ["c", "a/#"]);
}
