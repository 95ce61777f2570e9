//! The scriptable peer on the successor's crate, `busrt` 0.5.6 (see `peer/mod.rs`).

use busrt as bus;

mod peer;

fn main() {
    peer::run(std::io::stdin().lock(), std::io::stdout());
}
