//! The connections: one request each, few at a time, each for a short time. Whatever a peer does, it is
//! its own affair, and at most a line in the log once in a while.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::request::{self, HEAD_END, Method, Refusal};
use super::snapshot::Snapshot;
use super::text::{CONTENT_TYPE, Exposition};
use crate::broker::admission::{Admission, Place};
use crate::broker::hub::Hub;
use crate::broker::listener::{Acceptor, Tether};
use crate::broker::tally::Tally;
use crate::limits::{
    MAX_METRICS_CONNECTIONS, MAX_METRICS_REQUEST_BYTES, MAX_METRICS_UNREAD_BYTES,
    METRICS_EXCHANGE_LIMIT,
};
use crate::transport::socket::{ReadHalf, Socket, WriteHalf};

/// What all connections have in common.
struct Server {
    hub: Arc<Hub>,
    /// For the log.
    name: String,
    failures: Mutex<Tally>,
}

/// Answers requests for ever. `name` is for the log.
pub(super) async fn run(hub: Arc<Hub>, acceptor: Acceptor, name: String, tether: Tether) {
    let admission = Admission::new(MAX_METRICS_CONNECTIONS, "do not end");
    let server = Arc::new(Server {
        hub,
        name,
        failures: Mutex::default(),
    });
    loop {
        let accepted = acceptor.next(&server.name).await;
        let place = admission.enter(&server.name).await;
        match accepted.into_socket() {
            Ok(socket) => {
                let connection = connection(server.clone(), socket, place, tether.clone());
                tokio::spawn(connection);
            }
            Err(e) => server.note(&e.to_string()),
        }
    }
}

/// The life of one connection.
async fn connection(server: Arc<Server>, socket: Socket, place: Place, mut tether: Tether) {
    tokio::select! {
        biased;
        () = tether.stopped() => {}
        () = place.needed() => {}
        () = server.exchange(socket) => {}
    }
}

impl Server {
    /// Answers the request. When that is done, or takes too long, there is no more to do.
    async fn exchange(&self, socket: Socket) {
        let end = tokio::time::Instant::now() + METRICS_EXCHANGE_LIMIT;
        let (mut input, output) = match socket.split() {
            Ok(halves) => halves,
            Err(e) => return self.note(&e.to_string()),
        };
        match tokio::time::timeout_at(end, self.answer(&mut input, output)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => self.note(&why),
            Err(_) => return self.note("it was not done in time"),
        }
        let _ = tokio::time::timeout_at(end, drain(&mut input)).await;
    }

    /// The output ends with the answer.
    ///
    /// # Errors
    ///
    /// What is wrong, for the log.
    async fn answer(&self, input: &mut ReadHalf, output: WriteHalf) -> Result<(), String> {
        let Some(request) = read_request(input).await? else {
            return Ok(());
        };
        let method = match request {
            Ok(method) => method,
            Err(refusal) => {
                let answer = refuse(&refusal);
                output.write_all(answer.as_bytes()).await.map_err(lost)?;
                return Err(refusal.why.into());
            }
        };
        let head = head("200 OK", CONTENT_TYPE, "");
        output.write_all(head.as_bytes()).await.map_err(lost)?;
        if method == Method::Head {
            return Ok(());
        }
        let mut text = Exposition::new(Snapshot::take(&self.hub));
        let mut piece = String::new();
        while text.next_piece(&mut piece) {
            output.write_all(piece.as_bytes()).await.map_err(lost)?;
            // A peer that reads fast would keep the thread from the clients.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn note(&self, why: &str) {
        let told = self.failures.lock().count(Instant::now());
        if let Some(times) = told {
            let name = &self.name;
            log::warn!("{name}: {times} requests without metrics, the last one: {why}");
        }
    }
}

/// Reads the head of a request. `None` if the peer has gone without a word.
///
/// # Errors
///
/// What has happened to the connection, for the log.
async fn read_request(
    input: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Result<Method, Refusal>>, String> {
    let mut buffer = vec![0; MAX_METRICS_REQUEST_BYTES];
    let mut got = 0;
    while got < buffer.len() {
        let more = input.read(&mut buffer[got..]).await.map_err(lost)?;
        if more == 0 && got == 0 {
            return Ok(None);
        }
        if more == 0 {
            return Err("the peer went in the middle of its request".into());
        }
        // The end may have begun with what came before.
        let seen = got.saturating_sub(HEAD_END.len() - 1);
        got += more;
        let mut ends = buffer[seen..got].windows(HEAD_END.len());
        if let Some(end) = ends.position(|bytes| bytes == HEAD_END) {
            let head = &buffer[..seen + end + HEAD_END.len()];
            return Ok(Some(request::read(head)));
        }
    }
    Ok(Some(Err(Refusal::malformed(
        "the head of the request is too long",
    ))))
}

/// Reads what nobody wants, until the peer has seen the end of the answer.
async fn drain(input: &mut (impl AsyncRead + Unpin)) {
    let mut rest = input.take(MAX_METRICS_UNREAD_BYTES as u64);
    let mut waste = [0; 1024];
    while matches!(rest.read(&mut waste).await, Ok(1..)) {}
}

fn lost(e: std::io::Error) -> String {
    format!("connection lost: {e}")
}

/// The end of the connection is the end of the body: the length of the metrics is not known before.
fn head(status: &str, content_type: &str, field: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{field}Cache-Control: no-store\r\n\
         Connection: close\r\n\r\n"
    )
}

fn refuse(refusal: &Refusal) -> String {
    let head = head(refusal.status, "text/plain; charset=utf-8", refusal.field);
    format!("{head}{}\n", refusal.why)
}
