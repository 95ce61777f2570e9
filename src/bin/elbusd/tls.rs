//! The certificates of listeners at `tls://HOST:PORT`: read at the start and at every SIGHUP.

use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args;
use elbus::Error;
use elbus::broker::{Broker, ServerConfig, TlsServer, TlsServerConfig};

use crate::config::{self, Table, Wrong};
use crate::options;
use crate::privileges;

/// The files of a listener: flags `--tls-KEY`, and a table `tls` of keys.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct TlsOptions {
    /// Certificate of this broker, PEM, with those between it and the
    /// authority that the clients trust
    #[arg(
        help_heading = "TLS, for -B tls://HOST:PORT",
        verbatim_doc_comment,
        id = "tls_cert",
        long = "tls-cert",
        value_name = "FILE",
        requires = "tls_key"
    )]
    cert: Option<PathBuf>,

    /// Its private key, PEM, not encrypted
    #[arg(
        help_heading = "TLS, for -B tls://HOST:PORT",
        id = "tls_key",
        long = "tls-key",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    key: Option<PathBuf>,

    /// Clients need a certificate of one of these authorities, PEM; they may
    /// register under its DNS names only [default: no certificate is needed]
    #[arg(
        help_heading = "TLS, for -B tls://HOST:PORT",
        verbatim_doc_comment,
        id = "tls_client_ca",
        long = "tls-client-ca",
        value_name = "FILE"
    )]
    client_ca: Option<PathBuf>,

    /// Clients without a certificate get in, too, under any name
    #[arg(
        help_heading = "TLS, for -B tls://HOST:PORT",
        id = "tls_client_optional",
        long = "tls-client-optional",
        num_args = 0,
        default_missing_value = "true"
    )]
    client_optional: Option<bool>,
}

impl TlsOptions {
    /// These, and what they do not say, from `others`. A key belongs to its certificate.
    pub fn or(self, others: &Self) -> Self {
        let (cert, key) = match (self.cert, self.key) {
            (None, None) => (others.cert.clone(), others.key.clone()),
            own => own,
        };
        Self {
            cert,
            key,
            client_ca: self.client_ca.or_else(|| others.client_ca.clone()),
            client_optional: self.client_optional.or(others.client_optional),
        }
    }

    /// Reads the table.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn read(mut table: Table<'_>) -> Result<Self, Wrong> {
        let options = Self {
            cert: table.text("cert", config::path)?,
            key: table.text("key", config::path)?,
            client_ca: table.text("client_ca", config::path)?,
            client_optional: table.flag("client_optional")?,
        };
        table.end()?;
        Ok(options)
    }

    /// What was given, for humans.
    pub fn given(&self) -> options::Settings {
        let path = |file: &Option<PathBuf>| file.as_ref().map(|path| path.display().to_string());
        options::settings([
            ("tls.cert", path(&self.cert)),
            ("tls.key", path(&self.key)),
            ("tls.client_ca", path(&self.client_ca)),
            ("tls.client_optional", options::text(self.client_optional)),
        ])
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = self.cert.iter().chain(&self.key);
        own.chain(&self.client_ca)
    }

    fn load(&self) -> Result<TlsServer, Error> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            return Err(Error::not_supported(
                "without --tls-cert and --tls-key, or `cert` and `key` in the table `tls`",
            ));
        };
        let mut config = TlsServerConfig::new(cert, key);
        if let Some(ca) = &self.client_ca {
            config = config.client_ca(ca);
        }
        if self.client_optional == Some(true) {
            config = config.optional_client_certificates();
        }
        TlsServer::load(config)
    }
}

/// What the broker shows at its addresses, and whom it trusts. Listeners with the same files share
/// them.
#[derive(Default)]
pub struct Certificates {
    loaded: Vec<(TlsOptions, TlsServer)>,
}

impl Certificates {
    /// Opens an address, `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// Those of [`TlsServer::load`] and [`Broker::spawn_tls_server`]; `NotSupported` without files.
    pub async fn listen(
        &mut self,
        broker: &mut Broker,
        address: &str,
        config: ServerConfig,
        options: &TlsOptions,
    ) -> Result<(), Error> {
        let server = self.of(options)?;
        broker.spawn_tls_server(address, config, &server).await
    }

    /// Serves a socket that listens already.
    ///
    /// # Errors
    ///
    /// Those of [`TlsServer::load`] and [`Broker::spawn_tls_listener`]; `NotSupported` without files.
    pub async fn serve(
        &mut self,
        broker: &mut Broker,
        socket: TcpListener,
        config: ServerConfig,
        options: &TlsOptions,
    ) -> Result<(), Error> {
        let server = self.of(options)?;
        broker.spawn_tls_listener(socket, config, &server).await
    }

    fn of(&mut self, options: &TlsOptions) -> Result<TlsServer, Error> {
        if let Some((_, server)) = self.loaded.iter().find(|(known, _)| known == options) {
            return Ok(server.clone());
        }
        let server = options.load()?;
        self.loaded.push((options.clone(), server.clone()));
        Ok(server)
    }

    /// True if there is anything to read again.
    pub fn exist(&self) -> bool {
        !self.loaded.is_empty()
    }

    /// Reads the files again, for connections from now on, and says in the log what came of it. False
    /// if any cannot be used; then nothing changes for the listeners that need them.
    pub fn reload(&self) -> bool {
        let mut is_done = true;
        for (_, server) in &self.loaded {
            match server.reload() {
                Ok(()) => {
                    log::info!("SIGHUP: the certificates were read; new connections get them");
                }
                Err(failure) => {
                    log::error!("SIGHUP: the certificates stay as they were: {failure}");
                    is_done = false;
                }
            }
        }
        is_done
    }

    /// Says which of the files the user that the process has become cannot read.
    pub fn check_reload(&self) {
        for file in self.loaded.iter().flat_map(|(options, _)| options.files()) {
            privileges::check_reload(file, "the certificates");
        }
    }
}
