//! A stream in memory that behaves as badly as sockets may, as a seed decides: it takes and gives
//! parts, blocks for no reason, tells late or for nothing that it is ready, has no descriptor to
//! watch room with, and is reset at any byte.
//!
//! [`stream`] gives both ends: [`Near`] is what the broker has in place of a socket, [`Far`] is in the
//! hands of the test. Nothing happens by itself. Readiness that is told late waits for
//! [`Far::tell`].

mod chance;
mod far;
mod near;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Waker;

pub(crate) use chance::Chance;
pub(crate) use far::Far;
pub(crate) use near::{Input, Near, RoomWatch};

use super::sync::Mutex;

/// How a stream behaves. Shares are in percent of the calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behaviour {
    /// Bytes that each direction holds.
    pub(crate) capacity: usize,
    /// Calls that take or give less than they could.
    pub(crate) partial: usize,
    /// Calls that block although they need not.
    pub(crate) blocking: usize,
    /// Readiness that waits for [`Far::tell`].
    pub(crate) late: usize,
    /// Times when there is no descriptor left to watch room with.
    pub(crate) unwatched: usize,
    /// The stream is reset when so many bytes have passed, in both directions together.
    pub(crate) reset_after: Option<usize>,
}

impl Behaviour {
    /// A stream without faults.
    pub(crate) fn faultless(capacity: usize) -> Self {
        Self {
            capacity,
            partial: 0,
            blocking: 0,
            late: 0,
            unwatched: 0,
            reset_after: None,
        }
    }
}

/// A stream: the broker's end, and the other one.
pub(crate) fn stream(behaviour: Behaviour, chance: Chance) -> (Near, Far) {
    let link = Arc::new(Link(Mutex::new(State {
        behaviour,
        chance,
        up: Direction::default(),
        down: Direction::default(),
        passed: 0,
        is_reset: false,
        near_is_gone: false,
        input: Readiness::default(),
        room: Readiness::default(),
        far_waits: None,
    })));
    (Near::new(link.clone()), Far::new(link))
}

#[derive(Debug)]
struct Link(Mutex<State>);

/// Bytes on their way.
#[derive(Debug, Default)]
struct Direction {
    bytes: VecDeque<u8>,
    /// No more will come.
    has_ended: bool,
}

/// What a reactor knows of one event.
#[derive(Debug, Default)]
struct Readiness {
    is_ready: bool,
    /// The reactor has yet to hear of it.
    is_due: bool,
    waiting: Vec<Waker>,
}

impl Readiness {
    fn tell(&mut self) {
        self.is_due = false;
        self.is_ready = true;
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

#[derive(Debug)]
struct State {
    behaviour: Behaviour,
    chance: Chance,
    /// To the broker.
    up: Direction,
    /// From the broker.
    down: Direction,
    /// In both directions, in bytes.
    passed: usize,
    is_reset: bool,
    /// The broker has let go of its end.
    near_is_gone: bool,
    input: Readiness,
    room: Readiness,
    /// The other end waits for bytes from the broker.
    far_waits: Option<Waker>,
}

impl State {
    /// How many of so many bytes pass in one call; `WouldBlock` if none can.
    fn amount(&mut self, possible: usize) -> io::Result<usize> {
        if self.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if possible == 0 || self.chance.percent(self.behaviour.blocking) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let is_partial = self.chance.percent(self.behaviour.partial);
        Ok(match is_partial {
            true => self.chance.between(1, possible),
            false => possible,
        })
    }

    /// Counts bytes that have passed.
    fn pass(&mut self, bytes: usize) {
        self.passed += bytes;
        let limit = self.behaviour.reset_after;
        if limit.is_some_and(|limit| self.passed >= limit) {
            self.reset();
        }
    }

    fn reset(&mut self) {
        self.is_reset = true;
        (self.up.has_ended, self.down.has_ended) = (true, true);
        self.up.bytes.clear();
        self.down.bytes.clear();
        self.input.tell();
        self.room.tell();
    }

    /// Something has come from the broker.
    fn output_has_come(&mut self) {
        self.far_waits.take().iter().for_each(Waker::wake_by_ref);
    }

    fn has_input(&self) -> bool {
        !self.up.bytes.is_empty() || self.up.has_ended
    }

    fn room(&self) -> usize {
        let capacity = self.behaviour.capacity;
        capacity.saturating_sub(self.down.bytes.len())
    }

    /// There is input: the broker hears of it now, or late.
    fn input_has_come(&mut self) {
        match self.chance.percent(self.behaviour.late) {
            true => self.input.is_due = true,
            false => self.input.tell(),
        }
    }

    /// There is room: as above.
    fn room_has_come(&mut self) {
        match self.chance.percent(self.behaviour.late) {
            true => self.room.is_due = true,
            false => self.room.tell(),
        }
    }
}
