//! Handing messages out, the oldest first, and what is acknowledged.

use super::clock::{Now, RunMs};
use super::reading::Trouble;
use super::{Message, Spool, memory};

/// What came of looking for the next message.
enum Step {
    Out(u64, Message),
    Skipped,
    Nothing,
}

impl Spool {
    /// Hands out the next message. It stays in the spool until it is acknowledged. `None` if there is
    /// none, or if [`MAX_HANDED_OUT`](super::window::MAX_HANDED_OUT) wait for their acknowledgement. Also
    /// when the disk cannot be read, until that has been tried
    /// [`READ_ATTEMPTS`](super::READ_ATTEMPTS) times. When the disk can be used for the first time, after
    /// it could not at the start, what is on it comes first: then also until what is handed out is
    /// acknowledged, or rewound.
    pub(crate) fn next(&mut self, now: Now) -> Option<(u64, Message)> {
        self.tick(now);
        if self.incoming.is_some() || self.is_stalled(now) {
            return None;
        }
        loop {
            let step = match self.window.next_again() {
                Some(_) => self.repeat(now),
                None if self.window.is_full() => Step::Nothing,
                None => self.take_fresh(now),
            };
            match step {
                Step::Out(seq, message) => return Some((seq, message)),
                Step::Skipped => {}
                Step::Nothing => return None,
            }
        }
    }

    /// A message is done with. In any order; numbers that are not handed out are ignored.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        if self.finish(seq) {
            self.trim();
        }
    }

    /// What was handed out and is not acknowledged is handed out again, in order.
    pub(crate) fn rewind(&mut self) {
        self.window.rewind();
    }

    /// Hands out what was handed out before.
    fn repeat(&mut self, now: Now) -> Step {
        let Some(handed) = self.window.next_again() else {
            return Step::Skipped;
        };
        let seq = handed.seq;
        if let Some(waiting) = self.memory.get(seq) {
            let born = self.run.at(waiting.since);
            let message = waiting.message.clone();
            self.window.repeated();
            return self.unless_too_old(seq, born, message, now);
        }
        let (Some(log), Some(position)) = (self.log.as_mut(), handed.position) else {
            self.finish(seq);
            return Step::Skipped;
        };
        match log.message_at(position, seq) {
            Ok(read) => {
                self.stall = None;
                self.window.repeated();
                self.unless_too_old(seq, read.born, read.message, now)
            }
            Err(trouble) if self.is_given_up(&trouble, now) => {
                self.lost += 1;
                self.finish(seq);
                Step::Skipped
            }
            Err(_) => Step::Nothing,
        }
    }

    /// Hands out what was never handed out before: from the log, then from memory.
    fn take_fresh(&mut self, now: Now) -> Step {
        let limit = self.memory.first_written().map(|(_, position)| position);
        let read = match self.log.as_mut() {
            Some(log) => log.next_message(limit, self.fresh),
            None => Ok(None),
        };
        match read {
            Ok(Some(read)) => {
                self.stall = None;
                self.fresh = read.seq + 1;
                self.window.add(read.seq, read.bytes, Some(read.position));
                self.unless_too_old(read.seq, read.born, read.message, now)
            }
            Ok(None) => {
                self.stall = None;
                self.take_fresh_from_memory(now)
            }
            Err(trouble) if self.is_given_up(&trouble, now) => {
                self.skip_segment(&trouble);
                Step::Skipped
            }
            Err(_) => Step::Nothing,
        }
    }

    fn take_fresh_from_memory(&mut self, now: Now) -> Step {
        let Some(waiting) = self.memory.from(self.fresh) else {
            return Step::Nothing;
        };
        let (seq, bytes) = (waiting.seq, memory::bytes(waiting.message));
        let born = self.run.at(waiting.since);
        let message = waiting.message.clone();
        self.fresh = seq + 1;
        self.window.add(seq, bytes, None);
        self.unless_too_old(seq, born, message, now)
    }

    fn unless_too_old(&mut self, seq: u64, born: RunMs, message: Message, now: Now) -> Step {
        if !self.run.is_too_old(born, now, self.options.max_age) {
            return Step::Out(seq, message);
        }
        self.dropped_age += 1;
        self.acknowledge(seq);
        Step::Skipped
    }

    /// Removes a message that was handed out from everywhere. `false` if there is none.
    fn finish(&mut self, seq: u64) -> bool {
        let Some(handed) = self.window.finish(seq) else {
            return false;
        };
        let position = match self.memory.finish(seq) {
            Some(written) => written,
            None => handed.position,
        };
        if let (Some(log), Some(position)) = (self.log.as_mut(), position) {
            log.finish(position.segment, handed.bytes);
        }
        true
    }

    /// A segment cannot be read further.
    fn skip_segment(&mut self, trouble: &Trouble) {
        let limit = self.memory.first_written().map(|(_, position)| position);
        let segment = trouble.segment;
        let in_memory = self.memory.written_live();
        let in_memory = in_memory.filter(|(position, _)| position.segment == segment);
        let kept = in_memory.count() as u64 + self.window.waiting_in(segment);
        if let Some(log) = self.log.as_mut() {
            let lost = log.lose(segment, kept);
            log.skip_segment(segment, limit);
            self.lost += lost;
            ::log::error!("store: segment {segment:x} cannot be read: {lost} messages are lost");
        }
        self.trim();
    }
}
