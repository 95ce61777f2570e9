//! A terminal of somebody who reads a page: a shell in the directory of the page, and what it prints.

use crate::common::eventually;
use crate::expectation;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{PipeReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the shell prints when it has come to the end of a block.
const DONE: &str = "=== the block is done ===\n";

/// A shell and everything it starts, which end with the value.
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    /// Standard output and standard error, as far as nobody has looked at them.
    screen: Arc<Mutex<Vec<u8>>>,
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
        let keyboard = child.stdin.take().expect("its input");
        let screen = Arc::default();
        follow(reader, Arc::clone(&screen));
        Self {
            child,
            keyboard,
            screen,
        }
    }

    /// Has the shell carry out commands. They do not read what is typed after them.
    pub fn enter(&mut self, commands: &str) {
        let block = format!("{{\n{commands}}} </dev/null\nprintf '{DONE}'\n");
        // A shell that has ended says so by its output.
        let _ = self.keyboard.write_all(block.as_bytes());
    }

    /// Waits until the commands have ended; returns what was printed since somebody looked.
    pub fn finish(&mut self) -> Result<String, String> {
        eventually("the end of a block", || {
            let mut screen = self.screen.lock().unwrap();
            let text = String::from_utf8_lossy(&screen).into_owned();
            if let Some((printed, rest)) = text.split_once(DONE) {
                *screen = rest.as_bytes().to_vec();
                return Some(Ok(printed.to_owned()));
            }
            drop(screen);
            let status = self.child.try_wait().expect("the state of the shell")?;
            Some(Err(format!("the shell ended: {status}\n{text}")))
        })
    }

    /// Waits until what was printed since somebody looked is what is shown, whether the commands have
    /// ended or not. Once a line more or another one is there, waiting would not help.
    pub fn wait_for(&mut self, shown: &str) -> Result<(), String> {
        let end = std::time::Instant::now() + crate::common::DEADLINE;
        loop {
            let mut screen = self.screen.lock().unwrap();
            let text = String::from_utf8_lossy(&screen).replace(DONE, "");
            if expectation::matches(shown, &text) {
                screen.clear();
                return Ok(());
            }
            drop(screen);
            if std::time::Instant::now() > end || text.lines().count() > shown.lines().count() + 50
            {
                return Err(text);
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Ctrl-C, for the shell and what runs in it.
    pub fn interrupt(mut self) {
        let _ = killpg(self.group(), Signal::SIGINT);
        eventually("the end of an interrupted program", || {
            self.child.try_wait().expect("the state of the shell")
        });
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = killpg(self.group(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn follow(mut source: PipeReader, screen: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(got @ 1..) = source.read(&mut chunk) {
            screen.lock().unwrap().extend_from_slice(&chunk[..got]);
        }
    });
}
