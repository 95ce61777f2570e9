//! Runs the commands of the pages, as somebody would who reads them.

use crate::common::broker::TempDir;
use crate::markdown::{Block, Page};
use crate::pages::{of_the_book, page, root};
use crate::terminal::Terminal;
use std::collections::HashMap;
use std::path::Path;

/// The terminal of blocks that name no other.
const MAIN: &str = "main";

/// Somebody who reads a page, with a directory and some terminals.
struct Reader {
    name: String,
    directory: TempDir,
    terminals: HashMap<String, Terminal>,
    /// Whose output the next block of text is.
    last: Option<String>,
}

impl Reader {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            directory: TempDir::new(),
            terminals: HashMap::new(),
            last: None,
        }
    }

    /// The programs of cargo come first in the path; the checkout is `$ELBUS`.
    fn environment(&self) -> Vec<(String, String)> {
        let programs = Path::new(env!("CARGO_BIN_EXE_elbusd")).parent();
        let programs = programs.expect("a directory").display();
        let path = std::env::var("PATH").unwrap_or_default();
        [
            ("PATH", format!("{programs}:{path}")),
            ("HOME", self.directory.path().display().to_string()),
            ("ELBUS", root().display().to_string()),
            // As it is where the output is a terminal.
            ("PYTHONUNBUFFERED", "1".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
    }

    fn fail(&self, block: &Block, why: &str) -> ! {
        panic!(
            "{}, block of line {}:\n{}\n{why}",
            self.name, block.line, block.text
        )
    }

    /// `sh test`: carried out to the end. `sh test NAME`: started in a terminal of that name, where
    /// what still runs gets Ctrl-C before.
    fn run(&mut self, block: &Block) {
        let name = block.info.get(2).map_or(MAIN, String::as_str).to_owned();
        if name != MAIN
            && let Some(running) = self.terminals.remove(&name)
        {
            running.interrupt();
        }
        let environment = self.environment();
        let directory = self.directory.path();
        let terminal = self
            .terminals
            .entry(name.clone())
            .or_insert_with(|| Terminal::open(directory, &environment));
        terminal.enter(&block.text);
        self.last = Some(name);
    }

    /// The commands of the main terminal have to end, and successfully, before anything else is done.
    fn settle(&mut self, block: &Block) -> Option<String> {
        let terminal = self.terminals.get_mut(MAIN)?;
        match terminal.finish() {
            Ok(printed) => Some(printed),
            Err(why) => self.fail(block, &why),
        }
    }

    /// `text` after a block that was run is what that terminal shows then; `text NAME` is what another
    /// one shows.
    fn compare(&mut self, block: &Block, name: &str, printed: Option<String>) {
        let same = match printed {
            Some(printed) if crate::expectation::matches(&block.text, &printed) => Ok(()),
            Some(printed) => Err(printed),
            None => match self.terminals.get_mut(name) {
                Some(terminal) => terminal.wait_for(&block.text),
                None => Err(format!("there is no terminal {name}")),
            },
        };
        if let Err(printed) = same {
            self.fail(block, &format!("was expected, and printed was\n{printed}"));
        }
    }

    fn read(&mut self, page: &Page) {
        let mut blocks = page.blocks.iter().peekable();
        while let Some(block) = blocks.next() {
            if block.is(&["sh", "test"]) {
                self.run(block);
                let in_main = self.last.as_deref() == Some(MAIN);
                let printed = in_main.then(|| self.settle(block)).flatten();
                if let Some(shown) = blocks.next_if(|next| next.info == ["text"]) {
                    let name = self.last.clone().expect("a terminal");
                    self.compare(shown, &name, printed);
                }
            } else if block.is(&["text"]) && block.info.len() == 2 && block.info[1] != "wire" {
                self.compare(block, &block.info[1], None);
            } else if let Some(file) = block.info.get(1).and_then(|w| w.strip_prefix("file=")) {
                let path = self.directory.path().join(file);
                std::fs::write(path, &block.text).expect("a file of the page");
            }
        }
    }
}

/// Runs a page in a directory of its own. Fails if there is nothing to run in it.
fn run(name: &str) {
    let page = page(name);
    let runnable = page.blocks.iter().any(|block| block.is(&["sh", "test"]));
    assert!(runnable, "{name} has no commands");
    Reader::new(name).read(&page);
}

/// From nothing to a plug-in in Python that the command line calls.
#[test]
fn getting_started() {
    run("docs/getting-started.md");
}

#[test]
fn concepts() {
    run("docs/concepts.md");
}

#[test]
fn shell() {
    run("docs/shell.md");
}

#[test]
fn operating() {
    run("docs/operating.md");
}

#[cfg(feature = "metrics")]
#[test]
fn metrics() {
    // It shows what a scraper gets.
    if crate::missing::find("curl").is_some() {
        run("docs/metrics.md");
    }
}

#[test]
fn faq() {
    run("docs/faq.md");
}

#[test]
fn reference_of_the_broker() {
    run("docs/reference-broker.md");
}

#[test]
fn reference_of_the_command_line() {
    run("docs/reference-cli.md");
}

/// A page with commands that no test above runs would look tested.
#[test]
fn every_page_with_commands_is_run() {
    let tests = include_str!("commands.rs");
    for path in of_the_book() {
        let name = path.file_name().expect("a name").to_string_lossy();
        let page = page(&format!("docs/{name}"));
        if page.blocks.iter().any(|block| block.is(&["sh", "test"])) {
            assert!(
                tests.contains(&format!("run(\"docs/{name}\")")),
                "{name} is not run"
            );
        }
    }
}

/// Each page, made wrong in one way.
#[test]
fn wrong_pages_are_noticed() {
    for wrong in [
        "```sh test\nfalse\n```\n",
        "```sh test\necho a\n```\n\n```text\nb\n```\n",
        "```sh test\necho a\n```\n\n```text\na\nb\n```\n",
        "```sh test t\necho a\n```\n\n```text\na\n```\n\n```sh test\ntrue\n```\n\n```text u\na\n```\n",
        "```sh file=x\n1\n```\n\n```sh test\ntest \"$(cat x)\" = 2\n```\n",
    ] {
        let read = || Reader::new("a wrong page").read(&Page::read(wrong));
        let outcome = std::panic::catch_unwind(read);
        assert!(outcome.is_err(), "{wrong}");
    }
    let right = "```sh file=x\n1\n```\n\n```sh test t\ncat x\nsleep 60\n```\n\n```text\n1\n```\n";
    Reader::new("a right page").read(&Page::read(right));
}
