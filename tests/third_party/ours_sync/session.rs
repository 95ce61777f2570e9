//! The clients a peer holds, and the commands that act on the current one of them.

use crate::ours::peer::Outcome;
use crate::ours::peer::flood::Flood;
use crate::ours::peer::output::{Output, show};
use crate::ours::peer::words::{CALL_QOS, FAIL_CODE, error_text, kind_word, parse_qos};
use elbus::sync::rpc::{RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
use elbus::sync::{Client, Config, OpConfirm};
use elbus::{Error, Frame, QoS};
use std::collections::BTreeMap;
use std::time::Duration;

/// As that of the other Rust peers.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Session {
    output: Output,
    links: BTreeMap<String, Link>,
    current: String,
}

/// A client as it is, or in the hands of the RPC layer.
enum Link {
    Plain(Box<Client>),
    Rpc(RpcClient),
}

impl Link {
    fn client(&self) -> &Client {
        match self {
            Self::Plain(client) => client,
            Self::Rpc(rpc) => rpc.client(),
        }
    }
}

impl Session {
    pub(super) fn new(output: Output) -> Self {
        Self {
            output,
            links: BTreeMap::new(),
            current: String::new(),
        }
    }

    pub(super) fn execute(&mut self, words: &[&str]) -> Outcome {
        match words {
            ["connect", path, name] => self.connect(path, name, false),
            ["rpc-serve", path, name] => self.connect(path, name, true),
            ["secondary"] => self.secondary(false),
            ["rpc-secondary"] => self.secondary(true),
            ["use", name] => {
                self.current = (*name).to_owned();
                self.link().map(|_| String::new())
            }
            ["disconnect"] => match self.links.remove(&self.current) {
                Some(_) => Ok(String::new()),
                None => Err("not-connected".to_owned()),
            },
            ["rpc-call", target, method, text] => {
                let params = text.as_bytes().into();
                match self.rpc()?.call(target, method, params, CALL_QOS) {
                    Ok(event) => Ok(show(event.payload())),
                    Err(error) => Err(error_text(&error)),
                }
            }
            ["rpc-call0", target, method, text] => {
                let params = text.as_bytes().into();
                confirmed(self.rpc()?.call0(target, method, params, CALL_QOS))
            }
            ["rpc-notify", target, text] => {
                confirmed(self.rpc()?.notify(target, text.as_bytes().into(), CALL_QOS))
            }
            _ => operate(self.link()?.client(), words),
        }
    }

    fn connect(&mut self, path: &str, name: &str, rpc: bool) -> Outcome {
        let config = Config::new(path, name).timeout(TIMEOUT);
        let client = Client::connect(&config).map_err(|e| kind_word(&e))?;
        self.add(client, rpc);
        Ok(String::new())
    }

    fn secondary(&mut self, rpc: bool) -> Outcome {
        let Link::Plain(primary) = self.link()? else {
            return Err("usage".to_owned());
        };
        let secondary = primary.register_secondary();
        self.add(secondary.map_err(|e| kind_word(&e))?, rpc);
        Ok(self.current.clone())
    }

    /// Keeps a new client, makes it the current one, and prints what it receives from now on.
    fn add(&mut self, client: Client, rpc: bool) {
        let name = client.get_name().to_owned();
        let output = self.output.clone();
        let receiver = name.clone();
        let link = if rpc {
            Link::Rpc(RpcClient::new(client, Handlers { output, receiver }))
        } else {
            let events = client.take_event_channel();
            let events = events.expect("the channel of a new client");
            std::thread::spawn(move || {
                for frame in events.iter() {
                    output.bus_frame(&receiver, &frame);
                }
            });
            Link::Plain(Box::new(client))
        };
        self.links.insert(name.clone(), link);
        self.current = name;
    }

    fn link(&self) -> Result<&Link, String> {
        let link = self.links.get(&self.current);
        link.ok_or_else(|| "not-connected".to_owned())
    }

    fn rpc(&self) -> Result<&RpcClient, String> {
        match self.link()? {
            Link::Rpc(rpc) => Ok(rpc),
            Link::Plain(_) => Err("usage".to_owned()),
        }
    }
}

struct Handlers {
    output: Output,
    /// The name of the client that the calls come to.
    receiver: String,
}

impl Handlers {
    fn print(&self, kind: &str, event: &RpcEvent, method: &str) {
        let (to, from) = (&self.receiver, event.sender());
        self.output.frame(to, kind, from, method, event.payload());
    }
}

impl RpcHandlers for Handlers {
    fn handle_call(&self, event: RpcEvent) -> RpcResult {
        let method = event.parse_method()?;
        if !event.is_response_required() {
            self.print("call0", &event, method);
        }
        match method {
            "echo" => Ok(Some(event.payload().to_vec())),
            "nothing" => Ok(None),
            "fail" => Err(RpcError::new(FAIL_CODE, Some(event.payload().to_vec()))),
            _ => Err(RpcError::method(None)),
        }
    }

    fn handle_notification(&self, event: RpcEvent) {
        self.print("notification", &event, "-");
    }

    fn handle_frame(&self, frame: Frame) {
        self.output.bus_frame(&self.receiver, &frame);
    }
}

/// The operations that every client has, with the RPC layer on top or without.
fn operate(client: &Client, words: &[&str]) -> Outcome {
    let number = |word: &str| word.parse::<u64>().map_err(|_| "usage".to_owned());
    confirmed(match words {
        ["send", target, text, qos] => client.send(target, text.as_bytes().into(), parse_qos(qos)?),
        ["broadcast", mask, text, qos] => {
            client.send_broadcast(mask, text.as_bytes().into(), parse_qos(qos)?)
        }
        ["publish", topic, text, qos] => {
            client.publish(topic, text.as_bytes().into(), parse_qos(qos)?)
        }
        ["subscribe", topics @ ..] => client.subscribe_bulk(topics, QoS::Processed),
        ["unsubscribe", topics @ ..] => client.unsubscribe_bulk(topics, QoS::Processed),
        ["flood", target, start, count] => {
            let (start, count) = (number(start)?, number(count)?);
            for number in start..start + count {
                let payload = Flood::payload(number).into_bytes().into();
                let sent = client.send(target, payload, QoS::No);
                sent.map_err(|e| kind_word(&e))?;
            }
            return Ok(String::new());
        }
        _ => return Err("usage".to_owned()),
    })
}

/// Waits for the acknowledgement if one was asked for.
fn confirmed(result: Result<OpConfirm, Error>) -> Outcome {
    match result.map_err(|e| kind_word(&e))? {
        None => Ok(String::new()),
        Some(confirmation) => match confirmation.wait() {
            Ok(()) => Ok("acked".to_owned()),
            Err(error) => Err(kind_word(&error)),
        },
    }
}
