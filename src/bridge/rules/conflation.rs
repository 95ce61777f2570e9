//! Only the newest message of each topic, every so often.
//!
//! The first message of a topic passes at once; then the topic rests for the interval, in which newer
//! messages take each other's place. At its end the last of them passes, if there is one.
//!
//! What is remembered is bounded, by topics and by bytes. At the bound the topic whose rest ends next
//! gives way: what waits for it passes early. So nothing is lost but what a newer message has replaced,
//! and messages of one topic pass in their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Topics of one rule that are remembered.
pub(crate) const MAX_TOPICS: usize = 1024;

/// What they and the messages that wait may take, in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// What a topic is charged with beside its text, in bytes: its entries in the maps.
const TOPIC_COST: usize = 160;

/// The topics of one rule.
#[derive(Debug)]
pub(crate) struct Conflation<T> {
    interval: Duration,
    topics: HashMap<Arc<str>, Resting<T>>,
    /// The same topics in the order in which their rests end.
    ends: BTreeMap<End, Arc<str>>,
    /// Of these, the ends of those for which a message waits.
    due: BTreeSet<End>,
    /// What all take together.
    bytes: usize,
    /// Makes ends differ that are at the same time.
    next_number: u64,
    max_topics: usize,
    max_bytes: usize,
}

type End = (Instant, u64);

/// A topic of which a message has passed.
#[derive(Debug)]
struct Resting<T> {
    end: End,
    waiting: Option<Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    message: T,
    bytes: usize,
}

impl<T> Conflation<T> {
    /// Each topic passes at most once in this time.
    pub(crate) fn new(interval: Duration) -> Self {
        Self::bounded(interval, MAX_TOPICS, MAX_BYTES)
    }

    pub(super) fn bounded(interval: Duration, max_topics: usize, max_bytes: usize) -> Self {
        Self {
            interval,
            topics: HashMap::new(),
            ends: BTreeMap::new(),
            due: BTreeSet::new(),
            bytes: 0,
            next_number: 0,
            max_topics,
            max_bytes,
        }
    }

    /// A message that takes so many bytes. What passes now is appended to `passing`, first what passes
    /// early to make room. Returns whether an older message was replaced, and is gone.
    pub(crate) fn offer(
        &mut self,
        topic: &str,
        message: T,
        bytes: usize,
        now: Instant,
        passing: &mut Vec<T>,
    ) -> bool {
        // What was due before this came has to leave before it.
        self.due(now, passing);
        let cost = bytes.saturating_add(topic.len()).saturating_add(TOPIC_COST);
        if cost > self.max_bytes {
            // Could not be held. The one that waits is older.
            let replaced = self.forget(topic).is_some_and(|old| old.waiting.is_some());
            passing.push(message);
            return replaced;
        }
        let Some(resting) = self.topics.get_mut(topic) else {
            self.make_room(topic.len().saturating_add(TOPIC_COST), 1, passing);
            self.rest(Arc::from(topic), now);
            passing.push(message);
            return false;
        };
        let old = resting.waiting.replace(Waiting { message, bytes });
        self.due.insert(resting.end);
        self.bytes = self.bytes.saturating_add(bytes);
        let replaced = old.is_some();
        self.bytes -= old.map_or(0, |old| old.bytes);
        self.make_room(0, 0, passing);
        replaced
    }

    /// When the next message passes, if no other comes.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(end, _)| *end)
    }

    /// Appends what passes by now, in the order in which it became due.
    pub(crate) fn due(&mut self, now: Instant, passing: &mut Vec<T>) {
        while let Some(topic) = self.first_to_end(Some(now)) {
            let waiting = self.forget(&topic).and_then(|resting| resting.waiting);
            if let Some(waiting) = waiting {
                passing.push(waiting.message);
                self.rest(topic, now);
            }
        }
    }

    /// All that waits, as it ends: appended in the order in which it would have become due.
    pub(crate) fn drain(&mut self, passing: &mut Vec<T>) {
        while let Some(topic) = self.first_to_end(None) {
            let waiting = self.forget(&topic).and_then(|resting| resting.waiting);
            passing.extend(waiting.map(|waiting| waiting.message));
        }
    }

    /// Is what it holds what it says, and not too much?
    #[cfg(test)]
    pub(super) fn is_within_bounds(&self) -> bool {
        let each = self.topics.iter().map(|(topic, resting)| {
            let waiting = resting.waiting.as_ref().map_or(0, |waiting| waiting.bytes);
            topic.len() + TOPIC_COST + waiting
        });
        let waiting = self.topics.values().filter(|one| one.waiting.is_some());
        each.sum::<usize>() == self.bytes
            && self.bytes <= self.max_bytes
            && self.topics.len() == self.ends.len()
            && self.topics.len() <= self.max_topics
            && waiting.count() == self.due.len()
    }

    fn first_to_end(&self, by: Option<Instant>) -> Option<Arc<str>> {
        let ((end, _), topic) = self.ends.first_key_value()?;
        by.is_none_or(|by| *end <= by).then(|| Arc::clone(topic))
    }

    /// Lets topics go until there is room for so many bytes and topics.
    fn make_room(&mut self, bytes: usize, topics: usize, passing: &mut Vec<T>) {
        while self.bytes.saturating_add(bytes) > self.max_bytes
            || self.topics.len() + topics > self.max_topics
        {
            let Some(topic) = self.first_to_end(None) else {
                return;
            };
            let waiting = self.forget(&topic).and_then(|resting| resting.waiting);
            passing.extend(waiting.map(|waiting| waiting.message));
        }
    }

    fn rest(&mut self, topic: Arc<str>, now: Instant) {
        // An end that no clock reaches is as good as one that is never reached.
        let end = (
            now.checked_add(self.interval).unwrap_or(now),
            self.next_number,
        );
        self.next_number += 1;
        self.bytes += topic.len() + TOPIC_COST;
        self.ends.insert(end, Arc::clone(&topic));
        self.topics.insert(topic, Resting { end, waiting: None });
    }

    fn forget(&mut self, topic: &str) -> Option<Resting<T>> {
        let resting = self.topics.remove(topic)?;
        self.ends.remove(&resting.end);
        self.due.remove(&resting.end);
        self.bytes -= topic.len() + TOPIC_COST;
        self.bytes -= resting.waiting.as_ref().map_or(0, |waiting| waiting.bytes);
        Some(resting)
    }
}
