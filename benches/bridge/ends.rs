//! Who sends and who subscribes, on either side. The first eight bytes of each payload are the number of
//! the message.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use elbus::client::AsyncClient;
use elbus::{QoS, ipc};
use rumqttc::{Client, Event, Incoming, MqttOptions, NetworkOptions, QoS as MqttQos};
use tokio::runtime::Runtime;

use crate::{Anything, DEADLINE};

/// Messages that a sender has on their way to its broker, and that are not confirmed.
const UNCONFIRMED: usize = 64;
/// Requests that may wait for the thread of an MQTT client; more than a window has.
const REQUESTS: usize = 1024;

/// Whoever sends.
pub trait Sender {
    /// Sends one message, without awaiting its confirmation.
    fn send(&mut self, payload: Vec<u8>) -> Anything<()>;
    /// Awaits the confirmations of all messages, if the QoS has any.
    fn settle(&mut self) -> Anything<()>;
}

/// The numbers of messages as they arrive at a subscriber.
pub struct Arrivals {
    numbers: Receiver<u64>,
    /// Ends with the arrivals.
    _subscriber: Box<dyn std::any::Any>,
}

impl Arrivals {
    /// `None` if nothing arrives for so long.
    pub fn next(&self, timeout: Duration) -> Option<u64> {
        self.numbers.recv_timeout(timeout).ok()
    }
}

fn number_of(payload: &[u8]) -> u64 {
    payload
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn mqtt_qos(qos: u8) -> MqttQos {
    match qos {
        0 => MqttQos::AtMostOnce,
        _ => MqttQos::AtLeastOnce,
    }
}

fn bus_qos(qos: u8) -> QoS {
    match qos {
        0 => QoS::No,
        _ => QoS::Processed,
    }
}

/// A connection over MQTT 3.1.1: the client, what arrives, and what is confirmed.
fn connect(name: &str, port: u16) -> (Client, Receiver<u64>, Receiver<()>) {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options.set_inflight(UNCONFIRMED as u16);
    let (client, mut connection) = Client::new(options, REQUESTS);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    connection.eventloop.set_network_options(network);
    let (tell_number, numbers) = channel();
    let (tell_confirmed, confirmed) = channel();
    std::thread::spawn(move || {
        for event in connection.iter() {
            let is_heard = match event {
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    tell_number.send(number_of(&publish.payload)).is_ok()
                }
                Ok(Event::Incoming(Incoming::PubAck(_) | Incoming::SubAck(_))) => {
                    tell_confirmed.send(()).is_ok()
                }
                Ok(_) => true,
                // Whoever waits for something is told by the end of the channels.
                Err(_) => false,
            };
            if !is_heard {
                return;
            }
        }
    });
    (client, numbers, confirmed)
}

pub struct MqttSender {
    client: Client,
    confirmed: Receiver<()>,
    unconfirmed: usize,
    topic: String,
    qos: u8,
    /// Without it the thread of the client would end with what arrives.
    _numbers: Receiver<u64>,
}

impl MqttSender {
    pub fn connect(port: u16, topic: &str, qos: u8) -> Self {
        let (client, numbers, confirmed) = connect(&format!("send {topic}"), port);
        Self {
            client,
            confirmed,
            unconfirmed: 0,
            topic: topic.to_owned(),
            qos,
            _numbers: numbers,
        }
    }
}

impl Sender for MqttSender {
    fn send(&mut self, payload: Vec<u8>) -> Anything<()> {
        self.unconfirmed += usize::from(self.qos);
        Ok(self
            .client
            .publish(&*self.topic, mqtt_qos(self.qos), false, payload)?)
    }

    fn settle(&mut self) -> Anything<()> {
        while self.unconfirmed > 0 {
            self.confirmed.recv_timeout(DEADLINE)?;
            self.unconfirmed -= 1;
        }
        Ok(())
    }
}

pub fn subscribe_over_mqtt(port: u16, topic: &str, qos: u8) -> Anything<Arrivals> {
    let (client, numbers, confirmed) = connect(&format!("hear {topic}"), port);
    client.subscribe(topic, mqtt_qos(qos))?;
    confirmed.recv_timeout(DEADLINE)?;
    Ok(Arrivals {
        numbers,
        _subscriber: Box::new((client, confirmed)),
    })
}

/// A client of the bus, and the thread that reads for it.
fn join(socket: &Path, name: &str) -> Anything<(Runtime, ipc::Client)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let path = socket.to_str().ok_or("a path that is no text")?;
    let config = ipc::Config::new(path, name).timeout(DEADLINE);
    let end = Instant::now() + DEADLINE;
    let client = loop {
        match runtime.block_on(ipc::Client::connect(&config)) {
            Ok(client) => break client,
            Err(error) if Instant::now() > end => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    Ok((runtime, client))
}

pub struct BusSender {
    runtime: Runtime,
    client: ipc::Client,
    unconfirmed: VecDeque<tokio::sync::oneshot::Receiver<Result<(), elbus::Error>>>,
    topic: String,
    qos: QoS,
}

impl BusSender {
    pub fn connect(socket: &Path, topic: &str, qos: u8) -> Anything<Self> {
        let (runtime, client) = join(socket, &format!("send.{}", topic.replace('/', ".")))?;
        Ok(Self {
            runtime,
            client,
            unconfirmed: VecDeque::new(),
            topic: topic.to_owned(),
            qos: bus_qos(qos),
        })
    }

    /// Awaits the oldest confirmations until no more than so many are left.
    fn wait(&mut self, left: usize) -> Anything<()> {
        while self.unconfirmed.len() > left {
            if let Some(first) = self.unconfirmed.pop_front() {
                self.runtime.block_on(first)??;
            }
        }
        Ok(())
    }
}

impl Sender for BusSender {
    fn send(&mut self, payload: Vec<u8>) -> Anything<()> {
        self.wait(UNCONFIRMED - 1)?;
        let sending = self.client.publish(&self.topic, payload.into(), self.qos);
        self.unconfirmed.extend(self.runtime.block_on(sending)?);
        Ok(())
    }

    fn settle(&mut self) -> Anything<()> {
        self.wait(0)
    }
}

pub fn subscribe_on_the_bus(socket: &Path, topic: &str) -> Anything<Arrivals> {
    let (runtime, mut client) = join(socket, &format!("hear.{}", topic.replace('/', ".")))?;
    let events = client.take_event_channel().ok_or("no channel of events")?;
    let confirmation = runtime.block_on(client.subscribe(topic, QoS::Processed))?;
    if let Some(confirmation) = confirmation {
        runtime.block_on(confirmation)??;
    }
    let (tell_number, numbers) = channel();
    runtime.spawn(async move {
        while let Ok(frame) = events.recv().await {
            if tell_number.send(number_of(frame.payload())).is_err() {
                return;
            }
        }
    });
    Ok(Arrivals {
        numbers,
        _subscriber: Box::new((client, runtime)),
    })
}
