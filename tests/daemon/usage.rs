//! The command line: help, version, what is refused, and with which exit status.

use std::process::Output;

use crate::common::broker::TempDir;
use crate::support::{path_text, run, stderr};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn help_names_every_option_with_its_default() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = stdout(&output);
    for text in [
        "Listening:",
        "-B, --bind <ADDRESS>",
        "[default: those of --config,",
        "--socket-mode <MODE>",
        "[default: 0660]",
        "--socket-group <GROUP>",
        "Access:",
        "--allow <NETWORK>",
        "[default: from everywhere]",
        "--config <FILE>",
        "`allow_everybody = true`",
        "--test-config",
        "--open-broker-topics",
        "--open-secondaries",
        "Connections:",
        "--max-handshakes <COUNT>",
        "[default: 256]",
        "--max-connections <COUNT>",
        "--max-per-source <COUNT>",
        "[default: 896]",
        "--connect-rate <RATE>",
        "[default: 1000]",
        "Clients:",
        "--max-clients <CLIENTS>",
        "[default: 1024]",
        "--max-subscriptions <FILTERS>",
        "-t, --timeout <SECONDS>",
        "[default: 5]",
        "--max-frame <BYTES>",
        "[default: 16M]",
        "--queue-size <FRAMES>",
        "[default: 512]",
        "--queue-bytes <BYTES>",
        "[default: 1M]",
        "--overflow <POLICY>",
        "[default: backpressure]",
        "`drop`",
        "`disconnect`",
        "--buf-size <BYTES>",
        "[default: 16K]",
        "--buf-ttl <MICROSECONDS>",
        "[default: 10]",
        "Process:",
        "-D ",
        "-P, --pid-file <PATH>",
        "-w, --workers <THREADS>",
        "[default: number of cores, at most 4]",
        "--user <USER>",
        "--group <GROUP>",
        "[default: the user's own]",
        "--oom-score-adj <SCORE>",
        "Logging:",
        "--verbose",
        "--log-syslog",
        "-V, --version",
        "-h, --help",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "JOURNAL_STREAM",
        "Exit status:",
        "Examples:",
    ] {
        assert!(help.contains(text), "{text:?} is not in\n{help}");
    }
}

#[test]
fn both_ways_to_ask_for_help_give_the_same() {
    assert_eq!(run(&["-h"]).stdout, run(&["--help"]).stdout);
}

#[test]
fn version() {
    for option in ["-V", "--version"] {
        let output = run(&[option]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(stdout(&output), format!("elbusd {}\n", elbus::VERSION));
    }
}

#[test]
fn nonsense_is_a_usage_error_that_names_the_option() {
    for (args, named) in [
        (&["--no-such-option"][..], "--no-such-option"),
        (&["stray"], "stray"),
        (&["-B"], "--bind"),
        (&["-B", ""], "--bind"),
        (&["-B", "7777"], "--bind"),
        (&["-B", "fifo:"], "--bind"),
        (&["-w", "0"], "--workers"),
        (&["-w", "two"], "--workers"),
        (&["-t", "0"], "--timeout"),
        (&["-t", "-1"], "--timeout"),
        (&["-t", "nan"], "--timeout"),
        (&["-t", "inf"], "--timeout"),
        (&["-t", "1e99"], "--timeout"),
        (&["-t", "soon"], "--timeout"),
        (&["--buf-size", "0"], "--buf-size"),
        (&["--buf-size", "1T"], "--buf-size"),
        (&["--buf-ttl", "1.5"], "--buf-ttl"),
        (&["--queue-size", "0"], "--queue-size"),
        (&["--queue-bytes", "0K"], "--queue-bytes"),
        (&["--max-frame", "0"], "--max-frame"),
        (&["--max-frame", "4G"], "--max-frame"),
        (&["--max-clients", "0"], "--max-clients"),
        (&["--overflow", "explode"], "--overflow"),
        (&["--socket-mode", "999"], "--socket-mode"),
        (&["--socket-group", "no such group"], "--socket-group"),
        (&["--user", "no such user"], "--user"),
        (&["--user", "0", "--group", "no such group"], "--group"),
        (&["--user", "0", "--group", "4294967295"], "--group"),
        (&["--group", "0"], "--user"),
        (&["--oom-score-adj", "-1001"], "--oom-score-adj"),
        (&["--oom-score-adj", "low"], "--oom-score-adj"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            stderr(&output).contains(named),
            "{args:?}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn usage_errors_are_found_before_going_to_the_background() {
    let output = run(&["-D", "-w", "0"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_address_that_cannot_be_bound_is_a_failure_that_names_it() {
    let dir = TempDir::new();
    let good = path_text(&dir, "bus.sock");
    let bad = path_text(&dir, "missing/bus.sock");
    let output = run(&["-B", &good, "-B", &bad]);
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(
        errors.contains(&format!("elbusd: cannot listen on {bad}: ")),
        "{errors}"
    );
    assert!(errors.contains("No such file or directory"), "{errors}");
    assert!(
        !dir.path().join("bus.sock").exists(),
        "the other socket is left behind"
    );
}
