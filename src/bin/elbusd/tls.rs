//! The certificates of `-B tls://HOST:PORT`: read at the start and at every SIGHUP.

use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args as Group;
use elbus::Error;
use elbus::broker::{Broker, ServerConfig, TlsServer, TlsServerConfig};

use crate::privileges;

/// The files, as the command line names them.
#[derive(Debug, Group)]
#[command(next_help_heading = "TLS, for -B tls://HOST:PORT")]
pub struct Files {
    /// Certificate of this broker, PEM, with those between it and the
    /// authority that the clients trust
    #[arg(verbatim_doc_comment, long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Its private key, PEM, not encrypted
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Clients need a certificate of one of these authorities, PEM; they may
    /// register under its DNS names only [default: no certificate is needed]
    #[arg(verbatim_doc_comment, long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,

    /// Clients without a certificate get in, too, under any name
    #[arg(long, requires = "tls_client_ca")]
    tls_client_optional: bool,
}

impl Files {
    /// Reads them, if there are any.
    ///
    /// # Errors
    ///
    /// A message for humans that names the file.
    pub fn load(&self) -> Result<Certificates, String> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(Certificates {
                files: Vec::new(),
                server: None,
            });
        };
        let mut config = TlsServerConfig::new(certificate, key);
        if let Some(ca) = &self.tls_client_ca {
            config = config.client_ca(ca);
        }
        if self.tls_client_optional {
            config = config.optional_client_certificates();
        }
        let server = TlsServer::load(config).map_err(|error| format!("cannot use TLS: {error}"))?;
        let files = [certificate, key].into_iter().chain(&self.tls_client_ca);
        Ok(Certificates {
            files: files.cloned().collect(),
            server: Some(server),
        })
    }
}

/// What the broker shows, and whom it trusts. The same for all addresses with TLS.
pub struct Certificates {
    files: Vec<PathBuf>,
    server: Option<TlsServer>,
}

impl Certificates {
    /// Opens an address, `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// Those of [`Broker::spawn_tls_server`], and `NotSupported` without certificates.
    pub async fn listen(
        &self,
        broker: &mut Broker,
        address: &str,
        config: ServerConfig,
    ) -> Result<(), Error> {
        broker
            .spawn_tls_server(address, config, self.server()?)
            .await
    }

    /// Serves a socket that listens already.
    ///
    /// # Errors
    ///
    /// Those of [`Broker::spawn_tls_listener`], and `NotSupported` without certificates.
    pub async fn serve(
        &self,
        broker: &mut Broker,
        socket: TcpListener,
        config: ServerConfig,
    ) -> Result<(), Error> {
        broker
            .spawn_tls_listener(socket, config, self.server()?)
            .await
    }

    fn server(&self) -> Result<&TlsServer, Error> {
        self.server
            .as_ref()
            .ok_or_else(|| Error::not_supported("TLS needs --tls-cert and --tls-key"))
    }

    /// True if there is anything to read again.
    pub fn exist(&self) -> bool {
        self.server.is_some()
    }

    /// Reads the files again, for connections from now on, and says in the log what came of it. False
    /// if they cannot be used; then nothing changes.
    pub fn reload(&self) -> bool {
        match self.server.as_ref().map(TlsServer::reload) {
            None => true,
            Some(Ok(())) => {
                log::info!("SIGHUP: the certificates were read; new connections get them");
                true
            }
            Some(Err(failure)) => {
                log::error!("SIGHUP: the certificates stay as they were: {failure}");
                false
            }
        }
    }

    /// Says which of the files the user that the process has become cannot read.
    pub fn check_reload(&self) {
        for file in &self.files {
            privileges::check_reload(file, "the certificates");
        }
    }
}
