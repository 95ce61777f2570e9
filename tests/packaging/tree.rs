//! The files of the project, and copies of some of them.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the project.
pub fn text(path: &str) -> String {
    let file = root().join(path);
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// All files below a directory of the project, in order of their paths.
pub fn files(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                dirs.push(path);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{dir} has no files");
    found
}

/// An empty directory for one test, below the target directory.
pub fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("packaging")
        .join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a directory for the test");
    dir
}

/// Copies files and directories of the project to the same paths below another directory.
pub fn copy(paths: &[&str], to: &Path) {
    for path in paths {
        let all = if root().join(path).is_dir() {
            files(path)
        } else {
            vec![root().join(path)]
        };
        for file in all {
            let copy = to.join(file.strip_prefix(root()).expect("a file of the project"));
            fs::create_dir_all(copy.parent().expect("a directory")).expect("a directory");
            fs::copy(&file, &copy).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        }
    }
}

/// The value of `key = "value"` in the first table of `Cargo.toml`.
pub fn package_field(key: &str) -> String {
    text("Cargo.toml")
        .lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .trim()
                .strip_prefix("= \"")?
                .strip_suffix('"')
        })
        .unwrap_or_else(|| panic!("Cargo.toml has no {key}"))
        .to_owned()
}
