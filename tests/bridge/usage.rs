//! The command line: help, version, what is refused, and with which exit status.

use crate::common::snapshot::assert_snapshot;
use crate::program::run;

#[test]
fn help_goes_to_standard_output() {
    let help = run(&["--help"]).success();
    assert_snapshot("bridge", "help", &help);
    assert_eq!(run(&["-h"]).success(), help);
}

#[test]
fn version_is_that_of_the_package() {
    let version = format!("elbus-bridge {}\n", elbus::VERSION);
    assert_eq!(run(&["--version"]).success(), version);
    assert_eq!(run(&["-V"]).success(), version);
}

#[test]
fn wrong_command_lines_end_with_status_2() {
    for words in [
        &[] as &[&str],
        &["--config"],
        &["--test-config"],
        &["--config", "a", "b"],
        &["--config", "a", "--config", "b"],
        &["--config", "a", "--nonsense"],
    ] {
        let stderr = run(words).failure(2);
        assert!(stderr.starts_with("error: "), "{words:?}: {stderr}");
    }
}
