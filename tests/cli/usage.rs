//! Help and wrong command lines: no broker is needed, none is asked.

use crate::program::{Outcome, Running, command};

/// `elbus LINE`
fn run(line: &str) -> Outcome {
    let mut words = line.split(' ');
    let first = words.next().expect("a word");
    Running::start(&mut command(first, &words.collect::<Vec<_>>())).finish()
}

#[test]
fn help_goes_to_standard_output() {
    for line in [
        "--help",
        "-h",
        "bus.sock listen --help",
        "bus.sock rpc call -h",
    ] {
        let help = run(line).success();
        assert!(help.contains("Usage: elbus "), "{help}");
        assert!(help.contains("Examples:"), "{help}");
    }
}

#[test]
fn help_tells_the_exit_status() {
    assert!(run("--help").success().contains("Exit status:"));
}

#[test]
fn version_is_that_of_the_package() {
    let version = format!("elbus {}\n", elbus::VERSION);
    assert_eq!(run("--version").success(), version);
    assert_eq!(run("-V").success(), version);
}

#[test]
fn wrong_command_lines_end_with_status_2() {
    for line in [
        "bus.sock",
        "bus.sock nonsense",
        "bus.sock send",
        "bus.sock broker",
        "bus.sock broker nonsense",
        "bus.sock rpc call target",
        "bus.sock --nonsense broker test",
        "bus.sock broker test --timeout 0",
        "bus.sock broker test --timeout soon",
        "bus.sock broker test --timeout 1e18",
        "bus.sock broker test --queue-size 0",
        "bus.sock broker test --queue-size 99999999999",
        "bus.sock broker test --buf-size 99999999999",
        "bus.sock broker test -v -s",
        "bus.sock benchmark -w 0",
        "bus.sock benchmark -i 0",
        "bus.sock benchmark --payload-size 4294967296",
        // A parameter without a value, found before the bus is asked for.
        "no-such-bus.sock rpc call target method key",
        "no-such-bus.sock rpc call0 target method key",
    ] {
        let stderr = run(line).failure(2);
        assert!(!stderr.is_empty(), "{line}");
    }
}
