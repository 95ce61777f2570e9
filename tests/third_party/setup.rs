//! Installs and builds the third-party peers, once per machine: a lock file keeps concurrent test
//! processes apart, and later processes find the work done.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the programs of the peers are.
pub struct Programs {
    /// The interpreter of the virtual environment that has the packages.
    pub python: PathBuf,
    /// The directory of the Python scripts.
    pub scripts: PathBuf,
    /// The peer on the original crate.
    pub elbus: PathBuf,
    /// The peer on the successor's crate.
    pub busrt: PathBuf,
    /// The program of `tests/compat`, on the original crate.
    pub compat: PathBuf,
}

/// The programs, which the first caller prepares.
///
/// # Panics
///
/// In every test, with the same text, if that failed.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Result<Programs, String>> = OnceLock::new();
    match PROGRAMS.get_or_init(prepare) {
        Ok(programs) => programs,
        Err(reason) => panic!("the third-party peers cannot be prepared: {reason}"),
    }
}

fn prepare() -> Result<Programs, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("third_party");
    fs::create_dir_all(&work).map_err(|e| format!("cannot create {}: {e}", work.display()))?;
    let _lock = lock(&work.join("lock"))?;
    let scripts = sources.join("python");
    let python = install_packages(&scripts, &work.join("venv"))?;
    let binaries = build_crates(&sources, &work.join("peers"))?;
    Ok(Programs {
        python,
        scripts,
        elbus: binaries.join("peer-elbus"),
        busrt: binaries.join("peer-busrt"),
        compat: binaries.join("compat"),
    })
}

/// The lock ends with the value, or with the process.
fn lock(path: &Path) -> Result<Flock<File>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot lock {}: {e}", path.display());
    let file = File::create(path).map_err(|e| failed(&e))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| failed(&e))
}

fn install_packages(scripts: &Path, venv: &Path) -> Result<PathBuf, String> {
    let interpreter = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let build_requirements = scripts.join("build-requirements.txt");
    let requirements = scripts.join("requirements.txt");
    let python = venv.join("bin/python");

    // The stamp says what the environment was made of, and is written last.
    let stamp_path = venv.join("peers.stamp");
    let mut stamp = output(Command::new(&interpreter).arg("-VV")).map_err(|e| {
        format!("{e}\nInstall Python 3.8 or newer, or set PYTHON to its interpreter.")
    })?;
    for file in [&build_requirements, &requirements] {
        stamp += &fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    if python.exists() && fs::read_to_string(&stamp_path).is_ok_and(|found| found == stamp) {
        return Ok(python);
    }

    create_venv(&interpreter, venv)?;
    for file in [&build_requirements, &requirements] {
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

/// Builds the Rust peers in a target directory of their own and returns where the programs are.
fn build_crates(sources: &Path, target: &Path) -> Result<PathBuf, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(sources.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target);
    // Coverage, sanitizers and cross builds are for the package under test, not for its peers.
    for variable in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ] {
        cargo.env_remove(variable);
    }
    output(&mut cargo)?;
    Ok(target.join("debug"))
}

/// Runs a program to its end; an error has everything it printed.
fn output(command: &mut Command) -> Result<String, String> {
    let result = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let stdout = String::from_utf8_lossy(&result.stdout).into_owned();
    if result.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&result.stderr);
    Err(format!("{command:?}: {}\n{stdout}{stderr}", result.status))
}
