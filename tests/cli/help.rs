//! The help of every command, and what is made of the same definitions: manual pages, completions.

use crate::common::broker::TempDir;
use crate::program::{Outcome, Running, command};
use crate::snapshot::assert_snapshot;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// All commands that are not hidden.
const COMMANDS: [&str; 20] = [
    "",
    "benchmark",
    "broker",
    "broker client.kick",
    "broker client.list",
    "broker info",
    "broker stats",
    "broker test",
    "broker topic.list",
    "completions",
    "listen",
    "monitor",
    "publish",
    "rpc",
    "rpc call",
    "rpc call0",
    "rpc listen",
    "rpc notify",
    "send",
    "top",
];

/// `elbus WORDS`
fn run(words: &[&str]) -> Outcome {
    Running::start(&mut command(words[0], &words[1..])).finish()
}

/// `elbus`, or `elbus-broker-test`: the command with its parents.
fn page(command: &str) -> String {
    let words = std::iter::once("elbus").chain(command.split_whitespace());
    words.collect::<Vec<_>>().join("-")
}

/// The pages have the options of all features.
#[cfg(feature = "tls")]
#[test]
fn every_command_has_a_help_page() {
    for command in COMMANDS.into_iter().chain(["man"]) {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = run(&words).success();
        assert_snapshot(&format!("help/{}", page(command)), &help);
    }
}

#[test]
fn every_command_has_a_manual_page_without_mistakes() {
    let dir = TempDir::new();
    let dir = dir.path();
    assert_eq!(
        run(&["man", dir.to_str().expect("a plain path")]).success(),
        ""
    );
    let files = std::fs::read_dir(dir).expect("the pages");
    let mut pages: Vec<_> = files
        .map(|file| file.expect("a page").file_name().into_string())
        .collect();
    pages.sort();
    let mut expected = COMMANDS.map(|command| Ok(page(command) + ".1"));
    expected.sort();
    assert_eq!(pages, expected);
    for page in pages.into_iter().flatten() {
        let path = dir.join(page);
        let text = std::fs::read_to_string(&path).expect("a page");
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"] {
            assert!(text.contains(part), "{}: {part}", path.display());
        }
        let mistakes = said_by("groff", &["-man", "-Tutf8", "-ww", "-z"], &path);
        assert_eq!(mistakes.unwrap_or_default(), "");
    }
}

#[test]
fn manual_pages_need_a_directory() {
    let stderr = run(&["man", "/nonexistent/dir"]).failure(1);
    let expected = "elbus: cannot write manual pages to /nonexistent/dir: ";
    assert!(stderr.starts_with(expected), "{stderr}");
}

#[test]
fn shells_accept_their_completions() {
    let dir = TempDir::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).success();
        assert!(script.contains("client.kick"), "{script}");
        let path = dir.path().join(shell);
        std::fs::write(&path, script).expect("a file");
        let mistakes = said_by(shell, &["-n"], &path);
        assert_eq!(mistakes.unwrap_or_default(), "", "{shell}");
    }
}

#[test]
fn shells_complete_commands_behind_the_bus() {
    let dir = TempDir::new();
    let bash = "source $0; COMP_WORDS=(elbus bus.sock bro); COMP_CWORD=2; \
        _elbus elbus bro bus.sock; echo ${COMPREPLY[@]}";
    let fish = "source $argv[1]; complete -C 'elbus bus.sock bro' | string split -f 1 \\t";
    let fish_nested = "source $argv[1]; \
        complete -C 'elbus -s bus.sock --json broker client.k' | string split -f 1 \\t";
    for (shell, code, expected) in [
        ("bash", bash, "broker\n"),
        ("fish", fish, "broker\n"),
        ("fish", fish_nested, "client.kick\n"),
    ] {
        let script = run(&["completions", shell]).success();
        let path = dir.path().join(shell);
        std::fs::write(&path, script).expect("a file");
        if let Some(completed) = said_by(shell, &["-c", code], &path) {
            assert_eq!(completed, expected, "{shell}");
        }
    }
}

#[test]
fn other_shells_are_a_wrong_command_line() {
    assert!(
        run(&["completions", "cmd"])
            .failure(2)
            .contains("bash, zsh, fish")
    );
    run(&["completions"]).failure(2);
}

#[test]
fn only_these_commands_need_no_bus() {
    for command in ["top", "monitor", "listen"] {
        let stderr = run(&[command]).failure(2);
        assert_eq!(stderr, "elbus: the bus is missing: elbus <BUS> <COMMAND>\n");
    }
}

/// What the program says about the file; `None` if this machine does not have the program.
fn said_by(program: &str, args: &[&str], file: &Path) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .arg(file)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some(String::from_utf8_lossy(&said).into_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("cannot run {program}: {error}"),
    }
}
