//! `elbus BUS rpc call`, `call0` and `notify`.

use crate::common::*;
use crate::program::{Running, elbus, elbus_reading};
use nix::sys::signal::Signal;

const ECHO: [&str; 4] = ["rpc", "call", ".broker", "benchmark.test"];

#[test]
fn params_are_a_map_of_what_the_values_look_like() {
    let broker = Broker::start(&[]);
    let params = ["i=-5", "f=1.5", "b=true", "s=on", "e="];
    let reply = elbus(&broker, &[&ECHO[..], &params, &["--json"]].concat()).json();
    assert_eq!(
        reply,
        serde_json::json!({"i": -5, "f": 1.5, "b": true, "s": "on", "e": ""})
    );
}

#[test]
fn replies_are_decoded() {
    let broker = Broker::start(&[]);
    let stdout = elbus(&broker, &[&ECHO[..], &["k=1"]].concat()).success();
    assert_eq!(stdout, "MSGPACK:\n{\n  \"k\": 1\n}\n");
    let stdout = elbus(&broker, &[&ECHO[..], &["k=1", "-s"]].concat()).success();
    assert_eq!(stdout, "{\"k\":1}\n");
}

#[test]
fn without_params_nothing_is_sent() {
    let broker = Broker::start(&[]);
    assert_eq!(elbus(&broker, &ECHO).success(), "STR: \n");
}

#[test]
fn a_dash_sends_standard_input_as_it_is() {
    let broker = Broker::start(&[]);
    let outcome = elbus_reading(&broker, &[&ECHO[..], &["-"]].concat(), b"\xc1\x00");
    assert_eq!(outcome.success(), "HEX: c100\n");
}

#[test]
fn rpc_errors_are_status_1_on_standard_error() {
    let broker = Broker::start(&[]);
    for (target, method, stderr) in [
        (
            ".broker",
            "nonsense",
            "RPC Error -32601: method not found\n",
        ),
        (
            "nobody",
            "test",
            "RPC Error -32113: client not registered\n",
        ),
    ] {
        for style in [&[][..], &["--json"], &["-s"]] {
            let args = [&["rpc", "call", target, method][..], style].concat();
            assert_eq!(elbus(&broker, &args).failure(1), stderr);
        }
    }
    let args = ["rpc", "call", ".broker", "test", "k=1"];
    assert_eq!(
        elbus(&broker, &args).failure(1),
        "RPC Error -32602: invalid method params\n"
    );
}

#[test]
fn error_data_is_shown() {
    let broker = Broker::start(&[]);
    let args = ["rpc", "call", ".broker", "test", "-"];
    let stderr = elbus_reading(&broker, &args, b"\xc1").failure(1);
    assert!(stderr.starts_with("RPC Error -32700: "), "{stderr}");
}

#[test]
fn a_target_that_never_answers_is_given_up() {
    let broker = Broker::start(&[]);
    let _mute = broker.client(Transport::Unix, "mute");
    let args = ["rpc", "call", "mute", "test", "--timeout", "1"];
    let stderr = elbus(&broker, &args).failure(1);
    assert_eq!(stderr, "RPC Error -32120: timed out\n");
}

/// Answers that came while the program was stopped were in time.
#[test]
fn a_program_that_was_stopped_takes_the_answer_that_waits() {
    let broker = Broker::start(&[]);
    let mut peer = broker.client(Transport::Unix, "peer");
    peer.send_raw(&unsubscribe(1, NO, &[".broker/warn"]));
    let args = ["rpc", "call", "peer", "test", "--timeout", "1"];
    let running = Running::on(&broker, &args);
    let request = peer.read_frame().body;
    let sender_bytes = request.iter().position(|byte| *byte == 0).expect("a NUL");
    let sender = str::from_utf8(&request[..sender_bytes]).expect("a name");
    let call_id = &request[sender_bytes + 2..sender_bytes + 6];
    running.signal(Signal::SIGSTOP);
    let reply = [&[0x11], call_id, &b"fine"[..]].concat();
    peer.request(&message(1, PROCESSED, sender, &reply), 1);
    // Longer than the timeout. No event tells that it has passed.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    running.signal(Signal::SIGCONT);
    assert_eq!(running.finish().success(), "STR: fine\n");
}

#[test]
fn call0_and_notify_say_ok_or_why_not() {
    let broker = Broker::start(&[]);
    assert_eq!(
        elbus(&broker, &["rpc", "call0", ".broker", "test"]).success(),
        "OK\n"
    );
    assert_eq!(
        elbus(&broker, &["rpc", "notify", ".broker", "hello"]).success(),
        "OK\n"
    );
    let stderr = elbus(&broker, &["rpc", "call0", "nobody", "test"]).failure(1);
    assert_eq!(stderr, "elbus: cannot call nobody: client not registered\n");
    let stderr = elbus(&broker, &["rpc", "notify", "nobody", "hello"]).failure(1);
    assert_eq!(
        stderr,
        "elbus: cannot notify nobody: client not registered\n"
    );
}
