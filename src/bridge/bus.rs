//! The connection to the bus: a client that listens and is called, and its secondary client, as which
//! the bridge publishes what came from the upstream (see [`marks`](super::marks)).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};

use super::config::Bus;
use super::handlers::Handlers;
use super::marks::MARK_SUFFIX;
use super::shared::Shared;
use super::upstream::Backoff;
use crate::client::AsyncClient;
use crate::rpc::{Options, Rpc, RpcClient};
use crate::{Error, EventChannel, QoS, ipc};

/// How long to wait after the first attempt that failed, and at most.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// How often a client in the same process is looked at, which cannot be lost silently.
const INTERNAL_INTERVAL: Duration = Duration::from_secs(60);

/// A connection to the bus.
pub(super) struct Link {
    rpc: RpcClient,
    importer: Mutex<Box<dyn AsyncClient>>,
}

impl Link {
    /// Calls of other clients.
    pub(super) fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// The client as which messages of the upstream are published.
    pub(super) async fn importer(&self) -> MutexGuard<'_, Box<dyn AsyncClient>> {
        self.importer.lock().await
    }

    /// Subscribes, and answers calls from then on.
    ///
    /// # Errors
    ///
    /// Those of the subscription.
    async fn open(
        mut primary: impl AsyncClient + 'static,
        mut importer: impl AsyncClient + 'static,
        shared: &Arc<Shared>,
    ) -> Result<(Self, EventChannel), Error> {
        let filters = shared.bus_filters();
        if !filters.is_empty() {
            let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
            if let Some(confirmation) = primary.subscribe_bulk(&filters, QoS::Processed).await? {
                confirmation.await??;
            }
        }
        let events = importer.take_event_channel();
        let events = events.ok_or_else(|| Error::data("the event channel was taken"))?;
        let options = Options::new()
            .blocking_frames()
            .timeout(shared.call_timeout());
        let handlers = Handlers::new(Arc::clone(shared));
        Ok((
            Self {
                rpc: RpcClient::create(primary, handlers, options),
                importer: Mutex::new(Box::new(importer)),
            },
            events,
        ))
    }

    /// Returns when the connection is lost. What the secondary client hears is of no interest: it has
    /// subscribed to nothing.
    async fn ended(&self, events: &EventChannel) {
        let interval = self.importer.lock().await.get_timeout();
        let interval = interval.unwrap_or(INTERNAL_INTERVAL);
        loop {
            match tokio::time::timeout(interval, events.recv()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return,
                // The listening client pings by itself.
                Err(_) => {
                    let is_alive = self.importer.lock().await.ping().await.is_ok();
                    if !is_alive || !self.rpc.is_connected() {
                        return;
                    }
                }
            }
        }
    }
}

/// Keeps the bridge on the bus for ever.
pub(super) async fn keep(
    config: Bus,
    shared: Arc<Shared>,
    links: watch::Sender<Option<Arc<Link>>>,
) {
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX, 1);
    let mut last_error = String::new();
    loop {
        tokio::time::sleep(backoff.wait(super::upstream::chance())).await;
        match connect(&config, &shared).await {
            Ok((link, events)) => {
                log::info!("bus {}: registered as {:?}", config.address, config.name);
                last_error.clear();
                backoff.succeeded();
                serve(link, &events, &shared, &links).await;
                log::warn!("bus {}: the connection is lost", config.address);
            }
            Err(error) => {
                let error = error.to_string();
                // The same again is no news.
                if error != last_error {
                    log::error!("bus {}: {error}; trying on", config.address);
                    last_error = error;
                }
            }
        }
        backoff.failed();
    }
}

/// The same with clients that the application has made; ends with them.
pub(super) async fn keep_given(
    (primary, importer): (impl AsyncClient + 'static, impl AsyncClient + 'static),
    shared: Arc<Shared>,
    links: watch::Sender<Option<Arc<Link>>>,
) -> Result<(), Error> {
    let (link, events) = Link::open(primary, importer, &shared).await?;
    serve(link, &events, &shared, &links).await;
    Ok(())
}

async fn serve(
    link: Link,
    events: &EventChannel,
    shared: &Arc<Shared>,
    links: &watch::Sender<Option<Arc<Link>>>,
) {
    let link = Arc::new(link);
    links.send_replace(Some(Arc::clone(&link)));
    super::presence::count_clients(&link, shared).await;
    link.ended(events).await;
    links.send_replace(None);
}

async fn connect(config: &Bus, shared: &Arc<Shared>) -> Result<(Link, EventChannel), Error> {
    let client = |name: &str| {
        let client = ipc::Config::new(&config.address, name)
            .queue_size(config.queue_size)
            .timeout(config.timeout);
        with_tls(client, config)
    };
    let primary = ipc::Client::connect(&client(&config.name)).await?;
    let importer = format!("{}{MARK_SUFFIX}", config.name);
    let importer = ipc::Client::connect(&client(&importer)).await?;
    Link::open(primary, importer, shared).await
}

fn with_tls(mut client: ipc::Config, bus: &Bus) -> ipc::Config {
    if let Some(ca) = &bus.tls.ca {
        client = client.tls_ca(ca);
    }
    if let (Some(certificate), Some(key)) = (&bus.tls.certificate, &bus.tls.key) {
        client = client.tls_certificate(certificate, key);
    }
    client
}
