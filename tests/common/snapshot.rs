//! Compares what people see with files, so that a change of it is a change that is seen.
//! `UPDATE_SNAPSHOTS=1 cargo test …` writes the files instead.

use std::path::Path;

/// The text must be the one in the file of this name among the snapshots of a test program.
#[track_caller]
pub fn assert_snapshot(program: &str, name: &str, text: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let dir = dir.join(program).join("snapshots");
    let path = dir.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        let parent = path.parent().expect("a directory");
        std::fs::create_dir_all(parent).expect("the directory of the snapshots");
        std::fs::write(&path, text).expect("a snapshot written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} has changed; if that is intended, run with UPDATE_SNAPSHOTS=1\n\
         --- expected\n{expected}--- shown\n{text}---",
        path.display()
    );
}
