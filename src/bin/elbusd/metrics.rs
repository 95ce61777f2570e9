//! `--metrics`: where to ask for the numbers of the broker.

use clap::Args;
use elbus::Error;
use elbus::broker::{Broker, MetricsAddress, ServerConfig};

use crate::config::{Table, Wrong};
use crate::options;

/// A flag, and a key of the same name.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct MetricsOptions {
    /// Answer GET /metrics with OpenMetrics text on a path (UNIX socket) or
    /// on IP:PORT of the loopback interface; not on both
    #[arg(
        help_heading = "Process",
        verbatim_doc_comment,
        id = "metrics",
        long = "metrics",
        value_name = "ADDRESS",
        value_parser = address
    )]
    address: Option<MetricsAddress>,
}

impl MetricsOptions {
    /// These, or, if they say nothing, `others`.
    pub fn or(self, others: &Self) -> Self {
        Self {
            address: self.address.or_else(|| others.address.clone()),
        }
    }

    /// Reads the key from its table.
    ///
    /// # Errors
    ///
    /// If it is no such address.
    pub fn read(table: &mut Table<'_>) -> Result<Self, Wrong> {
        Ok(Self {
            address: table.text("metrics", address)?,
        })
    }

    /// What was given, for humans.
    pub fn given(&self) -> options::Settings {
        options::settings([("metrics", options::text(self.address.as_ref()))])
    }

    /// Opens the address, if there is one, and says so in the log. The socket is made as `config` says.
    ///
    /// # Errors
    ///
    /// A message for humans that names the address.
    pub async fn open(&self, broker: &mut Broker, config: ServerConfig) -> Result<(), String> {
        let Some(address) = &self.address else {
            return Ok(());
        };
        let opened = broker.spawn_metrics(address, config).await;
        opened.map_err(|error| format!("cannot tell metrics on {address}: {error}"))?;
        log::info!("telling metrics on {address}");
        Ok(())
    }
}

fn address(text: &str) -> Result<MetricsAddress, String> {
    text.parse().map_err(|error: Error| error.to_string())
}
