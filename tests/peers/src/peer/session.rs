//! The clients a peer holds, and the commands that act on the current one of them.

use super::bus::client::AsyncClient;
use super::bus::ipc::{Client, Config};
use super::bus::rpc::{Rpc, RpcClient};
use super::bus::{Error, OpConfirm, QoS};
use super::output::{Output, show};
use super::rpc::Handlers;
use super::words::{CALL_QOS, error_text, kind_word, parse_qos};
use super::{Outcome, flood::Flood};
use std::collections::BTreeMap;
use std::time::Duration;

/// Well above the second that is usual, so that a busy machine does not fail a test, and below
/// what BUS/RT forgives: the RPC layer pings at this interval.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Session {
    output: Output,
    links: BTreeMap<String, Link>,
    current: String,
}

/// A client as it is, or in the hands of the RPC layer.
enum Link {
    Plain(Box<Client>),
    Rpc(Box<RpcClient>),
}

impl Session {
    pub(super) fn new(output: Output) -> Self {
        Self {
            output,
            links: BTreeMap::new(),
            current: String::new(),
        }
    }

    pub(super) async fn execute(&mut self, words: &[&str]) -> Outcome {
        match words {
            ["connect", path, name] => self.connect(path, name, false).await,
            ["rpc-serve", path, name] => self.connect(path, name, true).await,
            ["secondary"] => self.secondary(false).await,
            ["rpc-secondary"] => self.secondary(true).await,
            ["use", name] => self.select(name),
            ["disconnect"] => self.disconnect(),
            ["rpc-call", target, method, text] => self.call(target, method, text).await,
            ["rpc-call0", target, method, text] => {
                let rpc = self.rpc()?;
                let text = text.as_bytes().into();
                confirmed(rpc.call0(target, method, text, CALL_QOS).await).await
            }
            ["rpc-notify", target, text] => {
                let rpc = self.rpc()?;
                confirmed(rpc.notify(target, text.as_bytes().into(), CALL_QOS).await).await
            }
            _ => match self.link()? {
                Link::Plain(client) => operate(client.as_mut(), words).await,
                Link::Rpc(rpc) => operate(&mut *rpc.client().lock().await, words).await,
            },
        }
    }

    async fn connect(&mut self, path: &str, name: &str, rpc: bool) -> Outcome {
        let config = Config::new(path, name).timeout(TIMEOUT);
        let client = Client::connect(&config).await.map_err(|e| kind_word(&e))?;
        self.add(client, rpc);
        Ok(String::new())
    }

    async fn secondary(&mut self, rpc: bool) -> Outcome {
        let Link::Plain(primary) = self.link()? else {
            return Err("usage".to_owned());
        };
        let secondary = primary.register_secondary().await;
        self.add(secondary.map_err(|e| kind_word(&e))?, rpc);
        Ok(self.current.clone())
    }

    /// Keeps a new client, makes it the current one, and prints what it receives from now on.
    fn add(&mut self, mut client: Client, rpc: bool) {
        let name = client.get_name().to_owned();
        let output = self.output.clone();
        let receiver = name.clone();
        let link = if rpc {
            let handlers = Handlers { output, receiver };
            Link::Rpc(Box::new(RpcClient::new(client, handlers)))
        } else {
            let events = client
                .take_event_channel()
                .expect("the channel of a new client");
            tokio::spawn(async move {
                while let Ok(frame) = events.recv().await {
                    output.bus_frame(&receiver, &frame);
                }
            });
            Link::Plain(Box::new(client))
        };
        self.links.insert(name.clone(), link);
        self.current = name;
    }

    fn select(&mut self, name: &str) -> Outcome {
        self.current = name.to_owned();
        self.link().map(|_| String::new())
    }

    fn disconnect(&mut self) -> Outcome {
        match self.links.remove(&self.current) {
            Some(_) => Ok(String::new()),
            None => Err("not-connected".to_owned()),
        }
    }

    async fn call(&mut self, target: &str, method: &str, text: &str) -> Outcome {
        let rpc = self.rpc()?;
        let reply = rpc
            .call(target, method, text.as_bytes().into(), CALL_QOS)
            .await;
        match reply {
            Ok(event) => Ok(show(event.payload())),
            Err(error) => Err(error_text(&error)),
        }
    }

    fn link(&mut self) -> Result<&mut Link, String> {
        let link = self.links.get_mut(&self.current);
        link.ok_or_else(|| "not-connected".to_owned())
    }

    fn rpc(&mut self) -> Result<&RpcClient, String> {
        match self.link()? {
            Link::Rpc(rpc) => Ok(rpc),
            Link::Plain(_) => Err("usage".to_owned()),
        }
    }
}

/// The operations that every client has, with the RPC layer on top or without.
async fn operate(client: &mut dyn AsyncClient, words: &[&str]) -> Outcome {
    let confirm = match words {
        ["send", target, text, qos] => {
            client
                .send(target, text.as_bytes().into(), parse_qos(qos)?)
                .await
        }
        ["broadcast", mask, text, qos] => {
            client
                .send_broadcast(mask, text.as_bytes().into(), parse_qos(qos)?)
                .await
        }
        ["publish", topic, text, qos] => {
            client
                .publish(topic, text.as_bytes().into(), parse_qos(qos)?)
                .await
        }
        ["subscribe", topics @ ..] => client.subscribe_bulk(topics, QoS::Processed).await,
        ["unsubscribe", topics @ ..] => client.unsubscribe_bulk(topics, QoS::Processed).await,
        ["flood", target, start, count] => {
            let start: u64 = start.parse().map_err(|_| "usage".to_owned())?;
            let count: u64 = count.parse().map_err(|_| "usage".to_owned())?;
            for number in start..start + count {
                let payload = Flood::payload(number).into_bytes().into();
                let sent = client.send(target, payload, QoS::No).await;
                sent.map_err(|e| kind_word(&e))?;
            }
            return Ok(String::new());
        }
        _ => return Err("usage".to_owned()),
    };
    confirmed(confirm).await
}

/// Waits for the acknowledgement if one was asked for.
async fn confirmed(result: Result<OpConfirm, Error>) -> Outcome {
    match result.map_err(|e| kind_word(&e))? {
        None => Ok(String::new()),
        Some(confirm) => match confirm.await {
            Ok(Ok(())) => Ok("acked".to_owned()),
            Ok(Err(error)) => Err(kind_word(&error)),
            Err(_) => Err("lost".to_owned()),
        },
    }
}
