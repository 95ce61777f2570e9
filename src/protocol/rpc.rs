//! Payloads of the RPC layer (protocol, section 9).
//!
//! RPC is a convention on the payload of direct messages. Every payload is a small *head* followed
//! by data of any length. The encoders return the head only, so that a zero-copy sender can pass
//! the data on as it is.

/// First byte of a notification.
pub const RPC_NOTIFICATION: u8 = 0x00;
/// First byte of a request.
pub const RPC_REQUEST: u8 = 0x01;
/// First byte of a reply.
pub const RPC_REPLY: u8 = 0x11;
/// First byte of an error reply.
pub const RPC_ERROR: u8 = 0x12;

/// The params cannot be decoded.
pub const RPC_ERROR_CODE_PARSE: i16 = -32_700;
/// The request makes no sense.
pub const RPC_ERROR_CODE_INVALID_REQUEST: i16 = -32_600;
/// There is no such method.
pub const RPC_ERROR_CODE_METHOD_NOT_FOUND: i16 = -32_601;
/// The method does not take these params.
pub const RPC_ERROR_CODE_INVALID_METHOD_PARAMS: i16 = -32_602;
/// The method failed.
pub const RPC_ERROR_CODE_INTERNAL: i16 = -32_603;

/// The call id of a request that wants no reply.
pub const NO_REPLY: u32 = 0;

/// The head of a notification.
pub const NOTIFICATION_HEAD: [u8; 1] = [RPC_NOTIFICATION];

/// Length of the head of a reply, in bytes: kind, call id.
pub const REPLY_HEAD_BYTES: usize = 5;

/// Length of the head of an error reply, in bytes: kind, call id, code.
pub const ERROR_HEAD_BYTES: usize = 7;

/// Where the method starts in the head of a request: after kind and call id.
pub const METHOD_POS: usize = 5;

/// What a direct message means to the RPC layer.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum RpcPayload<'a> {
    /// Something to know; never answered.
    Notification {
        /// Any bytes.
        data: &'a [u8],
    },
    /// Something to do.
    Request {
        /// Echoed in the reply; [`NO_REPLY`] if none is wanted.
        id: u32,
        /// The name of the method: any bytes but NUL.
        method: &'a [u8],
        /// Any bytes.
        params: &'a [u8],
    },
    /// The result of a call.
    Reply {
        /// The call id of the request.
        id: u32,
        /// Any bytes.
        result: &'a [u8],
    },
    /// The failure of a call.
    Error {
        /// The call id of the request.
        id: u32,
        /// Why it failed.
        code: i16,
        /// Any bytes; by convention text for humans.
        data: &'a [u8],
    },
}

impl<'a> RpcPayload<'a> {
    /// What follows the head: data, params or result.
    pub fn data(&self) -> &'a [u8] {
        match *self {
            Self::Notification { data } | Self::Error { data, .. } => data,
            Self::Request { params, .. } => params,
            Self::Reply { result, .. } => result,
        }
    }
}

/// Why a payload is not RPC. Such messages are ignored; the connection goes on.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum MalformedRpc {
    /// No frame starts with this byte.
    UnknownKind(u8),
    /// The payload ends before its head does.
    TooShort,
    /// The method of a request is not closed by a NUL.
    MissingNul,
    /// The header that came separately is longer than the head.
    HeaderTooLong,
}

impl std::fmt::Display for MalformedRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownKind(kind) => write!(f, "unknown RPC frame kind {kind:#04x}"),
            Self::TooShort => f.write_str("the RPC frame is too short"),
            Self::MissingNul => f.write_str("no NUL after the RPC method"),
            Self::HeaderTooLong => f.write_str("the header is longer than the RPC head"),
        }
    }
}

impl From<MalformedRpc> for crate::Error {
    fn from(e: MalformedRpc) -> Self {
        Self::data(e)
    }
}

/// Decodes a direct message. `header` is what a sender in the same process gave separately: it must
/// be exactly the head then. A message that is split elsewhere can be decoded once its two parts
/// are joined.
///
/// # Errors
///
/// The rule of section 9 that the message breaks.
#[inline]
pub fn decode<'a>(
    header: Option<&'a [u8]>,
    payload: &'a [u8],
) -> Result<RpcPayload<'a>, MalformedRpc> {
    let Some(header) = header.filter(|header| !header.is_empty()) else {
        return decode_joined(payload);
    };
    let mut item = decode_joined(header)?;
    if !item.data().is_empty() {
        return Err(MalformedRpc::HeaderTooLong);
    }
    match &mut item {
        RpcPayload::Notification { data } | RpcPayload::Error { data, .. } => *data = payload,
        RpcPayload::Request { params, .. } => *params = payload,
        RpcPayload::Reply { result, .. } => *result = payload,
    }
    Ok(item)
}

fn decode_joined(bytes: &[u8]) -> Result<RpcPayload<'_>, MalformedRpc> {
    let (kind, rest) = bytes.split_first().ok_or(MalformedRpc::TooShort)?;
    match *kind {
        RPC_NOTIFICATION => Ok(RpcPayload::Notification { data: rest }),
        RPC_REQUEST => {
            let (id, rest) = split_id(rest)?;
            let end = rest
                .iter()
                .position(|byte| *byte == 0)
                .ok_or(MalformedRpc::MissingNul)?;
            Ok(RpcPayload::Request {
                id,
                method: &rest[..end],
                params: &rest[end + 1..],
            })
        }
        RPC_REPLY => {
            let (id, result) = split_id(rest)?;
            Ok(RpcPayload::Reply { id, result })
        }
        RPC_ERROR => {
            let (id, rest) = split_id(rest)?;
            let (code, data) = rest.split_first_chunk().ok_or(MalformedRpc::TooShort)?;
            Ok(RpcPayload::Error {
                id,
                code: i16::from_le_bytes(*code),
                data,
            })
        }
        kind => Err(MalformedRpc::UnknownKind(kind)),
    }
}

fn split_id(bytes: &[u8]) -> Result<(u32, &[u8]), MalformedRpc> {
    let (id, rest) = bytes.split_first_chunk().ok_or(MalformedRpc::TooShort)?;
    Ok((u32::from_le_bytes(*id), rest))
}

/// The head of a request. `None` if the method contains a NUL, which would end it early.
#[inline]
pub fn request_head(id: u32, method: &str) -> Option<Vec<u8>> {
    if method.as_bytes().contains(&0) {
        return None;
    }
    let mut head = Vec::with_capacity(METHOD_POS + method.len() + 1);
    head.push(RPC_REQUEST);
    head.extend_from_slice(&id.to_le_bytes());
    head.extend_from_slice(method.as_bytes());
    head.push(0);
    Some(head)
}

/// The head of a reply.
#[inline]
pub const fn reply_head(id: u32) -> [u8; REPLY_HEAD_BYTES] {
    let [a, b, c, d] = id.to_le_bytes();
    [RPC_REPLY, a, b, c, d]
}

/// The head of an error reply.
#[inline]
pub const fn error_head(id: u32, code: i16) -> [u8; ERROR_HEAD_BYTES] {
    let [a, b, c, d] = id.to_le_bytes();
    let [e, f] = code.to_le_bytes();
    [RPC_ERROR, a, b, c, d, e, f]
}
