//! The install steps of the recipes, run for real into an empty root file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{find, run};
use crate::tree::{root, scratch, text};

const OPTIONS: &str = "etc/default/elbusd";
const UNITS: [&str; 3] = [
    "usr/lib/systemd/system/elbus.slice",
    "usr/lib/systemd/system/elbusd.service",
    "usr/lib/systemd/system/elbusd.socket",
];
const DIRECTORY: &str = "usr/lib/tmpfiles.d/elbus.conf";

/// The files below a directory, in order.
fn installed(dir: &Path) -> Vec<String> {
    let listed = run(Command::new("find")
        .current_dir(dir)
        .args([".", "-type", "f"]));
    let mut files: Vec<_> = listed
        .lines()
        .filter_map(|line| Some(line.strip_prefix("./")?.to_owned()))
        .collect();
    files.sort();
    files
}

#[track_caller]
fn expect(dir: &Path, parts: &[&[&str]]) {
    let mut expected: Vec<_> = parts.concat();
    expected.sort_unstable();
    assert_eq!(installed(dir), expected);
}

#[test]
fn yocto_installs_the_init_files() {
    let recipe = text("yocto/meta-elbus/recipes-connectivity/elbus/elbus.inc");
    let (_, function) = recipe
        .split_once("\ninstall_init() {")
        .expect("the function");
    let (body, _) = function.split_once("\n}\n").expect("its end");
    let condition = "${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'true', 'false', d)}";
    assert!(body.contains(condition), "{body}");
    for (systemd, directory) in [("true", &[DIRECTORY] as &[_]), ("false", &[])] {
        let dir = scratch("install-yocto");
        run(Command::new("sh")
            .args(["-euc", &body.replace(condition, systemd), "install_init"])
            .arg(root().join("init"))
            .env("D", &dir)
            .env("sysconfdir", "/etc")
            .env("nonarch_libdir", "/usr/lib")
            .env("systemd_system_unitdir", "/usr/lib/systemd/system"));
        expect(&dir, &[&[OPTIONS, "etc/init.d/elbusd"], &UNITS, directory]);
    }
}

/// Runs install steps of a Buildroot package; returns the root file system.
fn buildroot(make: &Path, name: &str, settings: &str, steps: &[&str]) -> PathBuf {
    let dir = scratch(name);
    for programs in ["build/target/triple/release", "programs"] {
        fs::create_dir_all(dir.join(programs)).expect("a directory");
        for program in ["elbus", "elbusd"] {
            fs::write(dir.join(programs).join(program), program).expect("a program");
        }
    }
    let mut makefile = format!(
        "UPPERCASE = $(1)\n\
         qstrip = $(strip $(subst \",,$(1)))\n\
         INSTALL = install\n\
         RUSTC_TARGET_NAME = triple\n\
         BR2_PACKAGE_ELBUS_STATIC_PROGRAMS = \"{dir}/programs\"\n\
         BR2_EXTERNAL_ELBUS_PATH = {root}/buildroot\n\
         TARGET_DIR = {dir}/target\n\
         {settings}\n\
         include $(BR2_EXTERNAL_ELBUS_PATH)/external.mk\n\
         {dir}/build/stamp:\n",
        dir = dir.display(),
        root = root().display(),
    );
    for step in steps {
        makefile += &format!("\t$({step})\n");
    }
    let file = dir.join("Makefile");
    fs::write(&file, makefile).expect("a makefile");
    run(Command::new(make)
        .args(["-s", "-f"])
        .arg(file)
        .arg(dir.join("build/stamp")));
    dir.join("target")
}

#[test]
fn buildroot_installs_programs_and_init_files() {
    let Some(make) = find("make") else { return };
    for package in ["ELBUS", "ELBUS_STATIC"] {
        let steps = |init: &str| {
            [
                format!("{package}_INSTALL_TARGET_CMDS"),
                format!("{package}_INSTALL_INIT_{init}"),
            ]
        };
        for (init, files) in [
            ("SYSV", vec!["etc/init.d/S50elbus"]),
            ("OPENRC", vec!["etc/init.d/elbusd"]),
            ("SYSTEMD", [&UNITS[..], &[DIRECTORY]].concat()),
        ] {
            let name = format!("install-{package}-{init}");
            let steps = steps(init);
            let steps = [steps[0].as_str(), steps[1].as_str()];
            let dir = buildroot(&make, &name, "", &steps);
            expect(&dir, &[&[OPTIONS, "usr/sbin/elbusd"], &files]);

            let command_line = format!("BR2_PACKAGE_{package}_CLI = y");
            let dir = buildroot(&make, &name, &command_line, &steps);
            expect(
                &dir,
                &[&[OPTIONS, "usr/bin/elbus", "usr/sbin/elbusd"], &files],
            );
        }
    }
}

/// Buildroot and Yocto make the user with the names that the init files use.
#[test]
fn user_is_the_same_everywhere() {
    let makefile = text("buildroot/package/elbus/elbus.mk");
    assert!(
        makefile.contains("\telbus -1 elbus -1 * - - - "),
        "{makefile}"
    );
    let recipe = text("yocto/meta-elbus/recipes-connectivity/elbus/elbus.inc");
    assert!(recipe.contains("/sbin/nologin elbus\"\n"), "{recipe}");
    let unit = text("init/systemd/elbusd.service");
    assert!(unit.contains("\nUser=elbus\nGroup=elbus\n"), "{unit}");
    let script = text("init/sysv/S50elbus");
    assert!(
        script.contains("\nELBUSD_USER=elbus\nELBUSD_GROUP=elbus\n"),
        "{script}"
    );
}
