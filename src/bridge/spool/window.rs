//! What was handed out and is not done with, so that it can be handed out again in order.

use std::collections::VecDeque;

use super::segment::Position;

/// Most messages that are handed out at a time, of about 50 bytes each; beside the bound of the
/// memory. MQTT knows up to 65,535, but a bridge has a few dozens under way.
pub(crate) const MAX_HANDED_OUT: usize = 4096;

/// A message that was handed out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handed {
    pub(super) seq: u64,
    /// Topic and payload.
    pub(super) bytes: u64,
    /// Where in the log it is. `None` as long as it is in memory.
    pub(super) position: Option<Position>,
    done: bool,
}

/// In the order of numbers. Those before `repeat` are under way; from there on they are to be handed
/// out again.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Handed>,
    repeat: usize,
}

impl Window {
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_HANDED_OUT
    }

    /// Nothing is under way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.repeat == 0
    }

    /// The first one that is not done with.
    pub(super) fn first_seq(&self) -> Option<u64> {
        self.entries.front().map(|handed| handed.seq)
    }

    /// It is handed out for the first time; nothing is to be handed out again.
    pub(super) fn add(&mut self, seq: u64, bytes: u64, position: Option<Position>) {
        self.entries.push_back(Handed {
            seq,
            bytes,
            position,
            done: false,
        });
        self.repeat = self.entries.len();
    }

    /// It is done with. `None` if it is not here, or was done with before.
    pub(super) fn finish(&mut self, seq: u64) -> Option<Handed> {
        let index = self.find(seq)?;
        let handed = self.entries.get_mut(index).filter(|handed| !handed.done)?;
        handed.done = true;
        let handed = *handed;
        while matches!(self.entries.front(), Some(handed) if handed.done) {
            self.pop();
        }
        Some(handed)
    }

    /// The next one to be handed out again.
    pub(super) fn next_again(&mut self) -> Option<Handed> {
        loop {
            let handed = self.entries.get(self.repeat)?;
            if !handed.done {
                return Some(*handed);
            }
            self.repeat += 1;
        }
    }

    /// [`next_again`](Self::next_again) was handed out.
    pub(super) fn repeated(&mut self) {
        self.repeat += 1;
    }

    pub(super) fn rewind(&mut self) {
        self.repeat = 0;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// It left the memory, and is in the log only.
    pub(super) fn moved(&mut self, seq: u64, position: Position) {
        if let Some(handed) = self.find(seq).and_then(|index| self.entries.get_mut(index)) {
            handed.position = Some(position);
        }
    }

    /// Those up to this number do not exist any more.
    pub(super) fn forget_through(&mut self, seq: u64) {
        while matches!(self.first_seq(), Some(first) if first <= seq) {
            self.pop();
        }
    }

    /// How many of this segment are not done with, except those that are also in memory.
    pub(super) fn waiting_in(&self, segment: u64) -> u64 {
        let in_segment = |handed: &&Handed| {
            !handed.done && matches!(handed.position, Some(position) if position.segment == segment)
        };
        self.entries.iter().filter(in_segment).count() as u64
    }

    fn find(&self, seq: u64) -> Option<usize> {
        self.entries
            .binary_search_by_key(&seq, |handed| handed.seq)
            .ok()
    }

    fn pop(&mut self) {
        self.entries.pop_front();
        self.repeat = self.repeat.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seqs: std::ops::Range<u64>) -> Window {
        let mut window = Window::default();
        for seq in seqs {
            window.add(seq, 1, None);
        }
        window
    }

    fn repeat_all(window: &mut Window) -> Vec<u64> {
        let mut seqs = Vec::new();
        while let Some(handed) = window.next_again() {
            seqs.push(handed.seq);
            window.repeated();
        }
        seqs
    }

    #[test]
    fn all_that_is_not_done_with_is_repeated_in_order() {
        let mut window = window(1..6);
        assert!(window.finish(3).is_some());
        assert!(window.finish(1).is_some());
        assert!(window.finish(1).is_none(), "only once");
        assert!(window.finish(9).is_none(), "never handed out");
        assert_eq!(window.first_seq(), Some(2));
        assert!(window.next_again().is_none());
        window.rewind();
        assert_eq!(repeat_all(&mut window), [2, 4, 5]);
    }

    #[test]
    fn acknowledgements_may_come_while_it_is_repeated() {
        let mut window = window(1..6);
        window.rewind();
        window.repeated();
        for seq in [1, 2, 4] {
            assert!(window.finish(seq).is_some());
        }
        assert_eq!(repeat_all(&mut window), [3, 5]);
    }

    #[test]
    fn what_does_not_exist_any_more_is_not_repeated() {
        let mut window = window(1..6);
        window.forget_through(3);
        assert!(window.next_again().is_none());
        window.rewind();
        assert!(window.is_at_rest());
        assert_eq!(repeat_all(&mut window), [4, 5]);
    }
}
