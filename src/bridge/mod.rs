//! A bridge between a bus and MQTT, as a client of the broker like any other.

mod spool;
