//! Hosts call methods of clients of the bus: a request to `PREFIX/CLIENT/METHOD` with a response topic
//! and correlation data; its payload are the params. The response has the result, or the code of the
//! error as a user property and its data as payload.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::super::bus::Link;
use super::super::shared::Shared;
use super::super::upstream::{Extras, Message, Received, is_sendable};
use super::ERROR_PROPERTY;
use crate::borrow::Cow;
use crate::rpc::{Rpc, RpcError, rpc_err_str};
use crate::{ErrorKind, QoS};

/// A request of a host.
struct Request {
    client: String,
    method: String,
    params: Vec<u8>,
    /// Where the response goes; without it, none is wanted.
    respond_to: Option<String>,
    correlation: Option<Vec<u8>>,
}

/// Is this topic one of requests?
pub(in crate::bridge) fn is_request(shared: &Shared, topic: &str) -> bool {
    let prefix = shared.identity.rpc_prefix.as_deref();
    prefix.is_some_and(|prefix| below(prefix, topic).is_some())
}

/// Carries a request out, in a task of its own.
pub(in crate::bridge) fn carry_out(
    shared: &Arc<Shared>,
    links: &watch::Receiver<Option<Arc<Link>>>,
    received: Received,
) {
    let (Some(config), Some(request)) = (&shared.config.rpc, read(shared, received)) else {
        shared.counters.inward.dropped_topic.one();
        return;
    };
    let rpc = &shared.counters.rpc;
    let mut rules = config.serve.iter();
    let refused = if !rules.any(|rule| rule.grants(&request.client, &request.method)) {
        rpc.denied.one();
        Some(ErrorKind::Access)
    } else {
        None
    };
    let place = Arc::clone(&shared.calls.serve_places).try_acquire_owned();
    let (refused, place) = match (refused, place) {
        (Some(kind), _) => (Some(kind), None),
        (None, Ok(place)) => (None, Some(place)),
        (None, Err(_)) => {
            rpc.busy.one();
            (Some(ErrorKind::Busy), None)
        }
    };
    match (refused, place) {
        (Some(kind), _) => {
            let Request { client, method, .. } = &request;
            log::warn!("a host may not call {method:?} of {client:?} now: {kind}");
            if let Some(response) = response(&request, Err(kind.into())) {
                // A host that does not wait for its responses loses them.
                drop(shared.to_send.try_send(response));
            }
        }
        (None, place) => {
            let link = links.borrow().clone();
            tokio::spawn(call(Arc::clone(shared), link, request, place));
        }
    }
}

async fn call(
    shared: Arc<Shared>,
    link: Option<Arc<Link>>,
    request: Request,
    place: Option<OwnedSemaphorePermit>,
) {
    let outcome = match link {
        None => {
            let text = rpc_err_str("the bridge has no connection to the bus");
            Err(RpcError::new(RpcError::from(ErrorKind::Io).code(), text))
        }
        Some(link) => call_client(&link, &request).await,
    };
    let rpc = &shared.counters.rpc;
    match &outcome {
        Err(error) if error.code() == RpcError::from(ErrorKind::Timeout).code() => {
            rpc.timeouts.one();
        }
        _ => rpc.served.one(),
    }
    if let Some(response) = response(&request, outcome) {
        // The engine has ended; so has the connection.
        drop(shared.to_send.send(response).await);
    }
    drop(place);
}

async fn call_client(link: &Link, request: &Request) -> Result<Vec<u8>, RpcError> {
    let (client, method) = (request.client.as_str(), request.method.as_str());
    let params = Cow::Borrowed(&request.params);
    if request.respond_to.is_none() {
        let sent = link.rpc().call0(client, method, params, QoS::No).await;
        return sent.map(|_| Vec::new()).map_err(RpcError::from);
    }
    let reply = link
        .rpc()
        .call(client, method, params, QoS::Processed)
        .await?;
    Ok(reply.payload().to_vec())
}

fn read(shared: &Shared, received: Received) -> Option<Request> {
    let prefix = shared.identity.rpc_prefix.as_deref()?;
    let (client, method) = below(prefix, &received.topic)?.split_once('/')?;
    if client.is_empty() || method.is_empty() {
        return None;
    }
    // A response that comes back as a request would call for ever.
    let respond_to = received.extras.response_topic;
    if let Some(topic) = &respond_to
        && (!is_sendable(topic) || is_request(shared, topic))
    {
        log::warn!("a host wants its response at {topic:?}, where none can be");
        return None;
    }
    Some(Request {
        client: client.to_owned(),
        method: method.to_owned(),
        params: received.payload,
        respond_to,
        correlation: received.extras.correlation,
    })
}

fn below<'a>(prefix: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(prefix)?.strip_prefix('/')
}

fn response(request: &Request, outcome: Result<Vec<u8>, RpcError>) -> Option<Message> {
    let topic = request.respond_to.clone()?;
    let mut extras = Extras {
        correlation: request.correlation.clone(),
        ..Extras::default()
    };
    let payload = outcome.unwrap_or_else(|error| {
        let code = error.code().to_string();
        extras.user.push((ERROR_PROPERTY.to_owned(), code));
        error.data().unwrap_or_default().to_vec()
    });
    Some(Message {
        topic,
        payload,
        confirmed: true,
        retain: false,
        extras,
    })
}
