//! The fifo for scripts (B12, O12; protocol, section 10.1).

use crate::common::broker::{TempDir, peak_kib};
use crate::common::*;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;

struct WithFifo {
    bus: Bus,
    path: PathBuf,
    _dir: TempDir,
}

impl WithFifo {
    fn new() -> Self {
        let dir = TempDir::new();
        let path = dir.path().join("commands");
        let bind = format!("fifo:{}", path.display());
        // A generous umask must not make the fifo generous.
        let broker = Launch::new(&["-B", &bind]).prepared_by("umask 000").start();
        eventually("the fifo", || path.exists().then_some(()));
        Self {
            bus: Bus {
                broker,
                transport: Transport::Unix,
            },
            path,
            _dir: dir,
        }
    }

    fn open(&self) -> std::fs::File {
        std::fs::File::options()
            .write(true)
            .open(&self.path)
            .expect("the fifo")
    }

    fn write(&self, text: &str) {
        self.open()
            .write_all(text.as_bytes())
            .expect("a line for the fifo");
    }
}

#[test]
fn b12_the_fifo_is_not_for_everybody() {
    let fifo = WithFifo::new();
    // The mode may be set an instant after the fifo appears.
    eventually("mode 0620", || {
        let metadata = fifo.path.symlink_metadata().expect("the fifo");
        assert!(metadata.file_type().is_fifo());
        (metadata.permissions().mode() & 0o7777 == 0o620).then_some(())
    });
}

#[test]
fn o12_the_whole_payload_is_kept() {
    let fifo = WithFifo::new();
    let mut a = fifo.bus.client("a");
    a.request(&subscribe(1, PROCESSED, &["t"]), 1);
    fifo.write("=t one two  three \n");
    a.expect_bytes(&got_publication(0, ".broker", "t", b"one two  three "));
    fifo.write("a four five\n");
    a.expect_bytes(&got_message(0, ".broker", b"four five"));
    fifo.write("a* six\n? seven eight\n");
    a.expect_bytes(&got_broadcast(0, ".broker", b"seven eight"));
    fifo.write("a .nine ten\n");
    a.expect_bytes(&got_message(0, ".broker", b"\0nine ten"));
}

#[test]
fn o12_requests_carry_parameters() {
    let fifo = WithFifo::new();
    let mut a = fifo.bus.client("a");
    fifo.write("a :method\na :method n=5\n");
    a.expect_bytes(&got_message(0, ".broker", b"\x01\0\0\0\0method\0\x80"));
    a.expect_bytes(&got_message(
        0,
        ".broker",
        b"\x01\0\0\0\0method\0\x81\xA1n\x05",
    ));
}

/// Lines from many short-lived writers. At ten looks a second this would take minutes.
#[test]
fn o12_every_line_is_noticed() {
    let fifo = WithFifo::new();
    let mut a = fifo.bus.client("a");
    for i in 0..1_000 {
        fifo.write(&format!("a {i}\n"));
        a.expect_bytes(&got_message(0, ".broker", i.to_string().as_bytes()));
    }
    // And from one writer at once.
    let lines: String = (0..300).map(|i| format!("a {i}\n")).collect();
    fifo.write(&lines);
    for i in 0..300 {
        a.expect_bytes(&got_message(0, ".broker", i.to_string().as_bytes()));
    }
}

#[test]
fn o12_lines_in_pieces_and_with_cr_lf_and_without_an_end() {
    let fifo = WithFifo::new();
    let mut a = fifo.bus.client("a");
    let mut writer = fifo.open();
    for piece in ["a he", "llo", "\r", "\n", "a again\n", "a last"] {
        writer.write_all(piece.as_bytes()).expect("a piece");
    }
    drop(writer);
    for payload in ["hello", "again", "last"] {
        a.expect_bytes(&got_message(0, ".broker", payload.as_bytes()));
    }
}

#[test]
fn o12_strange_lines_are_skipped() {
    let fifo = WithFifo::new();
    let mut a = fifo.bus.client("a");
    let mut writer = fifo.open();
    let lines: [&[u8]; 9] = [
        b"\n",
        b"\r\n",
        b"\xFF\xFE x\n",
        b"a \xFF\n",
        b"nobody hello\n",
        b" \n",
        b"=\n",
        b"a :method novalue\n",
        b"a good\n",
    ];
    for line in lines {
        writer.write_all(line).expect("a line");
    }
    // Of all these at most the last means something to `a`.
    a.expect_bytes(&got_message(0, ".broker", b"good"));
}

#[test]
fn o12_endless_lines_are_bounded() {
    let fifo = WithFifo::new();
    let mut a = fifo.bus.client("a");
    let before = fifo.bus.broker.rss_kib();
    let mut writer = fifo.open();
    let piece = [b'a', b' '].repeat(32 * 1024);
    for _ in 0..1_024 {
        writer.write_all(&piece).expect("a piece");
    }
    writer.write_all(b"\na after\n").expect("a line");
    drop(writer);
    a.expect_bytes(&got_message(0, ".broker", b"after"));
    let growth = peak_kib(fifo.bus.broker.pid()).saturating_sub(before);
    assert!(
        growth < 8 * 1024,
        "{growth} KiB for 64 MiB without a line end"
    );
}

#[test]
fn o12_a_fifo_left_behind_is_used_again() {
    let dir = TempDir::new();
    let path = dir.path().join("commands");
    let bind = format!("fifo:{}", path.display());
    drop(Broker::start(&["-B", &bind]));
    assert!(path.exists(), "a killed broker removes nothing");
    let broker = Broker::start(&["-B", &bind]);
    let mut a = broker.client(Transport::Unix, "a");
    std::fs::write(&path, "a hello\n").expect("a line");
    a.expect_bytes(&got_message(0, ".broker", b"hello"));
}
