//! Calls that wait for their replies.
//!
//! A call id is in use as long as its [`Call`] lives. However the caller ends (reply, error,
//! timeout, cancellation), dropping the `Call` frees the id, so nothing can be left behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::RpcEvent;
use crate::Error;
use crate::protocol::names::primary_name;
use crate::protocol::rpc::NO_REPLY;

/// All calls of one client that wait.
#[derive(Default)]
pub(super) struct Calls {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pending: HashMap<u32, Pending>,
    last_id: u32,
    closed: bool,
}

struct Pending {
    /// Whom the call was sent to: nobody else can answer it.
    target: Box<str>,
    /// `None` once answered.
    reply: Option<oneshot::Sender<RpcEvent>>,
}

/// One call that waits.
pub(super) struct Call<'a> {
    calls: &'a Calls,
    id: u32,
    reply: oneshot::Receiver<RpcEvent>,
}

impl Calls {
    /// Starts a call to `target`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Eof`](crate::ErrorKind::Eof) after [`close`](Self::close).
    pub(super) fn start(&self, target: &str) -> Result<Call<'_>, Error> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::eof());
        }
        let id = state.free_id();
        let (tx, rx) = oneshot::channel();
        let pending = Pending {
            target: target.into(),
            reply: Some(tx),
        };
        state.pending.insert(id, pending);
        Ok(Call {
            calls: self,
            id,
            reply: rx,
        })
    }

    /// Hands a reply or an error reply to the call it belongs to. False if there is none: unknown
    /// id, answered already, or not sent to the client that answers. (Call ids are easy to guess;
    /// without the last rule any client could answer in the place of another. Secondaries may
    /// answer for their primary and the other way round.)
    pub(super) fn resolve(&self, event: RpcEvent) -> bool {
        let reply = {
            let mut state = self.state();
            match state.pending.get_mut(&event.id()) {
                Some(call) if primary_name(&call.target) == event.primary_sender() => {
                    call.reply.take()
                }
                _ => None,
            }
        };
        reply.is_some_and(|reply| reply.send(event).is_ok())
    }

    /// Ends all calls, and every later one: no reply can arrive any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for call in state.pending.values_mut() {
            call.reply = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next id that is neither in use nor the one that means "no reply".
    fn free_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if self.last_id != NO_REPLY && !self.pending.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

impl Call<'_> {
    /// The call id; never [`NO_REPLY`].
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Waits for the reply or the error reply.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Eof`](crate::ErrorKind::Eof) if the connection ends before.
    pub(super) async fn reply(&mut self) -> Result<RpcEvent, Error> {
        Ok((&mut self.reply).await?)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.state().pending.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::rpc::reply_head;
    use crate::{ErrorKind, FrameData, FrameKind};

    fn reply(id: u32, sender: &str) -> RpcEvent {
        let head = reply_head(id).to_vec();
        let sender = Some(sender.to_owned());
        let frame = FrameData::new(FrameKind::Message, sender, None, None, head, 0, false);
        RpcEvent::try_from(Arc::new(frame)).unwrap()
    }

    #[tokio::test]
    async fn a_reply_resolves_its_call_once() {
        let calls = Calls::default();
        let mut call = calls.start("t").unwrap();
        let other = calls.start("t").unwrap();
        assert_ne!(call.id(), other.id());
        assert!(calls.resolve(reply(call.id(), "t")));
        assert!(!calls.resolve(reply(call.id(), "t")));
        assert_eq!(call.reply().await.unwrap().id(), call.id());
    }

    #[test]
    fn h19_replies_to_no_call_resolve_nothing() {
        let calls = Calls::default();
        let call = calls.start("t").unwrap();
        assert!(!calls.resolve(reply(0, "t")));
        assert!(!calls.resolve(reply(call.id() + 1, "t")));
        assert!(!calls.resolve(reply(call.id(), "somebody else")));
        assert!(calls.resolve(reply(call.id(), "t")));
    }

    #[test]
    fn secondaries_and_primaries_answer_for_each_other() {
        let calls = Calls::default();
        for (target, sender) in [("t", "t%%0"), ("t%%0", "t"), ("t%%0", "t%%0")] {
            let call = calls.start(target).unwrap();
            assert!(calls.resolve(reply(call.id(), sender)));
        }
    }

    #[test]
    fn a_dropped_call_leaves_nothing_behind() {
        let calls = Calls::default();
        let call = calls.start("t").unwrap();
        let id = call.id();
        drop(call);
        assert!(calls.state().pending.is_empty());
        assert!(!calls.resolve(reply(id, "t")));
    }

    #[test]
    fn ids_wrap_around_past_zero_and_those_in_use() {
        let calls = Calls::default();
        let first = calls.start("t").unwrap();
        assert_eq!(first.id(), 1);
        calls.state().last_id = u32::MAX - 1;
        let ids: Vec<_> = (0..2).map(|_| calls.start("t").unwrap()).collect();
        assert_eq!(ids[0].id(), u32::MAX);
        assert_eq!(ids[1].id(), 2);
    }

    #[tokio::test]
    async fn the_end_of_the_connection_ends_all_calls() {
        let calls = Calls::default();
        let mut call = calls.start("t").unwrap();
        calls.close();
        assert_eq!(call.reply().await.unwrap_err().kind(), ErrorKind::Eof);
        let refused = calls.start("t").err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Eof);
    }
}
