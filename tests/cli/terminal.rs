//! Runs `elbus` in a pseudo-terminal: what it draws, and in which state it leaves the terminal.

use crate::common::eventually;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Codes that a program sends to a terminal.
pub const ALTERNATE_SCREEN: &str = "\x1b[?1049h";
pub const MAIN_SCREEN: &str = "\x1b[?1049l";
pub const SHOW_CURSOR: &str = "\x1b[?25h";
/// The cursor goes to the first line: a frame starts.
const FRAME: &str = "\x1b[1;1H";

/// A terminal with a program in it.
pub struct Terminal {
    child: Child,
    /// Our side: what is typed, and what is shown.
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    /// The side of the program, kept open beyond its end.
    line: OwnedFd,
    before: Termios,
}

impl Terminal {
    /// Starts the program in a terminal of this size.
    pub fn start(command: &mut Command, columns: u16, lines: u16) -> Self {
        let size = Winsize {
            ws_row: lines,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None).expect("a pseudo-terminal");
        let before = tcgetattr(&pty.slave).expect("its settings");
        let line = || Stdio::from(pty.slave.try_clone().expect("another handle"));
        let child = command
            .stdin(line())
            .stdout(line())
            .stderr(line())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        // The command has handles of its own, which would keep the terminal open.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let keyboard = File::from(pty.master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut source = keyboard.try_clone().expect("another handle");
        let sink = shown.clone();
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            // Ends with an error when nobody has the other side any more.
            while let Ok(got @ 1..) = source.read(&mut chunk) {
                sink.lock().unwrap().extend_from_slice(&chunk[..got]);
            }
        });
        Self {
            child,
            keyboard,
            shown,
            reader,
            line: pty.slave,
            before,
        }
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("a terminal");
    }

    /// Changes the size of the window, as a terminal emulator does it.
    pub fn resize(&self, columns: u16, lines: u16) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let status = Command::new("stty")
            .args(["cols", &columns, "rows", &lines])
            .stdin(self.line.try_clone().expect("another handle"))
            .status();
        assert!(status.expect("stty").success());
        // The kernel tells only those whose controlling terminal it is.
        self.signal(Signal::SIGWINCH);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("a signal to the program");
    }

    /// Waits until a frame is drawn that satisfies the condition; returns its lines.
    pub fn frame(&self, what: &str, condition: impl Fn(&[String]) -> bool) -> Vec<String> {
        eventually(what, || {
            let shown = self.text();
            // What comes after the last start may not be complete.
            let (complete, _) = shown.rsplit_once(FRAME)?;
            let (_, frame) = complete.rsplit_once(FRAME)?;
            let lines = lines(frame);
            condition(&lines).then_some(lines)
        })
    }

    /// Waits for the end of the program; returns its status and everything it has shown. Its
    /// settings of the terminal must be undone.
    pub fn finish(mut self) -> (Option<i32>, String) {
        let status = eventually("the end of the program", || {
            self.child.try_wait().expect("the state of the program")
        });
        let after = tcgetattr(&self.line).expect("the settings of the terminal");
        assert_eq!(after, self.before, "settings of the terminal");
        drop(self.line);
        self.reader.join().expect("the reader");
        let shown = self.shown.lock().unwrap();
        (status.code(), String::from_utf8_lossy(&shown).into_owned())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }
}

/// The lines of a frame, each of which begins where the cursor is moved to, without the codes.
fn lines(frame: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut parts = frame.split("\x1b[");
    lines[0].push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        let (code, text) = part.split_at(end.map_or(part.len(), |end| end + 1));
        if code.ends_with('H') {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(text);
        }
    }
    lines
}
