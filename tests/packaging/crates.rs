//! The lists of crates in the recipes: complete, and enough for a build without network.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{find, printed, run, skip};
use crate::tree::{copy, root, scratch, text};

const GENERATOR: &str = "packaging/crates";
const YOCTO: &str = "yocto/meta-elbus/recipes-connectivity/elbus/elbus-crates.inc";
const BUILDROOT_HASHES: &str = "buildroot/package/elbus-crates/elbus-crates.hash";

/// `NAME-VERSION` and checksum of each crate of the lock file, read without the generator.
pub fn locked() -> BTreeSet<(String, String)> {
    let mut crates = BTreeSet::new();
    let (mut name, mut version) = (String::new(), String::new());
    for line in text("Cargo.lock").lines() {
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        let value = value.trim_matches('"').to_owned();
        match key {
            "name" => name = value,
            "version" => version = value,
            "checksum" => {
                crates.insert((format!("{name}-{version}"), value));
            }
            _ => {}
        }
    }
    assert!(crates.len() > 50, "{} crates", crates.len());
    crates
}

#[test]
fn yocto_has_the_crates_of_the_lock_file_and_their_checksums() {
    let recipe = text(YOCTO);
    let sums: BTreeSet<_> = recipe
        .lines()
        .filter_map(|line| {
            let (name, sum) = line
                .strip_prefix("SRC_URI[")?
                .split_once(".sha256sum] = ")?;
            Some((name.to_owned(), sum.trim_matches('"').to_owned()))
        })
        .collect();
    assert_eq!(sums, locked());
    let downloads: BTreeSet<_> = recipe
        .lines()
        .filter_map(|line| {
            let uri = line.trim().strip_prefix("crate://crates.io/")?;
            Some(uri.trim_end_matches(" \\").replacen('/', "-", 1))
        })
        .collect();
    assert_eq!(
        downloads,
        locked().into_iter().map(|(name, _)| name).collect()
    );
}

#[test]
fn buildroot_has_the_checksums_of_the_crates_of_the_lock_file() {
    let sums: BTreeSet<_> = text(BUILDROOT_HASHES)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<_> = line.split("  ").collect();
            assert_eq!((fields.len(), fields[0]), (3, "sha256"), "{line}");
            let name = fields[2].strip_suffix(".crate").expect("a crate");
            (name.to_owned(), fields[1].to_owned())
        })
        .collect();
    assert_eq!(sums, locked());
}

#[test]
fn generator_finds_nothing_to_change() {
    run(Command::new(root().join(GENERATOR)).arg("--check"));
}

#[test]
fn generator_notices_a_changed_lock_file() {
    let dir = scratch("generator");
    copy(
        &[
            "Cargo.lock",
            GENERATOR,
            YOCTO,
            "buildroot/package/elbus-crates",
        ],
        &dir,
    );
    let generator = dir.join(GENERATOR);
    run(Command::new(&generator).arg("--check"));

    let lock = text("Cargo.lock").replacen("name = \"aho-corasick\"", "name = \"aho-corasack\"", 1);
    fs::write(dir.join("Cargo.lock"), lock).expect("a lock file");
    let output = Command::new(&generator)
        .arg("--check")
        .output()
        .expect("the generator");
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains(YOCTO), "{}", printed(&output));
    assert!(
        printed(&output).contains(BUILDROOT_HASHES),
        "{}",
        printed(&output)
    );

    run(&mut Command::new(&generator));
    run(Command::new(&generator).arg("--check"));
    let recipe = fs::read_to_string(dir.join(YOCTO)).expect("the list");
    assert!(
        recipe.contains("crate://crates.io/aho-corasack/"),
        "{recipe}"
    );
}

/// Makes the directory of crates as Buildroot would, from the crates that cargo downloaded for this
/// build, and lets cargo resolve everything with it and nothing else.
#[test]
fn buildroot_can_build_without_network() {
    let Some(make) = find("make") else { return };
    let dir = scratch("vendor");
    let downloads = dir.join("dl");
    fs::create_dir(&downloads).expect("a directory");
    let all_cached = || {
        let mut crates = locked().into_iter();
        crates.all(|(name, _)| cached_crate(&format!("{name}.crate")).is_some())
    };
    if !all_cached() {
        // A build downloads what it needs itself; the rest is for other systems.
        let mut fetch = Command::new(env!("CARGO"));
        fetch
            .args(["fetch", "--locked", "--manifest-path"])
            .arg(root().join("Cargo.toml"));
        let _ = fetch.output();
    }
    for (name, _) in locked() {
        let file = format!("{name}.crate");
        let Some(cached) = cached_crate(&file) else {
            skip(&format!(
                "{file} is not there, and `cargo fetch` did not get it"
            ));
            return;
        };
        fs::copy(cached, downloads.join(file)).expect("a copy");
    }

    let makefile = format!(
        "UPPERCASE = $(1)\n\
         TAR = tar\n\
         HOST_DIR = {dir}/host\n\
         BR2_EXTERNAL_ELBUS_PATH = {root}/buildroot\n\
         HOST_ELBUS_CRATES_DL_DIR = {dir}/dl\n\
         include $(BR2_EXTERNAL_ELBUS_PATH)/external.mk\n\
         {dir}/build/stamp:\n\
         \tmkdir -p $(@D)\n\
         \t$(HOST_ELBUS_CRATES_EXTRACT_CMDS)\n\
         \t$(HOST_ELBUS_CRATES_INSTALL_CMDS)\n\
         options:\n\
         \t@printf '%s\\n' $(ELBUS_CARGO_BUILD_OPTS)\n",
        dir = dir.display(),
        root = root().display(),
    );
    let makefile_path = dir.join("Makefile");
    fs::write(&makefile_path, makefile).expect("a makefile");
    let make = |goal: &str| {
        run(Command::new(&make)
            .args(["-s", "-f"])
            .arg(&makefile_path)
            .arg(goal))
    };
    make(&format!("{}/build/stamp", dir.display()));
    let options = make("options");
    let sources: Vec<_> = options
        .lines()
        .take_while(|option| *option != "--features")
        .collect();
    assert_eq!(sources.len(), 4, "{options}");

    // Out of the tree, so that only the options say where crates are.
    run(Command::new(env!("CARGO"))
        .current_dir(&dir)
        .env("CARGO_HOME", dir.join("cargo-home"))
        .args(["fetch", "--offline", "--locked", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(sources));
    // All crates, twice, are a lot.
    fs::remove_dir_all(dir).expect("the directory");
}

/// A crate in the cache of cargo, from whichever registry it came.
fn cached_crate(file: &str) -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))?;
    fs::read_dir(home.join("registry/cache"))
        .ok()?
        .filter_map(|registry| Some(registry.ok()?.path().join(file)))
        .find(|path| path.is_file())
}
