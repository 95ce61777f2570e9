//! One frame on its way to one or many receivers: encoded once for all sockets, built once for all
//! clients in this process.

use std::borrow::Cow as Text;
use std::sync::Arc;

use crate::borrow::Cow;
use crate::limits::{SEGMENT_BYTES, SHARED_PAYLOAD_BYTES};
use crate::protocol::delivery;
use crate::transport::budget::Charge;
use crate::transport::outbox::{Encoded, Payload};
use crate::{Frame, FrameData, FrameKind};

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    kind: FrameKind,
    realtime: bool,
    sender: Arc<str>,
    topic: Option<Text<'a, str>>,
    /// The part that a zero-copy sender gave separately.
    header: Option<Cow<'a>>,
    payload: Cow<'a>,
    /// What the payload is charged with, if that is not for each queue to do.
    charge: Option<Arc<Charge>>,
    /// What the statistics say the frame has, in bytes: the body as its sender sent it.
    pub(super) counted: usize,
    /// All that precedes the payload on a socket; empty until the first socket asks.
    head: Vec<u8>,
    /// Built when the first client in this process asks.
    frame: Option<Frame>,
}

/// What a frame consists of, apart from who sends it.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    pub(super) kind: FrameKind,
    pub(super) realtime: bool,
    pub(super) topic: Option<&'a str>,
    pub(super) header: Option<Cow<'a>>,
    pub(super) payload: Cow<'a>,
    /// See [`Parcel::counted`].
    pub(super) counted: usize,
}

impl<'a> Parcel<'a> {
    /// `scratch` is an empty vector whose memory is used for the head; [`Parcel::into_scratch`]
    /// gives it back.
    #[inline]
    pub(super) fn new(sender: Arc<str>, contents: Contents<'a>, scratch: Vec<u8>) -> Self {
        debug_assert!(scratch.is_empty());
        Self {
            kind: contents.kind,
            realtime: contents.realtime,
            sender,
            topic: contents.topic.map(Text::Borrowed),
            header: contents.header,
            payload: contents.payload,
            charge: None,
            counted: contents.counted,
            head: scratch,
            frame: None,
        }
    }

    /// Says that the payload is charged already.
    pub(super) fn set_charge(&mut self, charge: Option<Charge>) {
        self.charge = charge.map(Arc::new);
    }

    pub(super) fn kind(&self) -> FrameKind {
        self.kind
    }

    /// A parcel of a frame that has been built already, for clients of this process only.
    pub(super) fn of_frame(sender: Arc<str>, frame: Frame, counted: usize) -> Self {
        Self {
            kind: frame.kind(),
            realtime: frame.is_realtime(),
            sender,
            topic: None,
            header: None,
            payload: Cow::Borrowed(&[]),
            charge: None,
            counted,
            head: Vec::new(),
            frame: Some(frame),
        }
    }

    /// As [`fits_the_wire`].
    #[inline]
    pub(super) fn fits_the_wire(&self) -> bool {
        let header = self.header.as_ref().map(Cow::as_slice);
        let topic = self.topic.as_deref();
        fits_the_wire(&self.sender, topic, header, self.payload.len())
    }

    /// The memory of the head, to be used for the next one; not if it is that of an enormous topic.
    pub(super) fn into_scratch(mut self) -> Vec<u8> {
        if self.head.capacity() > SEGMENT_BYTES {
            return Vec::new();
        }
        self.head.clear();
        self.head
    }

    /// A parcel that owns all it needs and can wait.
    pub(super) fn into_owned(self) -> Parcel<'static> {
        Parcel {
            topic: self.topic.map(|topic| Text::Owned(topic.into_owned())),
            header: self.header.map(Cow::into_owned),
            payload: self.payload.into_owned(),
            charge: self.charge,
            kind: self.kind,
            realtime: self.realtime,
            sender: self.sender,
            counted: self.counted,
            head: self.head,
            frame: self.frame,
        }
    }

    /// The frame as it leaves by a socket.
    #[inline]
    pub(super) fn encoded(&mut self) -> Encoded<'_> {
        if self.head.is_empty() {
            self.encode_head();
        }
        let payload = match &self.payload {
            Cow::Referenced(bytes) if bytes.len() >= SHARED_PAYLOAD_BYTES => {
                Payload::Shared(bytes, self.charge.as_ref())
            }
            bytes => Payload::Copied(bytes.as_slice()),
        };
        Encoded {
            head: &self.head,
            payload,
            realtime: self.realtime,
            counted: self.counted,
        }
    }

    fn encode_head(&mut self) {
        let header = self.header.as_ref().map_or(&[][..], Cow::as_slice);
        let encoded = delivery::encode_head(
            &mut self.head,
            self.kind,
            self.realtime,
            &self.sender,
            self.topic.as_deref(),
            header.len() + self.payload.len(),
        );
        debug_assert!(encoded.is_some(), "checked with `fits_the_wire` before");
        self.head.extend_from_slice(header);
        if self.payload.len() >= SHARED_PAYLOAD_BYTES {
            self.share_payload();
        }
    }

    /// Makes the payload one allocation that all receivers reference.
    fn share_payload(&mut self) {
        let payload = std::mem::replace(&mut self.payload, Cow::Borrowed(&[]));
        self.payload = Cow::Referenced(match payload {
            Cow::Borrowed(bytes) => Arc::new(bytes.to_vec()),
            Cow::Owned(bytes) => Arc::new(bytes),
            Cow::Referenced(bytes) => bytes,
        });
    }

    /// The frame as a client in this process receives it.
    pub(super) fn frame(&mut self) -> Frame {
        if let Some(frame) = &self.frame {
            return frame.clone();
        }
        let is_owned = matches!(self.payload, Cow::Owned(_));
        if is_owned || self.payload.len() >= SHARED_PAYLOAD_BYTES {
            self.share_payload();
        }
        let frame = Arc::new(FrameData::received(
            self.kind,
            self.realtime,
            &self.sender,
            self.topic.as_deref(),
            self.header.as_ref().map(Cow::as_slice),
            self.payload.as_borrowed(),
        ));
        self.frame.insert(frame).clone()
    }
}

/// False if the body of a frame is longer than its length field can say. Also asked of frames that
/// never see a wire: what can be sent does not depend on where the receiver is.
#[inline]
pub(super) fn fits_the_wire(
    sender: &str,
    topic: Option<&str>,
    header: Option<&[u8]>,
    payload_bytes: usize,
) -> bool {
    let topic = topic.map_or(0, |topic| topic.len() + 1);
    let header = header.map_or(0, <[u8]>::len);
    u32::try_from(sender.len() + 1 + topic + header + payload_bytes).is_ok()
}
