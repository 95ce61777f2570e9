//! Programs that the tests need and that may not be there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub use crate::missing::{find, skip};
use crate::tree::root;
use crate::venv;

/// The program under test; `ELBUSD` names another one, as for the other tests.
pub fn broker() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_elbusd").into();
    std::env::var_os("ELBUSD").map_or_else(built, PathBuf::from)
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
