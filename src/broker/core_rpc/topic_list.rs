//! `topic.list`: which topic filters somebody is subscribed to.

use std::collections::BTreeMap;

use super::{Failure, Params, encode};
use crate::borrow::Cow;
use crate::broker::hub::Hub;
use crate::common::{TopicInfo, TopicList};
use crate::limits::{MAX_LISTED_TOPIC_BYTES, MAX_LISTED_TOPICS};

/// The filters in their order, each with the number of its subscribers. No lock is held for longer
/// than it takes to look through one client's filters.
pub(super) fn call(hub: &Hub, params: &Params<'_>) -> Result<Cow<'static>, Failure> {
    params.must_be_empty()?;
    let mut first = First::default();
    for (peer, _) in hub.peers() {
        for filter in &peer.own_filters.lock().subscriptions {
            first.add(filter);
        }
    }
    let topics = first.filters.iter();
    encode(&TopicList {
        topics: topics
            .map(|(filter, subscribers)| TopicInfo {
                filter,
                subscribers: *subscribers,
            })
            .collect(),
        truncated: first.end.is_some(),
    })
}

/// The first filters of all, as many as may be listed.
#[derive(Default)]
struct First {
    filters: BTreeMap<Box<str>, u64>,
    bytes: usize,
    /// The first filter that is not listed, and none behind it is: so each that is was counted from
    /// the start.
    end: Option<Box<str>>,
}

impl First {
    fn add(&mut self, filter: &str) {
        if self.end.as_deref().is_some_and(|end| filter >= end) {
            return;
        }
        if let Some(subscribers) = self.filters.get_mut(filter) {
            *subscribers += 1;
            return;
        }
        self.filters.insert(filter.into(), 1);
        self.bytes += filter.len();
        while self.filters.len() > MAX_LISTED_TOPICS || self.bytes > MAX_LISTED_TOPIC_BYTES {
            let Some((last, _)) = self.filters.pop_last() else {
                return;
            };
            self.bytes -= last.len();
            self.end = Some(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(filters: impl Iterator<Item = String>) -> First {
        let mut first = First::default();
        filters.for_each(|filter| first.add(&filter));
        first
    }

    /// In whatever order they come, also those that come again after they were left out.
    #[test]
    fn the_list_is_bounded_in_number() {
        let filters = (0..2 * MAX_LISTED_TOPICS).map(|i| format!("{i:06}"));
        let twice = filters.clone().chain(filters.clone().rev());
        let listed = first(twice);
        let expected = filters
            .take(MAX_LISTED_TOPICS)
            .map(|filter| (filter.into(), 2));
        assert!(listed.filters.into_iter().eq(expected));
        assert_eq!(listed.end, Some(format!("{MAX_LISTED_TOPICS:06}").into()));
    }

    #[test]
    fn the_list_is_bounded_in_bytes() {
        let long = |letter: &str| letter.repeat(MAX_LISTED_TOPIC_BYTES / 2);
        let listed = first(["c", "d", "b", "c"].into_iter().map(long));
        let letters = listed.filters.iter();
        let letters: Vec<_> = letters.map(|(text, n)| (&text[..1], *n)).collect();
        assert_eq!(letters, [("b", 1), ("c", 2)]);
        // Although there would be room for it.
        let listed = first([long("a") + "a", long("b"), "c".into()].into_iter());
        assert_eq!(
            (listed.filters.len(), listed.end),
            (1, Some(long("b").into()))
        );
        let enormous = first([long("a").repeat(3)].into_iter());
        assert!(enormous.filters.is_empty() && enormous.end.is_some());
    }
}
