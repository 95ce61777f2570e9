//! A broker that is killed under load and started again (H14), and brokers that want the same place
//! (O13).

use crate::common::broker::{Process, TempDir};
use crate::common::client_list::ask_client_uint;
use crate::common::wire::Stream;
use crate::common::*;
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// A place in the file system for one broker after the other.
struct Place {
    dir: TempDir,
    port: u16,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: TempDir::new(),
            port: broker::free_port(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("bus.sock")
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.path().join("pid")
    }

    /// A broker that does or does not get the place.
    fn spawn(&self) -> Process {
        let (socket, pid_file) = (self.socket(), self.pid_file());
        let [socket, pid_file] = [&socket, &pid_file].map(|path| path.to_str().expect("plain"));
        let tcp = format!("127.0.0.1:{}", self.port);
        Launch::new(&["-B", socket, "-B", &tcp, "-P", pid_file]).spawn()
    }

    /// A broker that serves clients.
    fn start(&self) -> Process {
        let mut process = self.spawn();
        let pid = process.pid().to_string();
        eventually("a broker with its pid file", || {
            process.assert_running();
            let written = std::fs::read_to_string(self.pid_file()).ok();
            let serves = self.connect(Transport::Unix).is_some();
            (serves && written.as_deref() == Some(&pid)).then_some(())
        });
        process
    }

    fn connect(&self, transport: Transport) -> Option<Wire> {
        let stream = match transport {
            Transport::Unix => Stream::unix(&self.socket()),
            Transport::Tcp => Stream::tcp(self.port),
        };
        stream.ok().map(Wire::new)
    }

    /// A registered client, if there is a broker that stays for so long. Its name must be free.
    fn client(&self, transport: Transport, name: &str) -> Option<Wire> {
        let mut wire = self.connect(transport)?;
        let answer = wire.try_register_blindly(name.as_bytes())?;
        assert_eq!(answer, OK, "{name:?}");
        Some(wire)
    }
}

/// Connects, subscribes, and sends itself numbered publications until the connection ends; each that
/// was confirmed has arrived before, for as long as the connection lasted.
fn serve_until_it_ends(place: &Place, transport: Transport, name: &str) -> Option<u32> {
    let mut wire = place.client(transport, name)?;
    let topic = format!("t/{name}");
    let warnings = unsubscribe(0, NO, &[".broker/warn"]);
    let own = subscribe(0, PROCESSED, &[&topic]);
    wire.try_send_raw(&[warnings, own].concat()).ok()?;
    let answer = wire.try_frame().ok()?;
    assert_eq!(show(&answer.bytes()), show(&ack(0, OK)));
    for number in 1.. {
        let publication = publish(number, PROCESSED, &topic, &number.to_le_bytes());
        let sent = wire.try_send_raw(&publication);
        for expected in [
            got_publication(0, name, &topic, &number.to_le_bytes()),
            ack(number, OK),
        ] {
            match wire.try_frame() {
                Ok(frame) => assert_eq!(show(&frame.bytes()), show(&expected)),
                Err(_) => return Some(number - 1),
            }
        }
        sent.expect("what was answered was sent");
    }
    None
}

/// In elbus 0.2 the new broker takes the path from whoever has it; here from the dead one only.
#[test]
fn h14_a_broker_killed_under_load_is_replaced_by_a_clean_one() {
    const KILLS: usize = 5;
    let place = Place::new();
    let (over, served) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let mut broker = place.start();
        for number in 0..8 {
            let (place, over, served) = (&place, &over, &served);
            scope.spawn(move || {
                let name = format!("c{number}");
                let transport = [Transport::Unix, Transport::Tcp][number % 2];
                while !over.load(Ordering::Relaxed) {
                    match serve_until_it_ends(place, transport, &name) {
                        Some(count) => served.fetch_add(count, Ordering::Relaxed),
                        // Nobody is there just now.
                        None => {
                            thread::yield_now();
                            continue;
                        }
                    };
                }
            });
        }
        for _ in 0..KILLS {
            let before = served.load(Ordering::Relaxed);
            let mut asker = place.client(Transport::Unix, "asker").expect("a client");
            eventually("all clients, with what they had before", || {
                (0..8)
                    .map(|number| format!("c{number}"))
                    .all(|name| ask_client_uint(&mut asker, &name, "subscriptions") == Some(1))
                    .then_some(())
            });
            broker.signal(Signal::SIGKILL);
            broker.wait_exit();
            assert!(place.socket().exists() && place.pid_file().exists());
            broker = place.start();
            eventually("confirmed traffic", || {
                (served.load(Ordering::Relaxed) > before).then_some(())
            });
        }
        over.store(true, Ordering::Relaxed);
        broker.signal(Signal::SIGTERM);
        assert_eq!(broker.wait_exit().code(), Some(0));
    });
    assert!(!place.socket().exists() && !place.pid_file().exists());
}

/// Nothing of what clients of the dead broker had is in the new one.
#[test]
fn h14_the_next_broker_knows_nobody() {
    let place = Place::new();
    let mut broker = place.start();
    let mut a = place.client(Transport::Unix, "a").expect("a client");
    a.request(&subscribe(1, PROCESSED, &["t"]), 1);
    broker.signal(Signal::SIGKILL);
    broker.wait_exit();
    let _ = a.drain();
    let _broker = place.start();
    let mut again = place.client(Transport::Tcp, "a").expect("a client");
    let mut b = place.client(Transport::Unix, "b").expect("a client");
    b.request(&publish(1, PROCESSED, "t", b"x"), 1);
    again.expect_nothing_from(&mut b);
    assert_eq!(ask_client_uint(&mut b, "a", "subscriptions"), Some(1));
}

/// Who comes second says what is in the way, for each of the three things it may be.
#[test]
fn o13_the_second_broker_says_why_it_does_not_start() {
    let place = Place::new();
    let mut first = place.start();
    let socket = place.socket().display().to_string();
    let pid_file = place.pid_file().display().to_string();
    let port = format!("127.0.0.1:{}", place.port);
    let other = TempDir::new();
    let free = other.path().join("free.sock").display().to_string();
    for (args, reasons) in [
        (vec!["-B", &socket], vec![socket.as_str()]),
        (vec!["-B", &port], vec![port.as_str()]),
        (
            vec!["-B", &free, "-P", &pid_file],
            vec![pid_file.as_str(), "is running"],
        ),
    ] {
        let mut second = Launch::new(&args).spawn();
        assert_eq!(second.wait_exit().code(), Some(1), "{args:?}");
        let log = second.log().text();
        for reason in reasons {
            assert!(log.contains(reason), "{log}");
        }
        assert!(!other.path().join("free.sock").exists());
    }
    first.assert_running();
    place
        .client(Transport::Unix, "a")
        .expect("the first")
        .expect_silence();
}

/// Several are started at once where a dead one has left its socket and its pid file.
#[test]
fn o13_of_brokers_started_at_once_one_gets_the_place() {
    let place = Place::new();
    let mut dead = place.start();
    dead.signal(Signal::SIGKILL);
    dead.wait_exit();
    for _ in 0..5 {
        let mut brokers: Vec<Process> = (0..4).map(|_| place.spawn()).collect();
        eventually("one is left", || {
            let running = brokers
                .iter_mut()
                .filter_map(|broker| broker.exit_status().is_none().then_some(()));
            (running.count() <= 1).then_some(())
        });
        let mut left = brokers.into_iter().filter_map(|mut broker| {
            let status = broker.exit_status();
            assert!(status.is_none_or(|status| status.code() == Some(1)));
            status.is_none().then_some(broker)
        });
        let mut winner = left.next().expect("one of them");
        eventually("its socket", || place.connect(Transport::Unix)).expect_raw(&GREETING);
        let pid = std::fs::read_to_string(place.pid_file()).expect("its pid file");
        assert_eq!(pid, winner.pid().to_string());
        winner.signal(Signal::SIGKILL);
        winner.wait_exit();
    }
}
