//! Programs that tests need and that may not be there.

use std::io::Write;
use std::path::PathBuf;

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

/// Says on stderr, past the harness that keeps the output of successful tests, what is not checked.
///
/// # Panics
///
/// With `ELBUS_TESTS_NO_SKIP=1`.
pub fn skip(reason: &str) {
    let strict = std::env::var("ELBUS_TESTS_NO_SKIP").is_ok_and(|value| value == "1");
    assert!(!strict, "nothing may be skipped, but {reason}");
    say_not_checked(reason);
}

/// The same for a reason that is accepted even where nothing may be skipped.
pub fn say_not_checked(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // In one piece, so that nothing of the harness gets in between.
    let line = format!("NOT CHECKED by {test}: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
