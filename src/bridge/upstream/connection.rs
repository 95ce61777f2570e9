//! One connection: what was handed over and not yet written, what was written and not yet confirmed.

use std::collections::VecDeque;
use std::future::Future;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::message::{Ack, Message, Received};
use super::options::{Address, Subscription};
use super::window::Window;
use super::{Version, v4, v5};

/// Requests that the event loop of the library has not taken yet.
pub(super) const REQUESTS: usize = 256;

/// Of these, as many as are kept for acknowledgements, the subscription and the good-bye.
const RESERVED: usize = 32;

/// Notices that the event loop may be ahead.
const NOTICES: usize = 64;

/// What the upstream permits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// It knows the bridge from before.
    pub(super) session_present: bool,
    /// Messages of QoS 1 that may wait for their PUBACK.
    pub(super) window: u16,
    /// Longest packet, in bytes.
    pub(super) max_packet: u32,
    /// It keeps retained messages.
    pub(super) retain: bool,
}

/// What the event loop tells.
#[derive(Debug)]
pub(super) enum Notice {
    /// A message was written, under this number; 0 with QoS 0.
    Published(u16),
    /// Another request was written.
    Written,
    /// The message of this number was confirmed, or refused for a reason.
    Confirmed(u16, Option<String>),
    /// The subscriptions were answered, in their order; refused ones with a reason.
    Subscribed(Vec<Option<String>>),
    Received(Received),
}

/// A connection that was accepted, with an event loop that runs.
#[derive(Debug)]
pub(super) struct Opened {
    limits: Limits,
    notices: mpsc::Receiver<Result<Notice, String>>,
    pump: JoinHandle<()>,
}

impl Opened {
    /// Starts the event loop; it ends with the connection, or with this value.
    pub(super) fn start<F>(
        limits: Limits,
        pump: impl FnOnce(mpsc::Sender<Result<Notice, String>>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, notices) = mpsc::channel(NOTICES);
        Self {
            limits,
            notices,
            pump: tokio::spawn(pump(sender)),
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// The library's end, of either version.
#[derive(Debug)]
pub(super) enum Client {
    V5(rumqttc::v5::AsyncClient),
    V311(rumqttc::AsyncClient),
}

/// What happens on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message of QoS 1 was answered; `refusal`: the upstream does not want it.
    Confirmed {
        tag: Option<u64>,
        refusal: Option<String>,
    },
    /// A subscription was refused.
    Refused {
        filter: String,
        reason: String,
    },
    Received(Received),
    /// There is room again.
    Room,
    /// The connection has ended.
    Down(String),
}

/// Why a message was not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// Longer than what the upstream takes.
    TooLarge,
    /// There is no room, or no connection any more.
    Closed,
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Differs from that of any other connection.
    number: u64,
    address: Address,
    client: Client,
    opened: Opened,
    window: Window,
    /// Requests that were handed over and not written.
    requested: usize,
    /// Acknowledgements that found no room.
    acks: VecDeque<u16>,
    subscriptions: Vec<Subscription>,
    refused: VecDeque<Event>,
}

impl Connection {
    /// Subscribes to everything at once.
    pub(super) fn new(
        number: u64,
        address: Address,
        (client, opened): (Client, Opened),
        subscriptions: Vec<Subscription>,
    ) -> Self {
        let mut connection = Self {
            number,
            address,
            client,
            window: Window::new(opened.limits.window.into()),
            opened,
            requested: 0,
            acks: VecDeque::new(),
            subscriptions,
            refused: VecDeque::new(),
        };
        connection.subscribe();
        connection
    }

    fn subscribe(&mut self) {
        if self.subscriptions.is_empty() {
            return;
        }
        let is_taken = match &self.client {
            Client::V5(client) => v5::subscribe(client, &self.subscriptions),
            Client::V311(client) => v4::subscribe(client, &self.subscriptions),
        };
        match is_taken {
            true => self.requested += 1,
            false => log::error!("upstream {}: cannot subscribe", self.address),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn version(&self) -> Version {
        match self.client {
            Client::V5(_) => Version::V5,
            Client::V311(_) => Version::V311,
        }
    }

    /// The upstream knows the bridge from before, and has kept what came meanwhile.
    pub(crate) fn session_present(&self) -> bool {
        self.opened.limits.session_present
    }

    /// A message of either QoS can be handed over.
    pub(crate) fn has_room(&self) -> bool {
        self.window.has_room() && self.requested < REQUESTS - RESERVED
    }

    /// Something waits to be written, or to be confirmed.
    pub(crate) fn has_unconfirmed(&self) -> bool {
        !self.window.is_empty() || self.requested > 0
    }

    /// Hands a message over. With QoS 1 it is answered under its tag.
    pub(crate) fn publish(&mut self, tag: Option<u64>, mut message: Message) -> Result<(), Unsent> {
        let confirmed = message.confirmed;
        if confirmed && !self.window.has_room() {
            return Err(Unsent::Closed);
        }
        message.retain &= self.opened.limits.retain;
        let max_packet = self.opened.limits.max_packet;
        let sent = match &self.client {
            Client::V5(client) => v5::publish(client, message, max_packet),
            Client::V311(client) => v4::publish(client, message, max_packet),
        };
        sent.map_err(|is_too_large| match is_too_large {
            true => Unsent::TooLarge,
            false => Unsent::Closed,
        })?;
        self.requested += 1;
        if confirmed {
            self.window.push(tag);
        }
        Ok(())
    }

    /// Acknowledges a message. One of another connection is not any more: it will come again.
    pub(crate) fn acknowledge(&mut self, ack: Ack) {
        if ack.connection == self.number {
            self.acks.push_back(ack.packet_id);
            self.send_acks();
        }
    }

    fn send_acks(&mut self) {
        while self.requested < REQUESTS - 1
            && let Some(&packet_id) = self.acks.front()
        {
            let is_taken = match &self.client {
                Client::V5(client) => v5::acknowledge(client, packet_id),
                Client::V311(client) => v4::acknowledge(client, packet_id),
            };
            if !is_taken {
                return;
            }
            self.acks.pop_front();
            self.requested += 1;
        }
    }

    /// What happens next. May be given up and asked again.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(refused) = self.refused.pop_front() {
                return refused;
            }
            let had_room = self.has_room();
            let notice = match self.opened.notices.recv().await {
                Some(Ok(notice)) => notice,
                Some(Err(error)) => return Event::Down(error),
                None => return Event::Down("its task has ended".to_owned()),
            };
            if let Some(event) = self.notice(notice) {
                return event;
            }
            if !had_room && self.has_room() {
                return Event::Room;
            }
        }
    }

    fn notice(&mut self, notice: Notice) -> Option<Event> {
        match notice {
            Notice::Published(packet_id) => {
                self.written();
                if packet_id != 0 {
                    self.window.written(packet_id);
                }
                None
            }
            Notice::Written => {
                self.written();
                None
            }
            Notice::Confirmed(packet_id, refusal) => {
                let tag = self.window.confirm(packet_id)?;
                Some(Event::Confirmed { tag, refusal })
            }
            Notice::Subscribed(answers) => {
                let answers = self.subscriptions.iter().zip(answers);
                let refused = answers.filter_map(|(subscription, reason)| {
                    let filter = subscription.filter.clone();
                    reason.map(|reason| Event::Refused { filter, reason })
                });
                self.refused.extend(refused);
                None
            }
            Notice::Received(mut received) => {
                if let Some(ack) = &mut received.ack {
                    ack.connection = self.number;
                }
                Some(Event::Received(received))
            }
        }
    }

    fn written(&mut self) {
        self.requested = self.requested.saturating_sub(1);
        self.send_acks();
    }

    /// Ends the connection, so that the last will is not published.
    pub(crate) async fn close(mut self) {
        let is_taken = match &self.client {
            Client::V5(client) => client.try_disconnect().is_ok(),
            Client::V311(client) => client.try_disconnect().is_ok(),
        };
        if is_taken {
            while !matches!(self.next().await, Event::Down(_)) {}
        }
    }
}
