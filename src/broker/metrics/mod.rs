//! What the broker knows about itself and its clients, as OpenMetrics text over HTTP: for Prometheus
//! and whatever else reads that.
//!
//! | file | job |
//! |---|---|
//! | `server` | connections: how many, how long, what is said |
//! | `request` | the head of a request, and what it deserves |
//! | `snapshot` | the numbers of one moment |
//! | `families` | which metrics there are |
//! | `text` | how they are written, piece by piece |
//!
//! None of it runs unless somebody asks, and nothing here holds a lock of the broker while it waits.

mod families;
mod request;
mod server;
mod snapshot;
mod text;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::config::ServerConfig;
use super::listener::{Acceptor, bind_tcp};
use super::{Broker, socket_path};
use crate::Error;
use crate::address::Address;

/// Who may ask over a UNIX socket, unless configured: the owner and the group.
const DEFAULT_MODE: u32 = 0o660;

/// Where to ask for metrics: a UNIX socket, or a port of the loopback interface. Names of clients and
/// hosts are nobody's business beyond the device, and nothing guards the port.
///
/// ```
/// use elbus::broker::MetricsAddress;
///
/// for text in ["/run/elbus-metrics.sock", "127.0.0.1:9464", "[::1]:9464"] {
///     assert_eq!(text.parse::<MetricsAddress>()?.to_string(), text);
/// }
/// assert!("0.0.0.0:9464".parse::<MetricsAddress>().is_err());
/// # Ok::<(), elbus::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsAddress(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Unix(PathBuf),
    Loopback(SocketAddr),
}

impl FromStr for MetricsAddress {
    type Err = Error;

    /// A path as in [`Address::parse`], or `IP:PORT`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for everything else, names of hosts and addresses
    /// that other hosts can reach included.
    fn from_str(text: &str) -> Result<Self, Error> {
        let place = match Address::parse_server(text) {
            Address::Unix(path) => Place::Unix(path),
            Address::Tcp(address) => match address.parse::<SocketAddr>() {
                Ok(address) if address.ip().is_loopback() => Place::Loopback(address),
                Ok(address) => {
                    return Err(Error::data(format_args!(
                        "other hosts can reach {address}, and metrics are for this one only: use \
                         127.0.0.1, [::1] or the path of a UNIX socket"
                    )));
                }
                Err(_) => return Err(unexpected()),
            },
            Address::Tls(_) | Address::Fifo(_) => return Err(unexpected()),
        };
        Ok(Self(place))
    }
}

fn unexpected() -> Error {
    Error::data(
        "expected a path that starts with `/` or ends in .sock, .socket or .ipc, or a loopback \
         address, 127.0.0.1:PORT or [::1]:PORT",
    )
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Unix(path) => path.display().fmt(f),
            Place::Loopback(address) => address.fmt(f),
        }
    }
}

impl Broker {
    /// Answers `GET /metrics` with OpenMetrics text: everything that [`stats`](Self::stats) and
    /// `client.list` tell, the memory that is taken, frames that were dropped. A UNIX socket gets the
    /// mode, owner and group of `config`, of which nothing else is used; the mode is 0660 unless
    /// configured. A dead socket at the path is replaced, and the socket is removed at the end.
    ///
    /// At most [`MAX_METRICS_CONNECTIONS`](crate::limits::MAX_METRICS_CONNECTIONS) requests are
    /// answered at a time, each within
    /// [`METRICS_EXCHANGE_LIMIT`](crate::limits::METRICS_EXCHANGE_LIMIT); the connection ends with the
    /// answer.
    ///
    /// # Errors
    ///
    /// `Busy` if something else is at the path, `Io` if the system refuses.
    pub async fn spawn_metrics(
        &mut self,
        address: &MetricsAddress,
        config: ServerConfig,
    ) -> Result<(), Error> {
        let acceptor = match &address.0 {
            Place::Unix(path) => {
                let mode = config.socket_mode.unwrap_or(DEFAULT_MODE);
                let config = config.socket_mode(mode);
                let (socket, bound) = socket_path::listen_at(path, &config).await?;
                self.bound.push(bound);
                Acceptor::Unix(socket)
            }
            Place::Loopback(address) => Acceptor::Tcp(bind_tcp(&address.to_string()).await?),
        };
        let server = server::run(
            self.hub.clone(),
            acceptor,
            format!("metrics at {address}"),
            self.tether.clone(),
        );
        self.tasks.push(tokio::spawn(server));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_other_hosts_can_reach_are_refused() {
        for text in [
            "0.0.0.0:9464",
            "[::]:9464",
            "192.168.1.7:9464",
            "[fe80::1]:9464",
            "[::ffff:10.0.0.1]:9464",
        ] {
            let error = text.parse::<MetricsAddress>().expect_err(text);
            assert!(error.to_string().contains("other hosts"), "{error}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_meant() {
        for text in [
            "",
            "9464",
            ":9464",
            "localhost",
            "localhost:9464",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "::1:9464x",
            "tls://127.0.0.1:9464",
            "fifo:/run/metrics",
        ] {
            let error = text.parse::<MetricsAddress>().expect_err(text);
            assert!(error.to_string().contains("expected a path"), "{error}");
        }
    }
}
