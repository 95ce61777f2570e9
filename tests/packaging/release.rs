//! What a release consists of: the bill of materials, licences, archives. The programs in it are
//! stand-ins, unless there is a release in target/dist.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::crates::locked;
use crate::tools::{find, printed, python, run};
use crate::tree::{root, scratch, text};

const TARGET: &str = "aarch64-unknown-linux-musl";
const LICENCES: &str = "THIRD-PARTY-LICENSES.txt";

fn bill_name() -> String {
    format!("elbus-{}.cdx.json", env!("CARGO_PKG_VERSION"))
}

/// A C compiler that knows nothing but what it consists of; returns its command.
fn compiler(dir: &Path) -> PathBuf {
    let library = dir.join("zig/lib");
    for (file, text) in [
        (
            "libc/musl/src/internal/version.h",
            "#define VERSION \"7.8.9\"\n",
        ),
        ("libc/musl/COPYRIGHT", "what musl allows\n"),
        ("libunwind/LICENSE.TXT", "what LLVM allows\n"),
        ("../LICENSE", "what zig allows\n"),
    ] {
        let file = library.join(file);
        let parent = file.parent().expect("a parent");
        fs::create_dir_all(parent).expect("a directory");
        fs::write(file, text).expect("a file");
    }
    let command = dir.join("zig/zig");
    let script = format!(
        "#!/bin/sh\n\
         case $1 in\n\
         env) echo '.lib_dir = \"{}\",' ;;\n\
         cc) echo 'clang version 4.5.6' ;;\n\
         version) echo 1.2.3 ;;\n\
         esac\n",
        library.display()
    );
    fs::write(&command, script).expect("a script");
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).expect("a mode");
    command
}

/// Writes bill and licences to a new directory, for programs with a standard library of that kind.
fn bill(name: &str, std: &str) -> PathBuf {
    let dir = scratch(name);
    run(Command::new(root().join("targets/bill"))
        .args(["--std", std])
        .arg(dir.join("dist"))
        .env("ELBUS_ZIG", compiler(&dir))
        .env("CARGO", env!("CARGO"))
        .env("SOURCE_DATE_EPOCH", "1700000000"));
    dir.join("dist")
}

/// `NAME-VERSION` of each crate that `cargo tree` finds in the programs for any device.
fn linked() -> BTreeSet<String> {
    let mut crates = BTreeSet::new();
    let targets = fs::read_dir(root().join("targets")).expect("targets");
    for file in targets.map(|file| file.expect("a file").path()) {
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let tree = run(Command::new(env!("CARGO"))
            .current_dir(root())
            .args(["tree", "--locked", "--features", "server,rpc,cli"])
            .args(["-e", "normal,no-proc-macro", "--prefix", "none", "--target"])
            .arg(file.file_stem().expect("a name")));
        let named = tree.lines().filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some(format!("{name}-{}", rest.split(' ').next()?))
        });
        crates.extend(named);
    }
    assert!(
        crates.remove(&format!("elbus-{}", env!("CARGO_PKG_VERSION"))),
        "{crates:?}"
    );
    crates
}

#[test]
fn bill_of_materials_follows_its_schema_and_has_what_is_linked() {
    let Some(python) = python() else { return };
    let kinds = [
        ("stock", &["pkg:generic/llvm-libunwind"] as &[_]),
        ("rebuilt", &[]),
    ];
    for (std, unwinder) in kinds {
        check_bill(python, &bill(&format!("bill-{std}"), std), unwinder);
    }
}

/// `unwinder` is what only programs that can walk their stack have.
fn check_bill(python: &Path, dist: &Path, unwinder: &[&str]) {
    let listed = run(Command::new(python)
        .arg(root().join("tests/packaging/bill.py"))
        .arg(dist.join(bill_name())));

    let (mut crates, mut others) = (BTreeSet::new(), BTreeSet::new());
    for line in listed.lines() {
        let mut words = line.splitn(3, ' ');
        let (part, checksum) = (words.next().expect("a part"), words.next().expect("a sum"));
        if let Some(name) = part.strip_prefix("pkg:cargo/") {
            let name = name.replacen('@', "-", 1).replace("%2B", "+");
            crates.insert((name, checksum.to_owned()));
        } else {
            others.insert(part);
        }
    }
    let linked = linked();
    let expected: BTreeSet<_> = locked()
        .into_iter()
        .filter(|(name, _)| linked.contains(name))
        .collect();
    assert_eq!(expected.len(), linked.len());
    assert_eq!(crates, expected);

    let names: Vec<_> = others
        .iter()
        .filter_map(|part| Some(part.split_once('@')?.0))
        .collect();
    let always = [
        "pkg:generic/musl",
        "pkg:generic/rust-std",
        "pkg:github/jemalloc/jemalloc",
        "pkg:pypi/ziglang",
    ];
    assert_eq!(names, [unwinder, &always].concat());
    assert!(others.contains("pkg:generic/musl@7.8.9"), "{others:?}");
    // The crate says in its version which jemalloc is in it.
    let jemalloc = others.iter().find(|part| part.contains("jemalloc"));
    let (_, version) = jemalloc.and_then(|part| part.split_once('@')).expect("one");
    assert!(
        text("Cargo.lock").contains(&format!("+{version}-")),
        "{version}"
    );
}

#[test]
fn bill_of_materials_and_licences_do_not_depend_on_where_and_when() {
    let (one, two) = (bill("bill-one", "stock"), bill("bill-another", "stock"));
    for file in [&bill_name(), LICENCES] {
        let read = |dir: &Path| fs::read_to_string(dir.join(file)).expect("a text");
        let written = read(&one);
        assert!(written == read(&two), "{file} differs");
        let places = [Some(root().into()), std::env::var_os("HOME")];
        for place in places.into_iter().flatten().map(PathBuf::from) {
            let place = format!("{}/", place.display());
            assert!(!written.contains(&place), "{file} contains {place}");
        }
    }
}

#[test]
fn licences_name_each_crate_and_have_each_text_once() {
    let dist = bill("licences", "stock");
    let licences = fs::read_to_string(dist.join(LICENCES)).expect("licences");
    let (list, texts) = licences.split_once("\n====").expect("texts");
    let named: BTreeSet<_> = list
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.replacen(' ', "-", 1))
        .collect();
    for name in linked() {
        assert!(named.contains(&name), "{name} is not in {LICENCES}");
    }
    // Each of these wants to be given with the program.
    for allowed in ["what musl allows", "what LLVM allows", "what zig allows"] {
        assert_eq!(texts.matches(allowed).count(), 1, "{allowed}");
    }
    assert!(!list.contains("none in its sources"), "{list}");
    let apache = "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION";
    let (found, crates) = (texts.matches(apache).count(), linked().len());
    assert!((1..crates / 4).contains(&found), "{found} copies of a text");
}

/// Makes a directory with two programs of the given content.
fn programs(dir: &Path, content: &str) {
    fs::create_dir_all(dir).expect("a directory");
    for program in ["elbus", "elbusd"] {
        fs::write(dir.join(program), format!("{program}: {content}")).expect("a program");
    }
}

/// Where `targets/pack` reads and writes, with all it needs but the programs.
fn dist(dir: &Path) -> PathBuf {
    let dist = dir.join("dist");
    fs::create_dir_all(&dist).expect("a directory");
    for file in [&bill_name(), LICENCES] {
        fs::write(dist.join(file), file).expect("a file");
    }
    dist
}

fn pack(umask: &str, dist: &Path, programs: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-euc", "umask $1; shift; exec \"$@\"", "sh", umask])
        .arg(root().join("targets/pack"))
        .args([TARGET.as_ref(), dist.as_os_str(), programs.as_os_str()])
        .env("SOURCE_DATE_EPOCH", "1700000000");
    command
}

#[test]
fn archives_of_the_same_files_are_the_same() {
    let Some(tar) = find("tar") else { return };
    let name = format!("elbus-{}-{TARGET}", env!("CARGO_PKG_VERSION"));
    let archives = [("one", "022"), ("another", "077")].map(|(place, umask)| {
        let dir = scratch(&format!("pack-{place}"));
        programs(&dir.join("programs"), "a program");
        run(&mut pack(umask, &dist(&dir), &dir.join("programs")));
        dir.join("dist").join(format!("{name}.tar.gz"))
    });
    let read = |file| fs::read(file).expect("an archive");
    assert!(read(&archives[0]) == read(&archives[1]), "archives differ");

    let listed = run(Command::new(tar)
        .args(["--list", "--verbose", "--numeric-owner", "--utc", "--file"])
        .arg(&archives[0]));
    for line in listed.lines() {
        assert!(line.contains(" 0/0 "), "{line}");
        assert!(line.contains(" 2023-11-14 22:13 "), "{line}");
    }
    for (mode, file) in [
        ("-rwxr-xr-x", "elbusd"),
        ("-rwxr-xr-x", "elbus"),
        ("-rw-r--r--", "LICENSE"),
        ("-rw-r--r--", LICENCES),
        ("-rw-r--r--", &bill_name()),
        ("-rwxr-xr-x", "init/sysv/S50elbus"),
        ("-rw-r--r--", "init/systemd/elbusd.service"),
    ] {
        let end = format!(" {name}/{file}");
        let mut lines = listed.lines();
        let line = lines.find(|line| line.ends_with(&end)).expect(file);
        assert!(line.starts_with(mode), "{line}");
    }
}

#[test]
fn programs_that_name_directories_of_this_machine_are_not_packed() {
    let dir = scratch("pack-paths");
    let dist = dist(&dir);
    let source = root().join("src/lib.rs");
    for path in [
        source.to_str().expect("a path"),
        "/home/someone/crates/x.rs",
    ] {
        programs(&dir.join("programs"), path);
        let output = pack("022", &dist, &dir.join("programs"))
            .output()
            .expect("targets/pack");
        assert!(!output.status.success(), "{}", printed(&output));
        assert!(printed(&output).contains(path), "{}", printed(&output));
    }
    let packed = fs::read_dir(dist).expect("a directory").count();
    assert_eq!(packed, 2, "an archive was written");
}

/// Whatever is in target/dist was built by somebody with a home.
#[test]
fn programs_of_a_release_name_no_directories_of_this_machine() {
    let Some(tar) = find("tar") else { return };
    let Ok(dist) = fs::read_dir(root().join("target/dist")) else {
        return;
    };
    for file in dist.map(|file| file.expect("a file").path()) {
        if file.extension().is_none_or(|extension| extension != "gz") {
            continue;
        }
        let content = Command::new(&tar)
            .args(["--extract", "--to-stdout", "--wildcards", "--file"])
            .arg(&file)
            .args(["*/elbusd", "*/elbus"])
            .output()
            .expect("tar");
        assert!(content.status.success(), "{}", printed(&content));
        let checkout = format!("{}/src/", root().display());
        for place in ["/home/", "/root/", "/registry/src/", &checkout] {
            let mut windows = content.stdout.windows(place.len());
            assert!(
                !windows.any(|bytes| bytes == place.as_bytes()),
                "a program in {} contains {place}",
                file.display()
            );
        }
    }
}

#[test]
fn c_compiler_is_told_which_paths_to_replace() {
    let arguments = run(Command::new(root().join("targets/zig-cc"))
        .args(["-c", "a b.c"])
        .env("ELBUS_ZIG", "printf %s\\n")
        .env("ELBUS_REMAPS", "/some where=/elbus\n/a*=/crates\n"));
    let arguments: Vec<_> = arguments.lines().collect();
    let expected = [
        "cc",
        "-fno-sanitize=all",
        "-c",
        "a b.c",
        "-ffile-prefix-map=/some where=/elbus",
        "-ffile-prefix-map=/a*=/crates",
    ];
    assert_eq!(arguments, expected);
}
