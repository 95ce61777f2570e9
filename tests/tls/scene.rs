//! A plant with an authority of its own, and a broker in this process that has a certificate of it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use elbus::broker::{Broker, ServerConfig, TlsServer, TlsServerConfig};
use elbus::ipc::{Client, Config};
use elbus::{Error, EventChannel, Frame, client::AsyncClient};

use crate::authority::{Authority, Pair, Validity};
use crate::common::DEADLINE;
use crate::common::broker::TempDir;

pub struct Plant {
    pub dir: TempDir,
    pub authority: Authority,
}

impl Plant {
    /// `ca.pem`, and `broker.pem` with `broker.key` for this machine.
    pub fn new() -> Self {
        let plant = Self {
            dir: TempDir::new(),
            authority: Authority::new("plant"),
        };
        plant.authority.write(&plant.ca());
        plant.pair("broker", &["localhost", "127.0.0.1"]);
        plant
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A valid certificate of the plant.
    pub fn pair(&self, stem: &str, names: &[&str]) -> Pair {
        self.authority
            .issue(&self.path(stem), names, Validity::Present)
    }

    /// The files of a broker that asks for no certificates.
    pub fn files(&self) -> TlsServerConfig {
        TlsServerConfig::new(self.path("broker.pem"), self.path("broker.key"))
    }

    /// The files of a broker that asks for certificates of the plant.
    pub fn mutual(&self) -> TlsServerConfig {
        self.files().client_ca(self.ca())
    }

    pub async fn serve(&self, files: TlsServerConfig) -> Bus {
        self.serve_with(files, ServerConfig::new().timeout(DEADLINE))
            .await
    }

    pub async fn serve_with(&self, files: TlsServerConfig, config: ServerConfig) -> Bus {
        let tls = TlsServer::load(files).expect("certificates");
        let mut broker = Broker::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        broker
            .spawn_tls_listener(listener, config, &tls)
            .await
            .expect("a listener");
        Bus { broker, tls, port }
    }

    /// A client that trusts the plant, and waits as long as it takes.
    pub fn config(&self, bus: &Bus, name: &str) -> Config {
        Config::new(&bus.address(), name)
            .timeout(DEADLINE)
            .tls_ca(self.ca())
    }

    pub async fn client(&self, bus: &Bus, name: &str) -> Client {
        connect(&self.config(bus, name)).await.expect("a client")
    }
}

/// A broker that listens with TLS.
pub struct Bus {
    pub broker: Broker,
    pub tls: TlsServer,
    pub port: u16,
}

impl Bus {
    pub fn address(&self) -> String {
        format!("tls://127.0.0.1:{}", self.port)
    }
}

/// Connects, which ends one way or the other.
pub async fn connect(config: &Config) -> Result<Client, Error> {
    within(Client::connect(config)).await
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it must not hang")
}

/// With its configuration the connection is refused; returns why.
pub async fn refusal(config: &Config) -> Error {
    match connect(config).await {
        Ok(_) => panic!("this client must not get in"),
        Err(e) => e,
    }
}

pub fn events(client: &mut Client) -> EventChannel {
    client.take_event_channel().expect("taken once")
}

pub async fn next(events: &EventChannel) -> Frame {
    within(events.recv()).await.expect("a frame")
}

/// Polls until it is so.
pub async fn eventually(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !probe().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .unwrap_or_else(|_| panic!("did not happen in time: {what}"));
}
