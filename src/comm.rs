//! A buffered writer that flushes after a time to live: small frames join each other in one write,
//! and none of them waits long. The connections of this crate have better means; this is for
//! programs that write frames to streams of their own.
//!
//! ```
//! use std::time::Duration;
//!
//! use elbus::comm::{Flush, TtlBufWriter};
//! use tokio::io::AsyncReadExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let (stream, mut other_end) = tokio::io::duplex(1024);
//! let (ttl, timeout) = (Duration::from_micros(10), Duration::from_secs(1));
//! let mut writer = TtlBufWriter::new(stream, 8192, ttl, timeout);
//! writer.write(b"this can wait, ", Flush::Scheduled).await?;
//! writer.write(b"this cannot", Flush::Instant).await?;
//!
//! let mut bytes = [0; 26];
//! other_end.read_exact(&mut bytes).await?;
//! assert_eq!(&bytes, b"this can wait, this cannot");
//! # Ok(())
//! # }
//! ```

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::time::{sleep, timeout};

/// When written bytes leave the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// With what is written later.
    No,
    /// After the time to live, or earlier with what is written later.
    Scheduled,
    /// Before the write returns.
    Instant,
}

impl From<bool> for Flush {
    /// Real-time frames leave at once, all others after the time to live.
    fn from(realtime: bool) -> Self {
        if realtime {
            Self::Instant
        } else {
            Self::Scheduled
        }
    }
}

/// A buffered writer of whole frames.
///
/// A stream that may have taken a part of what it was given is not written to any more: after an
/// error, a timeout, or a write that was cancelled on its way, every later write fails. So a reader
/// never sees the start of one frame followed by another.
///
/// Dropping the writer flushes it in the background, if its runtime lives on.
pub struct TtlBufWriter<W> {
    shared: Arc<Shared<W>>,
    cap: usize,
    /// Its end tells the flusher to finish.
    _alive: oneshot::Sender<Infallible>,
}

struct Shared<W> {
    stream: Mutex<Stream<W>>,
    flush_scheduled: Notify,
}

struct Stream<W> {
    writer: W,
    buffer: Vec<u8>,
    timeout: Duration,
    /// A write has failed or was left in the middle.
    broken: bool,
}

impl<W> TtlBufWriter<W>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    /// A writer that keeps up to `cap` bytes for up to `ttl`. `timeout` is how long the stream may
    /// take for what it is given at once.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(writer: W, cap: usize, ttl: Duration, timeout: Duration) -> Self {
        let stream = Stream {
            writer,
            buffer: Vec::with_capacity(cap),
            timeout,
            broken: false,
        };
        let shared = Arc::new(Shared {
            stream: Mutex::new(stream),
            flush_scheduled: Notify::new(),
        });
        let (alive, closed) = oneshot::channel();
        tokio::spawn(flush_after(Arc::clone(&shared), ttl, closed));
        Self {
            shared,
            cap,
            _alive: alive,
        }
    }

    /// Writes all of `bytes`, behind what was written before.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the stream does not take the bytes in time, `BrokenPipe` after any earlier
    /// failure, and whatever the stream itself reports.
    pub async fn write(&mut self, bytes: &[u8], flush: Flush) -> io::Result<()> {
        let mut stream = self.shared.stream.lock().await;
        stream.check()?;
        if stream.buffer.len().saturating_add(bytes.len()) > self.cap {
            stream.flush_buffer().await?;
        }
        if bytes.len() > self.cap {
            stream.write_through(bytes).await?;
        } else {
            stream.buffer.extend_from_slice(bytes);
        }
        match flush {
            Flush::No => {}
            Flush::Scheduled => self.shared.flush_scheduled.notify_one(),
            Flush::Instant => stream.flush_buffer().await?,
        }
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin> Stream<W> {
    fn check(&self) -> io::Result<()> {
        if self.broken {
            let text = "an earlier write was not completed";
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, text));
        }
        Ok(())
    }

    async fn flush_buffer(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        self.write_through(&buffer).await?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    async fn write_through(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        // Stays so if this future is dropped before its end.
        self.broken = true;
        timeout(self.timeout, async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        })
        .await??;
        self.broken = false;
        Ok(())
    }
}

/// Flushes a time to live after each request for it, and when the writer is dropped.
async fn flush_after<W: AsyncWrite + Unpin>(
    shared: Arc<Shared<W>>,
    ttl: Duration,
    mut closed: oneshot::Receiver<Infallible>,
) {
    let mut open = true;
    while open {
        open = tokio::select! {
            () = async { shared.flush_scheduled.notified().await; sleep(ttl).await } => true,
            _ = &mut closed => false,
        };
        let mut stream = shared.stream.lock().await;
        // The next write reports it.
        if stream.flush_buffer().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    const CAP: usize = 8;
    const TTL: Duration = Duration::from_millis(10);
    const TIMEOUT: Duration = Duration::from_secs(1);

    /// A writer to a stream that holds `room` bytes until they are read.
    fn writer(room: usize) -> (TtlBufWriter<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(room);
        (TtlBufWriter::new(near, CAP, TTL, TIMEOUT), far)
    }

    /// What arrives next, and when.
    async fn arrives(far: &mut DuplexStream, start: Instant) -> (Vec<u8>, Duration) {
        let mut bytes = vec![0; 64];
        let n = far.read(&mut bytes).await.unwrap();
        bytes.truncate(n);
        (bytes, start.elapsed())
    }

    #[test]
    fn realtime_frames_leave_at_once() {
        assert_eq!(Flush::from(true), Flush::Instant);
        assert_eq!(Flush::from(false), Flush::Scheduled);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_join_until_the_time_to_live_is_over() {
        let (mut out, mut far) = writer(64);
        let start = Instant::now();
        out.write(b"a", Flush::Scheduled).await.unwrap();
        out.write(b"b", Flush::No).await.unwrap();
        assert_eq!(arrives(&mut far, start).await, (b"ab".to_vec(), TTL));
        out.write(b"c", Flush::Scheduled).await.unwrap();
        assert_eq!(arrives(&mut far, start).await, (b"c".to_vec(), TTL * 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_instant_flush_takes_along_what_waits() {
        let (mut out, mut far) = writer(64);
        let start = Instant::now();
        out.write(b"a", Flush::No).await.unwrap();
        out.write(b"b", Flush::Instant).await.unwrap();
        let joined = (b"ab".to_vec(), Duration::ZERO);
        assert_eq!(arrives(&mut far, start).await, joined);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_buffer_is_flushed_in_order() {
        let (mut out, mut far) = writer(64);
        let mut expected = Vec::new();
        for bytes in [b"12345".as_slice(), b"678", b"9", b"a long frame", b"z"] {
            out.write(bytes, Flush::No).await.unwrap();
            expected.extend_from_slice(bytes);
        }
        drop(out);
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_flushes_without_waiting() {
        let (mut out, mut far) = writer(64);
        let start = Instant::now();
        out.write(b"a", Flush::Scheduled).await.unwrap();
        drop(out);
        assert_eq!(
            arrives(&mut far, start).await,
            (b"a".to_vec(), Duration::ZERO)
        );
        // And the stream is closed after it.
        assert_eq!(arrives(&mut far, start).await.0, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn o5_a_write_that_times_out_half_way_is_the_last() {
        let (mut out, mut far) = writer(4);
        let start = Instant::now();
        let late = out.write(b"123456", Flush::Instant).await.unwrap_err();
        assert_eq!(
            (late.kind(), start.elapsed()),
            (io::ErrorKind::TimedOut, TIMEOUT)
        );
        assert_eq!(arrives(&mut far, start).await.0, b"1234");
        for flush in [Flush::No, Flush::Scheduled, Flush::Instant] {
            let refused = out.write(b"next", flush).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
        }
        drop(out);
        assert_eq!(arrives(&mut far, start).await.0, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn o5_a_write_that_is_cancelled_half_way_is_the_last() {
        let (mut out, mut far) = writer(4);
        let write = out.write(b"123456", Flush::Instant);
        assert!(timeout(TTL, write).await.is_err());
        assert_eq!(arrives(&mut far, Instant::now()).await.0, b"1234");
        let refused = out.write(b"next", Flush::Instant).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
        drop(out);
        assert_eq!(arrives(&mut far, Instant::now()).await.0, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_in_the_background_is_reported_by_the_next_write() {
        let (mut out, far) = writer(64);
        drop(far);
        out.write(b"a", Flush::Scheduled).await.unwrap();
        sleep(TTL * 2).await;
        let refused = out.write(b"b", Flush::No).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
    }
}
