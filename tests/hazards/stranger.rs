//! Somebody else on this machine: a process of another user that registers clients.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::missing;

/// A user that owns nothing.
pub const NOBODY: u32 = 65_534;

/// Becomes the user and group of its first arguments, registers each name that follows the socket,
/// tells the answer, and stays until it is killed.
const PROGRAM: &str = r#"
import os, socket, sys, time
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
held = []
for name in sys.argv[4:]:
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(sys.argv[3])
    raw = name.encode()
    answer = b''
    try:
        stream.sendall(b'\xeb\x01\x00' + len(raw).to_bytes(2, 'little') + raw)
        while len(answer) < 5:
            piece = stream.recv(5 - len(answer))
            if not piece:
                break
            answer += piece
    except ConnectionError:
        pass
    held.append(stream)
    print(answer[4] if len(answer) == 5 else 0, flush=True)
time.sleep(600)
"#;

pub struct Stranger {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Stranger {
    /// Starts to register at a socket. `None`, said aloud, where that is not possible.
    pub fn register(uid: u32, gid: u32, socket: &Path, names: &[&str]) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            missing::skip("it takes root to be another user");
            return None;
        }
        let mut process = Command::new(missing::find("python3")?)
            .args(["-c", PROGRAM])
            .args([uid, gid].map(|id| id.to_string()))
            .arg(socket)
            .args(names)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Some(Self { process, answers })
    }

    /// The answer to the next name; 0 for none.
    pub fn answer(&mut self) -> u8 {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        line.trim().parse().expect("a number")
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
