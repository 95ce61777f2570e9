//! elbus: a message broker for Linux edge and IoT devices.

#[cfg(feature = "broker")]
#[allow(dead_code, unused_imports)]
pub(crate) mod matching;
