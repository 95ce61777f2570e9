//! The configuration of a bridge: built by an application, or read from a TOML file.
//! `docs/elbus-bridge.toml` is an example that explains every key.
//!
//! ```
//! use elbus::bridge::config::{Config, Direction, Rule};
//!
//! // Measurements go up, orders come down.
//! let mut config = Config::new("/run/elbus.sock", "mqtt://plant-a:1883")?;
//! config.bus.id = Some("device-17".into());
//! config.rules.push(Rule::out("sensors/#").prefixes("", "plant/line3/"));
//! config.rules.push(Rule::inward("plant/line3/orders/#").prefixes("", "plant/line3/"));
//! config.check()?;
//!
//! // The same from a file.
//! let text = r#"
//!     [bus]
//!     id = "device-17"
//!     [mqtt]
//!     addresses = ["mqtt://plant-a:1883"]
//!     [[rule]]
//!     direction = "out"
//!     bus = "sensors/#"
//!     mqtt_prefix = "plant/line3/"
//!     [[rule]]
//!     direction = "in"
//!     mqtt = "plant/line3/orders/#"
//!     mqtt_prefix = "plant/line3/"
//! "#;
//! assert_eq!(Config::from_toml(text)?, config);
//! # Ok::<(), elbus::bridge::config::ConfigError>(())
//! ```
//!
//! | file | job |
//! |---|---|
//! | `model` | the whole, the bus, the store, RPC, presence |
//! | `mqtt` | the upstream |
//! | `rule` | what is carried |
//! | `identity` | what follows from the bus id |
//! | `schema` | which tables and keys a file may have |
//! | `check`, `check_rules`, `check_rpc` | what makes no sense, whether it was read or built |
//! | `bounds` | values between their bounds |
//! | `error` | what is wrong, and where |
//! | `listing` | what was understood, for humans |

mod bounds;
mod check;
mod check_rpc;
mod check_rules;
mod error;
mod identity;
mod listing;
mod model;
mod mqtt;
mod rule;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::config_file::text;
use crate::limits::MAX_CONFIG_BYTES;

pub use check::{MAX_BUS_ID_BYTES, MAX_IN_FLIGHT, MAX_RATE, MAX_RULES, MAX_UPSTREAMS};
pub use check_rpc::{MAX_CALLS, MAX_MASKS};
pub use error::ConfigError;
pub use identity::Identity;
pub use model::{Bus, Call, Config, Presence, Rpc, Serve, Store, TlsFiles};
pub use mqtt::{Mqtt, MqttAddress, MqttQos, MqttVersion};
pub use rule::{Direction, Rule};

impl Config {
    /// Reads a configuration from the text of a TOML file. Nothing of it is used unless all of it
    /// makes sense.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its line and column.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        schema::read(text)
    }

    /// Reads a configuration file of at most [`MAX_CONFIG_BYTES`] bytes, see
    /// [`from_toml`](Self::from_toml).
    ///
    /// # Errors
    ///
    /// That the file cannot be read, or the first thing that is wrong, with path, line and column.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        text::read(path, MAX_CONFIG_BYTES)
            .map_err(ConfigError::new)
            .and_then(|text| Self::from_toml(&text))
            .map_err(|error| error.in_file(path))
    }
}
