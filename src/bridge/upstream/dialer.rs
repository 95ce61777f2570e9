//! Connects: to one address after the other, with the version that the upstream speaks, as often as it
//! takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::NetworkOptions;
use rustls::ClientConfig;

use super::backoff::{Backoff, chance};
use super::connection::{Client, Connection, Opened};
use super::credentials::{self, Login};
use super::options::{Address, Options, VersionChoice};
use super::{Version, v4, v5};

/// A connection that has held for so long was a good one: the next attempt need not wait for long.
const HELD: Duration = Duration::from_secs(10);

/// Why an attempt has failed, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The upstream does not speak this version.
    Version,
    /// It has closed the connection without a word, as some do for the same reason.
    Cut,
    Other,
}

/// An attempt that has failed.
#[derive(Debug)]
pub(super) struct OpenError {
    pub(super) refusal: Refusal,
    pub(super) text: String,
}

impl OpenError {
    pub(super) fn other(text: String) -> Self {
        Self {
            refusal: Refusal::Other,
            text,
        }
    }
}

/// Where to connect, and what is needed for that.
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) login: Option<Login>,
}

/// What the library is told of the TCP connection.
pub(super) fn network(options: &Options) -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(options.connect_timeout.as_secs().max(1));
    network
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Dialer {
    options: Options,
    backoff: Backoff,
    /// The address of the next attempt.
    next: usize,
    /// Addresses where MQTT 5 was refused, and 3.1.1 was not.
    v311: Vec<bool>,
    /// When the last connection began.
    connected: Option<Instant>,
    /// Connections so far.
    connections: u64,
    last_error: String,
}

impl Dialer {
    pub(crate) fn new(options: Options) -> Self {
        let (min, max, addresses) = (
            options.retry_min,
            options.retry_max,
            options.addresses.len(),
        );
        Self {
            backoff: Backoff::new(min, max, addresses),
            v311: vec![false; addresses],
            options,
            next: 0,
            connected: None,
            connections: 0,
            last_error: String::new(),
        }
    }

    /// Connects. Tells of each attempt that has failed.
    pub(crate) async fn dial(&mut self, mut failed: impl FnMut(String)) -> Connection {
        if let Some(connected) = self.connected.take() {
            if connected.elapsed() >= HELD {
                self.backoff.succeeded();
            }
            // Thousands may have lost the same upstream.
            self.backoff.failed();
            self.turn();
        }
        loop {
            tokio::time::sleep(self.backoff.wait(chance())).await;
            match self.attempt().await {
                Ok(connection) => {
                    self.connected = Some(Instant::now());
                    self.last_error.clear();
                    return connection;
                }
                Err(error) => {
                    // The same again is no news.
                    if error != self.last_error {
                        log::error!("upstream {error}; trying on");
                        self.last_error.clone_from(&error);
                    }
                    failed(error);
                    self.backoff.failed();
                    self.turn();
                }
            }
        }
    }

    fn turn(&mut self) {
        self.next = (self.next + 1) % self.options.addresses.len().max(1);
    }

    async fn attempt(&mut self) -> Result<Connection, String> {
        let index = self.next;
        let Some(address) = self.options.addresses.get(index).cloned() else {
            return Err("has no address".to_owned());
        };
        let version = match self.options.version {
            VersionChoice::V5 => Version::V5,
            VersionChoice::V311 => Version::V311,
            VersionChoice::Auto if self.is_v311(index) => Version::V311,
            VersionChoice::Auto => Version::V5,
        };
        let mut opened = self.open(&address, version).await;
        if let Err(error) = &opened
            && error.refusal != Refusal::Other
            && self.options.version == VersionChoice::Auto
            && version == Version::V5
        {
            log::info!(
                "upstream {address}: MQTT 5 is refused ({}), trying 3.1.1",
                error.text
            );
            opened = self.open(&address, Version::V311).await;
            self.set_v311(index, opened.is_ok());
        } else if opened.is_err() {
            self.set_v311(index, false);
        }
        let opened = opened.map_err(|error| format!("{address}: {}", error.text))?;
        self.connections += 1;
        let subscriptions = self.options.subscriptions.clone();
        Ok(Connection::new(
            self.connections,
            address,
            opened,
            subscriptions,
        ))
    }

    fn is_v311(&self, index: usize) -> bool {
        self.v311.get(index).copied().unwrap_or(false)
    }

    fn set_v311(&mut self, index: usize, is: bool) {
        if let Some(known) = self.v311.get_mut(index) {
            *known = is;
        }
    }

    async fn open(
        &self,
        address: &Address,
        version: Version,
    ) -> Result<(Client, Opened), OpenError> {
        let target = self.target(address)?;
        let options = &self.options;
        let open = async {
            Ok(match version {
                Version::V5 => {
                    let (client, opened) = v5::open(options, &target).await?;
                    (Client::V5(client), opened)
                }
                Version::V311 => {
                    let (client, opened) = v4::open(options, &target).await?;
                    (Client::V311(client), opened)
                }
            })
        };
        let limit = options.connect_timeout;
        tokio::time::timeout(limit, open)
            .await
            .unwrap_or_else(|_| Err(OpenError::other(format!("no answer within {limit:?}"))))
    }

    /// Reads what has to be read anew.
    fn target(&self, address: &Address) -> Result<Target, OpenError> {
        let explain = |error: crate::Error| OpenError::other(error.to_string());
        let tls = address
            .is_tls
            .then(|| credentials::tls(&self.options.tls))
            .transpose()
            .map_err(explain)?;
        Ok(Target {
            host: address.host.clone(),
            port: address.port,
            tls,
            login: credentials::login(&self.options.credentials).map_err(explain)?,
        })
    }
}
