//! A terminal of somebody who reads a page: a shell in the directory of the page, and what it prints.

use crate::common::{DEADLINE, eventually};
use crate::expectation;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{PipeReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long commands may take that are waited for: some of them download.
const COMMANDS_DEADLINE: Duration = Duration::from_secs(300);

/// What the shell prints when it has come to the end of a block.
const DONE: &str = "=== the block is done ===\n";

/// How often output is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A shell and everything it starts, which end with the value.
pub struct Terminal {
    child: Child,
    /// `None`: nothing more will be typed.
    keyboard: Option<ChildStdin>,
    /// Standard output and standard error, as far as nobody has looked at them.
    screen: Arc<Mutex<Vec<u8>>>,
    /// Ends with the last program that could print something.
    reader: JoinHandle<()>,
}

impl Terminal {
    /// A shell that stops at the first command that fails.
    pub fn open(directory: &Path, environment: &[(String, String)]) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = Command::new("sh");
        command
            .arg("-e")
            .current_dir(directory)
            .env_remove("XDG_RUNTIME_DIR")
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("another handle"))
            .stderr(writer)
            // Of its own, so that all of it can be ended.
            .process_group(0);
        let mut child = command.spawn().expect("a shell");
        let keyboard = child.stdin.take();
        let screen = Arc::default();
        let reader = follow(reader, Arc::clone(&screen));
        Self {
            child,
            keyboard,
            screen,
            reader,
        }
    }

    /// Has the shell carry out commands. They do not read what is typed after them.
    pub fn enter(&mut self, commands: &str) {
        let block = format!("{{\n{commands}}} </dev/null\nprintf '{DONE}'\n");
        // A shell that has ended is noticed when its output is waited for.
        if let Some(keyboard) = &mut self.keyboard {
            let _ = keyboard.write_all(block.as_bytes());
        }
    }

    /// Waits until the commands have ended; returns what was printed since somebody looked.
    ///
    /// # Errors
    ///
    /// If one has failed, or takes too long; with what was printed.
    pub fn finish(&mut self) -> Result<String, String> {
        let end = Instant::now() + COMMANDS_DEADLINE;
        loop {
            let ended = self.child.try_wait().expect("the state of the shell");
            let mut screen = self.screen.lock().unwrap();
            let text = String::from_utf8_lossy(&screen).into_owned();
            if let Some((printed, rest)) = text.split_once(DONE) {
                *screen = rest.as_bytes().to_vec();
                return Ok(printed.to_owned());
            }
            if let Some(status) = ended {
                return Err(format!("a command has failed, {status}\n{text}"));
            }
            if Instant::now() > end {
                return Err(format!("it takes too long\n{text}"));
            }
            drop(screen);
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until what was printed since somebody looked is what is shown, whether the commands have
    /// ended or not.
    ///
    /// # Errors
    ///
    /// If it is not in time; with what was printed.
    pub fn wait_for(&mut self, shown: &str) -> Result<(), String> {
        let end = Instant::now() + DEADLINE;
        loop {
            let mut screen = self.screen.lock().unwrap();
            let text = String::from_utf8_lossy(&screen).replace(DONE, "");
            if expectation::matches(shown, &text) {
                screen.clear();
                return Ok(());
            }
            if Instant::now() > end {
                return Err(text);
            }
            drop(screen);
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Ctrl-C, for the shell and what runs in it; returns when all of it has ended.
    pub fn interrupt(mut self) {
        // A shell whose program takes Ctrl-C for an order to end would wait for more.
        drop(self.keyboard.take());
        let _ = killpg(self.group(), Signal::SIGINT);
        // The shell may be faster than a broker that says good-bye.
        eventually("the end of an interrupted program", || {
            self.reader.is_finished().then_some(())
        });
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What it has started may outlive the shell.
        let _ = killpg(self.group(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn follow(mut source: PipeReader, screen: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(got @ 1..) = source.read(&mut chunk) {
            screen.lock().unwrap().extend_from_slice(&chunk[..got]);
        }
    })
}
