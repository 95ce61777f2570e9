//! What a client receives: one message, broadcast or publication.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::protocol::names::primary_name;
use crate::protocol::operation::FrameKind;

/// A received frame; cheap to clone and to pass on.
pub type Frame = Arc<FrameData>;

/// The contents of a received frame.
pub struct FrameData {
    kind: FrameKind,
    realtime: bool,
    sender: Text,
    topic: Text,
    header: Option<Vec<u8>>,
    body: Body,
    payload_pos: usize,
}

/// Text of a frame: where it is kept depends on where the frame came from.
enum Text {
    None,
    /// A part of the body, checked to be UTF-8.
    InBody(Range<u32>),
    Owned(String),
    #[cfg(feature = "broker")]
    Shared(Arc<str>),
}

enum Body {
    Owned(Vec<u8>),
    #[cfg(feature = "broker")]
    Shared(Arc<Vec<u8>>),
}

impl Body {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            #[cfg(feature = "broker")]
            Self::Shared(bytes) => bytes,
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
        Self {
            kind,
            realtime,
            sender: sender.map_or(Text::None, Text::Owned),
            topic: topic.map_or(Text::None, Text::Owned),
            header,
            body: Body::Owned(buf),
            payload_pos,
        }
    }

    /// A frame without meaning or contents.
    pub fn new_nop() -> Self {
        Self::new(FrameKind::Nop, None, None, None, Vec::new(), 0, false)
    }

    /// A frame as it came over a socket: one allocation holds sender, topic and payload.
    #[cfg(feature = "ipc")]
    pub(crate) fn from_wire(
        kind: FrameKind,
        realtime: bool,
        sender: &str,
        topic: Option<&str>,
        payload: &[u8],
    ) -> Self {
        let topic_text = topic.unwrap_or_default();
        let payload_pos = sender.len() + topic_text.len();
        let mut body = Vec::with_capacity(payload_pos + payload.len());
        body.extend_from_slice(sender.as_bytes());
        body.extend_from_slice(topic_text.as_bytes());
        body.extend_from_slice(payload);
        // The body of a frame is shorter than 4 GiB, so are its parts.
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            kind,
            realtime,
            sender: Text::InBody(0..position(sender.len())),
            topic: match topic {
                Some(_) => Text::InBody(position(sender.len())..position(payload_pos)),
                None => Text::None,
            },
            header: None,
            body: Body::Owned(body),
            payload_pos,
        }
    }

    /// A frame within the process: nothing of it is copied but what the caller only lends.
    #[cfg(feature = "broker")]
    pub(crate) fn in_process(
        kind: FrameKind,
        realtime: bool,
        sender: Arc<str>,
        topic: Option<&str>,
        header: Option<Vec<u8>>,
        payload: crate::borrow::Cow<'_>,
    ) -> Self {
        use crate::borrow::Cow;
        Self {
            kind,
            realtime,
            sender: Text::Shared(sender),
            topic: topic.map_or(Text::None, |topic| Text::Owned(topic.to_owned())),
            header,
            body: match payload {
                Cow::Borrowed(bytes) => Body::Owned(bytes.to_vec()),
                Cow::Owned(bytes) => Body::Owned(bytes),
                Cow::Referenced(bytes) => Body::Shared(bytes),
            },
            payload_pos: 0,
        }
    }

    /// What kind of frame this is.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The full name of the sender, with the suffix of a secondary client; empty if the frame has
    /// none.
    pub fn sender(&self) -> &str {
        self.text(&self.sender).unwrap_or_default()
    }

    /// The name of the sender up to the first `%%`.
    pub fn primary_sender(&self) -> &str {
        primary_name(self.sender())
    }

    /// The topic of a publication.
    pub fn topic(&self) -> Option<&str> {
        self.text(&self.topic)
    }

    /// The payload; without the header, if there is one.
    pub fn payload(&self) -> &[u8] {
        self.body
            .as_slice()
            .get(self.payload_pos..)
            .unwrap_or_default()
    }

    /// The part of the payload that a zero-copy sender of the same process gave separately.
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// True if the frame was sent with a real-time QoS.
    pub fn is_realtime(&self) -> bool {
        self.realtime
    }

    fn text<'a>(&'a self, text: &'a Text) -> Option<&'a str> {
        match text {
            Text::None => None,
            Text::InBody(range) => {
                let bytes = self
                    .body
                    .as_slice()
                    .get(range.start as usize..range.end as usize)?;
                std::str::from_utf8(bytes).ok()
            }
            Text::Owned(text) => Some(text),
            #[cfg(feature = "broker")]
            Text::Shared(text) => Some(text),
        }
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
