//! `cross build`, as far as that goes without a container engine: the real `cross` reads
//! `Cross.toml`, and a stand-in for the engine writes down what it is asked to run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::tools::find;
use crate::tree::{root, scratch, text};

/// A target, and the pages it is built for. `cross` has no image for 64-bit RISC-V with musl.
const TARGETS: [(&str, u32); 3] = [
    ("aarch64-unknown-linux-musl", 16),
    ("armv7-unknown-linux-musleabihf", 12),
    ("x86_64-unknown-linux-musl", 12),
];

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a script");
}

#[test]
fn a_container_gets_what_the_build_needs() {
    let Some(cross) = find("cross") else {
        return;
    };
    let dir = scratch("cross");
    let record = dir.join("record");
    let engine = dir.join("engine");
    let to = record.display();
    write_script(
        &engine,
        &format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{to}'\n"),
    );
    // `cross` brings the toolchain up to date before it begins. That is not for a test to do.
    let rustup = find("rustup").map(|path| path.display().to_string());
    let rustup = rustup.unwrap_or_else(|| "false".into());
    write_script(
        &dir.join("rustup"),
        &format!("#!/bin/sh\ncase \"$*\" in *list*|*show*) exec {rustup} \"$@\";; esac\n"),
    );
    let search = std::env::var("PATH").expect("a search path");
    for (target, pages) in TARGETS {
        let _ = fs::remove_file(&record);
        let output = Command::new(&cross)
            .current_dir(root())
            .args(["build", "--target", target, "--features", "server,rpc"])
            .env("PATH", format!("{}:{search}", dir.display()))
            .env("CROSS_CONTAINER_ENGINE", &engine)
            .env("CARGO_TARGET_DIR", dir.join("target"))
            .output()
            .expect("cross runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let record = fs::read_to_string(&record).expect("the engine was called");
        let run = record.lines().find(|line| line.starts_with("run "));
        let run = run.unwrap_or_else(|| panic!("nothing was run: {record}\n{said}"));
        for part in [
            format!(" -e JEMALLOC_SYS_WITH_LG_PAGE={pages} "),
            format!("/{target}:"),
            format!("cargo build --target {target} --features server,rpc"),
        ] {
            assert!(run.contains(&part), "{part:?} is not in {run}");
        }
    }
}

#[test]
fn pages_are_those_of_the_builds_without_containers() {
    let cross: toml::Table = text("Cross.toml").parse().expect("TOML");
    let targets = cross["target"].as_table().expect("targets");
    assert_eq!(targets.len(), 4);
    for (target, settings) in targets {
        let file = text(&format!("targets/{target}.toml"));
        let file: toml::Table = file.parse().expect("TOML");
        let pages = file["env"]["JEMALLOC_SYS_WITH_LG_PAGE"].as_str();
        let pages = format!("JEMALLOC_SYS_WITH_LG_PAGE={}", pages.expect("pages"));
        let passed = settings["env"]["passthrough"].as_array().expect("a list");
        assert!(passed.contains(&toml::Value::from(pages)), "{target}");
    }
}
