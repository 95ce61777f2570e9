//! Where a message has come from, so that none goes round in circles.
//!
//! - On the bus, a bridge publishes as its secondary client `NAME%%bridge`. No bridge carries outwards
//!   what such a client has published: what came from an upstream never leaves a bus again.
//! - Upstream, a publication carries the id of its bus: with MQTT 5 as user property `elbus-origin`,
//!   with 3.1.1 in its topic, `PREFIX/ID/TOPIC`. No bridge carries inwards what has its own bus id.
//!
//! Both kinds of marks are understood with either version, because the others may speak another one.

/// The user property of MQTT 5 with the id of the bus where a message has entered.
pub(crate) const ORIGIN_PROPERTY: &str = "elbus-origin";

/// What the name of the secondary client ends with as which a bridge publishes on the bus.
pub(crate) const MARK_SUFFIX: &str = "%%bridge";

/// Has a bridge published this on the bus?
///
/// `a%%b%%bridge` counts, too: strangers cannot register secondaries of a bridge, and who names its own
/// secondary so keeps its publications on the bus, and nothing else.
pub(crate) fn is_from_bridge(sender: &str) -> bool {
    sender.ends_with(MARK_SUFFIX)
}

/// The marks of one bus.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    /// `ID` of this bus.
    bus_id: String,
    /// `PREFIX/`; empty: topics are not marked.
    prefix: String,
}

/// What the marks of a message from the upstream say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading<'a> {
    /// The topic without a mark.
    pub(crate) topic: &'a str,
    /// It came from this bus, and must not come back.
    pub(crate) is_own: bool,
}

impl Marks {
    /// The marks of the bus with this id; topics are marked with the prefix, if there is one.
    pub(crate) fn new(bus_id: &str, origin_prefix: &str) -> Self {
        let prefix = match origin_prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self {
            bus_id: bus_id.to_owned(),
            prefix,
        }
    }

    /// The id of this bus: what the user property says with MQTT 5.
    pub(crate) fn bus_id(&self) -> &str {
        &self.bus_id
    }

    /// The topic as it is published with MQTT 3.1.1.
    pub(crate) fn marked(&self, topic: &str) -> String {
        if self.prefix.is_empty() {
            return topic.to_owned();
        }
        [&self.prefix, self.bus_id.as_str(), "/", topic].concat()
    }

    /// By how much [`marked`](Self::marked) makes a topic longer, in bytes.
    pub(crate) fn overhead(&self) -> usize {
        match self.prefix.len() {
            0 => 0,
            prefix => prefix + self.bus_id.len() + 1,
        }
    }

    /// Is this topic where marked ones are? Nothing else must be published there, it would be taken
    /// for something that another bus has said.
    pub(crate) fn is_reserved(&self, topic: &str) -> bool {
        !self.prefix.is_empty() && topic.starts_with(&self.prefix)
    }

    /// The filter which also gets what bridges have published that speak MQTT 3.1.1. `None` if this one
    /// does already, or nobody may have.
    pub(crate) fn marked_filter(&self, filter: &str) -> Option<String> {
        if self.prefix.is_empty() || filter.starts_with('$') {
            return None;
        }
        let marked = [&self.prefix, "+/", filter].concat();
        Some(marked).filter(|marked| !super::topics::filter::covers(filter, marked))
    }

    /// Reads the marks of a message: its topic, and the values of its user properties
    /// [`ORIGIN_PROPERTY`], of which there are none with MQTT 3.1.1.
    pub(crate) fn read<'a>(
        &self,
        topic: &'a str,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Reading<'a> {
        let own_property = origins
            .into_iter()
            .any(|origin| origin.as_ref() == self.bus_id);
        let (own_topic, topic) = match self.split(topic) {
            Some((id, topic)) => (id == self.bus_id, topic),
            None => (false, topic),
        };
        Reading {
            topic,
            is_own: own_property || own_topic,
        }
    }

    /// Bus id and topic of a marked topic.
    fn split<'a>(&self, topic: &'a str) -> Option<(&'a str, &'a str)> {
        if self.prefix.is_empty() {
            return None;
        }
        let (id, topic) = topic.strip_prefix(&self.prefix)?.split_once('/')?;
        (!id.is_empty()).then_some((id, topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: [&str; 0] = [];

    fn marks() -> Marks {
        Marks::new("dev", "m")
    }

    #[test]
    fn publications_of_bridges_are_known_by_their_sender() {
        for sender in ["bridge%%bridge", "x%%bridge", "x%%a%%bridge"] {
            assert!(is_from_bridge(sender), "{sender}");
        }
        for sender in [
            "bridge",
            "x",
            "x%%bridges",
            "x%bridge",
            "bridge%%",
            "x%%bridge%%a",
            "",
        ] {
            assert!(!is_from_bridge(sender), "{sender}");
        }
    }

    #[test]
    fn own_messages_are_known_by_property_and_by_topic() {
        let read = |topic, origins: &[&str]| {
            let reading = marks().read(topic, origins);
            (reading.topic.to_owned(), reading.is_own)
        };
        assert_eq!(read("a/b", &[]), ("a/b".into(), false));
        assert_eq!(read("a/b", &["x"]), ("a/b".into(), false));
        assert_eq!(read("a/b", &["dev"]), ("a/b".into(), true));
        assert_eq!(read("a/b", &["x", "dev"]), ("a/b".into(), true));
        assert_eq!(read("m/dev/a/b", &[]), ("a/b".into(), true));
        assert_eq!(read("m/x/a/b", &[]), ("a/b".into(), false));
        // Over a bridge that speaks 3.1.1, and back over one that adds a property.
        assert_eq!(read("m/dev/a/b", &["x"]), ("a/b".into(), true));
        assert_eq!(read("m/x/", &[]), (String::new(), false));
        // No marks.
        for topic in ["m", "m/", "m/dev", "m//a", "n/dev/a"] {
            assert_eq!(read(topic, &[]), (topic.into(), false));
        }
    }

    #[test]
    fn without_a_prefix_nothing_is_marked() {
        let marks = Marks::new("dev", "");
        assert_eq!(marks.marked("a"), "a");
        assert_eq!(marks.overhead(), 0);
        assert_eq!(marks.marked_filter("a/#"), None);
        assert!(!marks.is_reserved("a"));
        let reading = marks.read("m/dev/a", NONE);
        assert_eq!((reading.topic, reading.is_own), ("m/dev/a", false));
    }

    #[test]
    fn marked_topics_have_a_filter_of_their_own_unless_they_are_covered() {
        let filter = |filter| marks().marked_filter(filter);
        assert_eq!(filter("a/#").as_deref(), Some("m/+/a/#"));
        assert_eq!(filter("+").as_deref(), Some("m/+/+"));
        assert_eq!(filter("#"), None);
        assert_eq!(filter("m/#"), None);
        assert_eq!(filter("$SYS/#"), None);
    }

    #[test]
    fn what_looks_marked_is_reserved() {
        for (topic, reserved) in [("m/x/a", true), ("m/", true), ("m", false), ("mm/a", false)] {
            assert_eq!(marks().is_reserved(topic), reserved, "{topic}");
        }
    }

    proptest! {
        #[test]
        fn marks_are_read_as_they_were_made(topic in "[a-z/m]{0,12}", id in "[a-z]{1,4}") {
            let marks = Marks::new(&id, "m");
            let marked = marks.marked(&topic);
            prop_assert_eq!(marked.len(), topic.len() + marks.overhead());
            prop_assert!(marks.is_reserved(&marked));
            let expected = Reading { topic: &topic, is_own: true };
            prop_assert_eq!(marks.read(&marked, NONE), expected);
            let other = Marks::new("OTHER", "m");
            let expected = Reading { topic: &topic, is_own: false };
            prop_assert_eq!(other.read(&marked, NONE), expected);
        }
    }
}
