//! That the reference pages have every flag, key, command and default, and none that does not exist.

use crate::markdown::Page;
use crate::pages::{page, root, text};
use std::collections::BTreeSet;
use std::process::Command;

const BROKER: &str = "docs/reference-broker.md";
const COMMAND_LINE: &str = "docs/reference-cli.md";

/// What the programs have only if they were built with it.
fn may_be_missing(flag: &str) -> bool {
    !cfg!(feature = "tls") && flag.starts_with("--tls-")
        || !cfg!(feature = "metrics") && flag == "--metrics"
}

/// The first words in backquotes of each row of the tables: what the row is about.
fn subjects(page: &Page) -> BTreeSet<String> {
    let rows = page.prose.iter().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| {
        let cell = row.split(" | ").next()?;
        cell.starts_with('`').then_some(cell)
    })
    .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned))
    .collect()
}

/// The flags that a help text explains: `-x` and `--long`, at the start of a line.
fn flags_of(help: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for line in help.lines() {
        let text = line.trim_start();
        // What the lines of the examples and of the environment begin with is no option.
        if !text.starts_with('-') || line.starts_with("        -") {
            continue;
        }
        let names = text.split("  ").next().unwrap_or_default();
        let words = names
            .split([',', ' '])
            .filter(|word| word.len() > 1 && word.starts_with('-'));
        flags.extend(words.map(str::to_owned));
    }
    flags
}

fn help(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let output = command
        .args(arguments)
        .arg("--help")
        .output()
        .expect("the help");
    assert!(output.status.success(), "{program} {arguments:?} --help");
    String::from_utf8(output.stdout).expect("plain text")
}

/// Long flags and short ones without a long form; each row names one.
#[track_caller]
fn assert_flags_are_documented(help: &BTreeSet<String>, page: &Page) {
    let documented: BTreeSet<String> = subjects(page)
        .into_iter()
        .flat_map(|subject| {
            let words = subject.split(' ').map(str::to_owned).collect::<Vec<_>>();
            words.into_iter().filter(|word| word.starts_with('-'))
        })
        .collect();
    let missing: Vec<_> = help.difference(&documented).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
    let invented: Vec<_> = documented
        .difference(help)
        .filter(|flag| !may_be_missing(flag))
        .collect();
    assert!(invented.is_empty(), "documented, and no flag: {invented:?}");
}

#[test]
fn flags_of_the_broker_are_documented() {
    let help = help(env!("CARGO_BIN_EXE_elbusd"), &[]);
    assert_flags_are_documented(&flags_of(&help), &page(BROKER));
}

/// Defaults are in the help as `[default: X]`; the row of the flag has the same X.
#[test]
fn defaults_of_the_broker_are_documented() {
    let help = help(env!("CARGO_BIN_EXE_elbusd"), &[]);
    let page = page(BROKER);
    // What follows the options has defaults of another kind.
    let (options, _) = help.split_once("\nBYTES").expect("the end of the options");
    let joined = options.replace('\n', " ");
    let mut checked = 0;
    for option in joined.split("  -").skip(1) {
        let option = option.trim_start_matches([' ', '-']);
        let Some((before, default)) = option.split_once("[default: ") else {
            continue;
        };
        let default = default.split([']', ',']).next().unwrap_or_default();
        // Those that are no plain value are told in words.
        if default.contains(' ') {
            continue;
        }
        let name = before.split_whitespace().find_map(|word| {
            let word = word.trim_matches(['-', ',']);
            (word.len() > 1).then_some(word)
        });
        let name = name.expect("a long flag");
        let row = page
            .prose
            .iter()
            .find(|line| line.starts_with("| ") && line.contains(&format!("`--{name}")));
        let row = row.unwrap_or_else(|| panic!("no row for --{name}"));
        assert!(
            row.contains(&format!("| `{default}` |")),
            "--{name}: {default} is not in {row}"
        );
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} defaults were found");
}

/// The keys are those that the source asks a configuration file for.
#[test]
fn keys_of_the_configuration_file_are_documented() {
    let sources = [
        "src/bin/elbusd/config/schema.rs",
        "src/bin/elbusd/tls.rs",
        "src/bin/elbusd/metrics.rs",
    ];
    let mut keys = BTreeSet::new();
    for source in sources {
        let text = text(&root().join(source));
        for reader in [".flag(\"", ".list(\"", ".value(\"", ".text(\"", ".table(\""] {
            let calls = text.split(reader).skip(1);
            keys.extend(calls.filter_map(|call| call.split('"').next().map(str::to_owned)));
        }
    }
    assert!(keys.len() > 30, "only {keys:?}");
    let documented = subjects(&page(BROKER));
    let has = |key: &String| {
        let words = |subject: &String| subject.split(['.', '[', ']']).any(|word| word == key);
        documented.iter().any(words)
    };
    let missing: Vec<_> = keys.iter().filter(|key| !has(key)).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
}

/// The commands of `elbus`, those of groups included, as its help lists them.
fn commands_of_elbus() -> Vec<Vec<String>> {
    let program = env!("CARGO_BIN_EXE_elbus");
    let listed = |arguments: &[&str]| -> Vec<String> {
        let help = help(program, arguments);
        let Some((_, list)) = help.split_once("\nCommands:\n") else {
            return Vec::new();
        };
        let lines = list.lines().take_while(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let mut commands = Vec::new();
    for name in listed(&[]) {
        let within = listed(&["bus.sock", &name]);
        if within.is_empty() {
            commands.push(vec![name]);
        } else {
            commands.extend(within.into_iter().map(|inner| vec![name.clone(), inner]));
        }
    }
    commands
}

#[test]
fn commands_of_the_command_line_are_documented() {
    let page = page(COMMAND_LINE);
    let commands = commands_of_elbus();
    assert!(commands.len() >= 15, "only {commands:?}");
    for command in commands {
        let name = command.join(" ");
        let heading = format!("`{name}`");
        let found = page.headings.contains(&heading);
        assert!(found, "no heading {heading}");
    }
}

#[test]
fn flags_of_the_command_line_are_documented() {
    let program = env!("CARGO_BIN_EXE_elbus");
    let mut flags = flags_of(&help(program, &[]));
    for command in commands_of_elbus() {
        let mut arguments = vec!["bus.sock"];
        if matches!(command[0].as_str(), "completions" | "man") {
            arguments.clear();
        }
        arguments.extend(command.iter().map(String::as_str));
        flags.extend(flags_of(&help(program, &arguments)));
    }
    assert_flags_are_documented(&flags, &page(COMMAND_LINE));
}
