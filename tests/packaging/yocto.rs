//! The layer, read by the linter of OpenEmbedded recipes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::tools::{printed, python};
use crate::tree::{copy, files, root, scratch};

const LAYER: &str = "yocto/meta-elbus";

/// The series that `layer.conf` names.
const SERIES: [&str; 2] = ["scarthgap", "wrynose"];

/// Runs oelint-adv in a layer, where its configuration is.
fn lint(python: &Path, layer: &Path, series: &str) -> Output {
    let recipes: Vec<PathBuf> = files(LAYER)
        .iter()
        .map(|file| {
            file.strip_prefix(root().join(LAYER))
                .expect("a file of the layer")
                .to_owned()
        })
        .filter(|file| {
            file.extension()
                .is_some_and(|end| ["bb", "inc", "conf"].iter().any(|e| *e == end))
        })
        .collect();
    assert!(recipes.len() >= 5, "{recipes:?}");
    Command::new(python.with_file_name("oelint-adv"))
        .current_dir(layer)
        .args(["--quiet", "--mode", "all", "--release", series])
        .args(recipes)
        .output()
        .expect("oelint-adv")
}

#[test]
fn linter_finds_nothing() {
    let Some(python) = python() else { return };
    for series in SERIES {
        let output = lint(python, &root().join(LAYER), series);
        assert!(output.status.success(), "{series}:\n{}", printed(&output));
        assert_eq!(printed(&output), "", "{series}");
    }
}

#[test]
fn linter_finds_what_is_wrong() {
    let Some(python) = python() else { return };
    let dir = scratch("layer");
    copy(&[LAYER], &dir);
    let recipe = dir.join(LAYER).join("recipes-connectivity/elbus/elbus.inc");
    let text = fs::read_to_string(&recipe).expect("a recipe");
    fs::write(&recipe, text.replacen("LICENSE = ", "LICENSE=", 1)).expect("a recipe");
    let output = lint(python, &dir.join(LAYER), SERIES[0]);
    assert!(!output.status.success());
    assert!(
        printed(&output).contains("oelint.vars.spacesassignment"),
        "{}",
        printed(&output)
    );
}
