//! Installs and builds the third-party peers, once per machine: a lock file keeps concurrent test
//! processes apart, and later processes find the work done.

use crate::venv::{install_packages, lock, output};
use std::fs;
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
    /// The peer on the binding for C, if that is there.
    pub c_peer: Option<PathBuf>,
}

/// Where the bindings for other languages are.
pub fn bindings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bindings")
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
    let requirements =
        ["build-requirements.txt", "requirements.txt"].map(|name| scripts.join(name));
    let python = install_packages(&requirements, &work.join("venv"))?;
    let binaries = build_crates(&sources, &work.join("peers"))?;
    Ok(Programs {
        python,
        scripts,
        elbus: binaries.join("peer-elbus"),
        busrt: binaries.join("peer-busrt"),
        compat: binaries.join("compat"),
        c_peer: compile_c(&bindings().join("c"), &work.join("peer-c"))?,
    })
}

/// Compiles the peer on the binding for C; `CC` names another compiler than `cc`.
fn compile_c(sources: &Path, program: &Path) -> Result<Option<PathBuf>, String> {
    let peer = sources.join("tests/peer.c");
    if !peer.exists() {
        return Ok(None);
    }
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    output(
        Command::new(compiler)
            .args(["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-o"])
            .args([program, &peer, &sources.join("elbus.c")]),
    )?;
    Ok(Some(program.to_owned()))
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
