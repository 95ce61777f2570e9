//! Clients of the bus call services of hosts: the method of the bridge that the configuration names
//! becomes a request with a response topic and correlation data.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::super::shared::Shared;
use super::super::upstream::{Extras, Message, Received, Version};
use super::ERROR_PROPERTY;
use crate::rpc::{RPC_ERROR_CODE_INTERNAL, RpcError, RpcEvent, RpcResult, rpc_err_str};
use crate::{Error, ErrorKind};

/// Of correlation data, in bytes: a number of this run of the program, and that of the request.
const CORRELATION_BYTES: usize = 16;

type Answer = Result<Vec<u8>, RpcError>;

/// Requests that wait for their response.
#[derive(Debug)]
pub(in crate::bridge) struct Asked {
    max_pending: usize,
    /// Differs with each start, so that responses to another run are nobody's.
    run: u64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    answers: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Asked {
    pub(super) fn new(max_pending: usize) -> Self {
        Self {
            max_pending,
            run: RandomState::new().build_hasher().finish(),
            waiting: Mutex::default(),
        }
    }

    /// A place for a response. `None` if there is none left.
    fn begin(&self) -> Option<(u64, oneshot::Receiver<Answer>)> {
        let mut waiting = self.waiting.lock();
        if waiting.answers.len() >= self.max_pending {
            return None;
        }
        waiting.last += 1;
        let number = waiting.last;
        let (sender, receiver) = oneshot::channel();
        waiting.answers.insert(number, sender);
        Some((number, receiver))
    }

    fn correlation(&self, number: u64) -> Vec<u8> {
        [self.run.to_be_bytes(), number.to_be_bytes()].concat()
    }

    fn number(&self, correlation: &[u8]) -> Option<u64> {
        let correlation: &[u8; CORRELATION_BYTES] = correlation.try_into().ok()?;
        let (run, number) = correlation.split_first_chunk::<8>()?;
        let number = number.first_chunk::<8>()?;
        (*run == self.run.to_be_bytes()).then(|| u64::from_be_bytes(*number))
    }
}

/// Gives its place back, however the call ends.
struct Place<'a>(&'a Asked, u64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.lock().answers.remove(&self.1);
    }
}

/// A call of a client of the bus.
pub(in crate::bridge) async fn call(shared: &Shared, event: &RpcEvent) -> RpcResult {
    let method = event.parse_method()?;
    let calls = shared.config.rpc.iter().flat_map(|rpc| &rpc.call);
    let Some(rule) = calls.into_iter().find(|rule| rule.method == method) else {
        return Err(RpcError::method(None));
    };
    let counters = &shared.counters.rpc;
    if !rule.grants(event.primary_sender()) {
        counters.denied.one();
        log::warn!(
            "client {:?} may not call {method:?}",
            event.primary_sender()
        );
        return Err(ErrorKind::Access.into());
    }
    match shared.connection.lock().version() {
        Some(Version::V5) => {}
        Some(_) => return Err(Error::not_supported("the upstream speaks MQTT 3.1.1").into()),
        None => return Err(Error::io("there is no connection to the upstream").into()),
    }
    let asked = &shared.calls.asked;
    let Some((number, answer)) = asked.begin() else {
        counters.busy.one();
        return Err(Error::busy(format_args!("{} calls wait", asked.max_pending)).into());
    };
    let _place = Place(asked, number);
    let wants_answer = event.is_response_required();
    let request = Message {
        topic: rule.topic.clone(),
        payload: event.payload().to_vec(),
        confirmed: true,
        retain: false,
        extras: Extras {
            response_topic: shared.identity.reply_topic.clone().filter(|_| wants_answer),
            correlation: wants_answer.then(|| asked.correlation(number)),
            ..Extras::default()
        },
    };
    if shared.to_send.try_send(request).is_err() {
        counters.busy.one();
        return Err(Error::busy("too much waits to be sent").into());
    }
    if !wants_answer {
        return Ok(None);
    }
    match tokio::time::timeout(shared.call_timeout(), answer).await {
        Ok(Ok(answer)) => {
            counters.called.one();
            answer.map(Some)
        }
        // The one who answers goes only when the call has.
        Ok(Err(_)) => Err(ErrorKind::Eof.into()),
        Err(_) => {
            counters.timeouts.one();
            Err(ErrorKind::Timeout.into())
        }
    }
}

/// Is this topic that of responses?
pub(in crate::bridge) fn is_response(shared: &Shared, topic: &str) -> bool {
    shared.identity.reply_topic.as_deref() == Some(topic)
}

/// Gives a response to the one who waits for it. Others are nobody's: late ones, say.
pub(in crate::bridge) fn resolve(shared: &Shared, response: Received) {
    let asked = &shared.calls.asked;
    let correlation = response.extras.correlation.as_deref();
    let Some(number) = correlation.and_then(|correlation| asked.number(correlation)) else {
        return;
    };
    let answer = match response.extras.user(ERROR_PROPERTY) {
        None => Ok(response.payload),
        Some(code) => {
            let data = (!response.payload.is_empty()).then_some(response.payload);
            Err(match code.parse() {
                Ok(code) => RpcError::new(code, data),
                Err(_) => RpcError::new(
                    RPC_ERROR_CODE_INTERNAL,
                    rpc_err_str("the host answers with an error that has no number"),
                ),
            })
        }
    };
    if let Some(waiting) = asked.waiting.lock().answers.remove(&number) {
        // The caller has just given up.
        drop(waiting.send(answer));
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn places_are_bounded_and_responses_belong_to_one_run() {
        let asked = Asked::new(1);
        let (number, _answer) = asked.begin().expect("a place");
        assert!(asked.begin().is_none());
        let correlation = asked.correlation(number);
        assert_eq!(asked.number(&correlation), Some(number));
        assert_eq!(Asked::new(1).number(&correlation), None);
        for odd in [&b""[..], b"x", &correlation[1..]] {
            assert_eq!(asked.number(odd), None);
        }
    }
}
