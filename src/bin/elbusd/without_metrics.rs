//! In place of `metrics.rs`, in an `elbusd` that was built without the feature: no flag, no key.

use clap::Args;
use elbus::broker::{Broker, ServerConfig};

use crate::config::{Table, Wrong};
use crate::options;

/// There are none.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct MetricsOptions {}

impl MetricsOptions {
    pub fn or(self, _: &Self) -> Self {
        self
    }

    #[allow(clippy::unnecessary_wraps)]
    pub fn read(_: &mut Table<'_>) -> Result<Self, Wrong> {
        Ok(Self {})
    }

    pub fn given(&self) -> options::Settings {
        Vec::new()
    }

    #[allow(clippy::unused_async)]
    pub async fn open(&self, _: &mut Broker, _: ServerConfig) -> Result<(), String> {
        Ok(())
    }
}
