//! The tree for Buildroot: its menus as kconfig reads them, and the style that Buildroot's own
//! `check-package` demands, which comes with a checkout of Buildroot only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{python, run};
use crate::tree::{files, root, scratch, text};

/// What Buildroot defines and the menus of the tree use.
const BUILDROOT: &str = "\
mainmenu \"a part of Buildroot\"
config BR2_aarch64
\tbool \"aarch64\"
config BR2_arm
\tbool \"arm\"
config BR2_riscv
\tbool \"riscv\"
config BR2_x86_64
\tbool \"x86_64\"
config BR2_USE_MMU
\tdef_bool y
config BR2_PACKAGE_HOST_RUSTC
\tbool
config BR2_PACKAGE_HOST_RUSTC_TARGET_ARCH_SUPPORTS
\tdef_bool RUST
source \"$BR2_EXTERNAL_ELBUS_PATH/Config.in\"
";

/// What a configuration gives, line by line.
fn configured(python: &Path, name: &str, configuration: &Path, rust: bool) -> Vec<String> {
    let top = scratch(name).join("Config.in");
    fs::write(
        &top,
        BUILDROOT.replace("RUST\n", if rust { "y\n" } else { "n\n" }),
    )
    .expect("a menu");
    let printed = run(Command::new(python)
        .arg(root().join("tests/packaging/menu.py"))
        .args([&top, configuration])
        // No CONFIG_ before the names.
        .env("CONFIG_", "")
        .env("BR2_EXTERNAL_ELBUS_PATH", root().join("buildroot")));
    printed.lines().map(str::to_owned).collect()
}

#[track_caller]
fn expect(lines: &[String], expected: &[&str]) {
    for line in expected {
        assert!(
            lines.iter().any(|found| found == line),
            "no {line} in {lines:#?}"
        );
    }
    let warning = lines.iter().find(|line| line.starts_with("warning"));
    assert_eq!(warning, None);
}

#[test]
fn defconfig_gives_a_device_with_the_broker() {
    let Some(python) = python() else { return };
    let defconfig = root().join("buildroot/configs/elbus_aarch64_defconfig");
    let lines = configured(python, "defconfig", &defconfig, true);
    expect(
        &lines,
        &[
            "BR2_PACKAGE_ELBUS=y",
            "BR2_PACKAGE_ELBUS_RPC=y",
            "BR2_PACKAGE_ELBUS_CLI=n",
            "BR2_PACKAGE_ELBUS_STATIC=n",
            "BR2_PACKAGE_HOST_RUSTC=y",
        ],
    );
}

#[test]
fn without_rust_there_is_the_static_package() {
    let Some(python) = python() else { return };
    let dir = scratch("static-config");
    let wanted = dir.join("config");
    let text = "BR2_aarch64=y\nBR2_PACKAGE_ELBUS=y\nBR2_PACKAGE_ELBUS_STATIC=y\n";
    fs::write(&wanted, text).expect("a configuration");
    let lines = configured(python, "static", &wanted, false);
    let programs = lines
        .iter()
        .find_map(|line| line.strip_prefix("BR2_PACKAGE_ELBUS_STATIC_PROGRAMS="))
        .expect("where the programs are");
    assert!(
        programs.ends_with("/../target/aarch64-unknown-linux-musl/release"),
        "{programs}"
    );
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|line| !line.starts_with("warning"))
        .collect();
    expect(
        &lines,
        &["BR2_PACKAGE_ELBUS=n", "BR2_PACKAGE_ELBUS_STATIC=y"],
    );
}

/// Files of the tree by the end of their names.
fn tree(end: &str) -> Vec<(PathBuf, String)> {
    let found: Vec<_> = files("buildroot")
        .into_iter()
        .filter(|file| file.to_str().is_some_and(|name| name.ends_with(end)))
        .map(|file| {
            let text = fs::read_to_string(&file).expect("text");
            (file, text)
        })
        .collect();
    assert!(!found.is_empty(), "{end}");
    found
}

/// Fails with the place if a line is not as it should be.
#[track_caller]
fn demand(good: bool, file: &Path, number: usize, what: &str) {
    assert!(good, "{}:{}: {what}", file.display(), number + 1);
}

#[test]
fn white_space_is_as_buildroot_wants_it() {
    for end in ["Config.in", ".mk", ".hash", "_defconfig", ".desc"] {
        for (file, text) in tree(end) {
            assert!(
                text.ends_with('\n') && !text.ends_with("\n\n"),
                "{}: end",
                file.display()
            );
            assert!(!text.contains("\n\n\n"), "{}: empty lines", file.display());
            for (number, line) in text.lines().enumerate() {
                demand(line.trim_end() == line, &file, number, "blanks at the end");
                demand(line.is_ascii(), &file, number, "not ASCII");
            }
        }
    }
}

#[test]
fn menus_are_as_buildroot_wants_them() {
    const ORDER: [&[&str]; 5] = [
        &["bool", "string", "prompt"],
        &["default"],
        &["depends"],
        &["select"],
        &["help"],
    ];
    for (file, text) in tree("Config.in") {
        let mut last = 0;
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            if let Some(help) = line.strip_prefix("\t  ") {
                demand(
                    help.len() <= 62,
                    &file,
                    number,
                    "more than 62 columns of help",
                );
                continue;
            }
            let attribute = line.trim_start().split(' ').next().unwrap_or_default();
            match ORDER.iter().position(|words| words.contains(&attribute)) {
                Some(rank) => {
                    let indented = line.starts_with('\t') && !line.starts_with("\t\t");
                    demand(indented, &file, number, "not indented by one tab");
                    demand(
                        rank >= last,
                        &file,
                        number,
                        "order: type, default, depends, select, help",
                    );
                    last = rank;
                }
                None => {
                    demand(
                        !line.starts_with(char::is_whitespace),
                        &file,
                        number,
                        "indented",
                    );
                    last = 0;
                }
            }
        }
    }
}

#[test]
fn makefiles_are_as_buildroot_wants_them() {
    for (file, text) in tree(".mk") {
        let package = file
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        if package != "external" {
            let line = "#".repeat(80);
            let header: Vec<_> = text.lines().take(6).collect();
            assert_eq!(
                [header[0], header[1], header[3], header[4], header[5]],
                [&line, "#", "#", &line, ""]
            );
        }
        let prefix = package.replace('-', "_").to_uppercase() + "_";
        let (mut in_define, mut continued) = (false, false);
        for (number, line) in text.lines().enumerate() {
            let conditional = ["ifeq", "ifneq", "ifdef", "ifndef", "else", "endif"]
                .iter()
                .any(|word| line.starts_with(word));
            if line == "endef" {
                in_define = false;
            }
            if !line.is_empty() && !line.starts_with('#') && !conditional {
                let tab = line.starts_with('\t');
                demand(tab == (in_define || continued), &file, number, "tabs");
                demand(!line.contains("  "), &file, number, "several blanks");
            }
            if !in_define && !continued {
                let name = line
                    .strip_prefix("define ")
                    .or(line.split_once(" = ").map(|(name, _)| name));
                let name = name
                    .or(line.split_once(" += ").map(|(name, _)| name))
                    .unwrap_or(&prefix);
                let own = name.strip_prefix("HOST_").unwrap_or(name);
                let own = package == "crates" || own.starts_with(&prefix);
                demand(own, &file, number, "a variable of another package");
            }
            in_define |= line.starts_with("define ");
            continued = !line.starts_with('#') && line.ends_with('\\');
        }
    }
}

/// What a package is and where it comes from stands first, in the order of the manual.
#[test]
fn variables_are_in_order() {
    const ORDER: [&str; 7] = [
        "VERSION",
        "SOURCE",
        "SITE",
        "SITE_METHOD",
        "LICENSE",
        "LICENSE_FILES",
        "DEPENDENCIES",
    ];
    for package in ["elbus", "elbus-static"] {
        let makefile = text(&format!("buildroot/package/{package}/{package}.mk"));
        let prefix = package.replace('-', "_").to_uppercase() + "_";
        let ranks: Vec<_> = makefile
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix)?.split_once(' '))
            .filter_map(|(name, _)| ORDER.iter().position(|known| *known == name))
            .collect();
        assert!(
            ranks.len() >= 3 && ranks.is_sorted(),
            "{package}: {ranks:?}"
        );
    }
}

#[test]
fn size_report_counts() {
    let dir = scratch("size-report");
    let target = dir.join("target");
    fs::create_dir_all(target.join("usr/sbin")).expect("a directory");
    fs::write(target.join("usr/sbin/elbusd"), [0; 1000]).expect("a file");
    fs::write(target.join("init"), [0; 234]).expect("a file");
    let printed = run(
        Command::new(root().join("buildroot/board/elbus/size-report"))
            .arg(&target)
            .env("BINARIES_DIR", dir.join("images")),
    );
    for line in [
        "root file system  1234 bytes",
        "elbusd            1000 bytes",
        "elbus             0 bytes",
        "1000 ./usr/sbin/elbusd",
    ] {
        assert!(
            printed.lines().any(|found| found == line),
            "no {line} in {printed}"
        );
    }
    let report = fs::read_to_string(dir.join("images/size-report.txt")).expect("a report");
    assert_eq!(report, printed);
}
