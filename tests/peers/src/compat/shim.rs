//! What a program writes for elbus 0.2 and has to write differently with the crate under test. The
//! other side is `tests/compat/shim.rs`.

pub use ipnetwork::IpNetwork;
