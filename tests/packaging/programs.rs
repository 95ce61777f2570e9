//! The static programs that `targets/build` has made: whether they run on a device that has nothing
//! but a kernel, and how large they are.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::tools::{find, run, skip};
use crate::tree::{package_field, root};

/// Each target, and the emulator of its processor; PCs run the program themselves.
const TARGETS: [(&str, Option<&str>); 4] = [
    ("aarch64-unknown-linux-musl", Some("qemu-aarch64-static")),
    ("armv7-unknown-linux-musleabihf", Some("qemu-arm-static")),
    ("riscv64gc-unknown-linux-musl", Some("qemu-riscv64-static")),
    ("x86_64-unknown-linux-musl", None),
];

/// What the daemon for 64-bit ARM may have, in bytes: with the standard library of the toolchain, and
/// with one that was compiled with it. docs/footprint.md says what takes the room.
const BUDGETS: [(&str, u64); 2] = [("target", 1500 * 1024), ("target/rebuilt", 1000 * 1024)];

/// Program headers of an ELF file that a static program does not have.
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;

/// The daemon for a target, or `None` after saying that there is none.
fn daemon(below: &str, target: &str) -> Option<PathBuf> {
    let path = root().join(below).join(target).join("release/elbusd");
    if !path.is_file() {
        let std = if below == "target" {
            ""
        } else {
            "--std rebuilt "
        };
        skip(&format!("there is no program: targets/build {std}{target}"));
        return None;
    }
    Some(path)
}

/// A number of so many bytes in a little-endian file.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    let digits = bytes[at..at + size].iter().rev();
    digits.fold(0, |number, digit| number << 8 | u64::from(*digit))
}

/// The types of the program headers, by elf(5).
fn program_headers(elf: &[u8]) -> Vec<u64> {
    assert_eq!(&elf[..4], b"\x7fELF");
    let wide = elf[4] == 2;
    let (table, size, count) = if wide {
        (number(elf, 32, 8), number(elf, 54, 2), number(elf, 56, 2))
    } else {
        (number(elf, 28, 4), number(elf, 42, 2), number(elf, 44, 2))
    };
    let at = |i| usize::try_from(table + i * size).expect("a place in the file");
    (0..count).map(|i| number(elf, at(i), 4)).collect()
}

#[test]
fn programs_need_a_kernel_only() {
    for (target, emulator) in TARGETS {
        let Some(path) = daemon("target", target) else {
            continue;
        };
        let elf = fs::read(&path).expect("a program");
        let headers = program_headers(&elf);
        assert!(headers.len() > 2, "{target}: {headers:?}");
        for (header, what) in [(PT_INTERP, "an interpreter"), (PT_DYNAMIC, "libraries")] {
            assert!(!headers.contains(&header), "{target}: needs {what}");
        }
        let allocator = b"<jemalloc>";
        let has_it = elf.windows(allocator.len()).any(|word| word == allocator);
        assert!(has_it, "{target}: another allocator");
        let mut command = match emulator.map(find) {
            None => Command::new(&path),
            Some(None) => continue,
            Some(Some(emulator)) => {
                let mut command = Command::new(emulator);
                command.arg(&path);
                command
            }
        };
        let version = run(command.arg("--version"));
        assert_eq!(
            version.trim(),
            format!("elbusd {}", package_field("version"))
        );
    }
}

#[test]
fn the_daemon_stays_within_its_budget() {
    for (below, budget) in BUDGETS {
        let Some(path) = daemon(below, TARGETS[0].0) else {
            continue;
        };
        let size = fs::metadata(&path).expect("a program").len();
        println!("{}: {size} of {budget} bytes", path.display());
        assert!(
            size <= budget,
            "{}: {size} bytes are more than {budget}; targets/owners says what takes them",
            path.display()
        );
    }
}
