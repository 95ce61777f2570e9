//! The queue of bytes that wait for one peer, and the socket they leave by.
//!
//! Whoever queues a frame also writes it: [`Outbox::push`] appends under a short lock,
//! [`Outbox::flush`] takes everything out and writes it outside of the lock, from the task of the
//! source. Only when the socket is full does the peer's own task take over ([`Outbox::drain`]) until
//! the queue is empty again. So a frame costs no task switch and no wake-up as long as its receiver
//! keeps up.
//!
//! What must never be true:
//! - two parties write at the same time (`State::writer` names the one that does);
//! - bytes wait, nobody writes, and nobody is going to (every path that leaves bytes behind hands
//!   over to `drain`);
//! - a part of a frame is queued.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, futures::Notified};

use super::segments::Segments;
pub(crate) use super::segments::{Load, Payload};
use super::socket::WriteHalf;
use crate::limits::{LINGER_BYTES, MAX_WAITING_ACKS, QUEUE_RESERVE_FRAMES};

/// How often [`Outbox::flush`] goes back for what others have queued meanwhile. After that the
/// peer's own task goes on, so that no source works for others without end.
const ROUNDS_PER_FLUSH: usize = 4;

/// Shorter times are not worth a timer.
pub(crate) const TIMER_RESOLUTION: Duration = Duration::from_millis(1);

/// Bounds of one outbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Frames that may wait.
    pub(crate) frames: usize,
    /// Bytes that may wait; a larger frame is accepted if nothing else waits.
    pub(crate) bytes: usize,
    /// How long frames that are not real-time may wait to be joined by others. Less than a timer
    /// can do means: until the peer's own task gets its turn.
    pub(crate) linger: Option<Duration>,
}

/// A frame as it leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    /// Everything before the payload.
    pub(crate) head: &'a [u8],
    pub(crate) payload: Payload<'a>,
    pub(crate) realtime: bool,
    /// What the statistics say it has, in bytes.
    pub(crate) counted: usize,
}

/// On whose account a frame is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// A frame of some client: within the bounds.
    Frame,
    /// What the broker itself has to say: within the bounds and a reserve.
    Control,
    /// An ack: the session that queues it stops reading when too many wait
    /// ([`Outbox::has_ack_room`]).
    Ack,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// It is in the queue. `settle` tells one caller of many that it is the one to call
    /// [`Outbox::settle`] when its batch ends.
    Queued { settle: bool },
    /// There is no room.
    Full,
    /// The peer is gone.
    Closed,
}

/// Who writes to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Nobody,
    /// A source, in the middle of a flush.
    Source,
    /// The peer's own task: the socket was full.
    Drain,
    /// Nobody yet: the peer's own task waits for more to join.
    Linger,
}

#[derive(Debug)]
struct State {
    /// `None` once the outbox is closed: whoever still knows the peer must not keep its connection
    /// open. Shared only with the one that writes.
    socket: Option<Arc<WriteHalf>>,
    waiting: Segments,
    /// An empty queue whose memory is used again.
    spare: Segments,
    /// What waits, including what a writer has taken out but not written yet.
    load: Load,
    writer: Writer,
    /// Some source has promised to [`Outbox::settle`].
    flush_promised: bool,
    /// A real-time frame waits.
    urgent: bool,
    /// Somebody found the queue full since it last had room.
    starved: bool,
    queued: Queued,
    left: Progress,
    /// `queued.frames` when a ping was last due.
    frames_at_ping: u64,
}

/// What has been queued for the peer in all.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Queued {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) refused: u64,
    pub(crate) refusals: Refusals,
}

impl Queued {
    /// Counts a frame that was not delivered. Returns the number of the spell it belongs to.
    pub(crate) fn refuse(&mut self) -> u64 {
        self.refused += 1;
        self.refusals.spells += u64::from(!self.refusals.going_on);
        self.refusals.going_on = true;
        self.refusals.spells
    }
}

/// Spells of refusals: each starts with a frame that is refused, and ends when there is room.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Refusals {
    spells: u64,
    going_on: bool,
}

impl Refusals {
    #[inline]
    pub(crate) fn are_going_on(&self) -> bool {
        self.going_on
    }

    pub(crate) fn end(&mut self) {
        self.going_on = false;
    }
}

/// What has left for the socket in all.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Progress {
    /// Acks included.
    frames: u64,
    bytes: u64,
}

impl State {
    #[inline]
    fn is_closed(&self) -> bool {
        self.socket.is_none()
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Outbox {
    bounds: Bounds,
    state: Mutex<State>,
    /// Wakes the peer's own task.
    handover: Notify,
    /// Wakes those who wait for room.
    room: Notify,
}

impl Outbox {
    pub(crate) fn new(socket: WriteHalf, bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                socket: Some(Arc::new(socket)),
                waiting: Segments::default(),
                spare: Segments::default(),
                load: Load::default(),
                writer: Writer::Nobody,
                flush_promised: false,
                urgent: false,
                starved: false,
                queued: Queued::default(),
                left: Progress::default(),
                frames_at_ping: 0,
            }),
            handover: Notify::new(),
            room: Notify::new(),
        }
    }

    /// Queues one frame, whole or not at all.
    #[inline]
    pub(crate) fn push(&self, frame: Encoded<'_>, account: Account) -> Push {
        let Encoded { head, payload, .. } = frame;
        let bytes = head.len() + payload.len();
        let mut state = self.state.lock();
        if state.is_closed() {
            return Push::Closed;
        }
        if !self.admits(&state.load, account, bytes) {
            state.starved |= account == Account::Frame;
            return Push::Full;
        }
        let load = Load {
            frames: usize::from(account != Account::Ack),
            acks: usize::from(account == Account::Ack),
            bytes,
        };
        state.load.add(load);
        state.queued.frames += 1;
        state.queued.bytes += frame.counted as u64;
        state.urgent |= frame.realtime;
        state.waiting.push(head, payload, load);
        let settle = !state.flush_promised && state.writer != Writer::Drain;
        state.flush_promised |= settle;
        Push::Queued { settle }
    }

    /// Queues bytes that are no frame of anybody and do not count: the end of the handshake.
    pub(crate) fn push_raw(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        if state.is_closed() {
            return;
        }
        let load = Load {
            bytes: bytes.len(),
            ..Load::default()
        };
        state.load.add(load);
        state.waiting.push(bytes, Payload::Copied(&[]), load);
    }

    /// Sends a ping if nothing was queued since the last call and nothing waits.
    pub(crate) fn ping_if_idle(&self, ping: &[u8]) {
        let busy = {
            let mut state = self.state.lock();
            let queued = state.queued.frames;
            mem::replace(&mut state.frames_at_ping, queued) != queued
        };
        if !busy {
            self.ping(ping);
        }
    }

    /// Sends a ping, unless something waits that says as much.
    pub(crate) fn ping(&self, ping: &[u8]) {
        if self.state.lock().load == Load::default() {
            self.push_raw(ping);
        }
        self.flush();
    }

    #[inline]
    fn admits(&self, load: &Load, account: Account, bytes: usize) -> bool {
        let Bounds {
            frames: max_frames,
            bytes: max_bytes,
            ..
        } = self.bounds;
        match account {
            Account::Frame => {
                load.frames < max_frames && (load.bytes + bytes <= max_bytes || load.frames == 0)
            }
            Account::Control => load.frames < max_frames + QUEUE_RESERVE_FRAMES,
            Account::Ack => true,
        }
    }

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
        for _ in 0..ROUNDS_PER_FLUSH {
            if state.waiting.is_empty() {
                self.pass_on(state, Writer::Nobody);
                return;
            }
            let result;
            (state, result) = self.write_out(&socket, state);
            match result {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.close_locked(state);
                    return;
                }
            }
        }
        let next = if state.waiting.is_empty() {
            Writer::Nobody
        } else {
            Writer::Drain
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
            self.handover.notified().await;
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
                Writer::Nobody | Writer::Source => {}
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
                if state.is_closed() || state.load == Load::default() {
                    return Ok(());
                }
                state.writer == Writer::Drain
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
        loop {
            match stall_limit {
                Some(limit) => tokio::time::timeout(limit, socket.writable())
                    .await
                    .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
                None => socket.writable().await?,
            }
            let state = self.state.lock();
            if state.is_closed() {
                return Ok(());
            }
            let (state, result) = self.write_out(&socket, state);
            match result {
                Ok(()) if state.waiting.is_empty() => {
                    self.pass_on(state, Writer::Nobody);
                    return Ok(());
                }
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
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
        state.starved = false;
        self.room.notify_waiters();
        self.handover.notify_one();
    }

    /// Wakes when it is worth trying to push again. To be enabled before the attempt that fails.
    pub(crate) fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// True while the socket itself is full, as opposed to a queue that a source on another thread
    /// is just emptying.
    pub(crate) fn is_blocked(&self) -> bool {
        self.state.lock().writer == Writer::Drain
    }

    /// False while so many acks wait that the peer's requests must not be read.
    #[inline]
    pub(crate) fn has_ack_room(&self) -> bool {
        let mut state = self.state.lock();
        let room = state.load.acks < MAX_WAITING_ACKS;
        state.starved |= !room;
        room
    }

    /// Counts a frame that was not delivered. Returns the number of the spell of refusals that it
    /// belongs to: a new one if there was room since the last.
    pub(crate) fn count_refused(&self) -> u64 {
        self.state.lock().queued.refuse()
    }

    /// What waits now, and what was queued in all.
    pub(crate) fn totals(&self) -> (Load, Queued) {
        let state = self.state.lock();
        (state.load, state.queued)
    }

    /// What has left for the socket so far.
    pub(crate) fn progress(&self) -> Progress {
        self.state.lock().left
    }

    /// True if half of what may wait has left since then, be it in frames or in bytes.
    pub(crate) fn has_drained_since(&self, then: Progress) -> bool {
        let now = self.progress();
        let Bounds { frames, bytes, .. } = self.bounds;
        now.frames - then.frames >= frames.div_ceil(2) as u64
            || now.bytes - then.bytes >= bytes.div_ceil(2) as u64
    }

    /// Gives the socket back, without what was queued. `None` if it is closed.
    pub(crate) fn into_socket(self) -> Option<WriteHalf> {
        Arc::into_inner(self.state.into_inner().socket?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::socket::Socket;
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// An outbox, and the other end of its socket.
    async fn outbox() -> (Outbox, UnixStream) {
        let (near, far) = UnixStream::pair().expect("sockets");
        near.set_nonblocking(true).expect("a socket");
        far.set_nonblocking(true).expect("a socket");
        let near = tokio::net::UnixStream::from_std(near).expect("a runtime");
        near.writable().await.expect("a socket");
        let bounds = Bounds {
            frames: 8,
            bytes: 1024 * 1024,
            linger: None,
        };
        (Outbox::new(Socket::Unix(near).split().1, bounds), far)
    }

    /// The broker says nothing to those who hear from it anyway. A client that is asked to ping
    /// does: it may be a long time until it is asked again.
    #[tokio::test]
    async fn a_ping_that_is_asked_for_is_sent() {
        let (outbox, mut far) = outbox().await;
        let frame = Encoded {
            head: b"frame",
            payload: Payload::Copied(&[]),
            realtime: true,
            counted: 0,
        };
        assert_eq!(
            outbox.push(frame, Account::Frame),
            Push::Queued { settle: true }
        );
        outbox.settle();
        outbox.ping_if_idle(b"idle");
        outbox.ping(b"ping");
        outbox.ping_if_idle(b"idle");
        let mut got = [0; 32];
        let n = far.read(&mut got).expect("what was sent");
        assert_eq!(&got[..n], b"framepingidle");
    }
}
