//! The scriptable peer on the original crate, `elbus` 0.2.21 (see `peer/mod.rs`).

use elbus as bus;

mod peer;

fn main() {
    peer::run(std::io::stdin().lock(), std::io::stdout());
}
