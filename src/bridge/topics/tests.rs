//! Tables of the specification of MQTT, and random filters against all topics of a small world.

use proptest::prelude::*;
use proptest::sample::select;

use super::filter::{covers, matches, overlap};
use super::mapping::{FilterFault, Filters, Mapping};
use super::names::*;
use crate::limits::MAX_LEVELS;
use crate::matching::TOPIC;

/// Filters of MQTT, then the topics that each of them matches, then those that it does not.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("a/#", &["a", "a/", "a/b", "a/b/c"], &["b", "ab", "/a", ""]),
    ("#", &["a", "/", "a/b", ""], &["$SYS", "$SYS/a"]),
    ("+", &["a", ""], &["a/b", "/", "$SYS"]),
    ("+/#", &["a", "a/b", "/"], &["$SYS/a"]),
    ("/+", &["/", "/a"], &["a", "/a/b"]),
    ("+/+", &["/", "a/b", "/a"], &["a", "a/b/c", "$a/b"]),
    ("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/d"]),
    ("$SYS/#", &["$SYS", "$SYS/a"], &["SYS/a"]),
    ("$SYS/+", &["$SYS/a"], &["$SYS"]),
    ("a/B", &["a/B"], &["a/b", "a/B/"]),
];

#[test]
fn filters_of_mqtt_match_as_its_specification_says() {
    for &(filter, hits, misses) in TABLE {
        assert_eq!(check_mqtt_filter(filter), Ok(()), "{filter}");
        for topic in hits {
            assert!(matches(filter, topic), "{filter:?} {topic:?}");
        }
        for topic in misses {
            assert!(!matches(filter, topic), "{filter:?} {topic:?}");
        }
    }
}

#[test]
fn texts_that_are_no_filters_of_mqtt() {
    let deep = "/".repeat(MAX_LEVELS);
    let long = "a".repeat(MAX_TOPIC_BYTES + 1);
    for filter in [
        "",
        "#/a",
        "a/#/b",
        "a#",
        "a/b#",
        "#a",
        "a+",
        "+a/b",
        "a/++",
        "##",
        "a\0",
        "a\n",
        "$share/g/a",
        &deep,
        &long,
    ] {
        assert!(check_mqtt_filter(filter).is_err(), "{filter:?}");
    }
    assert!(check_mqtt_filter(&deep[1..]).is_ok());
    assert!(check_mqtt_filter(&long[1..]).is_ok());
}

#[test]
fn topics_that_can_be_published_to() {
    let deep = "/".repeat(MAX_LEVELS);
    let long = "a".repeat(MAX_TOPIC_BYTES + 1);
    for topic in ["a", "/", "a//b", "ü", &deep[1..], &long[1..]] {
        assert!(is_mqtt_topic(topic) && is_bus_topic(topic), "{topic:?}");
    }
    for topic in ["", "a/+", "a+", "#", "$SYS/a"] {
        assert!(!is_mqtt_topic(topic) && is_bus_topic(topic), "{topic:?}");
    }
    for topic in ["a\0", &deep, &long] {
        assert!(!is_mqtt_topic(topic) && !is_bus_topic(topic), "{topic:?}");
    }
}

#[test]
fn topics_of_the_broker() {
    for topic in [".broker", ".broker/", ".broker/info"] {
        assert!(is_of_broker(topic), "{topic}");
    }
    for topic in [
        "",
        "broker/info",
        ".brokers",
        "a/.broker/info",
        "+/info",
        "#",
    ] {
        assert!(!is_of_broker(topic), "{topic}");
    }
}

#[test]
fn prefixes_are_whole_levels() {
    for prefix in ["", "a/", "a/b/", "/", "$x/"] {
        assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
    }
    for prefix in ["a", "a/b", "+/", "a/#", "a#/", "a\n/"] {
        assert!(check_prefix(prefix).is_err(), "{prefix}");
    }
}

#[test]
fn one_filter_follows_from_the_other() {
    let filters = |bus: &str, mqtt: &str| {
        Ok(Filters {
            bus: bus.into(),
            mqtt: mqtt.into(),
        })
    };
    let mapping = Mapping {
        bus: "local/",
        mqtt: "plant/line3/",
    };
    for (bus, mqtt) in [
        (Some("local/a/#"), None),
        (None, Some("plant/line3/a/#")),
        (Some("local/a/#"), Some("plant/line3/a/#")),
    ] {
        let expected = filters("local/a/#", "plant/line3/a/#");
        assert_eq!(mapping.filters(bus, mqtt), expected);
    }
    assert_eq!(
        mapping.filters(Some("local/"), None),
        filters("local/", "plant/line3/")
    );
    assert_eq!(mapping.filters(None, None), Err(FilterFault::Missing));
    let fault = |bus, mqtt| match mapping.filters(bus, mqtt) {
        Err(FilterFault::Bus(why)) => format!("bus: {why}"),
        Err(FilterFault::Mqtt(why)) => format!("mqtt: {why}"),
        other => panic!("{other:?}"),
    };
    for (bus, mqtt, why) in [
        (
            Some("a/#"),
            None,
            "bus: \"a/#\" does not begin with `bus_prefix`, \"local/\"",
        ),
        (Some("local"), None, "bus: \"local\" does not begin with"),
        (Some("#"), None, "bus: \"#\" does not begin with"),
        (
            None,
            Some("plant/+/a"),
            "mqtt: \"plant/+/a\" does not begin with `mqtt_prefix`",
        ),
        (
            Some("local/a+/b"),
            None,
            "bus: \"local/a+/b\" makes a wrong filter of MQTT",
        ),
        (
            Some("local/a"),
            Some("plant/line3/b"),
            "mqtt: \"plant/line3/b\" does not agree",
        ),
        (
            Some("local/#/a"),
            None,
            "bus: \"local/#/a\": `#` has to be the end",
        ),
        (
            None,
            Some("plant/line3/a#"),
            "mqtt: \"plant/line3/a#\": \"a#\" is no level",
        ),
    ] {
        let fault = fault(bus, mqtt);
        assert!(fault.starts_with(why), "{fault}");
    }
}

/// All topics of up to three levels of a few texts.
fn world() -> Vec<String> {
    let texts = ["", "a", "b", "$x", "new"];
    let mut all: Vec<String> = texts.map(str::to_owned).to_vec();
    let mut begin = 0;
    for _ in 0..2 {
        let longer = all[begin..].iter();
        let longer = longer.flat_map(|topic| texts.map(|text| format!("{topic}/{text}")));
        let longer = Vec::from_iter(longer);
        begin = all.len();
        all.extend(longer);
    }
    all
}

fn filter() -> impl Strategy<Value = String> {
    let level = select(vec!["", "a", "b", "$x", "+", "+"]);
    let levels = prop::collection::vec(level, 0..3);
    (levels, any::<bool>()).prop_map(|(mut levels, rest)| {
        if rest || levels.is_empty() {
            levels.push("#");
        }
        let text = levels.join("/");
        if text.is_empty() { "+".into() } else { text }
    })
}

/// Whole levels, or nothing.
fn prefix() -> impl Strategy<Value = &'static str> {
    select(vec!["", "a/", "a/b/", "/", "x/y/z/"])
}

proptest! {
    #[test]
    fn covering_filters_match_all_that_the_others_match(wide in filter(), narrow in filter()) {
        if covers(&wide, &narrow) {
            for topic in world() {
                prop_assert!(matches(&wide, &topic) || !matches(&narrow, &topic), "{topic}");
            }
        }
        prop_assert!(covers(&wide, &wide));
    }

    #[test]
    fn overlapping_filters_have_a_topic_in_common(one in filter(), other in filter()) {
        let common = world().iter().any(|topic| matches(&one, topic) && matches(&other, topic));
        prop_assert_eq!(overlap(&one, &other), common);
        prop_assert_eq!(overlap(&other, &one), common);
    }

    #[test]
    fn out_and_in_again_is_the_same_topic(
        bus in prefix(), mqtt in prefix(), filter in filter(), topic in "[ab$x/+#]{0,6}",
    ) {
        let mapping = Mapping { bus, mqtt };
        let topic = [bus, &topic].concat();
        let outward = mapping.outward(&topic).expect("the prefix is there");
        prop_assert_eq!(mapping.inward(&outward), Some(topic.clone()));
        // And what a rule carries one way, it carries back.
        let filter = [bus, &filter].concat();
        if let Ok(filters) = mapping.filters(Some(&filter), None)
            && TOPIC.matches(&filters.bus, &topic)
            && is_mqtt_topic(&outward)
        {
            prop_assert!(matches(&filters.mqtt, &outward));
            let again = mapping.filters(None, Some(&filters.mqtt));
            prop_assert_eq!(again, Ok(filters));
        }
    }
}
