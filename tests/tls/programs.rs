//! `elbusd`, `elbus` and `openssl s_client` as processes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::authority::{Authority, Validity};
use crate::common::broker::{Process, free_port};
use crate::common::{GREETING, Launch, OK, eventually, name_block};
use crate::missing::find;
use crate::raw;
use crate::scene::Plant;

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// `elbusd -B tls://127.0.0.1:PORT` with the certificate of the plant.
struct Daemon {
    process: Process,
    address: String,
    port: u16,
}

impl Daemon {
    fn start(plant: &Plant, args: &[&str]) -> Self {
        let port = free_port();
        let address = format!("tls://127.0.0.1:{port}");
        let (certificate, key) = (plant.path("broker.pem"), plant.path("broker.key"));
        let mut words = vec!["-B", &address, "--tls-cert", text(&certificate)];
        words.extend(["--tls-key", text(&key)]);
        words.extend(args);
        let mut process = Launch::new(&words).spawn();
        eventually("the broker listens", || {
            process.assert_running();
            process.log().text().contains("listening on").then_some(())
        });
        Self {
            process,
            address,
            port,
        }
    }

    fn await_log(&self, text: &str, times: usize) {
        eventually(&format!("{text:?} in the log"), || {
            (self.process.log().text().matches(text).count() >= times).then_some(())
        });
    }
}

/// `elbus BUS WORDS`
fn elbus(bus: &str, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elbus"))
        .arg(bus)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("elbus runs")
}

fn success(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn failure(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn the_command_line_tool_uses_the_bus() {
    let plant = Plant::new();
    let ca = plant.ca();
    let daemon = Daemon::start(&plant, &["--tls-client-ca", text(&ca)]);
    let own = plant.pair("operator", &["operator"]);
    let info = ["broker", "info", "--tls-ca", text(&ca)];
    let certificate = [
        "--tls-cert",
        text(&own.certificate),
        "--tls-key",
        text(&own.key),
    ];
    let words = [&info[..], &certificate, &["-n", "operator"]].concat();
    success(elbus(&daemon.address, &words));
    daemon.await_log("\"operator\" registered", 1);

    let why = failure(elbus(&daemon.address, &info));
    assert!(why.contains("CertificateRequired"), "{why}");
    let words = [&info[..], &certificate, &["-n", "somebody"]].concat();
    let why = failure(elbus(&daemon.address, &words));
    assert!(why.contains("access denied"), "{why}");
    daemon.await_log("a certificate for operator", 1);
    let why = failure(elbus(&daemon.address, &info[..2]));
    assert!(why.contains("authority"), "{why}");
}

#[test]
fn a_reload_reads_the_certificates_again() {
    let plant = Plant::new();
    let daemon = Daemon::start(&plant, &[]);
    let successor = Authority::new("successor");
    let successor_file = plant.path("successor.pem");
    successor.write(&successor_file);
    let ca = plant.ca();
    let info = |ca: &Path| elbus(&daemon.address, &["broker", "info", "--tls-ca", text(ca)]);
    success(info(&ca));
    failure(info(&successor_file));

    std::fs::write(plant.path("broker.key"), "no key").expect("a file");
    daemon.process.signal(Signal::SIGHUP);
    daemon.await_log("SIGHUP: the certificates stay as they were", 1);
    daemon.await_log("broker.key", 1);
    success(info(&ca));

    let mut resident = raw::client_at(&plant, daemon.port, "resident");
    let hosts = ["localhost", "127.0.0.1"];
    successor.issue(&plant.path("broker"), &hosts, Validity::Present);
    daemon.process.signal(Signal::SIGHUP);
    daemon.await_log("SIGHUP: the certificates were read", 1);
    failure(info(&ca));
    success(info(&successor_file));
    let words = ["broker", "client.list", "--json", "--tls-ca"];
    let words = [&words[..], &[text(&successor_file)]].concat();
    let clients = success(elbus(&daemon.address, &words));
    for expected in ["\"resident\"", "\"tcp\"", &daemon.address] {
        assert!(clients.contains(expected), "{clients}");
    }
    let ping = [0; 9];
    resident.write_all(&ping).expect("an old session");
    let mut answer = [1; 6];
    resident.read_exact(&mut answer).expect("a ping");
    assert_eq!(answer, [0; 6]);
}

#[test]
fn a_start_without_what_tls_needs_fails() {
    let plant = Plant::new();
    let (certificate, none) = (plant.path("broker.pem"), plant.path("none.key"));
    let address = format!("tls://127.0.0.1:{}", free_port());
    for (words, status, expected) in [
        (vec!["-B", &address], 1, "--tls-cert"),
        (
            vec!["-B", &address, "--tls-cert", text(&certificate)],
            2,
            "--tls-key",
        ),
        (
            vec![
                "-B",
                &address,
                "--tls-cert",
                text(&certificate),
                "--tls-key",
                text(&none),
            ],
            1,
            "none.key",
        ),
        (vec!["-B", "tls://somewhere"], 2, "HOST:PORT"),
    ] {
        let mut process = Launch::new(&words).spawn();
        assert_eq!(process.wait_exit().code(), Some(status), "{words:?}");
        let log = process.log().text();
        assert!(log.contains(expected), "{words:?}: {log}");
    }
}

/// Whoever asks for TLS at an address gets it, also if the socket was open already.
#[test]
fn a_socket_of_the_service_manager_gets_tls() {
    let plant = Plant::new();
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    let address = format!("tls://127.0.0.1:{port}");
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    let mut broker = Command::new("sh");
    broker.args(["-c", script, "sh", env!("CARGO_BIN_EXE_elbusd")]);
    broker.args(["-B", &address, "--tls-cert"]);
    broker.arg(plant.path("broker.pem")).arg("--tls-key");
    broker.arg(plant.path("broker.key"));
    broker.stdin(Stdio::from(OwnedFd::from(socket)));
    let broker = Ended(broker.stderr(Stdio::null()).spawn().expect("a shell"));
    let ca = plant.ca();
    success(elbus(&address, &["broker", "info", "--tls-ca", text(&ca)]));
    drop(broker);
}

/// Each listener of a configuration file may have files of its own.
#[test]
fn listeners_of_a_file_ask_for_different_things() {
    let plant = Plant::new();
    let (open, guarded) = (free_port(), free_port());
    let (certificate, key) = (plant.path("broker.pem"), plant.path("broker.key"));
    let (certificate, key, ca) = (text(&certificate), text(&key), plant.ca());
    let ca = text(&ca);
    let config = format!(
        "allow_everybody = true\n\
         [defaults.tls]\ncert = {certificate:?}\nkey = {key:?}\n\
         [listeners.\"tls://127.0.0.1:{open}\"]\n\
         [listeners.\"tls://127.0.0.1:{guarded}\"]\ntls = {{ client_ca = {ca:?} }}\n\
         [end]\n"
    );
    let file = plant.path("elbusd.toml");
    std::fs::write(&file, config).expect("a file");
    let mut process = Launch::new(&["--config", text(&file)]).spawn();
    eventually("both listeners", || {
        process.assert_running();
        (process.log().text().matches("listening on").count() == 2).then_some(())
    });
    let info = |port: u16| {
        let address = format!("tls://127.0.0.1:{port}");
        elbus(&address, &["broker", "info", "--tls-ca", ca])
    };
    success(info(open));
    let why = failure(info(guarded));
    assert!(why.contains("CertificateRequired"), "{why}");
    process.signal(Signal::SIGHUP);
    eventually("both sets of files were read", || {
        let log = process.log().text();
        (log.matches("SIGHUP: the certificates were read").count() == 2).then_some(())
    });

    let mut process = Launch::new(&["--config", text(&file), "--test-config"]).spawn();
    assert_eq!(process.wait_exit().code(), Some(0));
    let listing = process.log().text();
    assert!(listing.contains("tls.client_ca = "), "{listing}");
}

/// Another implementation, in both versions of the protocol.
#[test]
fn openssl_gets_in() {
    let Some(openssl) = find("openssl") else {
        return;
    };
    let plant = Plant::new();
    let ca = plant.ca();
    let daemon = Daemon::start(&plant, &["--tls-client-ca", text(&ca)]);
    let own = plant.pair("foreign", &["foreign"]);
    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = Command::new(&openssl);
        command.args(["s_client", "-quiet", "-verify_return_error", version]);
        command.args(["-connect", &format!("127.0.0.1:{}", daemon.port)]);
        command.arg("-CAfile").arg(&ca);
        command.arg("-cert").arg(&own.certificate);
        command.arg("-key").arg(&own.key);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = Ended(command.stderr(Stdio::null()).spawn().expect("openssl runs"));
        let mut input = client.0.stdin.take().expect("its input");
        let mut output = client.0.stdout.take().expect("its output");
        let hello = [&GREETING[..], &name_block(b"foreign")].concat();
        input.write_all(&hello).expect("room");
        let mut answer = [0; 5];
        output.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, [GREETING[0], GREETING[1], GREETING[2], OK, OK]);
        drop(client);
        daemon.await_log(
            "\"foreign\" disconnected",
            1 + usize::from(version == "-tls1_3"),
        );
    }
}

/// A process that is asked to end, and has ended when this is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.0.id().cast_signed());
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
