//! Virtual environments for the Python packages that tests need: made once, below the target
//! directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

/// The lock ends with the value, or with the process.
pub fn lock(path: &Path) -> Result<Flock<File>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot lock {}: {e}", path.display());
    let file = File::create(path).map_err(|e| failed(&e))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| failed(&e))
}

/// Installs what the files of requirements say, in their order, and returns the interpreter. An
/// environment that was made of the same things is taken as it is.
pub fn install_packages(requirements: &[PathBuf], venv: &Path) -> Result<PathBuf, String> {
    let interpreter = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let python = venv.join("bin/python");

    // The stamp says what the environment was made of, and is written last.
    let stamp_path = venv.join("peers.stamp");
    let mut stamp = output(Command::new(&interpreter).arg("-VV")).map_err(|e| {
        format!("{e}\nInstall Python 3.8 or newer, or set PYTHON to its interpreter.")
    })?;
    for file in requirements {
        stamp += &fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    if python.exists() && fs::read_to_string(&stamp_path).is_ok_and(|found| found == stamp) {
        return Ok(python);
    }

    create_venv(&interpreter, venv)?;
    for file in requirements {
        // Without build isolation the pinned build requirements are used, not the newest ones.
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
        ];
        output(
            Command::new(&python)
                .args(pip)
                .args(["--require-hashes", "-r"])
                .arg(file),
        )
        .map_err(|e| format!("{e}\npip needs its package index once (see `pip config`)."))?;
    }
    fs::write(&stamp_path, stamp).map_err(|e| format!("{}: {e}", stamp_path.display()))?;
    Ok(python)
}

/// Some distributions ship Python without the parts that `venv` needs; `virtualenv` has its own.
fn create_venv(interpreter: &str, venv: &Path) -> Result<(), String> {
    let attempts = [
        vec![interpreter, "-m", "venv"],
        vec![interpreter, "-m", "virtualenv"],
        vec!["virtualenv", "--python", interpreter],
    ];
    let mut reasons = String::new();
    for attempt in attempts {
        // A failed attempt leaves an unusable directory behind.
        let _ = fs::remove_dir_all(venv);
        match output(Command::new(attempt[0]).args(&attempt[1..]).arg(venv)) {
            Ok(_) => return Ok(()),
            Err(reason) => reasons = format!("{reasons}{reason}\n"),
        }
    }
    Err(format!(
        "{reasons}Install the venv module of Python (package python3-venv on Debian and Ubuntu) \
         or virtualenv."
    ))
}

/// Runs a program to its end; an error has everything it printed.
pub fn output(command: &mut Command) -> Result<String, String> {
    let result = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let stdout = String::from_utf8_lossy(&result.stdout).into_owned();
    if result.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&result.stderr);
    Err(format!("{command:?}: {}\n{stdout}{stderr}", result.status))
}
