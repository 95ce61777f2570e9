//! A bridge between a bus and MQTT, as a client of the broker like any other.

<<<<<<< HEAD
pub mod config;
mod marks;
mod rules;
mod topics;

pub use config::{Config, ConfigError};
=======
mod spool;
>>>>>>> bridge-spool
