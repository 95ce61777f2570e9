//! In place of `tls.rs`, in an `elbusd` that was built without the feature: no options, no
//! certificates, and no address that could need them.

use std::net::TcpListener;

use clap::Args;
use elbus::Error;
use elbus::broker::{Broker, ServerConfig};

use crate::config::{Table, Wrong};
use crate::options;

/// There are none.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct TlsOptions {}

/// There are none.
#[derive(Default)]
pub struct Certificates {}

impl TlsOptions {
    /// Reads the table.
    ///
    /// # Errors
    ///
    /// If there is anything in it.
    pub fn read(table: Table<'_>) -> Result<Self, Wrong> {
        table.end()?;
        Ok(Self {})
    }

    pub fn or(self, _: &Self) -> Self {
        self
    }

    pub fn given(&self) -> options::Settings {
        Vec::new()
    }
}

impl Certificates {
    #[allow(clippy::unused_async)]
    pub async fn listen(
        &mut self,
        _: &mut Broker,
        _: &str,
        _: ServerConfig,
        _: &TlsOptions,
    ) -> Result<(), Error> {
        Err(missing())
    }

    #[allow(clippy::unused_async)]
    pub async fn serve(
        &mut self,
        _: &mut Broker,
        _: TcpListener,
        _: ServerConfig,
        _: &TlsOptions,
    ) -> Result<(), Error> {
        Err(missing())
    }

    pub fn exist(&self) -> bool {
        false
    }

    pub fn reload(&self) -> bool {
        true
    }

    pub fn check_reload(&self) {}
}

fn missing() -> Error {
    Error::not_supported("built without the feature `tls`")
}
