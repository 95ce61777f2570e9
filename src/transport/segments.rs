//! Encoded frames on their way to a socket: small ones side by side in segments of a few sizes,
//! large payloads as references to one shared allocation.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use super::budget::Charge;
use super::socket::WriteHalf;
use crate::limits::{MAX_SPARE_SEGMENTS, MAX_SPARE_SMALL_SEGMENT_BYTES, SEGMENT_BYTES};

/// Parts that one system call writes at most.
const PARTS_PER_WRITE: usize = 64;

/// The sizes that a segment may have, in bytes. Where large payloads are referenced, a segment
/// between two of them holds little; it should not take much more than it is charged with.
const SIZES: [usize; 4] = [256, 1024, 4096, SEGMENT_BYTES];

thread_local! {
    /// Empty segments of this thread, by size. In the steady state no segment is allocated, and a
    /// client for whom nothing waits holds none.
    static SPARE: RefCell<[Vec<Vec<u8>>; SIZES.len()]> =
        const { RefCell::new([const { Vec::new() }; SIZES.len()]) };
}

/// The last part of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload<'a> {
    /// To be copied.
    Copied(&'a [u8]),
    /// To be referenced: all of the vector, and what it is charged with if that is not for the
    /// queue to do.
    Shared(&'a Arc<Vec<u8>>, Option<&'a Arc<Charge>>),
}

impl Payload<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Shared(bytes, _) => bytes.len(),
        }
    }

    /// What a queue has to be charged with for it, in bytes.
    #[inline]
    pub(crate) fn own_len(&self) -> usize {
        match self {
            Self::Shared(_, Some(_)) => 0,
            payload => payload.len(),
        }
    }
}

/// What a number of frames take of a queue's bounds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) frames: usize,
    pub(crate) acks: usize,
    pub(crate) bytes: usize,
    /// How many of these bytes are charged to the queue.
    pub(crate) own: usize,
}

impl Load {
    pub(crate) fn add(&mut self, other: Load) {
        self.frames += other.frames;
        self.acks += other.acks;
        self.bytes += other.bytes;
        self.own += other.own;
    }

    pub(crate) fn remove(&mut self, other: Load) {
        self.frames -= other.frames;
        self.acks -= other.acks;
        self.bytes -= other.bytes;
        self.own -= other.own;
    }
}

#[derive(Debug)]
enum Bytes {
    Owned(Vec<u8>),
    Shared {
        bytes: Arc<Vec<u8>>,
        /// Lives as long as the bytes do.
        _charge: Option<Arc<Charge>>,
    },
}

#[derive(Debug)]
struct Segment {
    bytes: Bytes,
    load: Load,
}

impl Segment {
    fn as_slice(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Shared { bytes, .. } => bytes,
        }
    }

    /// Gives the memory of a written segment back.
    fn recycle(self) {
        let Bytes::Owned(mut bytes) = self.bytes else {
            return;
        };
        let Some(class) = SIZES.iter().position(|size| *size == bytes.capacity()) else {
            return;
        };
        let most = match SIZES[class] {
            SEGMENT_BYTES => MAX_SPARE_SEGMENTS,
            size => MAX_SPARE_SMALL_SEGMENT_BYTES / size,
        };
        bytes.clear();
        SPARE.with_borrow_mut(|spare| {
            if spare[class].len() < most {
                spare[class].push(bytes);
            }
        });
    }
}

/// An empty segment, of the largest size that is at hand: so it needs not grow.
fn take_spare() -> Option<Vec<u8>> {
    SPARE.with_borrow_mut(|spare| spare.iter_mut().rev().find_map(Vec::pop))
}

/// Makes room for more in a segment that has not its full size yet. False if it would exceed that.
fn grow(segment: &mut Vec<u8>, bytes: usize) -> bool {
    let needed = segment.len() + bytes;
    let Some(size) = SIZES.into_iter().find(|size| *size >= needed) else {
        return false;
    };
    segment.reserve_exact(size - segment.len());
    true
}

/// A queue of encoded bytes.
#[derive(Debug, Default)]
pub(super) struct Segments {
    list: VecDeque<Segment>,
    /// How much of the first segment has left already.
    written: usize,
}

impl Segments {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Appends one frame whole.
    #[inline]
    pub(super) fn push(&mut self, head: &[u8], payload: Payload<'_>, mut load: Load) {
        match payload {
            Payload::Copied(bytes) => {
                let tail = self.tail(head.len() + bytes.len(), load);
                tail.extend_from_slice(head);
                tail.extend_from_slice(bytes);
            }
            Payload::Shared(bytes, charge) => {
                let head_load = Load {
                    bytes: head.len(),
                    own: head.len(),
                    ..Load::default()
                };
                if !head.is_empty() {
                    self.tail(head.len(), head_load).extend_from_slice(head);
                }
                load.bytes -= head.len();
                load.own -= head.len();
                self.list.push_back(Segment {
                    bytes: Bytes::Shared {
                        bytes: bytes.clone(),
                        _charge: charge.cloned(),
                    },
                    load,
                });
            }
        }
    }

    /// The segment that takes the next `bytes`, charged with `load`.
    #[inline]
    fn tail(&mut self, bytes: usize, load: Load) -> &mut Vec<u8> {
        let fits = matches!(
            self.list.back(),
            Some(Segment { bytes: Bytes::Owned(tail), .. }) if tail.capacity() - tail.len() >= bytes
        );
        if !fits {
            self.make_room(bytes);
        }
        match self.list.back_mut() {
            Some(Segment {
                bytes: Bytes::Owned(tail),
                load: charged,
            }) => {
                charged.add(load);
                tail
            }
            _ => unreachable!("an owned segment was found above or pushed"),
        }
    }

    /// Makes the last segment an owned one with room for `bytes`.
    #[cold]
    fn make_room(&mut self, bytes: usize) {
        if let Some(Segment {
            bytes: Bytes::Owned(tail),
            ..
        }) = self.list.back_mut()
            && grow(tail, bytes)
        {
            return;
        }
        let mut fresh = take_spare().unwrap_or_default();
        if fresh.capacity() < bytes && !grow(&mut fresh, bytes) {
            fresh.reserve_exact(bytes);
        }
        self.list.push_back(Segment {
            bytes: Bytes::Owned(fresh),
            load: Load::default(),
        });
    }

    /// Puts what came later behind this queue.
    pub(super) fn append(&mut self, later: &mut Segments) {
        debug_assert_eq!(later.written, 0, "only the first queue can be half written");
        self.list.append(&mut later.list);
    }

    pub(super) fn clear(&mut self) {
        self.written = 0;
        self.list.drain(..).for_each(Segment::recycle);
        self.list.shrink_to_fit();
    }

    /// What the segments are charged with, and the bytes that are in them.
    #[cfg(test)]
    pub(super) fn content(&self) -> (Load, usize) {
        let mut charged = Load::default();
        self.list
            .iter()
            .for_each(|segment| charged.add(segment.load));
        let bytes = self.list.iter().map(|segment| segment.as_slice().len());
        (charged, bytes.sum())
    }

    /// How much of what is charged to the queue has left already, in bytes.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Writes until nothing is left or the socket takes no more. `gone` grows by what has left for
    /// good, also when the result is an error: a stream that is `WouldBlock` with nothing left here
    /// has taken everything, and has to be flushed.
    pub(super) fn write_to(&mut self, socket: &WriteHalf, gone: &mut Load) -> io::Result<()> {
        while let Some(front) = self.list.front() {
            let n = if self.list.len() == 1 {
                socket.try_write(&front.as_slice()[self.written..])?
            } else {
                let mut parts = [IoSlice::new(&[]); PARTS_PER_WRITE];
                let mut used = 0;
                let mut skip = self.written;
                for (part, segment) in parts.iter_mut().zip(&self.list) {
                    *part = IoSlice::new(&segment.as_slice()[skip..]);
                    skip = 0;
                    used += 1;
                }
                socket.try_write_vectored(&parts[..used])?
            };
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(n, gone);
        }
        socket.try_flush()
    }

    fn advance(&mut self, n: usize, gone: &mut Load) {
        self.written += n;
        while let Some(front) = self.list.front() {
            let size = front.as_slice().len();
            if self.written < size {
                return;
            }
            self.written -= size;
            if let Some(segment) = self.list.pop_front() {
                gone.add(segment.load);
                segment.recycle();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SHARED_PAYLOAD_BYTES;

    fn load(bytes: usize) -> Load {
        Load {
            frames: 1,
            acks: 0,
            bytes,
            own: bytes,
        }
    }

    /// The segments that only hold the heads of large frames count, too.
    #[test]
    fn a_queue_takes_little_more_memory_than_it_is_charged_with() {
        let payload = Arc::new(vec![0; SHARED_PAYLOAD_BYTES]);
        let mut queue = Segments::default();
        let mut charged = 0;
        for _ in 0..MAX_SPARE_SEGMENTS * 8 {
            for payload in [Payload::Shared(&payload, None), Payload::Copied(&[0; 20])] {
                let bytes = 20 + payload.len();
                queue.push(&[0; 20], payload, load(bytes));
                charged += bytes;
            }
        }
        let taken: usize = queue
            .list
            .iter()
            .map(|segment| match &segment.bytes {
                Bytes::Owned(bytes) => bytes.capacity(),
                Bytes::Shared { bytes, .. } => bytes.len(),
            })
            .sum();
        assert!(taken < charged * 5 / 4, "{taken} for {charged}");
    }

    #[test]
    fn small_frames_fill_segments_of_full_size() {
        let mut queue = Segments::default();
        for _ in 0..4 * SEGMENT_BYTES / 64 {
            queue.push(&[0; 24], Payload::Copied(&[0; 40]), load(64));
        }
        assert_eq!(queue.list.len(), 4);
        queue.push(
            &[0; 24],
            Payload::Copied(&[0; SEGMENT_BYTES]),
            load(SEGMENT_BYTES + 24),
        );
        assert_eq!(queue.list.len(), 5);
    }
}
