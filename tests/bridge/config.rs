//! `--test-config`, and configurations that cannot be used. What can be wrong in a file is tested where
//! it is read.

use std::path::PathBuf;

use crate::common::broker::TempDir;
use crate::common::snapshot::assert_snapshot;
use crate::program::run;

const EXAMPLE: &str = "docs/elbus-bridge.toml";

/// A file with this text in a directory of its own.
fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::new();
    let path = dir.path().join("bridge.toml");
    std::fs::write(&path, text).expect("a file");
    (dir, path)
}

/// `elbus-bridge --config FILE ARGS` with this text in the file; its name in the output is `FILE`.
#[track_caller]
fn failure(text: &str, args: &[&str]) -> String {
    let (_dir, path) = file(text);
    let path = path.to_str().expect("a plain path");
    let words: Vec<&str> = ["--config", path].iter().chain(args).copied().collect();
    run(&words).failure(1).replace(path, "FILE")
}

#[test]
fn the_example_is_understood() {
    let listing = run(&["--config", EXAMPLE, "--test-config"]).success();
    assert_snapshot("bridge", "listing", &listing);
}

#[test]
fn everything_that_can_be_said_is_shown() {
    let text = "\
        [bus]\naddress = 'plc:7777'\nname = 'bridge.b'\nid = 'x'\ntimeout_s = 0.5\n\
        [mqtt]\naddresses = ['mqtt://[::1]:1', 'mqtt://b']\nversion = '3.1.1'\nusername = 'u'\n\
        password_file = '/p'\norigin_prefix = ''\n\
        [store]\nmax_memory = '8M'\n\
        [[rule]]\ndirection = 'out'\nbus = ''\nmqtt_prefix = 'a/'\nqos = 0\nretain = true\nrate = 5\n\
        [[rule]]\ndirection = 'in'\nmqtt = 'b/#'\ntake_retained = false\nconflate_ms = 250\n\
        max_payload = 100\n\
        [presence]\n";
    let (_dir, path) = file(text);
    let path = path.to_str().expect("a plain path");
    let listing = run(&["--config", path, "--test-config"]).success();
    assert_snapshot("bridge", "listing-more", &listing.replace(path, "FILE"));
}

#[test]
fn a_configuration_without_rules_says_so() {
    let (_dir, path) = file("[bus]\nid = 'x'\n[mqtt]\naddresses = ['mqtt://a']\n");
    let path = path.to_str().expect("a plain path");
    let listing = run(&["--config", path, "--test-config"]).success();
    assert!(
        listing.contains("\nno rules: no topic is carried\n"),
        "{listing}"
    );
}

#[test]
fn what_is_wrong_is_said_with_file_line_and_column() {
    let text =
        "[mqtt]\naddresses = ['mqtt://a']\n[[rule]]\ndirection = 'out'\nbus = 'a'\nqos = 2\n";
    let expected = "elbus-bridge: FILE:6:7: expected 0 or 1 (in: qos = 2)\n";
    // The same whether it is tested or used.
    for args in [&["--test-config"] as &[&str], &[], &["--verbose"]] {
        assert_eq!(failure(text, args), expected);
    }
}

#[test]
fn files_that_are_none() {
    let stderr = run(&["--config", "/nonexistent/file"]).failure(1);
    let expected = "elbus-bridge: /nonexistent/file: cannot be opened: ";
    assert!(stderr.starts_with(expected), "{stderr}");
    let stderr = run(&["--config", "/dev/null"]).failure(1);
    assert_eq!(stderr, "elbus-bridge: /dev/null: is not a regular file\n");
    let long = "#".repeat(elbus::limits::MAX_CONFIG_BYTES + 1);
    assert_eq!(
        failure(&long, &[]),
        "elbus-bridge: FILE: is longer than 1048576 bytes\n"
    );
}
