//! What the client and its background task share: the way out, and what waits for answers.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::confirmations::Confirmations;
use super::receive::Receiver;
use crate::address::Address;
use crate::deadline;
use crate::link::{Config, check_greeting, registration};
use crate::protocol::handshake::{GREETING_BYTES, greeting};
use crate::transport::budget::Charge;
use crate::transport::intake::Intake;
use crate::transport::outbox::{Account, Bounds, Encoded, Outbox, Payload, Push};
use crate::transport::socket::{ReadHalf, Socket, WriteHalf};
use crate::{Error, EventChannel, IntoElbusResult, OpConfirm, QoS};

/// See the top of this file.
pub(super) struct Connection {
    outbox: Outbox,
    pub(super) confirmations: Confirmations,
    timeout: Duration,
    connected: Arc<AtomicBool>,
    /// The application has taken the event channel.
    events_taken: AtomicBool,
    dropped_frames: AtomicU64,
    /// The application is done with the client.
    closing: Notify,
}

/// Connects, registers, and starts the background task.
pub(super) async fn open(config: &Config) -> Result<(Arc<Connection>, EventChannel), Error> {
    let opening = async {
        let (mut input, output) = connect(config).await?;
        shake_hands(&mut input, &output, &config.name).await?;
        Ok::<_, Error>((input, output))
    };
    let (input, output) = tokio::time::timeout(config.timeout, opening)
        .await
        .map_err(|_| Error::timeout())??;
    let bounds = Bounds {
        frames: config.queue_size.max(1),
        bytes: config.max_body(),
        linger: (!config.buf_ttl.is_zero()).then_some(config.buf_ttl),
    };
    let connection = Arc::new(Connection {
        outbox: Outbox::new(output, bounds, Charge::default()),
        confirmations: Confirmations::new(config.timeout),
        timeout: config.timeout,
        connected: Arc::new(AtomicBool::new(true)),
        events_taken: AtomicBool::new(false),
        dropped_frames: AtomicU64::new(0),
        closing: Notify::new(),
    });
    let (frames, events) = async_channel::bounded(config.queue_size.max(1));
    let receiver = Receiver::new(
        connection.clone(),
        Intake::new(input, config.timeout, Charge::default()),
        frames,
        config,
    );
    tokio::spawn(run(connection.clone(), receiver));
    Ok((connection, events))
}

async fn connect(config: &Config) -> Result<(ReadHalf, WriteHalf), Error> {
    let path = &config.path;
    let explain = |e: io::Error| Error::io(format_args!("cannot connect to {path}: {e}"));
    let socket = match Address::parse(path) {
        Address::Tcp(address) => TcpStream::connect(address)
            .await
            .and_then(Socket::tcp)
            .map_err(explain)?,
        Address::Unix(path) | Address::Fifo(path) => UnixStream::connect(path)
            .await
            .and_then(Socket::unix)
            .map_err(explain)?,
        #[cfg(feature = "tls")]
        Address::Tls(address) => return super::tls::connect(&address, &config.tls).await,
        #[cfg(not(feature = "tls"))]
        Address::Tls(_) => {
            return Err(Error::not_supported(format_args!(
                "{path}: built without the feature `tls`"
            )));
        }
    };
    Ok(socket.split()?)
}

async fn shake_hands(input: &mut ReadHalf, output: &WriteHalf, name: &str) -> Result<(), Error> {
    let mut peer_greeting = [0; GREETING_BYTES];
    input.read_exact(&mut peer_greeting).await?;
    check_greeting(peer_greeting)?;
    output.write_all(&greeting()).await?;
    read_code(input).await?;
    output.write_all(&registration(name)?).await?;
    read_code(input).await
}

async fn read_code(input: &mut ReadHalf) -> Result<(), Error> {
    input.read_u8().await?.to_elbus_result()
}

/// The background task: receives, writes what the socket did not take at once, watches over
/// confirmations, until the connection or the client has gone.
async fn run(connection: Arc<Connection>, mut receiver: Receiver) {
    let Connection {
        outbox,
        confirmations,
        timeout,
        closing,
        ..
    } = &*connection;
    let result = tokio::select! {
        biased;
        result = outbox.drain(Some(*timeout)) => {
            if !result.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::TimedOut) {
                // The broker has closed the connection. What it said before still counts.
                let _ = tokio::time::timeout(*timeout, receiver.run()).await;
            }
            result
        }
        result = receiver.run() => result,
        () = confirmations.watch() => Ok(()),
        () = closing.notified() => {
            // What was sent before leaves. What arrives interests nobody, but a TCP socket that is
            // closed with unread input takes back what has left and is still on its way.
            let leave = async {
                let finished = outbox.finish(Some(*timeout)).await;
                outbox.close();
                finished
            };
            let leaving = async { tokio::try_join!(leave, receiver.discard()) };
            let _ = tokio::time::timeout(*timeout, leaving).await;
            Ok(())
        }
    };
    if let Err(e) = result {
        log::debug!("connection to the broker lost: {e}");
    }
    connection.end();
}

impl Connection {
    /// Sends one frame, and waits for room if need be.
    pub(super) async fn send(
        &self,
        op_id: u32,
        head: &[u8],
        payload: Payload<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let confirmation = match qos.needs_ack() {
            true => Some(self.confirmations.start(op_id)?),
            false => None,
        };
        let frame = Encoded {
            head,
            payload,
            // Whoever waits for a confirmation does not gain from waiting for others to join.
            realtime: qos.is_realtime() || qos.needs_ack(),
            counted: 0,
        };
        match self.queue(frame).await {
            Ok(()) => Ok(confirmation),
            Err(e) => {
                self.confirmations.withdraw(op_id);
                Err(e)
            }
        }
    }

    async fn queue(&self, frame: Encoded<'_>) -> Result<(), Error> {
        let mut until = None;
        loop {
            let mut room = pin!(self.outbox.room());
            // Registering costs a lock, so only if the first attempt has failed.
            if until.is_some() {
                room.as_mut().enable();
            }
            match self.outbox.push(frame, Account::Frame) {
                Push::Queued { .. } => {
                    self.outbox.settle();
                    return Ok(());
                }
                Push::Closed => return Err(Error::eof()),
                // No memory is what a broker runs out of.
                Push::Full | Push::NoMemory => match until {
                    None => {
                        self.outbox.flush();
                        until = Some(Instant::now() + self.timeout);
                    }
                    Some(until) => deadline::timeout_at(until, room).await?,
                },
            }
        }
    }

    /// Sends a ping.
    pub(super) fn ping(&self, bytes: &[u8]) -> Result<(), Error> {
        if !self.is_connected() {
            return Err(Error::eof());
        }
        self.outbox.ping(bytes);
        Ok(())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(super) fn beacon(&self) -> Arc<AtomicBool> {
        self.connected.clone()
    }

    pub(super) fn events_taken(&self) {
        self.events_taken.store(true, Ordering::Relaxed);
    }

    pub(super) fn are_events_taken(&self) -> bool {
        self.events_taken.load(Ordering::Relaxed)
    }

    pub(super) fn count_dropped_frame(&self) {
        if self.dropped_frames.fetch_add(1, Ordering::Relaxed) == 0 {
            log::warn!("nobody reads the event channel; frames are dropped");
        }
    }

    pub(super) fn dropped_frames(&self) -> u64 {
        self.dropped_frames.load(Ordering::Relaxed)
    }

    /// The application is done with the client.
    pub(super) fn close(&self) {
        self.closing.notify_one();
    }

    /// The connection has ended.
    fn end(&self) {
        self.connected.store(false, Ordering::Relaxed);
        self.outbox.close();
        self.confirmations.close();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Client;
    use super::*;
    use crate::client::AsyncClient;
    use crate::protocol::delivery::PING;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Who asks for TLS and does not get it must not be connected without.
    #[cfg(not(feature = "tls"))]
    #[tokio::test]
    async fn without_the_feature_an_address_with_tls_is_refused() {
        let refused = Client::connect(&Config::new("tls://localhost:1", "c")).await;
        let why = refused.err().expect("no connection");
        assert_eq!(why.kind(), crate::ErrorKind::NotSupported);
        assert!(why.to_string().contains("feature `tls`"), "{why}");
    }

    /// Closing a TCP socket with unread input would take back what is on its way.
    #[tokio::test]
    async fn what_was_sent_arrives_although_the_client_does_not_read_any_more() {
        const BYTES: usize = 4 * 1024 * 1024;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let broker = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().expect("a client");
            peer.write_all(&greeting()).expect("open");
            peer.write_all(&[1, 1]).expect("open");
            let mut pings = peer.try_clone().expect("a handle");
            std::thread::spawn(move || {
                while pings.write_all(&PING).is_ok() {
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
            std::thread::sleep(Duration::from_millis(300));
            let mut got = Vec::new();
            let result = peer.read_to_end(&mut got);
            let _ = peer.shutdown(std::net::Shutdown::Both);
            result.map(|_| got.len()).map_err(|e| (e, got.len()))
        });
        let config = Config::new(&address, "c").timeout(Duration::from_secs(10));
        let mut client = Client::connect(&config).await.expect("a connection");
        let payload = vec![0; BYTES];
        let sent = client.send("x", payload.into(), QoS::No).await;
        assert!(sent.expect("room").is_none());
        drop(client);
        let got = tokio::task::spawn_blocking(|| broker.join()).await;
        let got = got.expect("a thread").expect("no panic");
        // Greeting, name, header, target.
        assert_eq!(got.expect("a proper end"), 3 + 2 + 1 + 9 + 2 + BYTES);
    }
}
