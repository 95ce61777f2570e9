//! How bytes leave an outbox: from the source, or from the peer's own task.

use std::io;
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::{Load, Outbox, State, TIMER_RESOLUTION, Writer};
use crate::deadline;
use crate::limits::{FREE_MEMORY_BYTES, LINGER_BYTES};
use crate::transport::socket::WriteHalf;
use crate::transport::sync::MutexGuard;

/// How often [`Outbox::flush`] goes back for what others have queued meanwhile. After that the
/// peer's own task goes on, so that no source works for others without end.
const ROUNDS_PER_FLUSH: usize = 4;

impl Outbox {
    /// Ends a batch: what waits leaves now, or, if nothing of it is real-time and a linger time is
    /// set, a little later.
    pub(crate) fn settle(&self) {
        if self.bounds.linger.is_some() {
            let mut state = self.state.lock();
            if !state.urgent && state.load.bytes < LINGER_BYTES {
                state.flush_promised = false;
                if state.writer == Writer::Nobody && !state.waiting.is_empty() {
                    self.pass_on(state, Writer::Linger);
                }
                return;
            }
        }
        self.flush();
    }

    /// Writes what waits, as far as the socket takes it; the rest is handed over to the peer's own
    /// task. Does nothing if somebody else is writing.
    pub(crate) fn flush(&self) {
        let mut state = self.state.lock();
        state.flush_promised = false;
        state.urgent = false;
        if matches!(state.writer, Writer::Source | Writer::Drain) {
            return;
        }
        let Some(socket) = state.socket.clone() else {
            return;
        };
        state.writer = Writer::Source;
        let mut is_full = false;
        for _ in 0..ROUNDS_PER_FLUSH {
            if state.waiting.is_empty() {
                self.pass_on(state, Writer::Nobody);
                return;
            }
            let result;
            (state, result) = self.write_out(&socket, state);
            match result {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // Even if nothing waits here any more: a TLS session may hold some of it.
                    is_full = true;
                    break;
                }
                Err(_) => {
                    self.close_locked(state);
                    return;
                }
            }
        }
        let next = if is_full || !state.waiting.is_empty() {
            Writer::Drain
        } else {
            Writer::Nobody
        };
        self.pass_on(state, next);
    }

    /// Takes everything out, writes it outside of the lock, and puts back what is left.
    fn write_out<'a>(
        &'a self,
        socket: &WriteHalf,
        mut state: MutexGuard<'a, State>,
    ) -> (MutexGuard<'a, State>, io::Result<()>) {
        let spare = mem::take(&mut state.spare);
        let mut batch = mem::replace(&mut state.waiting, spare);
        drop(state);
        let mut gone = Load::default();
        let before = batch.written();
        let result = batch.write_to(socket, &mut gone);
        let mut state = self.state.lock();
        if state.is_closed() {
            // The load was reset when the outbox was closed.
            batch.clear();
            return (state, result);
        }
        state.load.remove(gone);
        let own = state.load.own.saturating_sub(FREE_MEMORY_BYTES);
        state.charge.lower(own);
        state.left.frames += (gone.frames + gone.acks) as u64;
        state.left.bytes += (gone.bytes + batch.written() - before) as u64;
        if batch.is_empty() {
            state.spare = batch;
        } else {
            batch.append(&mut state.waiting);
            state.spare = mem::replace(&mut state.waiting, batch);
        }
        let refusals = state.queued.refusals;
        if (state.starved || refusals.are_going_on()) && self.has_room(&state.load) {
            state.queued.refusals.end();
            if mem::take(&mut state.starved) {
                self.room.notify_waiters();
            }
        }
        (state, result)
    }

    /// Room means half of the bounds, so that waiting sources are not woken for one frame each.
    fn has_room(&self, load: &Load) -> bool {
        load.frames <= self.bounds.frames / 2 && load.bytes <= self.bounds.bytes / 2
    }

    /// Names the next writer, and wakes those to whom that matters.
    fn pass_on(&self, mut state: MutexGuard<'_, State>, next: Writer) {
        state.writer = next;
        // A source that met a full queue while another was writing has to look again: now either
        // there is room or the socket is really full.
        if state.starved {
            state.starved = false;
            self.room.notify_waiters();
        }
        if matches!(next, Writer::Drain | Writer::Linger) {
            self.handover.notify_one();
        }
    }

    /// The peer's own task: writes whenever the socket was full for a source. Runs until the outbox
    /// is closed or the socket fails.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the socket takes nothing for `stall_limit`, else the error of the socket.
    pub(crate) async fn drain(&self, stall_limit: Option<Duration>) -> io::Result<()> {
        loop {
            // Looked at before the wait: another call may have been given up with work to do.
            let writer = {
                let state = self.state.lock();
                if state.is_closed() {
                    return Ok(());
                }
                state.writer
            };
            match writer {
                // Boxed: the space is needed only while the socket is full.
                Writer::Drain => Box::pin(self.write_all(stall_limit)).await?,
                Writer::Linger => {
                    match self.bounds.linger {
                        Some(linger) if linger >= TIMER_RESOLUTION => {
                            Box::pin(tokio::time::sleep(linger)).await;
                        }
                        _ => tokio::task::yield_now().await,
                    }
                    self.flush();
                }
                Writer::Nobody | Writer::Source => self.handover.notified().await,
            }
        }
    }

    /// Writes until nothing waits any more. For the peer's own task after it has stopped
    /// [`drain`](Self::drain)ing.
    ///
    /// # Errors
    ///
    /// As [`drain`](Self::drain).
    pub(crate) async fn finish(&self, stall_limit: Option<Duration>) -> io::Result<()> {
        loop {
            self.flush();
            let handed_over = {
                let state = self.state.lock();
                let handed_over = state.writer == Writer::Drain;
                if state.is_closed() || (state.load == Load::default() && !handed_over) {
                    return Ok(());
                }
                handed_over
            };
            if handed_over {
                self.write_all(stall_limit).await?;
            } else {
                // A source is in the middle of a write, on another thread, which cannot block.
                tokio::task::yield_now().await;
            }
        }
    }

    async fn write_all(&self, stall_limit: Option<Duration>) -> io::Result<()> {
        let Some(socket) = self.state.lock().socket.clone() else {
            return Ok(());
        };
        let room = socket.watch_room();
        let progress_now = || (self.progress().bytes, socket.uncounted_progress());
        let mut progress = progress_now();
        let mut since = Instant::now();
        let mut was_late = false;
        loop {
            let announced = match stall_limit {
                Some(limit) => deadline::timeout_at(since + limit, room.wait()).await,
                None => Ok(room.wait().await),
            };
            let is_up = announced.is_err();
            if let Ok(result) = announced {
                result?;
            }
            // When the time is up there may be room all the same: the system announces it when
            // there is plenty.
            if !self.fill(&socket)? {
                return Ok(());
            }
            // Being woken is none: without a descriptor to watch, that happens anyway.
            let now = progress_now();
            if now != progress {
                progress = now;
                since = Instant::now();
                was_late = false;
            } else if stall_limit.is_some_and(|limit| since.elapsed() >= limit)
                && (is_up || mem::replace(&mut was_late, true))
            {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Writes until nothing waits any more or the socket is full, which is true then.
    fn fill(&self, socket: &WriteHalf) -> io::Result<bool> {
        loop {
            let state = self.state.lock();
            if state.is_closed() {
                return Ok(false);
            }
            let (state, result) = self.write_out(socket, state);
            match result {
                Ok(()) if state.waiting.is_empty() => {
                    self.pass_on(state, Writer::Nobody);
                    return Ok(false);
                }
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(e) => {
                    self.close_locked(state);
                    return Err(e);
                }
            }
        }
    }

    /// Drops what waits, refuses what comes, and lets go of the socket.
    pub(crate) fn close(&self) {
        self.close_locked(self.state.lock());
    }

    fn close_locked(&self, mut state: MutexGuard<'_, State>) {
        state.socket = None;
        state.waiting.clear();
        state.spare.clear();
        state.load = Load::default();
        state.charge.lower(0);
        state.starved = false;
        self.room.notify_waiters();
        self.handover.notify_one();
    }
}
