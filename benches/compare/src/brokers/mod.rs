//! The brokers that are compared: which there are, and how they run.

mod contender;
mod process;

pub use contender::{Contender, Description, Programs, Transport, contenders};
pub use process::Broker;
