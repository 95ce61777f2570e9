//! What the device is made of: the static programs, and a file system in memory with them, BusyBox
//! and the files of the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::Archive;

/// The options of the broker on the device. The time limit is for an emulator on a busy machine.
const DEFAULTS: &str = "ELBUSD_OPTIONS=\"-B 0.0.0.0:7777 -t 60\"\n";

const PASSWD: &str = "root:x:0:0:root:/:/bin/sh\nelbus:x:100:101:elbus:/run/elbus:/bin/false\n";
const GROUP: &str = "root:x:0:\nelbus:x:101:\n";

/// Paths on the device, files of the project, modes.
const FILES: [(&str, &str, u32); 6] = [
    ("etc/inittab", "tests/device/guest/inittab", 0o644),
    ("etc/init.d/rcS", "tests/device/guest/rcS", 0o755),
    ("etc/init.d/rcK", "tests/device/guest/rcK", 0o755),
    ("etc/init.d/S50elbus", "init/sysv/S50elbus", 0o755),
    ("usr/bin/plugin", "tests/device/guest/plugin", 0o755),
    ("usr/bin/historian", "tests/device/guest/historian", 0o755),
];

const DIRECTORIES: [&str; 17] = [
    "bin",
    "dev",
    "etc",
    "etc/default",
    "etc/init.d",
    "lib",
    "lib/modules",
    "proc",
    "run",
    "sbin",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/sbin",
    "var",
    "var/log",
];

/// The directory of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds the programs for the device, and returns the directory that has them.
/// `ELBUS_AARCH64_BIN_DIR` names a directory that has them already.
pub fn programs() -> PathBuf {
    if let Some(ready) = std::env::var_os("ELBUS_AARCH64_BIN_DIR") {
        return ready.into();
    }
    let target = "aarch64-unknown-linux-musl";
    // Settings for the programs of this machine are not for those of the device.
    let output = Command::new(root().join("targets/build"))
        .arg(target)
        .env("CARGO_TARGET_DIR", root().join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("targets/build");
    assert!(
        output.status.success(),
        "targets/build {target}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    root().join("target").join(target).join("release")
}

/// The file system that the kernel starts with.
pub fn file_system(programs: &Path, busybox: &Path, modules: &Path) -> Vec<u8> {
    let mut archive = Archive::default();
    for directory in DIRECTORIES {
        archive.directory(directory);
    }
    // Opened by the kernel before anything is mounted.
    archive.character_device("dev/console", 5, 1);
    archive.file("bin/busybox", 0o755, &read(busybox));
    archive.link("bin/sh", "busybox");
    archive.link("init", "bin/busybox");
    archive.file("etc/passwd", 0o644, PASSWD.as_bytes());
    archive.file("etc/group", 0o644, GROUP.as_bytes());
    archive.file("etc/default/elbusd", 0o644, DEFAULTS.as_bytes());
    archive.file("usr/sbin/elbusd", 0o755, &read(&programs.join("elbusd")));
    archive.file("usr/bin/elbus", 0o755, &read(&programs.join("elbus")));
    for (path, source, mode) in FILES {
        archive.file(path, mode, &read(&root().join(source)));
    }
    for module in fs::read_dir(modules).expect("the modules") {
        let module = module.expect("a module");
        let name = module.file_name().into_string().expect("a name");
        archive.file(&format!("lib/modules/{name}"), 0o644, &read(&module.path()));
    }
    archive.finish()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
