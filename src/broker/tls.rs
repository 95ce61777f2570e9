//! TLS for listeners: the certificate of the broker, and what is asked of those who connect.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::server::{NoServerSessionStorage, ServerConnection, WebPkiClientVerifier};
use tokio::net::TcpListener;
use webpki::EndEntityCert;

use super::Broker;
use super::config::ServerConfig;
use super::listener::{self, Acceptor};
use crate::Error;
use crate::address::Address;
use crate::deadline;
use crate::protocol::names::primary_name;
use crate::transport::socket::{ReadHalf, Socket, WriteHalf};
use crate::transport::tls;

/// The files of a [`TlsServer`], all in PEM format.
#[derive(Debug, Clone)]
pub struct TlsServerConfig {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    optional: bool,
}

impl TlsServerConfig {
    /// `certificate` is the certificate of the broker, followed by those between it and the
    /// authority that the clients trust, if there are any; `key` its private key, not encrypted.
    /// Clients need no certificate.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            optional: false,
        }
    }

    /// Clients have to show a certificate of one of the authorities in this file, and may register
    /// only the names that are in it.
    ///
    /// These are its DNS names, the extension *subject alternative name*: each is the name of a
    /// client, letter by letter and without wildcards; the secondaries of that client go with it
    /// (`plc.line1` permits `plc.line1` and `plc.line1%%0`). A certificate without such a name
    /// permits none. Another name is answered `79` (access). What else a client may do is up to
    /// [`ServerConfig::aaa_map`](super::ServerConfig::aaa_map).
    pub fn client_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(file.into());
        self
    }

    /// With [`client_ca`](Self::client_ca): who shows no certificate may register any name that the
    /// access rules permit. A certificate that is shown has to be valid, and binds to its names.
    pub fn optional_client_certificates(mut self) -> Self {
        self.optional = true;
        self
    }

    fn load(&self) -> Result<Arc<rustls::ServerConfig>, Error> {
        let chain = tls::certificates(&self.certificate)?;
        let key = tls::private_key(&self.key)?;
        let builder = rustls::ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::data)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = tls::roots(file)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, tls::provider());
                let verifier = match self.optional {
                    true => verifier.allow_unauthenticated(),
                    false => verifier,
                };
                let verifier = verifier
                    .build()
                    .map_err(|e| Error::data(format_args!("{}: {e}", file.display())))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|e| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            Error::data(format_args!("{certificate} with {key}: {e}"))
        })?;
        // Connections last, so there is little to gain; and a client that resumes a session does not
        // show its certificate, which may have expired since.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

/// The broker's end of TLS, for any number of listeners
/// ([`Broker::spawn_tls_server`](super::Broker::spawn_tls_server)). Clones are the same.
///
/// ```no_run
/// use elbus::broker::{Broker, ServerConfig, TlsServer, TlsServerConfig};
///
/// # async fn example() -> Result<(), elbus::Error> {
/// let files = TlsServerConfig::new("/etc/elbus/broker.pem", "/etc/elbus/broker.key")
///     .client_ca("/etc/elbus/plant-ca.pem");
/// let tls = TlsServer::load(files)?;
/// let mut broker = Broker::new();
/// broker.spawn_tls_server("0.0.0.0:7778", ServerConfig::new(), &tls).await?;
///
/// // When the certificate was renewed:
/// if let Err(e) = tls.reload() {
///     eprintln!("the old certificate stays: {e}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TlsServer {
    files: Arc<TlsServerConfig>,
    /// What new connections get.
    current: Arc<RwLock<Arc<rustls::ServerConfig>>>,
}

impl TlsServer {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// `Io` if a file cannot be read; `Data` if it holds no certificate or key, or the key is that of
    /// another certificate. Both name the file.
    pub fn load(files: TlsServerConfig) -> Result<Self, Error> {
        let config = files.load()?;
        Ok(Self {
            files: Arc::new(files),
            current: Arc::new(RwLock::new(config)),
        })
    }

    /// Reads the files again. What they say holds for connections from now on; those that exist go
    /// on with what they have agreed on.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); then nothing changes.
    pub fn reload(&self) -> Result<(), Error> {
        let config = self.files.load()?;
        *self.current.write() = config;
        Ok(())
    }

    /// A connection whose TLS handshake is still to come.
    pub(super) fn accept(&self, stream: tokio::net::TcpStream) -> io::Result<Socket> {
        let config = self.current.read().clone();
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        Socket::tls(stream, session)
    }
}

impl Broker {
    /// Listens on a TCP address, `HOST:PORT`, for clients that use TLS. Its handshake is bounded by
    /// the timeout of `config`.
    ///
    /// # Errors
    ///
    /// `Io` if the address cannot be bound.
    pub async fn spawn_tls_server(
        &mut self,
        addr: &str,
        config: ServerConfig,
        tls: &TlsServer,
    ) -> Result<(), Error> {
        let socket = listener::bind_tcp(addr).await?;
        let port = Address::Tls(addr.to_owned()).to_string();
        self.listen(&port, Acceptor::Tls(socket, tls.clone()), config)
    }

    /// Serves a TCP socket that listens already, for clients that use TLS. The socket is made
    /// non-blocking.
    ///
    /// # Errors
    ///
    /// `Io` if the system refuses.
    #[allow(clippy::unused_async)]
    pub async fn spawn_tls_listener(
        &mut self,
        socket: std::net::TcpListener,
        config: ServerConfig,
        tls: &TlsServer,
    ) -> Result<(), Error> {
        let port = Address::Tls(socket.local_addr()?.to_string()).to_string();
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        self.listen(&port, Acceptor::Tls(socket, tls.clone()), config)
    }
}

/// What a peer has proved by TLS.
#[derive(Debug)]
pub(super) enum Credentials {
    /// Nothing, and it did not need to.
    None,
    /// That it holds a certificate with these names, if any.
    Certificate(Vec<Box<str>>),
}

impl Credentials {
    /// Whether it may register under this name.
    pub(super) fn permits(&self, name: &str) -> bool {
        match self {
            Self::None => true,
            Self::Certificate(names) => names.iter().any(|own| **own == *primary_name(name)),
        }
    }

    /// For the log.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::None => "no certificate".to_owned(),
            Self::Certificate(names) if names.is_empty() => {
                "a certificate without names".to_owned()
            }
            Self::Certificate(names) => format!("a certificate for {}", names.join(", ")),
        }
    }

    fn of(socket: &Socket) -> Self {
        let Socket::Tls(stream) = socket else {
            return Self::None;
        };
        let Some(certificate) = stream.peer_certificate() else {
            return Self::None;
        };
        let names = match EndEntityCert::try_from(&certificate) {
            Ok(certificate) => certificate.valid_dns_names().map(Box::from).collect(),
            // Verified a moment ago; without names it permits nothing.
            Err(_) => Vec::new(),
        };
        Self::Certificate(names)
    }
}

/// Leads the TLS handshake, if the connection has one, and tells what it has proved.
///
/// # Errors
///
/// `TimedOut` if it takes longer than `timeout`, else the reason why there is no session.
pub(super) async fn open(
    input: &ReadHalf,
    output: &WriteHalf,
    timeout: Duration,
) -> io::Result<Credentials> {
    deadline::timeout(timeout, tls::open(input, output)).await??;
    Ok(Credentials::of(output.socket()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_permits_its_names_and_their_secondaries() {
        let credentials = Credentials::Certificate(vec!["plc.line1".into(), "plc.line2".into()]);
        for name in ["plc.line1", "plc.line2", "plc.line1%%0", "plc.line2%%17"] {
            assert!(credentials.permits(name), "{name}");
        }
        for name in [
            "plc.line",
            "plc.line11",
            "PLC.line1",
            "plc",
            "",
            "x%%plc.line1",
        ] {
            assert!(!credentials.permits(name), "{name}");
        }
        assert!(!Credentials::Certificate(Vec::new()).permits("plc.line1"));
        assert!(Credentials::None.permits("plc.line1"));
    }
}
