//! The program of `tests/compat` is one for elbus 0.2: it builds with the original, and runs.

use crate::setup::programs;
use std::process::{Command, Output};

#[test]
fn the_compatibility_program_runs_with_the_original() {
    let program = &programs().compat;
    let Output { status, stderr, .. } = Command::new(program).output().expect("it starts");
    let complaints = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{status}: {complaints}");
}
