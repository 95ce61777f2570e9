//! What every command gets: the bus to connect to, the time it may take, the output to use.

use std::fmt::Display;
use std::io::IsTerminal;
use std::time::Duration;

use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::rpc::{Rpc, RpcClient, RpcEvent};
use elbus::{Error, ErrorKind, OpConfirm, QoS};
use serde::{Deserialize, Serialize};

use crate::args::Options;
use crate::escape::printable;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::tls::Tls;

/// The surroundings of a command.
#[derive(Clone)]
pub struct Context {
    bus: String,
    name: String,
    buf_size: usize,
    /// Received frames that may wait to be handled.
    pub queue_size: usize,
    /// How long connecting and each answer may take.
    pub timeout: Duration,
    /// Where results go.
    pub out: Output,
    silent: bool,
    tls: Tls,
}

impl Context {
    /// As the command line says.
    pub fn new(bus: String, options: &Options) -> Self {
        Self {
            bus,
            name: options.name.clone().unwrap_or_else(default_name),
            buf_size: options.buf_size,
            queue_size: options.queue_size,
            timeout: options.timeout,
            out: Output::new(options.style()),
            silent: options.silent,
            tls: options.tls.clone(),
        }
    }

    /// Where the broker listens, as the user has put it.
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// The name under which [`connect`](Self::connect) registers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection to the bus.
    pub async fn connect(&self) -> Result<Client, Failure> {
        self.connect_as(&self.name).await
    }

    /// A connection under another name.
    pub async fn connect_as(&self, name: &str) -> Result<Client, Failure> {
        let config = Config::new(&self.bus, name)
            .buf_size(self.buf_size)
            .queue_size(self.queue_size)
            .timeout(self.timeout);
        let connection = Client::connect(&self.tls.apply(config)).await;
        connection.map_err(|error| match error.kind() {
            // It says by itself what could not be reached.
            ErrorKind::Io => Failure::Local(error.to_string()),
            _ => Failure::Bus(format!("cannot connect to {} as {name}", self.bus), error),
        })
    }

    /// A connection for calls.
    pub async fn connect_rpc(&self) -> Result<RpcClient, Failure> {
        Ok(RpcClient::new0(self.connect().await?))
    }

    /// Waits until the bus has confirmed an operation, if its QoS asks for that. `attempt` is what
    /// a failure is reported as.
    pub async fn confirm(
        &self,
        attempt: impl Display,
        operation: impl Future<Output = Result<OpConfirm, Error>>,
    ) -> Result<(), Failure> {
        let confirmed = async {
            match operation.await? {
                Some(confirmation) => confirmation.await?,
                None => Ok(()),
            }
        };
        // Which ends by itself, within the timeout of the client.
        confirmed
            .await
            .map_err(|error| Failure::Bus(attempt.to_string(), error))
    }

    /// Subscribes to all of the topics; to none is nothing to do.
    pub async fn subscribe(
        &self,
        client: &mut impl AsyncClient,
        topics: &[String],
    ) -> Result<(), Failure> {
        if topics.is_empty() {
            return Ok(());
        }
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let operation = client.subscribe_bulk(&topics, QoS::Processed);
        self.confirm("cannot subscribe", operation).await
    }

    /// Calls a method of the broker itself.
    pub async fn call_broker(&self, method: &str) -> Result<RpcEvent, Failure> {
        let rpc = self.connect_rpc().await?;
        let params = elbus::empty_payload!();
        Ok(rpc.call(".broker", method, params, QoS::Processed).await?)
    }

    /// The same with parameters.
    pub async fn call_broker_with(
        &self,
        method: &str,
        params: &impl Serialize,
    ) -> Result<RpcEvent, Failure> {
        let params = rmp_serde::to_vec_named(params)
            .map_err(|error| Failure::Local(format!("cannot encode parameters: {error}")))?;
        let rpc = self.connect_rpc().await?;
        let call = rpc.call(".broker", method, params.into(), QoS::Processed);
        Ok(call.await?)
    }

    /// Tells people on standard error what is going on, unless they want silence.
    pub fn note(&self, text: impl Display) {
        if !self.silent {
            output::complain(&printable(&text.to_string()));
        }
    }

    /// True if a person watches standard error and wants to.
    pub fn is_watched(&self) -> bool {
        !self.silent && std::io::stderr().is_terminal()
    }
}

/// A reply of the broker as the type that the protocol gives it.
pub fn decode<'a, T: Deserialize<'a>>(reply: &'a RpcEvent) -> Result<T, Failure> {
    rmp_serde::from_slice(reply.payload())
        .map_err(|error| Failure::Local(format!("cannot read the broker's answer: {error}")))
}

/// `cli.HOSTNAME.PID`: two shells on one device, or on two, do not get into each other's way.
fn default_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("cli.{}.{}", name_part(host.trim()), std::process::id())
}

/// The host's name without what means something in names and masks.
fn name_part(host: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    match host.trim_matches('.') {
        "" => "localhost".to_owned(),
        host => host.replace(|c| !allowed(c), "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_become_parts_of_client_names() {
        for (host, part) in [
            ("edge-1", "edge-1"),
            ("edge-1.example.com", "edge-1.example.com"),
            ("a*b?c%%d\0e\x1bf", "a-b-c--d-e-f"),
            ("", "localhost"),
            ("..", "localhost"),
        ] {
            assert_eq!(name_part(host), part);
        }
    }
}
