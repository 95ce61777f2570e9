//! TLS: traffic, whom either side trusts, streams that break, certificates that are renewed. The
//! broker is one of this process, and `elbusd`; the clients are ours, `rustls` driven by hand, and
//! `openssl s_client`. All certificates are made here.

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/missing.rs"]
mod missing;

mod authority;
mod programs;
mod raw;
mod reload;
mod scene;
mod streams;
mod traffic;
mod trust;
