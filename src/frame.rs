//! What a client receives: one message, broadcast or publication.

use std::fmt;
use std::sync::Arc;

#[cfg(any(feature = "ipc", feature = "ipc-sync", feature = "broker"))]
use crate::borrow::Cow;
use crate::protocol::names::primary_name;
use crate::protocol::operation::FrameKind;

/// A received frame; cheap to clone and to pass on.
pub type Frame = Arc<FrameData>;

/// What a frame holds within itself: texts, header and payload, as long as they fit. One allocation
/// is then all that a frame takes, and 256 bytes are what allocators have in stock.
const NEAR_BYTES: usize = 140;

/// The contents of a received frame.
pub struct FrameData {
    kind: FrameKind,
    realtime: bool,
    sender: Place,
    topic: Place,
    header: Place,
    parts: Parts,
    body: Body,
}

// The counters of the `Arc` are what is missing to 256.
const _: () = assert!(size_of::<FrameData>() <= 240);

/// Where a text or the header is.
#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Near { start: u8, end: u8 },
    Aside { start: u32, end: u32 },
}

/// Where the payload is.
enum Body {
    Near { start: u8, end: u8 },
    Owned { bytes: Vec<u8>, payload_pos: usize },
    Shared(Arc<Vec<u8>>),
}

#[cfg(any(feature = "ipc", feature = "ipc-sync", feature = "broker"))]
impl Body {
    fn owned(bytes: Vec<u8>) -> Self {
        Self::Owned {
            bytes,
            payload_pos: 0,
        }
    }
}

/// What belongs to one frame only.
struct Parts {
    near: [u8; NEAR_BYTES],
    used: u8,
    /// What did not fit; nearly always empty.
    aside: Vec<u8>,
}

impl Parts {
    fn new() -> Self {
        Self {
            near: [0; NEAR_BYTES],
            used: 0,
            aside: Vec::new(),
        }
    }

    /// Keeps the bytes within the frame, if there is room.
    #[inline]
    fn put_near(&mut self, bytes: &[u8]) -> Option<(u8, u8)> {
        let start = self.used;
        let end = usize::from(start) + bytes.len();
        self.near
            .get_mut(usize::from(start)..end)?
            .copy_from_slice(bytes);
        self.used = u8::try_from(end).ok()?;
        Some((start, self.used))
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Place {
        match self.put_near(bytes) {
            Some((start, end)) => Place::Near { start, end },
            None => self.put_aside(bytes),
        }
    }

    #[cold]
    fn put_aside(&mut self, bytes: &[u8]) -> Place {
        // The body of a frame is shorter than 4 GiB, so are its parts.
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = position(self.aside.len());
        self.aside.extend_from_slice(bytes);
        let end = position(self.aside.len());
        Place::Aside { start, end }
    }

    #[inline]
    fn near(&self, start: u8, end: u8) -> &[u8] {
        self.near
            .get(usize::from(start)..usize::from(end))
            .unwrap_or_default()
    }

    #[inline]
    fn get(&self, place: Place) -> Option<&[u8]> {
        match place {
            Place::Nowhere => None,
            Place::Near { start, end } => Some(self.near(start, end)),
            Place::Aside { start, end } => self.aside.get(start as usize..end as usize),
        }
    }
}

impl FrameData {
    /// A frame from its parts. `payload_pos` is where the payload starts in `buf`, in bytes.
    pub fn new(
        kind: FrameKind,
        sender: Option<String>,
        topic: Option<String>,
        header: Option<Vec<u8>>,
        buf: Vec<u8>,
        payload_pos: usize,
        realtime: bool,
    ) -> Self {
        let mut parts = Parts::new();
        let mut put = |part: Option<&[u8]>| part.map_or(Place::Nowhere, |part| parts.put(part));
        Self {
            kind,
            realtime,
            sender: put(sender.as_deref().map(str::as_bytes)),
            topic: put(topic.as_deref().map(str::as_bytes)),
            header: put(header.as_deref()),
            parts,
            body: Body::Owned {
                bytes: buf,
                payload_pos,
            },
        }
    }

    /// A frame without meaning or contents.
    pub fn new_nop() -> Self {
        Self::new(FrameKind::Nop, None, None, None, Vec::new(), 0, false)
    }

    /// A frame that has arrived. Only a payload that is lent is copied.
    #[cfg(any(feature = "ipc", feature = "ipc-sync", feature = "broker"))]
    #[inline]
    pub(crate) fn received(
        kind: FrameKind,
        realtime: bool,
        sender: &str,
        topic: Option<&str>,
        header: Option<&[u8]>,
        payload: Cow<'_>,
    ) -> Self {
        let mut parts = Parts::new();
        let sender = parts.put(sender.as_bytes());
        let topic = topic.map_or(Place::Nowhere, |topic| parts.put(topic.as_bytes()));
        let header = header.map_or(Place::Nowhere, |header| parts.put(header));
        let body = match payload {
            Cow::Borrowed(bytes) => match parts.put_near(bytes) {
                Some((start, end)) => Body::Near { start, end },
                None => Body::owned(bytes.to_vec()),
            },
            Cow::Owned(bytes) => Body::owned(bytes),
            Cow::Referenced(bytes) => Body::Shared(bytes),
        };
        Self {
            kind,
            realtime,
            sender,
            topic,
            header,
            parts,
            body,
        }
    }

    /// What kind of frame this is.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The full name of the sender, with the suffix of a secondary client; empty if the frame has
    /// none.
    pub fn sender(&self) -> &str {
        self.text(self.sender).unwrap_or_default()
    }

    /// The name of the sender up to the first `%%`.
    pub fn primary_sender(&self) -> &str {
        primary_name(self.sender())
    }

    /// The topic of a publication.
    pub fn topic(&self) -> Option<&str> {
        self.text(self.topic)
    }

    /// The payload; without the header, if there is one.
    pub fn payload(&self) -> &[u8] {
        match &self.body {
            Body::Near { start, end } => self.parts.near(*start, *end),
            Body::Owned { bytes, payload_pos } => bytes.get(*payload_pos..).unwrap_or_default(),
            Body::Shared(bytes) => bytes,
        }
    }

    /// The part of the payload that a zero-copy sender of the same process gave separately.
    pub fn header(&self) -> Option<&[u8]> {
        self.parts.get(self.header)
    }

    /// True if the frame was sent with a real-time QoS.
    pub fn is_realtime(&self) -> bool {
        self.realtime
    }

    fn text(&self, place: Place) -> Option<&str> {
        // All of it came from a `str`.
        std::str::from_utf8(self.parts.get(place)?).ok()
    }
}

impl fmt::Debug for FrameData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameData")
            .field("kind", &self.kind)
            .field("sender", &self.sender())
            .field("topic", &self.topic())
            .field("realtime", &self.realtime)
            .field("header", &self.header())
            .field("payload", &self.payload())
            .finish()
    }
}
