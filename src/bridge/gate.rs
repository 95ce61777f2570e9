//! What one rule lets pass, in one direction: so many messages per second, and of each topic only the
//! newest every so often.

use std::time::Instant;

use super::config::Rule;
use super::counters::Counter;
use super::rules::conflation::Conflation;
use super::rules::rate::Rate;

/// See the top of this file. `T` is a message.
#[derive(Debug)]
pub(super) struct Gate<T> {
    rate: Rate,
    conflation: Option<Conflation<T>>,
}

impl<T> Gate<T> {
    pub(super) fn new(rule: &Rule) -> Self {
        Self {
            rate: Rate::new(rule.rate),
            conflation: rule.conflate.map(Conflation::new),
        }
    }

    /// One more message may come now.
    pub(super) fn has_rate(&mut self, now: Instant) -> bool {
        self.rate.takes(now)
    }

    /// Appends what passes now to `passing`: this message, if it need not wait, and what waited longer.
    pub(super) fn pass(
        &mut self,
        (topic, bytes): (&str, usize),
        message: T,
        now: Instant,
        conflated: &Counter,
        passing: &mut Vec<T>,
    ) {
        match &mut self.conflation {
            None => passing.push(message),
            Some(conflation) => {
                if conflation.offer(topic, message, bytes, now, passing) {
                    conflated.one();
                }
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.conflation.as_ref()?.next_due()
    }

    /// Appends what has waited long enough.
    pub(super) fn due(&mut self, now: Instant, passing: &mut Vec<T>) {
        if let Some(conflation) = &mut self.conflation {
            conflation.due(now, passing);
        }
    }

    /// Appends all that waits.
    pub(super) fn drain(&mut self, passing: &mut Vec<T>) {
        if let Some(conflation) = &mut self.conflation {
            conflation.drain(passing);
        }
    }
}

/// When the first of the gates lets something pass by itself.
pub(super) fn first_due<T>(gates: &[Gate<T>]) -> Option<Instant> {
    gates.iter().filter_map(Gate::next_due).min()
}
