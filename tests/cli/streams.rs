//! `elbus` in a pipeline: readers that have had enough.

use crate::common::{Broker, PROCESSED, Transport, eventually, message};
use crate::program::{bus, command};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

#[test]
fn one_line_is_enough_for_some() {
    let broker = Broker::start(&[]);
    let mut listen = command(bus(&broker), &["-n", "ear", "listen"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut errors = BufReader::new(listen.stderr.take().expect("its error output"));
    let mut ready = String::new();
    errors.read_line(&mut ready).expect("a line");
    let mut pump = broker.client(Transport::Unix, "pump");
    pump.request(&message(1, PROCESSED, "ear", b"first"), 1);
    let mut output = BufReader::new(listen.stdout.take().expect("its output"));
    output.read_line(&mut String::new()).expect("a line");
    drop(output);
    pump.request(&message(2, PROCESSED, "ear", b"second"), 2);
    let status = eventually("the end of the listener", || {
        listen.try_wait().expect("its state")
    });
    let mut complaints = String::new();
    errors.read_to_string(&mut complaints).expect("text");
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
}

#[test]
fn closed_output_is_no_failure() {
    let broker = Broker::start(&[]);
    for args in [
        &["broker", "client.list"][..],
        &["broker", "test", "--json"],
        &["publish", "t", "x"],
        &["top", "--interval", "0.05"],
        &["completions", "bash"],
    ] {
        // The reader is gone before the program starts.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let child = command(bus(&broker), args)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn();
        let output = child
            .expect("the program")
            .wait_with_output()
            .expect("its end");
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*complaints),
            (Some(0), ""),
            "{args:?}"
        );
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let broker = Broker::start(&[]);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let child = command(bus(&broker), &["broker", "info"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn();
    let output = child
        .expect("the program")
        .wait_with_output()
        .expect("its end");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        complaints.starts_with("elbus: cannot write to standard output"),
        "{complaints}"
    );
}

#[test]
fn commands_work_with_every_stream_closed() {
    let broker = Broker::start(&[]);
    let program = command(bus(&broker), &["broker", "nonsense"]);
    let script = "exec \"$@\" <&- >&- 2>&-";
    let status = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .status()
        .expect("a shell");
    assert_eq!(status.code(), Some(2));
}
