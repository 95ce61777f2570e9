//! Programs that the tests need and that may not be there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::tree::root;
use crate::venv;

/// A tool by its name, or `None` after saying that it is missing.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(sbin)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// The program under test; `ELBUSD` names another one, as for the other tests.
pub fn broker() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_elbusd").into();
    std::env::var_os("ELBUSD").map_or_else(built, PathBuf::from)
}

/// Says on stderr, past the harness that keeps the output of successful tests, what is not checked.
///
/// # Panics
///
/// With `ELBUS_TESTS_NO_SKIP=1`.
pub fn skip(reason: &str) {
    let strict = std::env::var("ELBUS_TESTS_NO_SKIP").is_ok_and(|value| value == "1");
    assert!(!strict, "nothing may be skipped, but {reason}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "NOT CHECKED by {test}: {reason}");
}

/// The interpreter that has what requirements.txt names, or `None` after saying why there is none.
pub fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let prepare = || {
        let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaging-tools");
        fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
        let _lock = venv::lock(&work.join("lock"))?;
        let requirements = root().join("tests/packaging/requirements.txt");
        venv::install_packages(&[requirements], &work.join("venv"))
    };
    match PYTHON.get_or_init(prepare) {
        Ok(python) => Some(python),
        Err(reason) => {
            skip(&format!(
                "what requirements.txt names cannot be installed: {reason}"
            ));
            None
        }
    }
}

/// Standard output and standard error of a program, one after the other.
pub fn printed(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("{stdout}{stderr}")
}

/// Runs a program that has to succeed, and returns what it printed.
///
/// # Panics
///
/// If it cannot be run or fails.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let printed = printed(&output);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{printed}",
        output.status
    );
    printed
}
