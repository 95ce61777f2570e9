//! The newest messages, in memory: those that are not yet safe on the disk, or all if there is none.

use std::collections::VecDeque;
use std::time::Instant;

use super::Message;
use super::segment::Position;

/// What a message takes beside its topic and payload, in bytes: its place in a queue that may have
/// grown to twice what it needs, and what allocators add to two strings.
pub(super) const MESSAGE_OVERHEAD: usize = 288;

const _: () = assert!(size_of::<Entry>() * 2 + 32 <= MESSAGE_OVERHEAD);

/// An empty queue does not keep more places than this.
const KEPT_PLACES: usize = 256;

#[derive(Debug)]
struct Entry {
    seq: u64,
    /// `None` when it is done with, but something before it is not.
    message: Option<Message>,
    charge: usize,
    since: Instant,
    /// Where it is in the log, if it was written there.
    written: Option<Position>,
}

/// A message as it waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting<'a> {
    pub(super) seq: u64,
    pub(super) message: &'a Message,
    pub(super) since: Instant,
}

/// What left the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) seq: u64,
    pub(super) written: Option<Position>,
    /// It was not done with.
    pub(super) live: bool,
}

/// Messages with consecutive numbers. Those at the front may have been written to the log.
#[derive(Debug, Default)]
pub(super) struct Memory {
    entries: VecDeque<Entry>,
    /// So many entries at the front are in the log or done with.
    flushed: usize,
    charge: usize,
    pending: u64,
    pending_bytes: u64,
}

/// What a message is charged, in bytes.
pub(super) fn charge(message: &Message) -> usize {
    message
        .topic
        .len()
        .saturating_add(message.payload.len())
        .saturating_add(MESSAGE_OVERHEAD)
}

/// What it counts in the statistics, in bytes.
pub(super) fn bytes(message: &Message) -> u64 {
    (message.topic.len() + message.payload.len()) as u64
}

impl Memory {
    /// Bytes that are charged now.
    pub(super) fn charge(&self) -> usize {
        self.charge
    }

    /// Messages that are nowhere else, and their bytes.
    pub(super) fn pending(&self) -> (u64, u64) {
        (self.pending, self.pending_bytes)
    }

    /// Its number follows that of the one before.
    pub(super) fn push(&mut self, seq: u64, mut message: Message, since: Instant) {
        message.topic.shrink_to_fit();
        message.payload.shrink_to_fit();
        let charge = charge(&message);
        self.charge += charge;
        self.pending += 1;
        self.pending_bytes += bytes(&message);
        self.entries.push_back(Entry {
            seq,
            message: Some(message),
            charge,
            since,
            written: None,
        });
    }

    pub(super) fn get(&self, seq: u64) -> Option<Waiting<'_>> {
        self.entries.get(self.index(seq)?)?.waiting()
    }

    /// The first one from this number on that is not done with.
    pub(super) fn from(&self, seq: u64) -> Option<Waiting<'_>> {
        let index = self.index(seq).unwrap_or(0).min(self.entries.len());
        self.entries.range(index..).find_map(Entry::waiting)
    }

    /// The first number that is here, done with or not.
    pub(super) fn first_seq(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.seq)
    }

    /// It is done with. Returns where in the log it is, if it was here.
    pub(super) fn finish(&mut self, seq: u64) -> Option<Option<Position>> {
        let index = self.index(seq)?;
        let entry = self.entries.get_mut(index)?;
        let message = entry.message.take()?;
        let written = entry.written;
        if written.is_none() {
            self.pending -= 1;
            self.pending_bytes -= bytes(&message);
        }
        self.charge -= entry.charge - MESSAGE_OVERHEAD;
        entry.charge = MESSAGE_OVERHEAD;
        while matches!(self.entries.front(), Some(entry) if entry.message.is_none()) {
            self.pop();
        }
        Some(written)
    }

    /// Takes the oldest one out, for another to fit.
    pub(super) fn pop(&mut self) -> Option<Left> {
        let entry = self.entries.pop_front()?;
        self.flushed = self.flushed.saturating_sub(1);
        self.charge -= entry.charge;
        if let (Some(message), None) = (&entry.message, entry.written) {
            self.pending -= 1;
            self.pending_bytes -= bytes(message);
        }
        if self.entries.is_empty() && self.entries.capacity() > KEPT_PLACES {
            self.entries.shrink_to(KEPT_PLACES);
        }
        Some(Left {
            seq: entry.seq,
            written: entry.written,
            live: entry.message.is_some(),
        })
    }

    /// Takes the oldest one out if it is in the log or done with, and not newer than `through`.
    pub(super) fn pop_flushed(&mut self, through: u64) -> Option<Left> {
        let first = self.first_seq()?;
        match self.flushed > 0 && first <= through {
            true => self.pop(),
            false => None,
        }
    }

    /// The next one to be written to the log.
    pub(super) fn next_pending(&mut self) -> Option<Waiting<'_>> {
        while matches!(self.entries.get(self.flushed), Some(entry) if entry.message.is_none()) {
            self.flushed += 1;
        }
        self.entries.get(self.flushed)?.waiting()
    }

    /// [`next_pending`](Self::next_pending) was written.
    pub(super) fn written(&mut self, position: Position) {
        if let Some(entry) = self.entries.get_mut(self.flushed) {
            entry.written = Some(position);
            self.flushed += 1;
            if let Some(message) = &entry.message {
                self.pending -= 1;
                self.pending_bytes -= bytes(message);
            }
        }
    }

    /// The first one that is both here and in the log, done with or not.
    pub(super) fn first_written(&self) -> Option<(u64, Position)> {
        let flushed = self.entries.iter().take(self.flushed);
        let mut written = flushed.filter_map(|entry| Some((entry.seq, entry.written?)));
        written.next()
    }

    /// Where those are that are both here and in the log, and not done with; with their bytes.
    pub(super) fn written_live(&self) -> impl Iterator<Item = (Position, u64)> {
        let flushed = self.entries.iter().take(self.flushed);
        flushed.filter_map(|entry| Some((entry.written?, bytes(entry.message.as_ref()?))))
    }

    /// Nothing that is here is in the log any more.
    pub(super) fn unwrite(&mut self) {
        for entry in self.entries.iter_mut().take(self.flushed) {
            if let (Some(_), Some(message)) = (entry.written.take(), &entry.message) {
                self.pending += 1;
                self.pending_bytes += bytes(message);
            }
        }
        self.flushed = 0;
    }

    fn index(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.first_seq()?)?).ok()
    }
}

impl Entry {
    fn waiting(&self) -> Option<Waiting<'_>> {
        Some(Waiting {
            seq: self.seq,
            message: self.message.as_ref()?,
            since: self.since,
        })
    }
}
