//! The init scripts of OpenRC and OpenWrt, with functions in place of what these systems bring, and
//! the command lines of all init systems compared with the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tools::{self, run, skip};
use crate::tree::{root, scratch, text};

const OPTIONS: &str = "-B 127.0.0.1:7777 -w 1";

/// A file of defaults with these options.
fn defaults(dir: &Path, options: &str) -> std::path::PathBuf {
    let file = dir.join("defaults");
    fs::write(&file, format!("ELBUSD_OPTIONS=\"{options}\"\n")).expect("a file");
    file
}

/// Runs an init script between other commands of a shell, and returns the lines that it printed.
fn source(script: &str, name: &str, options: &str, before: &str, after: &str) -> Vec<String> {
    let dir = scratch(name);
    let script = root().join(script);
    let commands = format!("{before}\n. {}\n{after}\n", script.display());
    let printed = run(Command::new("sh")
        .args(["-euc", &commands])
        .env("ELBUSD_DEFAULTS", defaults(&dir, options))
        .env("RC_SVCNAME", "elbusd"));
    printed.lines().map(str::to_owned).collect()
}

/// The command line that OpenRC would run.
fn openrc(options: &str) -> String {
    let show = "echo $command $command_args_foreground $command_args";
    source("init/openrc/elbusd", "openrc", options, "", show).join(" ")
}

/// The command line that procd would run.
fn procd(options: &str) -> String {
    let stubs = "mkdir() { :; }; chown() { :; }; chmod() { :; }; ln() { :; }
        procd_open_instance() { :; }; procd_close_instance() { :; }
        procd_set_param() { [ \"$1\" != command ] || { shift; printf '%s\\n' \"$@\"; }; }
        procd_append_param() { procd_set_param \"$@\"; }";
    source(
        "init/openwrt/elbusd.init",
        "procd",
        options,
        stubs,
        "start_service",
    )
    .join(" ")
}

/// The command line of the unit, as systemd would split it.
fn systemd(options: &str) -> String {
    let unit = text("init/systemd/elbusd.service");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    start
        .expect("a command")
        .replace("$ELBUSD_OPTIONS", options)
}

#[test]
fn openrc_starts_the_broker_with_its_options() {
    assert_eq!(
        openrc(OPTIONS),
        "/usr/sbin/elbusd --log-syslog -B /run/elbus/elbus.sock --user elbus --group elbus \
         --oom-score-adj -900 -B 127.0.0.1:7777 -w 1"
    );
}

#[test]
fn openrc_prepares_the_directory() {
    let stubs = "checkpath() { echo checkpath \"$@\"; }; ln() { echo ln \"$@\"; }";
    let calls = source("init/openrc/elbusd", "openrc-pre", "", stubs, "start_pre");
    assert_eq!(
        calls,
        [
            "checkpath --directory --owner elbus:elbus --mode 0755 /run/elbus",
            "ln -sfn elbus/elbus.sock /run/elbus.sock",
        ]
    );
}

#[test]
fn openwrt_starts_the_broker_with_its_options() {
    assert_eq!(
        procd(OPTIONS),
        "/usr/sbin/elbusd -B /var/run/elbus/elbus.sock --user elbus --group elbus \
         --oom-score-adj -900 -B 127.0.0.1:7777 -w 1"
    );
}

#[test]
fn systemd_starts_the_broker_with_its_options() {
    assert_eq!(
        systemd(OPTIONS),
        "/usr/sbin/elbusd -B /run/elbus.sock -B 127.0.0.1:7777 -w 1"
    );
}

/// Nothing is passed that the program does not know, in the examples of the defaults neither.
#[test]
fn broker_knows_the_options() {
    let help = run(Command::new(tools::broker()).arg("--help"));
    let options: Vec<_> = help
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| word.starts_with('-'))
        .collect();
    if !options.contains(&"--user") {
        skip("this elbusd has no --user");
        return;
    }
    let sysv = text("init/sysv/S50elbus");
    let (_, start) = sysv
        .split_once("\"$ELBUSD_PROGRAM\" -D")
        .expect("the start");
    let (start, _) = start.split_once("||").expect("its end");
    let examples = text("init/default/elbusd");
    let examples = examples
        .lines()
        .filter_map(|line| line.strip_prefix("#ELBUSD_OPTIONS="));
    let mut commands = vec![
        openrc(OPTIONS),
        procd(OPTIONS),
        systemd(OPTIONS),
        format!("-D {start}"),
    ];
    commands.extend(examples.map(|example| example.trim_matches('"').to_owned()));
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let negative = |word: &&str| !word[1..].starts_with(|c: char| c.is_ascii_digit());
        for option in command
            .split_whitespace()
            .filter(|word| word.starts_with('-'))
            .filter(negative)
        {
            assert!(
                options.contains(&option),
                "elbusd has no {option}: {command}"
            );
        }
    }
}
