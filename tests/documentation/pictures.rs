//! That the pictures of terminals can be made anew, and show what they are there for.

use crate::common::broker::TempDir;
use crate::pages::{root, text};
use std::path::Path;
use std::process::Command;

#[test]
fn pictures_are_made_of_what_the_programs_print() {
    let programs = Path::new(env!("CARGO_BIN_EXE_elbusd")).parent();
    let pictures = TempDir::new();
    let script = root().join("docs/pictures/render");
    let interpreter = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(interpreter)
        .arg(script)
        .args([programs.expect("a directory"), pictures.path()])
        .output()
        .expect("Python");
    assert!(output.status.success(), "{output:?}");

    for (picture, shown) in [
        ("top.svg", ["in B/s", "display.hall", "plc.line1", "q quit"]),
        (
            "monitor.svg",
            ["plant/boiler/state", "plc.line2", "21 B", "$ elbus"],
        ),
    ] {
        let made = text(&pictures.path().join(picture));
        let kept = text(&root().join("docs/pictures").join(picture));
        for what in shown {
            assert!(made.contains(what), "{what:?} is not in {made}");
            assert!(
                kept.contains(what),
                "{what:?} is not in the {picture} of the book"
            );
        }
        // The size is the same whatever the programs print.
        let size = |svg: &str| svg.lines().next().map(str::to_owned);
        assert_eq!(size(&made), size(&kept));
    }
}
