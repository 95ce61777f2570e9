//! Messages do not go round in circles, whatever bridges there are between whatever buses and
//! upstreams: a small world of them, in which only the rules and the marks decide.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::sample::select;

use crate::bridge::config::{Config, MqttVersion, Rule};
use crate::bridge::marks::is_from_bridge;
use crate::bridge::rules::Rules;
use crate::bridge::topics::filter::matches;
use crate::matching::TOPIC;

/// A bridge between one bus and one upstream.
#[derive(Debug)]
struct Bridge {
    bus: usize,
    upstream: usize,
    /// `None`: it speaks MQTT 5, and marks with properties; else, whether it marks topics.
    marks_topics: Option<bool>,
    rules: Rules,
}

/// A message where it is now.
#[derive(Debug, Clone)]
enum Message {
    OnBus {
        bus: usize,
        topic: String,
        sender: &'static str,
    },
    Upstream {
        upstream: usize,
        topic: String,
        /// Only bridges with MQTT 5 see it.
        origin: Option<String>,
        /// The bus that it comes from, which the bridges do not know.
        from: usize,
        /// The bridge that has published it could have been known by its marks.
        is_marked: bool,
    },
}

/// What has happened to one message in the end.
#[derive(Debug, Default)]
struct Report {
    exports: usize,
    imports: usize,
    /// Imports to the bus from which the message came.
    echoes: usize,
    /// Of these, those that the marks should have told.
    needless_echoes: usize,
}

/// Publishes on the bus, and follows all copies to their ends.
fn follow(bridges: &[Bridge], bus: usize, topic: &str) -> Report {
    let mut report = Report::default();
    let first = Message::OnBus {
        bus,
        topic: topic.to_owned(),
        sender: "plc",
    };
    // How often it was carried: the message, from one side to the other.
    let mut queue = VecDeque::from([(first, 0)]);
    while let Some((message, hops)) = queue.pop_front() {
        assert!(hops <= 2, "{message:?} goes round");
        for bridge in bridges {
            let copies = match &message {
                Message::OnBus { .. } => carry_out(bridge, &message),
                Message::Upstream { .. } => carry_in(bridge, &message, &mut report),
            };
            match &message {
                Message::OnBus { .. } => report.exports += copies.len(),
                Message::Upstream { .. } => report.imports += copies.len(),
            }
            queue.extend(copies.into_iter().map(|copy| (copy, hops + 1)));
        }
    }
    report
}

fn carry_out(bridge: &Bridge, message: &Message) -> Vec<Message> {
    let Message::OnBus { bus, topic, sender } = message else {
        return Vec::new();
    };
    let mut subscribed = bridge.rules.bus_filters().into_iter();
    if *bus != bridge.bus
        || is_from_bridge(sender)
        || !subscribed.any(|filter| TOPIC.matches(filter, topic))
    {
        return Vec::new();
    }
    let marks = bridge.rules.marks();
    let copies = bridge.rules.outward(topic, 0).copies.into_iter();
    let copies = copies.map(|copy| Message::Upstream {
        upstream: bridge.upstream,
        topic: match bridge.marks_topics {
            Some(true) => marks.marked(&copy.topic),
            _ => copy.topic,
        },
        origin: bridge
            .marks_topics
            .is_none()
            .then(|| marks.bus_id().to_owned()),
        from: bridge.bus,
        is_marked: bridge.marks_topics != Some(false),
    });
    copies.collect()
}

fn carry_in(bridge: &Bridge, message: &Message, report: &mut Report) -> Vec<Message> {
    let Message::Upstream {
        upstream,
        topic,
        origin,
        from,
        is_marked,
    } = message
    else {
        return Vec::new();
    };
    let subscribed = bridge.rules.subscriptions();
    let mut subscribed = subscribed.iter();
    if *upstream != bridge.upstream || !subscribed.any(|one| matches(&one.filter, topic)) {
        return Vec::new();
    }
    let seen = origin.iter().filter(|_| bridge.marks_topics.is_none());
    let reading = bridge.rules.marks().read(topic, seen);
    if reading.is_own {
        assert_eq!(*from, bridge.bus, "{message:?} is none of its own");
        return Vec::new();
    }
    let copies = bridge.rules.inward(reading.topic, 0, false).copies;
    if *from == bridge.bus {
        report.echoes += copies.len();
        // A property is not seen with MQTT 3.1.1, and a mark in the topic not without the prefix.
        let could_know = match bridge.marks_topics {
            None => *is_marked,
            Some(marks_topics) => marks_topics && *is_marked && origin.is_none(),
        };
        report.needless_echoes += if could_know { copies.len() } else { 0 };
    }
    let copies = copies.into_iter().map(|copy| Message::OnBus {
        bus: bridge.bus,
        topic: copy.topic,
        sender: "bridge%%bridge",
    });
    copies.collect()
}

const MAX_RULES: usize = 3;

fn rule() -> impl Strategy<Value = Rule> {
    let filter = select(vec!["#", "a/#", "+/b", "a/b", "a/+/c", "p/#", "m/#", "+"]);
    let prefix = || select(vec!["", "p/", "m/", "a/"]);
    (0..3, filter, prefix(), prefix()).prop_map(|(direction, filter, bus, mqtt)| {
        let rule = match direction {
            0 => Rule::out(&format!("{bus}{filter}")),
            1 => Rule::inward(&format!("{mqtt}{filter}")),
            _ => Rule::both(&format!("{bus}{filter}")),
        };
        rule.prefixes(bus, mqtt)
    })
}

fn bridge() -> impl Strategy<Value = Bridge> {
    let rules = prop::collection::vec(rule(), 1..=MAX_RULES);
    (0usize..3, 0usize..2, 0..3, rules).prop_map(|(bus, upstream, marking, rules)| {
        let mut config = Config::new("/bus.sock", "mqtt://a").expect("an address");
        config.bus.id = Some(format!("bus{bus}"));
        config.mqtt.origin_prefix = "m".into();
        config.rules = rules;
        let mut marks_topics = None;
        if marking > 0 {
            config.mqtt.version = MqttVersion::V311;
            marks_topics = Some(true);
        }
        if marking > 1 {
            // As far as its rules allow it.
            let unmarked = {
                let mut unmarked = config.clone();
                unmarked.mqtt.origin_prefix = String::new();
                unmarked
            };
            if unmarked.check().is_ok() {
                config = unmarked;
                marks_topics = Some(false);
            }
        }
        config.check().expect("a configuration");
        let identity = config.identity().expect("an id");
        Bridge {
            bus,
            upstream,
            marks_topics,
            rules: Rules::new(&config, &identity).expect("rules"),
        }
    })
}

proptest! {
    #[test]
    fn a_message_is_carried_out_once_and_in_once_and_stays_there(
        bridges in prop::collection::vec(bridge(), 1..8),
        bus in 0usize..3,
        topic in select(vec!["a", "a/b", "a/b/c", "p/a/b", "m/bus1/a/b", "m/bus0/a", "b", "p/m/a/b"]),
    ) {
        let report = follow(&bridges, bus, topic);
        let of_bus = bridges.iter().filter(|bridge| bridge.bus == bus).count();
        prop_assert!(report.exports <= of_bus * MAX_RULES);
        prop_assert!(report.imports <= report.exports * bridges.len() * MAX_RULES);
        prop_assert_eq!(report.needless_echoes, 0);
    }

    /// With one version everywhere, no message comes back to where it was.
    #[test]
    fn nothing_comes_back(
        mut bridges in prop::collection::vec(bridge(), 1..8),
        v5: bool,
        topic in select(vec!["a", "a/b", "a/b/c", "p/a/b", "b"]),
    ) {
        bridges.retain(|bridge| bridge.marks_topics == (!v5).then_some(true));
        let report = follow(&bridges, 0, topic);
        prop_assert_eq!(report.echoes, 0);
    }
}

fn simple(bus: usize, upstream: usize, marks_topics: Option<bool>) -> Bridge {
    let mut config = Config::new("/bus.sock", "mqtt://a").expect("an address");
    config.bus.id = Some(format!("bus{bus}"));
    config.rules.push(Rule::both("#"));
    let identity = config.identity().expect("an id");
    Bridge {
        bus,
        upstream,
        marks_topics,
        rules: Rules::new(&config, &identity).expect("rules"),
    }
}

/// Everything in both directions over everything: the worst that can be configured.
#[test]
fn a_full_mesh_of_rules_for_everything_delivers_to_each_bus_once() {
    for kind in [None, Some(true)] {
        let bridges = (0..5).map(|bus| simple(bus, 0, kind));
        let report = follow(&bridges.collect::<Vec<_>>(), 0, "a/b");
        assert_eq!((report.exports, report.imports), (1, 4));
    }
    // Mixed versions understand each other.
    let kinds = [None, Some(true), None, Some(true)];
    let bridges = kinds.iter().enumerate();
    let bridges: Vec<_> = bridges.map(|(bus, kind)| simple(bus, 0, *kind)).collect();
    for bus in 0..4 {
        let report = follow(&bridges, bus, "a/b");
        assert_eq!((report.exports, report.imports, report.echoes), (1, 3, 0));
    }
    // Two upstreams, and each bus at both: once over each.
    let bridges = (0..6).map(|number| simple(number / 2, number % 2, None));
    let report = follow(&bridges.collect::<Vec<_>>(), 0, "a/b");
    assert_eq!((report.exports, report.imports), (2, 4));
    // A chain of buses and upstreams ends at the second bus: a bus is no transit.
    let chain = [
        simple(0, 0, None),
        simple(1, 0, None),
        simple(1, 1, None),
        simple(2, 1, None),
    ];
    let report = follow(&chain, 0, "a/b");
    assert_eq!((report.exports, report.imports), (1, 1));
}
