//! `elbus man`: the manual pages, made from the same definitions as the help. For those who package
//! the program, so it is not in the list of commands.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, roman};

use crate::args::Cli;
use crate::failure::Failure;

/// Write the manual pages
#[derive(Args, Debug)]
#[command(hide = true, override_usage = "elbus man [DIR]")]
pub struct Man {
    /// Where to, an existing directory
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Man {
    pub fn run(self) -> Result<(), Failure> {
        let mut definition = Cli::command();
        definition.build();
        write_pages(&definition, &self.dir).map_err(|error| {
            let dir = self.dir.display();
            Failure::Local(format!("cannot write manual pages to {dir}: {error}"))
        })
    }
}

/// Writes the page of the command and those of all commands below it.
fn write_pages(command: &clap::Command, dir: &Path) -> io::Result<()> {
    let page = Page::new(command.clone()).source(format!("elbus {}", elbus::VERSION));
    std::fs::write(dir.join(page.get_filename()), render(&page, command)?)?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| write_pages(below, dir))
}

fn render(page: &Page, command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        page.render_subcommands_section(&mut out)?;
    }
    if let Some(text) = command.get_after_help() {
        sections(&text.to_string()).to_writer(&mut out)?;
    }
    Ok(out)
}

/// The text below the options, with its titles as those of sections. Its lines stay as they are:
/// most of them are examples and columns.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut titled = false;
    for line in text.lines() {
        match line.strip_suffix(':') {
            Some(title) if !line.starts_with(' ') && !title.contains(',') => {
                roff.control("SH", [title.to_uppercase().as_str()]);
                roff.control("nf", []);
                titled = true;
            }
            _ => {
                if !titled {
                    roff.control("SH", ["NOTES"]);
                    roff.control("nf", []);
                    titled = true;
                }
                roff.text([roman(line)]);
            }
        }
    }
    roff.control("fi", []);
    roff
}
