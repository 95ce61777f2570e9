//! `elbus completions`: what a shell needs to complete command lines of this program.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::aot::{Bash, Fish, Generator, Zsh};

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  elbus completions bash > /etc/bash_completion.d/elbus
  elbus completions zsh > /usr/local/share/zsh/site-functions/_elbus
  elbus completions fish > ~/.config/fish/completions/elbus.fish";

/// Takes the place of the generated function of this name, which looks for the command in the first
/// word that is no option. Here that is the bus.
const FISH_NEEDS_COMMAND: &str = "\
# The first word that is no option is the bus, the second one the command.
function __fish_elbus_needs_command
    set -l words (commandline -opc)
    set -e words[1]
    argparse -s (__fish_elbus_global_optspecs) -- $words 2>/dev/null
    or return
    set -q argv[1]
    or return
    set -e argv[1]
    argparse -s (__fish_elbus_global_optspecs) -- $argv 2>/dev/null
    or return
    if set -q argv[1]
        echo $argv[1]
        return 1
    end
end
";

/// Print the script that completes command lines in a shell
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus completions <SHELL>")]
pub struct Completions {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub fn run(self, out: Output) -> Result<(), Failure> {
        let script = match self.shell {
            Shell::Bash => script(Bash),
            Shell::Zsh => script(Zsh),
            Shell::Fish => script(Fish) + "\n" + FISH_NEEDS_COMMAND,
        };
        out.line(script.trim_end())
    }
}

fn script(shell: impl Generator) -> String {
    let mut script = Vec::new();
    let mut definition = Cli::command();
    clap_complete::generate(shell, &mut definition, "elbus", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
