//! What an RPC client does with a received frame: replies go to the calls that wait for them, all else
//! is work for a handler.

use std::sync::Arc;

use super::calls::Calls;
use super::{Options, RpcEvent, RpcEventKind};
use crate::{Frame, FrameKind, QoS};

/// Something for a handler to do.
pub(crate) enum Work {
    /// Somebody calls.
    Call(RpcEvent),
    /// Somebody notifies.
    Notification(RpcEvent),
    /// A publication or broadcast.
    Frame(Frame),
}

impl Work {
    /// True if it has to wait until the work before it is done.
    pub(crate) fn is_blocking(&self, options: &Options) -> bool {
        match self {
            Self::Call(_) => false,
            Self::Notification(_) => options.blocking_notifications,
            Self::Frame(_) => options.blocking_frames,
        }
    }
}

/// What a frame takes while it waits for a handler, in bytes.
pub(crate) fn size(frame: &Frame) -> usize {
    frame.payload().len() + frame.header().map_or(0, <[u8]>::len)
}

/// Gives a reply to its call, by `reply`, which returns false if nobody waits for it any more; what is
/// left is for a handler.
pub(crate) fn sort<S>(
    frame: Frame,
    calls: &Calls<S>,
    reply: impl FnOnce(S, RpcEvent) -> bool,
) -> Option<Work> {
    match frame.kind() {
        FrameKind::Message => {}
        FrameKind::Publish | FrameKind::Broadcast => return Some(Work::Frame(frame)),
        FrameKind::Acknowledge | FrameKind::Nop | FrameKind::Prepared => return None,
    }
    let event = match RpcEvent::try_from(Arc::clone(&frame)) {
        Ok(event) => event,
        Err(e) => {
            log::warn!("message from {:?} ignored: {e}", frame.sender());
            return None;
        }
    };
    match event.kind() {
        RpcEventKind::Request => Some(Work::Call(event)),
        RpcEventKind::Notification => Some(Work::Notification(event)),
        RpcEventKind::Reply | RpcEventKind::ErrorReply => {
            let id = event.id();
            let caller = calls.take_caller(&event);
            if !caller.is_some_and(|caller| reply(caller, event)) {
                log::debug!("nobody waits for reply {id} from {:?}", frame.sender());
            }
            None
        }
    }
}

/// The QoS of the reply to a request.
pub(crate) fn reply_qos(request: &RpcEvent) -> QoS {
    if request.frame().is_realtime() {
        QoS::RealtimeProcessed
    } else {
        QoS::Processed
    }
}
