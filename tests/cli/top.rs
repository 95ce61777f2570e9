//! `elbus BUS top`: on a terminal, which it gives back in every case, and elsewhere.

use crate::common::{Broker, Transport};
use crate::program::{bus, command, elbus};
use crate::terminal::{ALTERNATE_SCREEN, MAIN_SCREEN, SHOW_CURSOR, Terminal};
use nix::sys::signal::Signal;

/// Intervals short enough that nobody has to wait for them.
const FAST: [&str; 3] = ["top", "--interval", "0.05"];

fn on_terminal(broker: &Broker, args: &[&str]) -> Terminal {
    let args = [&FAST[..], args].concat();
    Terminal::start(&mut command(bus(broker), &args), 100, 20)
}

/// The names in the table.
fn names(frame: &[String]) -> Vec<&str> {
    let rows = frame.iter().skip(5).take_while(|line| !line.is_empty());
    rows.filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// Ends as asked for: without a complaint, and with the shell's screen and cursor.
#[track_caller]
fn assert_left(terminal: Terminal) {
    let (status, shown) = terminal.finish();
    assert_eq!(status, Some(0), "{shown:?}");
    assert!(shown.contains(ALTERNATE_SCREEN), "{shown:?}");
    assert!(shown.contains(SHOW_CURSOR), "{shown:?}");
    assert!(shown.ends_with(MAIN_SCREEN), "{shown:?}");
}

#[test]
fn keys_sort_the_clients_and_q_ends() {
    let broker = Broker::start(&[]);
    let _clients = ["pump", "boiler"].map(|name| broker.client(Transport::Unix, name));
    let mut top = on_terminal(&broker, &[]);
    let frame = top.frame("both clients", |frame| {
        let names = names(frame);
        names.contains(&"pump") && names.contains(&"boiler")
    });
    assert!(
        frame[0].starts_with("elbus ") && frame[0].ends_with("by in"),
        "{frame:?}"
    );
    assert!(frame[0].contains("   clients 3   "), "{frame:?}");
    assert_eq!(frame.len(), 20);
    top.press("n");
    let frame = top.frame("the order by name", |frame| frame[0].ends_with("by name"));
    assert_eq!(names(&frame), [".broker", "boiler", "pump"]);
    top.press("r");
    let frame = top.frame("the reversed order", |frame| frame[0].ends_with("reversed"));
    assert_eq!(names(&frame), ["pump", "boiler", ".broker"]);
    top.press("q");
    assert_left(top);
}

#[test]
fn clients_come_and_go() {
    let broker = Broker::start(&[]);
    let mut top = on_terminal(&broker, &["--sort", "name"]);
    top.frame("the broker alone", |frame| names(frame) == [".broker"]);
    let pump = broker.client(Transport::Tcp, "pump");
    let frame = top.frame("the pump", |frame| names(frame) == [".broker", "pump"]);
    assert!(
        frame[6].contains(" tcp ") && frame[6].contains(" 127.0.0.1:"),
        "{frame:?}"
    );
    drop(pump);
    top.frame("nobody", |frame| names(frame) == [".broker"]);
    top.press("q");
    assert_left(top);
}

#[test]
fn the_window_may_change_its_size() {
    let broker = Broker::start(&[]);
    let _clients = ["a", "b", "c"].map(|name| broker.client(Transport::Unix, name));
    let mut top = on_terminal(&broker, &["--sort", "name"]);
    top.frame("everybody", |frame| {
        names(frame) == [".broker", "a", "b", "c"]
    });
    top.resize(40, 8);
    let frame = top.frame("a small frame", |frame| frame.len() == 8);
    assert!(
        frame.iter().all(|line| line.chars().count() <= 40),
        "{frame:?}"
    );
    assert!(
        frame[5].starts_with(".broker") && frame[6].starts_with("a "),
        "{frame:?}"
    );
    // The down arrow.
    top.press("\x1b[B");
    top.frame("a scrolled frame", |frame| frame[5].starts_with("a "));
    top.press("q");
    assert_left(top);
}

#[test]
fn interruptions_give_the_terminal_back() {
    let broker = Broker::start(&[]);
    let mut typed = on_terminal(&broker, &[]);
    typed.frame("a frame", |frame| !frame.is_empty());
    typed.press("\x03");
    assert_left(typed);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let signalled = on_terminal(&broker, &[]);
        signalled.frame("a frame", |frame| !frame.is_empty());
        signalled.signal(signal);
        assert_left(signalled);
    }
}

#[test]
fn a_count_ends_it_too() {
    let broker = Broker::start(&[]);
    assert_left(on_terminal(&broker, &["--count", "2"]));
}

#[test]
fn the_end_of_the_broker_is_told_on_the_shells_screen() {
    let mut broker = Broker::start(&[]);
    let top = on_terminal(&broker, &[]);
    top.frame("a frame", |frame| !frame.is_empty());
    broker.signal(Signal::SIGKILL);
    broker.wait_exit();
    let (status, shown) = top.finish();
    assert_eq!(status, Some(1), "{shown:?}");
    let (_, rest) = shown.rsplit_once(MAIN_SCREEN).expect("the shell's screen");
    assert_eq!(rest, "elbus: connection closed\r\n");
}

#[test]
fn a_broker_that_is_not_there_leaves_the_terminal_alone() {
    let top = Terminal::start(&mut command("/nonexistent/bus.sock", &FAST), 80, 24);
    let (status, shown) = top.finish();
    assert_eq!(status, Some(1));
    let complaint = "cannot connect to /nonexistent/bus.sock: ";
    assert!(shown.contains(complaint), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

#[test]
fn elsewhere_it_prints_a_table_per_interval() {
    let broker = Broker::start(&[]);
    let _pump = broker.client(Transport::Unix, "pump");
    let args = [&FAST[..], &["--count", "2", "--sort", "name"]].concat();
    let stdout = elbus(&broker, &args).success();
    assert!(!stdout.contains('\x1b'), "{stdout}");
    let first_words = stdout.lines().map(|line| line.split(' ').next());
    let block = ["up", "name", "-------", ".broker", "pump", ""];
    assert_eq!(
        first_words.flatten().collect::<Vec<_>>(),
        [block, block].concat()
    );
}

#[test]
fn json_and_silent_output_are_for_programs() {
    let broker = Broker::start(&[]);
    let _pump = broker.client(Transport::Tcp, "pump");
    let args = [&FAST[..], &["--count", "1", "--sort", "name", "--json"]].concat();
    let report = elbus(&broker, &args).json();
    assert!(report["uptime"].is_u64() && report["rates"]["in_bytes"].is_f64());
    let pump = &report["clients"][1];
    assert_eq!(
        (&pump["name"], &pump["kind"]),
        (&"pump".into(), &"tcp".into())
    );
    assert!(pump["rates"]["out_frames"].is_f64(), "{pump}");
    assert!(pump["queue"].is_u64() && pump["dropped"].is_u64(), "{pump}");

    let args = [&FAST[..], &["--count", "1", "-s"]].concat();
    let rows = elbus(&broker, &args).success();
    assert!(
        rows.lines().all(|row| row.split('\t').count() == 10),
        "{rows}"
    );
    assert_eq!(rows.lines().count(), 2, "{rows}");
}

#[test]
fn without_a_terminal_the_end_of_the_broker_is_status_1() {
    let mut broker = Broker::start(&[]);
    let top = crate::program::Running::on(&broker, &FAST);
    assert!(top.line().starts_with("up "));
    broker.signal(Signal::SIGTERM);
    broker.wait_exit();
    let outcome = top.finish();
    assert_eq!(outcome.status, Some(1));
    assert_eq!(outcome.stderr, "elbus: connection closed\n");
}
