//! Every shell script of init files, recipes, builds and the device of the tests parses, and
//! `shellcheck` has nothing to say about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use crate::tools::{find, run};
use crate::tree::{files, root};

/// Scripts and the shell that each is for.
fn scripts() -> Vec<(PathBuf, &'static str)> {
    let folders = [
        ".ci",
        "buildroot",
        "init",
        "packaging",
        "targets",
        "tests/device",
    ];
    let mut found: Vec<_> = folders
        .into_iter()
        .flat_map(files)
        .filter_map(|file| {
            let text = fs::read_to_string(&file).ok()?;
            let shebang = text.lines().next().unwrap_or_default();
            let shell = match shebang {
                "#!/bin/sh" | "#!/bin/sh /etc/rc.common" | "#!/sbin/openrc-run" => "sh",
                "#!/usr/bin/env bash" => "bash",
                _ => return None,
            };
            let mode = fs::metadata(&file).expect("a file").permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{} is not executable", file.display());
            Some((file, shell))
        })
        .collect();
    found.push((root().join("init/default/elbusd"), "sh"));
    assert!(found.len() >= 6, "{found:?}");
    found
}

#[test]
fn scripts_parse() {
    for (script, shell) in scripts() {
        run(Command::new(shell).arg("-n").arg(script));
    }
}

#[test]
fn scripts_for_devices_parse_in_busybox() {
    let Some(busybox) = find("busybox") else {
        return;
    };
    for (script, _) in scripts().into_iter().filter(|(_, shell)| *shell == "sh") {
        run(Command::new(&busybox).args(["sh", "-n"]).arg(script));
    }
}

#[test]
fn shellcheck_finds_nothing() {
    let Some(shellcheck) = find("shellcheck") else {
        return;
    };
    for (script, shell) in scripts() {
        run(Command::new(&shellcheck)
            .current_dir(root())
            .args(["--external-sources", "--shell", shell])
            .arg(script));
    }
}
