//! How large the crowds are.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Connections that do nothing.
    pub idle: usize,
    /// Connections with a byte a second.
    pub slow: usize,
    /// Connections that come and go in a second.
    pub per_second: u32,
    /// For how long they do.
    pub rush: Duration,
    /// Connections that want more descriptors than there are. Fewer than can wait in the kernel.
    pub beyond: usize,
    /// How long a crowd stays.
    pub stay: Duration,
}

const PART_OF_ALL_TESTS: Size = Size {
    idle: 2_000,
    slow: 300,
    per_second: 500,
    rush: Duration::from_secs(2),
    beyond: 128,
    stay: Duration::from_secs(2),
};

const FULL: Size = Size {
    idle: 10_000,
    slow: 1_000,
    per_second: 1_000,
    rush: Duration::from_secs(60),
    beyond: 800,
    stay: Duration::from_secs(12),
};

/// As the environment has it.
pub fn size() -> Size {
    match std::env::var("ELBUS_CROWD").as_deref() {
        Ok("full") => FULL,
        Ok(other) => panic!("ELBUS_CROWD={other}: only `full` is known"),
        Err(_) => PART_OF_ALL_TESTS,
    }
}
