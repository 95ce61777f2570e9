//! Puts the tasks of a bridge together, and ends them.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::bus::{self, Link};
use super::calls::Calls;
use super::config::{Config, Identity, Mqtt, MqttQos, MqttVersion};
use super::counters::Counters;
use super::engine::{Engine, Sync};
use super::inward::{Importer, Inward};
use super::outward::Outward;
use super::presence::{self, Registrations};
use super::rules::Rules;
use super::shared::Shared;
use super::spool::{self, Now, Spool};
use super::status::Connection;
use super::upstream::{
    Address, Credentials, Dialer, Options, Secret, Subscription, TlsFiles, VersionChoice,
};
use crate::Error;
use crate::client::AsyncClient;

/// Requests and responses that wait to be sent, beyond those that may be under way.
const TO_SEND: usize = 16;

/// A bridge, ready to run.
#[derive(Debug)]
pub struct Bridge {
    config: Config,
    identity: Identity,
    rules: Arc<Rules>,
}

/// All but the connection to the bus.
struct Tasks {
    shared: Arc<Shared>,
    links: watch::Sender<Option<Arc<Link>>>,
    engine: Engine,
    dialer: Dialer,
    importer: JoinHandle<()>,
}

impl Bridge {
    /// Looks whether the configuration makes sense.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) says what does not.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check().map_err(Error::data)?;
        let identity = config.identity().map_err(Error::data)?;
        let rules = Rules::new(&config, &identity).map_err(Error::data)?;
        Ok(Self {
            config,
            identity,
            rules: Arc::new(rules),
        })
    }

    /// Carries messages until `stop` is done: connects to both sides, however often that takes, and says
    /// good-bye to both. What is in store stays there.
    ///
    /// # Errors
    ///
    /// None at present: what fails is tried again, and told in the log and by `bridge.status`.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let bus = self.config.bus.clone();
        let tasks = self.start().await?;
        let keeper = bus::keep(bus, Arc::clone(&tasks.shared), tasks.links.clone());
        let keeper = tokio::spawn(keeper);
        tasks.run(stop).await;
        keeper.abort();
        Ok(())
    }

    /// The same with clients that are connected, such as those of an embedded broker: one to listen and
    /// to be called, and its secondary client `NAME%%bridge`, as which the bridge publishes. Ends with
    /// them, too.
    ///
    /// # Errors
    ///
    /// That the clients cannot be used.
    pub async fn run_on(
        self,
        primary: impl AsyncClient + 'static,
        secondary: impl AsyncClient + 'static,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let tasks = self.start().await?;
        let shared = Arc::clone(&tasks.shared);
        let keeper = bus::keep_given((primary, secondary), shared, tasks.links.clone());
        let mut keeper = tokio::spawn(keeper);
        let mut ended = None;
        tasks
            .run(async {
                tokio::select! {
                    () = stop => {}
                    result = &mut keeper => ended = Some(result),
                }
            })
            .await;
        match ended {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(Error::io(error)),
            None => {
                keeper.abort();
                Ok(())
            }
        }
    }

    async fn start(self) -> Result<Tasks, Error> {
        let Self {
            config,
            identity,
            rules,
        } = self;
        let options = options(&config, &identity, &rules);
        let counters = Arc::new(Counters::default());
        // Opening reads all that is in store.
        let store = store(&config);
        let spool = tokio::task::spawn_blocking(move || Spool::open(&store, Now::read()));
        let spool = spool.await.map_err(Error::io)?;
        let max_pending = config.rpc.as_ref().map_or(0, |rpc| rpc.max_pending);
        let (sender, to_send) = mpsc::channel(max_pending.saturating_mul(2) + TO_SEND);
        let outward = Outward::new(Arc::clone(&rules), Arc::clone(&counters), spool);
        let shared = Arc::new(Shared {
            settled: watch::Sender::new(0),
            outward: Mutex::new(outward),
            connection: Mutex::new(Connection::default()),
            registrations: Mutex::new(Registrations::default()),
            calls: Calls::new(max_pending),
            to_send: sender,
            wake: Arc::new(Notify::new()),
            config,
            identity,
            rules: Arc::clone(&rules),
            counters: Arc::clone(&counters),
        });
        let finished = Arc::new(Notify::new());
        let in_flight = shared.config.mqtt.in_flight;
        let (inward, deliveries) = Inward::new(
            rules,
            Arc::clone(&counters),
            in_flight,
            Arc::clone(&finished),
        );
        let links = watch::Sender::new(None);
        let importer = Importer::new(deliveries, links.subscribe(), counters);
        Ok(Tasks {
            engine: Engine {
                shared: Arc::clone(&shared),
                links: links.subscribe(),
                inward,
                finished,
                to_send,
                held: None,
                sync: Sync::default(),
            },
            dialer: Dialer::new(options),
            importer: tokio::spawn(importer.run()),
            shared,
            links,
        })
    }
}

impl Tasks {
    async fn run(self, stop: impl Future<Output = ()>) {
        self.engine.run(self.dialer, stop).await;
        self.importer.abort();
    }
}

fn store(config: &Config) -> spool::Options {
    let store = &config.store;
    spool::Options {
        directory: store.directory.clone(),
        max_disk: store.max_disk,
        max_memory: store.max_memory,
        max_age: store.max_age,
    }
}

fn options(config: &Config, identity: &Identity, rules: &Rules) -> Options {
    let mqtt = &config.mqtt;
    let addresses = mqtt.addresses.iter().map(|address| Address {
        host: address.host.clone(),
        port: address.port,
        is_tls: address.tls,
    });
    Options {
        addresses: addresses.collect(),
        version: match mqtt.version {
            MqttVersion::Auto => VersionChoice::Auto,
            MqttVersion::V5 => VersionChoice::V5,
            MqttVersion::V311 => VersionChoice::V311,
        },
        client_id: identity.client_id.clone(),
        credentials: credentials(mqtt),
        tls: TlsFiles {
            ca: mqtt.tls.ca.clone(),
            own: mqtt.tls.certificate.clone().zip(mqtt.tls.key.clone()),
        },
        keep_alive: mqtt.keep_alive,
        connect_timeout: mqtt.connect_timeout,
        retry_min: mqtt.retry_min,
        retry_max: mqtt.retry_max,
        session_expiry_s: u32::try_from(mqtt.session_expiry.as_secs()).unwrap_or(u32::MAX),
        in_flight: u16::try_from(mqtt.in_flight).unwrap_or(u16::MAX),
        max_packet: u32::try_from(mqtt.max_packet).unwrap_or(u32::MAX),
        will: presence::will(identity.presence_topic.as_deref()),
        subscriptions: subscriptions(config, identity, rules),
    }
}

fn credentials(mqtt: &Mqtt) -> Credentials {
    let text = mqtt.username.clone().map(Secret::Text);
    Credentials {
        username: text.or_else(|| mqtt.username_file.clone().map(Secret::File)),
        password: mqtt.password_file.clone().map(Secret::File),
    }
}

/// What the rules need, then requests, responses, and what is in store of clients.
fn subscriptions(config: &Config, identity: &Identity, rules: &Rules) -> Vec<Subscription> {
    let of_rules = rules.subscriptions().into_iter().map(|it| Subscription {
        filter: it.filter,
        confirmed: it.qos == MqttQos::AtLeastOnce,
        retained: it.take_retained,
    });
    let rpc = config.rpc.as_ref();
    let requests = rpc.filter(|rpc| !rpc.serve.is_empty());
    let requests = requests.and(identity.rpc_prefix.as_deref());
    let responses = rpc.filter(|rpc| !rpc.call.is_empty());
    let responses = responses.and(identity.reply_topic.clone());
    let calls = requests.map(|prefix| format!("{prefix}/#"));
    let calls = calls
        .into_iter()
        .chain(responses)
        .map(|filter| Subscription {
            filter,
            confirmed: true,
            retained: false,
        });
    let registrations = presence::registrations_filter(config).map(|filter| Subscription {
        filter,
        confirmed: true,
        retained: true,
    });
    of_rules.chain(calls).chain(registrations).collect()
}
