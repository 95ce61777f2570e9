//! The units, read by systemd itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::tools::{self, find, printed, run};
use crate::tree::{root, scratch, text};

/// What `systemd-analyze security` may say at most, in tenths.
const EXPOSURE_MAX: u32 = 15;

/// The first systemd that knows `Type=notify-reload`.
const KNOWS_NOTIFY_RELOAD: u32 = 253;

/// Copies of the units whose program is the one that was built: systemd looks whether it is there.
fn units(name: &str) -> Vec<PathBuf> {
    let dir = scratch(name);
    let broker = tools::broker();
    let broker = broker.to_str().expect("a path");
    [
        "elbusd.service",
        "elbus-bridge.service",
        "elbusd.socket",
        "elbus.slice",
    ]
    .map(|unit| {
        let text = text(&format!("init/systemd/{unit}"));
        // Which program it is does not matter.
        let text = text
            .replace("/usr/sbin/elbusd", broker)
            .replace("/usr/sbin/elbus-bridge", broker);
        let copy = dir.join(unit);
        fs::write(&copy, text).expect("a copy");
        copy
    })
    .into()
}

#[test]
fn units_are_valid() {
    let Some(analyze) = find("systemd-analyze") else {
        return;
    };
    let version = run(Command::new(&analyze).arg("--version"));
    let version = version.split(' ').nth(1).and_then(|word| word.parse().ok());
    let old = version.is_some_and(|version: u32| version < KNOWS_NOTIFY_RELOAD);
    let output = Command::new(&analyze)
        .args(["verify", "--man=no"])
        .args(units("verify"))
        .output()
        .expect("systemd-analyze");
    let printed = printed(&output);
    // What is wrong with units of this machine is none of our business.
    let complaints: Vec<_> = printed
        .lines()
        .filter(|line| line.contains("elbus"))
        .filter(|line| !(old && line.ends_with("ignoring: notify-reload")))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(output.status.success(), "{}: {printed}", output.status);
}

#[test]
fn services_are_confined() {
    let Some(analyze) = find("systemd-analyze") else {
        return;
    };
    for service in &units("security")[..2] {
        run(Command::new(&analyze)
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={EXPOSURE_MAX}"))
            .arg(service));
    }
}

#[test]
fn user_can_be_made() {
    let Some(sysusers) = find("systemd-sysusers") else {
        return;
    };
    let empty = scratch("sysusers");
    let printed = run(Command::new(sysusers)
        .arg("--dry-run")
        .arg(format!("--root={}", empty.display()))
        .arg(root().join("init/systemd/elbus.sysusers.conf")));
    assert!(printed.contains("Creating user 'elbus'"), "{printed}");
}

/// There is no dry run; the only line is compared with the init script, which makes the same.
#[test]
fn directory_is_that_of_the_init_script() {
    let conf = text("init/systemd/elbus.tmpfiles.conf");
    let lines: Vec<_> = conf.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, ["d /run/elbus 0755 elbus elbus -"]);
}
