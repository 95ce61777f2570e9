//! Reading messages from the log.

use super::Message;
use super::clock::{self, RunMs};
use super::log::Log;
use super::record::{Record, Stored};
use super::segment::{HEADER_BYTES, Position, ReadError, Reader};

/// A message that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) seq: u64,
    pub(super) position: Position,
    pub(super) bytes: u64,
    pub(super) born: RunMs,
    pub(super) message: Message,
}

/// What cannot be read.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) segment: u64,
    pub(super) error: ReadError,
}

impl Log {
    /// The next message, if its number is at least `fresh`; what has smaller ones is passed over.
    /// Nothing is read from `limit` on.
    pub(super) fn next_message(
        &mut self,
        limit: Option<Position>,
        fresh: u64,
    ) -> Result<Option<Read>, Trouble> {
        loop {
            let at = self.read_at.segment;
            let index = self.segments.partition_point(|segment| segment.number < at);
            let Some(segment) = self.segments.get(index) else {
                return Ok(None);
            };
            if segment.number != at {
                self.read_at = start_of(segment.number);
            }
            if matches!(limit, Some(limit) if self.read_at >= limit) {
                return Ok(None);
            }
            if self.read_at.offset >= segment.bytes {
                let Some(next) = self.segments.get(index + 1) else {
                    return Ok(None);
                };
                self.read_at = start_of(next.number);
                continue;
            }
            let position = self.read_at;
            let (read, next) = self.read(position)?;
            self.read_at.offset = next;
            if let Some(read) = read
                && read.seq >= fresh
            {
                return Ok(Some(read));
            }
        }
    }

    /// The message at this position.
    pub(super) fn message_at(&mut self, position: Position, seq: u64) -> Result<Read, Trouble> {
        match self.read(position)? {
            (Some(read), _) if read.seq == seq => Ok(read),
            _ => Err(Trouble {
                segment: position.segment,
                error: ReadError::Damaged,
            }),
        }
    }

    /// Goes on behind this segment, or at `limit` if that is in it.
    pub(super) fn skip_segment(&mut self, segment: u64, limit: Option<Position>) {
        self.reader = None;
        if self.read_at.segment <= segment {
            self.read_at = match limit {
                Some(limit) if limit.segment == segment => limit,
                _ => start_of(segment + 1),
            };
        }
    }

    /// What is at this position, if it is a message; and where the next record begins.
    fn read(&mut self, position: Position) -> Result<(Option<Read>, u64), Trouble> {
        let trouble = |error| Trouble {
            segment: position.segment,
            error,
        };
        let segment = self
            .index_of(position.segment)
            .and_then(|index| self.segments.get(index))
            .ok_or_else(|| trouble(ReadError::Damaged))?;
        let reader = match self.reader.take() {
            Some(reader) if reader.segment == position.segment => reader,
            _ => Reader::open(&self.directory, position.segment).map_err(trouble)?,
        };
        let reader = self.reader.insert(reader);
        let (record, next) = reader
            .record_at(position.offset, segment.bytes)
            .map_err(trouble)?;
        let Record::Message(stored) = record else {
            return Ok((None, next));
        };
        let read = Read {
            seq: stored.number.saturating_add(self.base),
            position,
            bytes: stored.bytes(),
            born: self::born(
                segment.of_this_run,
                (self.opened_ms, self.opened_wall_ms),
                &stored,
            ),
            message: stored.to_message(),
        };
        Ok((Some(read), next))
    }
}

/// When a message of a log was stored, which was `opened` then.
pub(super) fn born(of_this_run: bool, opened: (RunMs, u64), stored: &Stored<'_>) -> RunMs {
    match of_this_run {
        true => clock::born_in_run(stored.stamp_s),
        false => clock::born_earlier(opened.0, opened.1, stored.stored_ms),
    }
}

fn start_of(segment: u64) -> Position {
    Position {
        segment,
        offset: HEADER_BYTES,
    }
}
