//! Programs written for elbus 0.2 build and run with this crate.
//!
//! `program` uses every public item of elbus 0.2. It is built twice: here, against this crate, and
//! in the package of the third-party peers against the original, where `tests/third_party` runs it.
//! Whatever the two crates want to have written differently is in `shim`, of which there are two.

mod program;
mod shim;

#[test]
fn a_program_for_elbus_0_2_builds_and_runs() {
    program::run();
}
