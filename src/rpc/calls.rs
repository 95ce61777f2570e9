//! Calls that wait for their replies.
//!
//! A call id is in use as long as its [`Call`] lives. However the caller ends (reply, error,
//! timeout, cancellation), dropping the `Call` frees the id, so nothing can be left behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::RpcEvent;
use crate::Error;
use crate::protocol::names::primary_name;
use crate::protocol::rpc::NO_REPLY;

/// All calls of one client that wait. A caller `S` is told of the reply; when it is dropped, there will
/// be none.
pub(crate) struct Calls<S> {
    state: Mutex<State<S>>,
}

struct State<S> {
    pending: HashMap<u32, Pending<S>>,
    last_id: u32,
    closed: bool,
}

struct Pending<S> {
    /// Whom the call was sent to: nobody else can answer it.
    target: Box<str>,
    /// `None` once answered.
    caller: Option<S>,
}

/// One call that waits.
pub(crate) struct Call<'a, S> {
    calls: &'a Calls<S>,
    id: u32,
}

impl<S> Default for Calls<S> {
    fn default() -> Self {
        let state = State {
            pending: HashMap::new(),
            last_id: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
        }
    }
}

impl<S> Calls<S> {
    /// Starts a call to `target`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Eof`](crate::ErrorKind::Eof) after [`close`](Self::close).
    pub(crate) fn start(&self, target: &str, caller: S) -> Result<Call<'_, S>, Error> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::eof());
        }
        let id = state.free_id();
        let pending = Pending {
            target: target.into(),
            caller: Some(caller),
        };
        state.pending.insert(id, pending);
        Ok(Call { calls: self, id })
    }

    /// The caller that waits for this reply or error reply. `None` if there is none: unknown id,
    /// answered already, or not sent to the client that answers. (Call ids are easy to guess;
    /// without the last rule any client could answer in the place of another. Secondaries may
    /// answer for their primary and the other way round.)
    pub(crate) fn take_caller(&self, event: &RpcEvent) -> Option<S> {
        let mut state = self.state();
        let call = state.pending.get_mut(&event.id())?;
        if primary_name(&call.target) != event.primary_sender() {
            return None;
        }
        call.caller.take()
    }

    /// Ends all calls, and every later one: no reply can arrive any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for call in state.pending.values_mut() {
            call.caller = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> State<S> {
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

impl<S> Call<'_, S> {
    /// The call id; never [`NO_REPLY`].
    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

impl<S> Drop for Call<'_, S> {
    fn drop(&mut self) {
        self.calls.state().pending.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use super::*;
    use crate::protocol::rpc::reply_head;
    use crate::{ErrorKind, FrameData, FrameKind};

    fn reply(id: u32, sender: &str) -> RpcEvent {
        let head = reply_head(id).to_vec();
        let sender = Some(sender.to_owned());
        let frame = FrameData::new(FrameKind::Message, sender, None, None, head, 0, false);
        RpcEvent::try_from(Arc::new(frame)).unwrap()
    }

    #[test]
    fn a_reply_finds_its_caller_once() {
        let calls = Calls::default();
        let first = calls.start("t", "first").unwrap();
        let other = calls.start("t", "other").unwrap();
        assert_ne!(first.id(), other.id());
        assert_eq!(calls.take_caller(&reply(first.id(), "t")), Some("first"));
        assert_eq!(calls.take_caller(&reply(first.id(), "t")), None);
    }

    #[test]
    fn h19_replies_to_no_call_resolve_nothing() {
        let calls = Calls::default();
        let call = calls.start("t", ()).unwrap();
        assert_eq!(calls.take_caller(&reply(0, "t")), None);
        assert_eq!(calls.take_caller(&reply(call.id() + 1, "t")), None);
        assert_eq!(calls.take_caller(&reply(call.id(), "somebody else")), None);
        assert_eq!(calls.take_caller(&reply(call.id(), "t")), Some(()));
    }

    #[test]
    fn secondaries_and_primaries_answer_for_each_other() {
        let calls = Calls::default();
        for (target, sender) in [("t", "t%%0"), ("t%%0", "t"), ("t%%0", "t%%0")] {
            let call = calls.start(target, ()).unwrap();
            assert_eq!(calls.take_caller(&reply(call.id(), sender)), Some(()));
        }
    }

    #[test]
    fn a_dropped_call_leaves_nothing_behind() {
        let calls = Calls::default();
        let call = calls.start("t", ()).unwrap();
        let id = call.id();
        drop(call);
        assert!(calls.state().pending.is_empty());
        assert_eq!(calls.take_caller(&reply(id, "t")), None);
    }

    #[test]
    fn ids_wrap_around_past_zero_and_those_in_use() {
        let calls = Calls::default();
        let first = calls.start("t", ()).unwrap();
        assert_eq!(first.id(), 1);
        calls.state().last_id = u32::MAX - 1;
        let ids: Vec<_> = (0..2).map(|_| calls.start("t", ()).unwrap()).collect();
        assert_eq!(ids[0].id(), u32::MAX);
        assert_eq!(ids[1].id(), 2);
    }

    #[test]
    fn the_end_of_the_connection_ends_all_calls() {
        let calls = Calls::default();
        let caller = Arc::new(());
        let told: Weak<()> = Arc::downgrade(&caller);
        let _call = calls.start("t", caller).unwrap();
        calls.close();
        assert!(told.upgrade().is_none());
        let refused = calls.start("t", Arc::new(())).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Eof);
    }
}
