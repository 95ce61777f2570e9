//! Helpers for applications; nothing else in the crate depends on them.

pub mod pubsub;
