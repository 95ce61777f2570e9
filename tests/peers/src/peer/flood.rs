//! Flood frames: numbered messages that are counted and checked for order instead of printed.

use super::Outcome;
use std::sync::{Condvar, Mutex};

const PREFIX: &str = "flood:";

#[derive(Default)]
pub(crate) struct Flood {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many have arrived in order, and so the number that must come next.
    next: u64,
    /// The first number that came out of turn.
    stray: Option<u64>,
}

impl Flood {
    pub(crate) fn payload(number: u64) -> String {
        format!("{PREFIX}{number}")
    }

    /// Takes note of a flood frame; anything else is left to the caller (`false`).
    pub(crate) fn note(&self, payload: &[u8]) -> bool {
        let number = std::str::from_utf8(payload)
            .ok()
            .and_then(|text| text.strip_prefix(PREFIX)?.parse::<u64>().ok());
        let Some(number) = number else {
            return false;
        };
        let mut state = self.state.lock().unwrap();
        if state.next == number {
            state.next += 1;
        } else {
            state.stray.get_or_insert(number);
        }
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Waits until `count` flood frames have arrived, or one out of order. There is no time limit:
    /// the test that asks has one.
    pub(crate) fn wait(&self, count: &str) -> Outcome {
        let count: u64 = count.parse().map_err(|_| "usage".to_owned())?;
        let state = self
            .changed
            .wait_while(self.state.lock().unwrap(), |state| {
                state.next < count && state.stray.is_none()
            })
            .unwrap();
        match state.stray {
            None => Ok(state.next.to_string()),
            Some(stray) => Err(format!("order {} {stray}", state.next)),
        }
    }
}
