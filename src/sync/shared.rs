//! What a client, its event channel and its thread share.
//!
//! One lock guards all of it; it is held for a few lines, never while something is read, written or
//! waited for.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::confirmation::{Answer, Confirmation, OpConfirm};
use super::deadline::{after, left};
use crate::link::{Config, Incoming, Pending};
use crate::{Error, Frame, IntoElbusResult, QoS};

/// See the top of this file.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Somebody waits for frames: there is one, or this is the end.
    arrived: Condvar,
    /// The reader waits for room: there is some, or it has to go on all the same.
    go_on: Condvar,
    /// Somebody waits for the end.
    ended: Condvar,
    connected: Arc<AtomicBool>,
    timeout: Duration,
    max_events: usize,
}

struct State {
    pending: Pending<Answer>,
    last_op_id: u32,
    events: VecDeque<Frame>,
    listener: Listener,
    /// Threads that wait for [`Shared::arrived`], so that nobody is woken in vain.
    receivers: usize,
    reader_waits: bool,
    dropped_frames: u64,
    phase: Phase,
}

/// Who takes frames from the event channel.
#[derive(PartialEq)]
enum Listener {
    /// Nobody yet.
    None,
    Taken,
    /// Nobody any more.
    Gone,
}

#[derive(PartialEq, Clone, Copy)]
enum Phase {
    Open,
    /// The application is done with the client; the broker has yet to take note.
    Closing,
    Ended,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected = &self.connected;
        f.debug_struct("Shared")
            .field("connected", connected)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            state: Mutex::new(State {
                pending: Pending::default(),
                last_op_id: 0,
                events: VecDeque::new(),
                listener: Listener::None,
                receivers: 0,
                reader_waits: false,
                dropped_frames: 0,
                phase: Phase::Open,
            }),
            arrived: Condvar::new(),
            go_on: Condvar::new(),
            ended: Condvar::new(),
            connected: Arc::new(AtomicBool::new(true)),
            timeout: config.timeout,
            max_events: config.queue_size.max(1),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(super) fn beacon(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.connected)
    }

    pub(super) fn dropped_frames(&self) -> u64 {
        self.state().dropped_frames
    }

    /// Starts an operation: its id, and its confirmation if the QoS asks for one.
    ///
    /// # Errors
    ///
    /// `Eof` if the connection has ended, `Busy` if too many operations wait.
    pub(super) fn start(&self, qos: QoS) -> Result<(u32, OpConfirm), Error> {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return Err(Error::eof());
        }
        state.last_op_id = state.last_op_id.wrapping_add(1);
        let op_id = state.last_op_id;
        if !qos.needs_ack() {
            return Ok((op_id, None));
        }
        // Those who wait know that it is too late without being told.
        state.end_late();
        let deadline = after(self.timeout);
        let (answer, confirmation) = Confirmation::new(deadline);
        state.pending.start(op_id, deadline, answer)?;
        if state.reader_waits {
            self.go_on.notify_one();
        }
        Ok((op_id, Some(confirmation)))
    }

    /// Forgets an operation that was not sent after all.
    pub(super) fn withdraw(&self, op_id: u32) {
        self.state().pending.take(op_id);
    }

    /// Takes what the reader has read, in this order. Waits for room in the event channel, unless a
    /// confirmation is awaited, which may stand behind the frames.
    pub(super) fn take_in(&self, incoming: impl Iterator<Item = Incoming>) {
        let mut state = self.state();
        for item in incoming {
            match item {
                Incoming::Ack { op_id, code } => match state.pending.take(op_id) {
                    // Whoever asked may have lost interest.
                    Some(answer) => drop(answer.try_send(code.to_elbus_result())),
                    None => log::debug!("ack of operation {op_id}, which does not wait for one"),
                },
                Incoming::Frame(frame) => state = self.deliver(state, frame),
            }
        }
        let receivers = state.receivers.min(state.events.len());
        drop(state);
        for _ in 0..receivers {
            self.arrived.notify_one();
        }
    }

    fn deliver<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        frame: Frame,
    ) -> MutexGuard<'a, State> {
        while state.is_full(self.max_events) {
            self.arrived.notify_all();
            state.reader_waits = true;
            state = self
                .go_on
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.reader_waits = false;
        }
        if state.listener == Listener::Gone || state.phase != Phase::Open {
            return state;
        }
        if state.events.len() < self.max_events.saturating_mul(2) {
            state.events.push_back(frame);
            return state;
        }
        if state.dropped_frames == 0 {
            log::warn!("nobody reads the event channel; frames are dropped");
        }
        state.dropped_frames += 1;
        state
    }

    /// Makes the caller the one who takes frames; false if there has been one.
    pub(super) fn listen(&self) -> bool {
        let mut state = self.state();
        let is_first = state.listener == Listener::None;
        if is_first {
            state.listener = Listener::Taken;
        }
        is_first
    }

    /// The next frame, waited for until the deadline, if there is one.
    pub(super) fn next_event(&self, deadline: Option<Instant>) -> Result<Frame, Error> {
        let mut state = self.state();
        loop {
            if let Some(frame) = state.events.pop_front() {
                if state.reader_waits {
                    self.go_on.notify_one();
                }
                return Ok(frame);
            }
            if state.phase == Phase::Ended {
                return Err(Error::eof());
            }
            state.receivers += 1;
            let (woken, is_late) = match deadline {
                None => (self.arrived.wait(state), false),
                Some(deadline) => match left(deadline) {
                    None => (Ok(state), true),
                    Some(left) => {
                        let waited = self.arrived.wait_timeout(state, left);
                        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                        (Ok(state), false)
                    }
                },
            };
            state = woken.unwrap_or_else(PoisonError::into_inner);
            state.receivers -= 1;
            if is_late {
                return Err(Error::timeout());
            }
        }
    }

    /// Nobody takes frames any more.
    pub(super) fn discard_events(&self) {
        let mut state = self.state();
        state.listener = Listener::Gone;
        let events = std::mem::take(&mut state.events);
        self.go_on.notify_one();
        drop(state);
        drop(events);
    }

    /// The application is done with the client. False if somebody has said so before.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return false;
        }
        state.phase = Phase::Closing;
        self.go_on.notify_one();
        true
    }

    /// The connection has ended.
    pub(super) fn end(&self) {
        self.connected.store(false, Ordering::Relaxed);
        let waiting = {
            let mut state = self.state();
            state.phase = Phase::Ended;
            self.arrived.notify_all();
            self.ended.notify_all();
            state.pending.close()
        };
        for answer in waiting {
            let _ = answer.try_send(Err(Error::eof()));
        }
    }

    /// Waits for the end of the connection. False if it has not come by the deadline.
    pub(super) fn has_ended_by(&self, deadline: Instant) -> bool {
        let mut state = self.state();
        while state.phase != Phase::Ended {
            let Some(left) = left(deadline) else {
                return false;
            };
            let waited = self.ended.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

impl State {
    /// Ends operations whose time is over.
    fn end_late(&mut self) {
        let now = Instant::now();
        while let Some(answer) = self.pending.take_late(now) {
            let _ = answer.try_send(Err(Error::timeout()));
        }
    }

    /// True if the reader has to wait before it takes another frame.
    fn is_full(&mut self, max_events: usize) -> bool {
        if self.events.len() < max_events
            || self.listener != Listener::Taken
            || self.phase != Phase::Open
        {
            return false;
        }
        self.end_late();
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::FrameData;

    /// What only a failure needs.
    const DEADLINE: Duration = Duration::from_secs(60);

    fn frames(number: usize) -> impl Iterator<Item = Incoming> {
        (0..number).map(|_| Incoming::Frame(Arc::new(FrameData::new_nop())))
    }

    /// A reader that brings one frame more than there is room for waits until `go_on` happens.
    fn reader_waits_until(go_on: impl FnOnce(&Shared)) {
        let config = Config::new("", "c").queue_size(2).timeout(DEADLINE);
        let shared = Arc::new(Shared::new(&config));
        assert!(shared.listen() && !shared.listen());
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.take_in(frames(3)))
        };
        while !shared.state().reader_waits {
            thread::yield_now();
        }
        go_on(&shared);
        let start = Instant::now();
        while !reader.is_finished() {
            assert!(start.elapsed() < DEADLINE, "the reader was not woken");
            thread::yield_now();
        }
        reader.join().unwrap();
    }

    #[test]
    fn the_reader_goes_on_when_there_is_room() {
        reader_waits_until(|shared| drop(shared.next_event(None).unwrap()));
    }

    #[test]
    fn the_reader_goes_on_when_a_confirmation_is_awaited() {
        reader_waits_until(|shared| {
            shared.start(QoS::Processed).unwrap();
        });
    }

    #[test]
    fn the_reader_goes_on_when_nobody_listens_any_more() {
        reader_waits_until(Shared::discard_events);
        reader_waits_until(|shared| assert!(shared.close() && !shared.close()));
    }

    #[test]
    fn everybody_is_told_of_the_end() {
        let shared = Arc::new(Shared::new(&Config::new("", "c").timeout(DEADLINE)));
        let (_, confirmation) = shared.start(QoS::Processed).unwrap();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.next_event(None).map(drop))
            })
            .collect();
        while shared.state().receivers < 2 {
            thread::yield_now();
        }
        shared.end();
        assert!(shared.has_ended_by(Instant::now()) && !shared.is_connected());
        let eof = |result: Result<(), Error>| result.unwrap_err().kind() == crate::ErrorKind::Eof;
        assert!(eof(confirmation.unwrap().wait()));
        assert!(
            receivers
                .into_iter()
                .all(|thread| eof(thread.join().unwrap()))
        );
        assert!(eof(shared.start(QoS::No).map(drop)));
    }
}
