//! A received direct message, read as RPC.

use std::fmt;
use std::sync::Arc;

use crate::protocol::rpc::{self, METHOD_POS, MalformedRpc, NO_REPLY, RpcPayload};
use crate::protocol::rpc::{RPC_ERROR, RPC_NOTIFICATION, RPC_REPLY, RPC_REQUEST};
use crate::{Error, Frame, FrameData, FrameKind};

/// What an [`RpcEvent`] is.
#[derive(Debug, Eq, PartialEq, Copy, Clone)]
#[repr(u8)]
pub enum RpcEventKind {
    /// Something to know.
    Notification = RPC_NOTIFICATION,
    /// Something to do.
    Request = RPC_REQUEST,
    /// The result of a call.
    Reply = RPC_REPLY,
    /// The failure of a call.
    ErrorReply = RPC_ERROR,
}

impl fmt::Display for RpcEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notification => "notification",
            Self::Request => "request",
            Self::Reply => "reply",
            Self::ErrorReply => "error reply",
        })
    }
}

/// A notification, request, reply or error reply. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RpcEvent {
    frame: Frame,
    kind: RpcEventKind,
    id: u32,
    code: i16,
    /// Where the data starts in the payload of the frame.
    data_pos: usize,
}

impl RpcEvent {
    /// What the event is.
    pub fn kind(&self) -> RpcEventKind {
        self.kind
    }

    /// The frame that carried it.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The full name of the sender.
    pub fn sender(&self) -> &str {
        self.frame.sender()
    }

    /// The name of the sender up to the first `%%`.
    pub fn primary_sender(&self) -> &str {
        self.frame.primary_sender()
    }

    /// The data of a notification, the params of a request, the result in a reply, the data of an
    /// error.
    pub fn payload(&self) -> &[u8] {
        let payload = self.frame.payload();
        payload.get(self.data_pos..).unwrap_or_default()
    }

    /// The call id; 0 for notifications and for requests that want no reply.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// True if the caller waits for a reply.
    pub fn is_response_required(&self) -> bool {
        self.kind == RpcEventKind::Request && self.id != NO_REPLY
    }

    /// The method of a request; empty for all else.
    pub fn method(&self) -> &[u8] {
        if self.kind != RpcEventKind::Request {
            return &[];
        }
        // The head came separately if no part of it is in the payload.
        let head = match (self.data_pos, self.frame.header()) {
            (0, Some(header)) => header,
            (end, _) => self.frame.payload().get(..end).unwrap_or_default(),
        };
        let end = head.len().saturating_sub(1);
        head.get(METHOD_POS..end).unwrap_or_default()
    }

    /// The method of a request as text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if it is not UTF-8.
    pub fn parse_method(&self) -> Result<&str, Error> {
        Ok(std::str::from_utf8(self.method())?)
    }

    /// The code of an error reply; 0 for all else.
    pub fn code(&self) -> i16 {
        self.code
    }

    fn read(frame: Frame) -> Result<Self, MalformedRpc> {
        let decoded = rpc::decode(frame.header(), frame.payload())?;
        let (kind, id, code) = match decoded {
            RpcPayload::Notification { .. } => (RpcEventKind::Notification, NO_REPLY, 0),
            RpcPayload::Request { id, .. } => (RpcEventKind::Request, id, 0),
            RpcPayload::Reply { id, .. } => (RpcEventKind::Reply, id, 0),
            RpcPayload::Error { id, code, .. } => (RpcEventKind::ErrorReply, id, code),
        };
        // The data is always the tail of the payload.
        let data_pos = frame.payload().len() - decoded.data().len();
        Ok(Self {
            frame,
            kind,
            id,
            code,
            data_pos,
        })
    }
}

impl TryFrom<Frame> for RpcEvent {
    type Error = Error;

    /// Reads a direct message.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the frame is not a direct message, or not
    /// RPC.
    fn try_from(frame: Frame) -> Result<Self, Error> {
        if frame.kind() != FrameKind::Message {
            return Err(Error::data("RPC travels in direct messages only"));
        }
        match Self::read(Arc::clone(&frame)) {
            // Over a socket a message reads the same wherever its sender had split it.
            Err(_) if frame.header().is_some() => Ok(Self::read(joined(&frame))?),
            result => Ok(result?),
        }
    }
}

/// The same frame with header and payload in one piece.
fn joined(frame: &FrameData) -> Frame {
    let header = frame.header().unwrap_or_default();
    Arc::new(FrameData::new(
        frame.kind(),
        Some(frame.sender().to_owned()),
        None,
        None,
        [header, frame.payload()].concat(),
        0,
        frame.is_realtime(),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::RpcError;
    use super::*;
    use crate::ErrorKind;

    fn frame(kind: FrameKind, header: Option<&[u8]>, payload: &[u8]) -> Frame {
        // The payload does not start where the buffer does: neither does it over a socket.
        let buf = [b"me%%0".as_slice(), payload].concat();
        let sender = Some("me%%0".to_owned());
        let header = header.map(<[u8]>::to_vec);
        Arc::new(FrameData::new(kind, sender, None, header, buf, 5, true))
    }

    fn event(header: Option<&[u8]>, payload: &[u8]) -> Result<RpcEvent, Error> {
        frame(FrameKind::Message, header, payload).try_into()
    }

    const REQUEST: &[u8] = b"\x01\x07\0\0\0get\0params";

    #[test]
    fn a_request_reads_the_same_wherever_it_is_split() {
        let whole = event(None, REQUEST);
        let split = (0..=REQUEST.len()).map(|at| REQUEST.split_at(at));
        let parts = split.map(|(header, payload)| event(Some(header), payload));
        for event in parts.chain([whole]).map(Result::unwrap) {
            assert_eq!(event.kind(), RpcEventKind::Request);
            assert_eq!((event.id(), event.code()), (7, 0));
            assert_eq!(event.method(), b"get");
            assert_eq!(event.parse_method().unwrap(), "get");
            assert_eq!(event.payload(), b"params");
            assert!(event.is_response_required());
            assert_eq!(event.sender(), "me%%0");
            assert_eq!(event.primary_sender(), "me");
            assert!(event.frame().is_realtime());
        }
    }

    #[test]
    fn a_request_with_id_zero_wants_no_reply() {
        let event = event(None, b"\x01\0\0\0\0\0").unwrap();
        assert!(!event.is_response_required());
        assert_eq!((event.method(), event.payload()), (&b""[..], &b""[..]));
    }

    #[test]
    fn a_notification_is_all_data() {
        let event = event(None, b"\0hello").unwrap();
        assert_eq!(event.kind(), RpcEventKind::Notification);
        assert_eq!((event.payload(), event.id()), (&b"hello"[..], 0));
        assert!(!event.is_response_required());
        assert!(event.method().is_empty());
    }

    #[test]
    fn a_reply_is_not_an_error() {
        let event = event(None, b"\x11\x07\0\0\0ok").unwrap();
        assert_eq!(event.kind(), RpcEventKind::Reply);
        assert_eq!((event.id(), event.payload()), (7, &b"ok"[..]));
        assert!(!event.is_response_required());
        let refused = RpcError::try_from(&event).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Data);
    }

    #[test]
    fn an_error_reply_is_an_error() {
        let event = event(None, b"\x12\x07\0\0\0\xA7\x80why").unwrap();
        assert_eq!(event.kind(), RpcEventKind::ErrorReply);
        assert_eq!(event.code(), -32_601);
        let error = RpcError::try_from(&event).unwrap();
        assert_eq!(error, RpcError::method(Some(b"why".to_vec())));
    }

    #[test]
    fn an_error_reply_without_data_has_none() {
        let event = event(Some(b"\x12\x07\0\0\0\xA7\x80"), b"").unwrap();
        assert_eq!(RpcError::try_from(&event).unwrap(), RpcError::method(None));
    }

    #[test]
    fn a_method_that_is_not_text_is_a_data_error() {
        let event = event(None, b"\x01\x07\0\0\0\xFF\0").unwrap();
        let refused = RpcError::from(event.parse_method().unwrap_err());
        assert_eq!(refused.code(), -32_114);
    }

    #[test]
    fn what_is_not_rpc_is_refused() {
        for payload in [b"".as_slice(), b"\x01\0\0\0\0", b"\x02", b"\x11abc"] {
            assert_eq!(event(None, payload).unwrap_err().kind(), ErrorKind::Data);
            let refused = event(Some(payload), b"").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Data);
        }
        for kind in [FrameKind::Publish, FrameKind::Broadcast] {
            assert!(RpcEvent::try_from(frame(kind, None, b"\0")).is_err());
        }
    }
}
