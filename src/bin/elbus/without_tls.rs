//! In place of `tls.rs`, in an `elbus` that was built without the feature: no options.

use clap::Args;
use elbus::ipc::Config;

/// There are none.
#[derive(Args, Debug, Clone)]
pub struct Tls {}

impl Tls {
    pub fn apply(&self, config: Config) -> Config {
        config
    }
}
