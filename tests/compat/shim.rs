//! What a program for elbus 0.2 has to write differently with this crate; see `docs/migration.md`.
//! The original's side is `tests/peers/src/compat/shim.rs`.

pub use elbus::broker::IpNetwork;
