//! Options for a bus at `tls://HOST:PORT`.

use std::path::PathBuf;

use clap::Args;
use elbus::ipc::Config;

/// Whom to trust, and how to prove who this is.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "TLS, for a bus at tls://HOST:PORT")]
pub struct Tls {
    /// Certificate of the authority that vouches for the broker, PEM
    #[arg(long, global = true, value_name = "FILE")]
    tls_ca: Option<PathBuf>,

    /// Certificate of this client, PEM; its name (-n) has to be in it
    #[arg(long, global = true, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Its private key, PEM, not encrypted
    #[arg(long, global = true, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Tls {
    /// Adds what was given.
    pub fn apply(&self, mut config: Config) -> Config {
        if let Some(ca) = &self.tls_ca {
            config = config.tls_ca(ca);
        }
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            config = config.tls_certificate(certificate, key);
        }
        config
    }
}
