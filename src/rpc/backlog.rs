//! What waits for a handler, in the order of arrival; bounded in number and in bytes.

use std::collections::VecDeque;

use crate::limits::{MAX_RPC_WAITING, MAX_RPC_WAITING_BYTES};

/// See the top of this file.
pub(crate) struct Backlog<T> {
    /// Items and their sizes in bytes.
    waiting: VecDeque<(T, usize)>,
    bytes: usize,
}

impl<T> Backlog<T> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// True if an item of `bytes` bytes may wait, too. The first may be as large as it wants.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.waiting.is_empty()
            || self.waiting.len() < MAX_RPC_WAITING
                && self.bytes.saturating_add(bytes) <= MAX_RPC_WAITING_BYTES
    }

    pub(crate) fn push(&mut self, item: T, bytes: usize) {
        self.waiting.push_back((item, bytes));
        self.bytes += bytes;
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let (item, bytes) = self.waiting.pop_front()?;
        self.bytes -= bytes;
        Some(item)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// What waits, in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
