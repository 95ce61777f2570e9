//! A device boots: an emulated 64-bit ARM machine with a kernel of Debian, BusyBox, the init script
//! of `init/sysv` and the static programs of `targets/build`. Two plug-ins run on the device, as
//! shell scripts on the program `elbus` and `/run/elbus.sock`; the clients of the plant are here and
//! come in over TCP.
//!
//! It boots twice, with pages of 4 KiB and of 16 KiB. Not done: pages of 64 KiB, for which Debian has
//! no kernel.
//!
//! Needed: `qemu-system-aarch64` (Debian: qemu-system-arm) and what `tests/device/fetch` downloads.
//! What is missing is named on stderr, and the tests are skipped; with `ELBUS_TESTS_NO_SKIP=1`, as in
//! `.ci/run`, that is a failure, unless `ELBUS_TESTS_NO_DEVICE` says why there is no device.
//! `ELBUS_AARCH64_BIN_DIR` names a directory that has the programs already.

#![cfg(all(unix, feature = "server"))]

mod archive;
#[path = "../common/mod.rs"]
mod common;
mod image;
mod machine;
#[path = "../common/missing.rs"]
mod missing;
mod plant;
// What installs Python packages is not needed here.
#[allow(dead_code)]
#[path = "../common/venv.rs"]
mod venv;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use machine::{Machine, Model, assert_healthy};
use missing::{find, say_not_checked, skip};
use plant::Scada;

/// The most that the broker may have resident after the load.
const MAX_RESIDENT_KIB: u64 = 4096;

/// The user `elbus` of the device.
const BROKER_UID: &str = "100";

#[test]
fn device_with_pages_of_4_kib() {
    visit(&Model {
        name: "4k",
        cpu: "cortex-a72",
        // With 64 it boots, too, but Debian's kernel leaves 35 of them, and those were used up once
        // under the load.
        memory_mib: 96,
        page_kib: 4,
    });
}

#[test]
fn device_with_pages_of_16_kib() {
    // Its predecessor does not have such pages.
    visit(&Model {
        name: "16k",
        cpu: "cortex-a76",
        memory_mib: 128,
        page_kib: 16,
    });
}

/// What the tests need besides the emulator.
struct Parts {
    emulator: PathBuf,
    downloads: PathBuf,
    programs: PathBuf,
}

/// One device after the other: they would share the cores of this machine.
static TURN: Mutex<()> = Mutex::new(());

/// Prepares the parts, or says why there is no device.
fn parts() -> Option<Parts> {
    if let Ok(reason) = std::env::var("ELBUS_TESTS_NO_DEVICE") {
        say_not_checked(&reason);
        return None;
    }
    let emulator = find("qemu-system-aarch64")?;
    let downloads = image::root().join("target/device");
    let work = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let _lock = venv::lock(&work.join("device.lock")).expect("a lock");
    if let Err(reason) = venv::output(&mut Command::new(image::root().join("tests/device/fetch"))) {
        skip(&format!("the kernels cannot be downloaded: {reason}"));
        return None;
    }
    Some(Parts {
        emulator,
        downloads,
        programs: image::programs(),
    })
}

/// Boots a device, works with it, and switches it off.
fn visit(model: &Model) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(parts) = parts() else { return };
    let files = parts.downloads.join(model.name);
    let busybox = parts.downloads.join("busybox");
    let initramfs =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("initramfs-{}", model.name));
    let content = image::file_system(&parts.programs, &busybox, &files.join("modules"));
    fs::write(&initramfs, content).expect("the file system");

    let mut machine = Machine::boot(&parts.emulator, model, &files.join("kernel"), &initramfs);
    let boot = machine.wait_for("device: the broker was started after ", 1);
    machine.wait_for("Starting elbusd: OK", 1);

    let mut scada = Scada::connect(machine.port());
    scada.wait_for("plugin");
    scada.wait_for("historian");
    scada.set("speed", "21.5");
    let first = scada.ask("plugin", "status");
    assert_broker_is_at_home(&first);
    assert_eq!(kib(&first, "KernelPageSize"), model.page_kib);

    let (publications, time) = plant::load(machine.port());
    let counted = scada.publish_and_hear("load/end");
    assert_eq!(
        counted.trim_end(),
        format!("{publications} publications, 0 out of order")
    );
    let loaded = scada.ask("plugin", "status");
    assert_eq!(value(&first, "Pid"), value(&loaded, "Pid"));
    let resident = kib(&loaded, "VmRSS");
    report(&format!(
        "{}: broker started {boot} after the kernel; load of {} frames in {:.1} s; {resident} KiB \
         resident after it, {} KiB at most, {} KiB before",
        model.name,
        publications * 2,
        time.as_secs_f64(),
        kib(&loaded, "VmHWM"),
        kib(&first, "VmRSS"),
    ));
    assert!(resident <= MAX_RESIDENT_KIB, "{resident} KiB are resident");

    assert_logged(&scada.ask("plugin", "log"), value(&first, "Pid"));
    assert_healthy(&scada.ask("plugin", "kernel"));

    scada.call("plugin", "restart");
    scada.wait_for_end();
    machine.wait_for("Stopping elbusd: OK", 1);
    machine.wait_for("Starting elbusd: OK", 2);
    let mut scada = Scada::connect(machine.port());
    scada.wait_for("plugin");
    scada.set("speed", "22");
    let second = scada.ask("plugin", "status");
    assert_broker_is_at_home(&second);
    assert_ne!(value(&first, "Pid"), value(&second, "Pid"));

    scada.call("plugin", "off");
    scada.wait_for_end();
    machine.wait_for_power_off();
    let console = machine.console();
    for line in [
        "elbusd is not running",
        "device: left in /run/elbus: []",
        "reboot: Power down",
    ] {
        assert!(console.contains(line), "{line}");
    }
    let stopped = format!("user.info elbusd[{}]: stopped", value(&second, "Pid"));
    assert!(console.contains(&stopped), "{stopped}");
    assert_healthy(&console);
}

/// The broker is its own user, and its public path leads to it.
fn assert_broker_is_at_home(status: &str) {
    for id in value(status, "Uid").split_whitespace() {
        assert_eq!(id, BROKER_UID, "{status}");
    }
    assert_eq!(value(status, "Link"), "elbus/elbus.sock");
}

/// The system log of the device has what the broker said, as information.
fn assert_logged(log: &str, pid: &str) {
    for said in [
        "listening on /run/elbus/elbus.sock",
        "listening on 0.0.0.0:7777",
        "client \"plugin\" registered",
        "client \"scada\" registered",
        "client \"sender.0\" disconnected",
    ] {
        let line = format!("user.info elbusd[{pid}]: {said}");
        assert!(log.contains(&line), "{line} is not in:\n{log}");
    }
}

/// A value of /proc/PID/status.
fn value<'a>(status: &'a str, key: &str) -> &'a str {
    let mut values = status
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    values
        .next()
        .unwrap_or_else(|| panic!("{key} in {status}"))
        .trim()
}

fn kib(status: &str, key: &str) -> u64 {
    let number = value(status, key).split_whitespace().next();
    number.and_then(|n| n.parse().ok()).expect("a number")
}

/// Printed past the harness, which keeps the output of successful tests.
fn report(line: &str) {
    let line = format!("device {line}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
