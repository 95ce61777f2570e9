//! What the recipes say about the project is what the project says about itself.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tools::{run, skip};
use crate::tree::{files, package_field, root, text};

const RECIPE: &str = "yocto/meta-elbus/recipes-connectivity/elbus";

#[test]
fn versions_are_those_of_the_package() {
    let version = package_field("version");
    let recipes: Vec<_> = files("yocto")
        .iter()
        .filter_map(|file| Some(file.file_name()?.to_str()?.strip_suffix(".bb")?.to_owned()))
        .filter(|name| name.contains('_'))
        .collect();
    assert_eq!(
        recipes,
        [
            format!("elbus-static_{version}"),
            format!("elbus_{version}")
        ]
    );
    for package in ["elbus", "elbus-static"] {
        let makefile = text(&format!("buildroot/package/{package}/{package}.mk"));
        let line = format!("_VERSION = {version}");
        assert!(
            makefile.lines().any(|found| found.ends_with(&line)),
            "{makefile}"
        );
    }
}

#[test]
fn licence_checksums_are_right() {
    let license = root().join("LICENSE");
    let sum = |program: &str| {
        let printed = run(Command::new(program).arg(&license));
        printed.split(' ').next().expect("a checksum").to_owned()
    };
    let md5 = format!(
        "LIC_FILES_CHKSUM = \"file://LICENSE;md5={}\"",
        sum("md5sum")
    );
    let version = package_field("version");
    for recipe in ["elbus", "elbus-static"] {
        let recipe = text(&format!("{RECIPE}/{recipe}_{version}.bb"));
        assert!(recipe.lines().any(|line| line == md5), "{recipe}");
    }
    let sha256 = format!("sha256  {}  LICENSE", sum("sha256sum"));
    let hashes = text("buildroot/package/elbus/elbus.hash");
    assert!(hashes.lines().any(|line| line == sha256), "{hashes}");
}

/// Every path into `init/` that a recipe names is there, and every file there but the notes of
/// other systems is named by both.
#[test]
fn init_files_of_the_recipes_exist() {
    let buildroot = text("buildroot/package/elbus/elbus.mk");
    let yocto = text(&format!("{RECIPE}/elbus.inc"));
    let buildroot_names = buildroot
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("$(ELBUS_SITE)/"));
    let yocto_names = yocto
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("$1/"))
        .filter(|word| !word.contains('$'))
        .map(|word| format!("init/{word}"));
    let units = ["elbusd.service", "elbusd.socket", "elbus.slice"];
    let unit_loop = format!("for unit in {}; do", units.join(" "));
    assert!(yocto.contains(&unit_loop), "{yocto}");

    let mut seen = 0;
    for name in buildroot_names.map(str::to_owned).chain(yocto_names) {
        assert!(
            root().join(&name).is_file(),
            "{name} is in a recipe, but not there"
        );
        seen += 1;
    }
    assert!(seen >= 8, "{seen} names");
    for unit in units {
        assert!(root().join("init/systemd").join(unit).is_file(), "{unit}");
        assert!(
            buildroot.contains(&format!("$(ELBUS_SITE)/init/systemd/{unit}")),
            "{unit}"
        );
    }
}

#[test]
fn features_of_the_recipes_exist() {
    let manifest = text("Cargo.toml");
    let version = package_field("version");
    let recipes =
        text(&format!("{RECIPE}/elbus_{version}.bb")) + &text("buildroot/package/elbus/elbus.mk");
    let mut words = recipes.split(|c: char| c.is_whitespace() || c == '"');
    let mut seen = 0;
    while words.any(|word| word == "--features") {
        let feature = words.next().expect("a feature");
        assert!(
            manifest
                .lines()
                .any(|line| line.starts_with(&format!("{feature} = ["))),
            "there is no feature {feature}"
        );
        seen += 1;
    }
    assert!(seen >= 7, "{seen} features");
}

/// The static recipes take programs from where the script for static builds puts them.
#[test]
fn targets_of_the_static_recipes_exist() {
    let version = package_field("version");
    for recipe in [
        format!("{RECIPE}/elbus-static_{version}.bb"),
        "buildroot/package/elbus-static/Config.in".to_owned(),
    ] {
        let recipe = text(&recipe);
        let targets: BTreeSet<_> = recipe
            .split(['/', '"'])
            .filter(|word| word.contains("-unknown-linux-"))
            .collect();
        assert_eq!(targets.len(), 4, "{targets:?}");
        for target in targets {
            if !root().join("targets").exists() {
                skip("there is no script for static builds");
                return;
            }
            let file = root().join("targets").join(format!("{target}.toml"));
            assert!(file.is_file(), "there is no {}", file.display());
        }
    }
}

/// The value of a variable where it is set in a line of its own.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let set = format!("{name} = \"");
    let line = text.lines().find_map(|line| line.strip_prefix(&set));
    line.unwrap_or_else(|| panic!("{name} is not set in {text}"))
        .trim_end_matches('"')
}

/// In a build directory of its own, cargo does not see `.cargo/config.toml`.
#[test]
fn all_builds_configure_jemalloc_as_the_project_does() {
    const KEY: &str = "JEMALLOC_SYS_WITH_MALLOC_CONF";
    const YOCTO: &str = "ELBUS_MALLOC_CONF";
    let config = text(".cargo/config.toml");
    let recipe = text(&format!("{RECIPE}/elbus_{}.bb", package_field("version")));
    assert_eq!(value(&recipe, YOCTO), value(&config, KEY));
    // 32-bit ARM is another case.
    let target = text("targets/armv7-unknown-linux-musleabihf.toml");
    let of_arm = value(&target, KEY);
    assert_eq!(value(&recipe, &format!("{YOCTO}:arm")), of_arm);
    for path in ["buildroot/package/elbus/elbus.mk", "Cross.toml"] {
        let set = format!("{KEY}={of_arm}");
        assert!(text(path).contains(&set), "{path} has no {set}");
    }
}

/// Buildroot replaces the release profile by what its makefile says.
#[test]
fn buildroot_builds_with_the_profile_of_the_project() {
    let makefile = text("buildroot/package/elbus/elbus.mk");
    let manifest: toml::Table = text("Cargo.toml").parse().expect("TOML");
    let release = &manifest["profile"]["release"];
    for (key, variable) in [
        ("codegen-units", "CODEGEN_UNITS"),
        ("lto", "LTO"),
        ("opt-level", "OPT_LEVEL"),
    ] {
        let number = release[key].as_integer().map(|number| number.to_string());
        let value = number.or_else(|| release[key].as_str().map(str::to_owned));
        let value = value.expect("a number or a word");
        let set = format!("CARGO_PROFILE_RELEASE_{variable}={value}");
        assert!(makefile.contains(&set), "there is no {set}");
    }
}

#[test]
fn all_say_the_same_about_rust() {
    let rust = format!("Rust {}", package_field("rust-version"));
    for path in [
        "yocto/meta-elbus/README.md",
        "yocto/meta-elbus/recipes-connectivity/elbus/elbus_0.3.0.bb",
        "buildroot/README.md",
        "buildroot/package/elbus/Config.in",
    ] {
        let path = path.replace("0.3.0", &package_field("version"));
        assert!(text(&path).contains(&rust), "{path} does not say {rust}");
    }
}

/// What the checker of the Yocto project wants of every layer.
#[test]
fn layer_has_what_the_layer_checker_wants() {
    let readme = text("yocto/meta-elbus/README.md");
    assert!(readme.contains("## Maintainers"), "{readme}");
    assert!(readme.contains('@'), "nobody to write to: {readme}");
    assert!(!text("yocto/meta-elbus/SECURITY.md").is_empty());
    assert_eq!(text("yocto/meta-elbus/LICENSE"), text("LICENSE"));
    let layer = text("yocto/meta-elbus/conf/layer.conf");
    assert!(
        layer.contains("LAYERSERIES_COMPAT_elbus = \"scarthgap wrynose\""),
        "{layer}"
    );
}
