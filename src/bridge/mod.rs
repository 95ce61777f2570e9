//! A bridge between a bus and MQTT, as a client of the broker like any other.
//!
//! ```no_run
//! use elbus::bridge::{Bridge, Config};
//!
//! # async fn example() -> Result<(), elbus::Error> {
//! let config = Config::load("/etc/elbus/bridge.toml".as_ref()).map_err(elbus::Error::data)?;
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! Bridge::new(config)?.run(stop).await
//! # }
//! ```
//!
//! | file | job |
//! |---|---|
//! | `config` | what is carried, and where |
//! | `topics`, `rules`, `marks` | which message becomes which, and where it has come from; pure |
//! | `gate` | rates, and only the newest of each topic |
//! | `spool` | messages wait here until the upstream has confirmed them |
//! | `upstream` | the connection to the MQTT broker |
//! | `bus`, `handlers` | the connection to the bus, and what comes from there |
//! | `outward`, `inward` | the two ways of a message |
//! | `calls` | calls in both directions |
//! | `presence` | who is there |
//! | `counters`, `status` | what has become of everything |
//! | `shared`, `engine` | what the tasks have in common; the task that does the work |
//! | `run` | puts all that together |

mod bus;
mod calls;
pub mod config;
mod counters;
mod engine;
mod gate;
mod handlers;
mod inward;
mod marks;
mod outward;
mod presence;
mod rules;
mod run;
mod shared;
mod spool;
mod status;
mod topics;
mod upstream;

pub use config::{Config, ConfigError};
pub use run::Bridge;
