//! Certificates and passwords: whom the bridge trusts, and who it says it is. All of that is in files, which
//! are read with each attempt to connect.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::authority::{Authority, Validity};
use crate::common::broker::{TempDir, free_port};
use crate::common::*;
use crate::missing;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus};

const RULES: &str = "[[rule]]\ndirection = \"both\"\nbus = \"s/#\"\n";

/// A directory with an authority: `ca.pem`, and `server.pem` with `server.key` for this machine.
struct Plant {
    dir: TempDir,
    authority: Authority,
    /// Where mosquitto listens for strangers.
    guarded: u16,
}

impl Plant {
    fn new() -> Self {
        let plant = Self {
            dir: TempDir::new(),
            authority: Authority::new("plant"),
            guarded: free_port(),
        };
        plant.authority.write(&plant.file("ca.pem"));
        let names = ["localhost", "127.0.0.1"];
        let server = plant.file("server");
        plant.authority.issue(&server, &names, Validity::Present);
        plant
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// For hosts there is a listener without all that.
    fn mosquitto(&self, guard: &str) -> Option<Mosquitto> {
        let guarded = self.guarded;
        Mosquitto::start_with(|_, port| {
            format!(
                "per_listener_settings true\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
                 listener {guarded} 127.0.0.1\n{guard}\n"
            )
        })
    }

    /// With the certificate of the server.
    fn tls_mosquitto(&self, guard: &str) -> Option<Mosquitto> {
        let [certificate, key] = ["server.pem", "server.key"].map(|name| self.file(name));
        let (certificate, key) = (certificate.display(), key.display());
        self.mosquitto(&format!("certfile {certificate}\nkeyfile {key}\n{guard}"))
    }

    fn bridge(&self, bus: &Bus, scheme: &str, mqtt: &str) -> Bridge {
        Bridge::start_with(&format!(
            "[bus]\naddress = {:?}\nid = \"dev\"\n[mqtt]\naddresses = [\"{scheme}://localhost:{}\"]\n\
             retry_min_s = 0.1\nretry_max_s = 0.3\n{mqtt}\n{RULES}",
            bus.broker.socket(),
            self.guarded
        ))
    }
}

/// A message in each direction.
fn carries(bus: &Bus, bridge: &Bridge, mosquitto: &Mosquitto) {
    await_bridge(bridge);
    let host = Host::connect("host", mosquitto.port);
    // With and without a mark of 3.1.1.
    host.subscribe("#");
    let mut plc = bus.quiet_client("plc");
    plc.send_raw(&publish(2, NO, "s/1", b"up"));
    host.until(|publish| &*publish.payload == b"up");
    plc.request(&subscribe(1, PROCESSED, &["s/#"]), 1);
    host.publish("s/2", b"down");
    plc.expect_bytes(&got_publication(0, "bridge%%bridge", "s/2", b"down"));
}

/// Puts a file into the place of another in one step.
fn replace(from: &Path, to: &Path) {
    let beside = to.with_extension("new");
    std::fs::copy(from, &beside).expect("a file");
    std::fs::rename(&beside, to).expect("a file");
}

#[test]
fn both_versions_over_tls() {
    for version in ["5", "3.1.1"] {
        let plant = Plant::new();
        let Some(mosquitto) = plant.tls_mosquitto("allow_anonymous true") else {
            return;
        };
        let bus = bus();
        let ca = plant.file("ca.pem");
        let mqtt = format!("version = \"{version}\"\nca_file = {ca:?}");
        let bridge = plant.bridge(&bus, "mqtts", &mqtt);
        bridge.await_log(&format!("connected with MQTT {version}"));
        carries(&bus, &bridge, &mosquitto);
    }
}

#[test]
fn a_server_that_the_authority_does_not_vouch_for_is_refused_until_it_does() {
    let plant = Plant::new();
    let Some(mosquitto) = plant.tls_mosquitto("allow_anonymous true") else {
        return;
    };
    let bus = bus();
    let [trusted, other] = ["trusted.pem", "other.pem"].map(|name| plant.file(name));
    Authority::new("other").write(&other);
    replace(&other, &trusted);
    let bridge = plant.bridge(&bus, "mqtts", &format!("ca_file = {trusted:?}"));
    bridge.await_log("UnknownIssuer");
    bridge.await_log(&format!("localhost:{}", plant.guarded));
    replace(&plant.file("ca.pem"), &trusted);
    carries(&bus, &bridge, &mosquitto);
}

#[test]
fn a_server_of_another_name_or_time_is_refused() {
    for (names, validity, why) in [
        (
            ["elsewhere.example"],
            Validity::Present,
            "not valid for name",
        ),
        (["localhost"], Validity::Expired, "expired"),
    ] {
        let plant = Plant::new();
        let server = plant.file("server");
        plant.authority.issue(&server, &names, validity);
        let Some(_mosquitto) = plant.tls_mosquitto("allow_anonymous true") else {
            return;
        };
        let bus = bus();
        let ca = plant.file("ca.pem");
        let bridge = plant.bridge(&bus, "mqtts", &format!("ca_file = {ca:?}"));
        bridge.await_log(why);
        let log = bridge.stop();
        assert!(!log.contains("connected with"), "{log}");
    }
}

#[test]
fn a_bridge_shows_the_certificate_that_the_upstream_asks_for() {
    let plant = Plant::new();
    let ca = plant.file("ca.pem");
    let guard = format!(
        "cafile {}\nrequire_certificate true\nuse_identity_as_username true\nallow_anonymous false",
        ca.display()
    );
    let Some(mosquitto) = plant.tls_mosquitto(&guard) else {
        return;
    };
    let bus = bus();
    // Without one there is no connection, and with one of somebody else neither.
    let without = plant.bridge(&bus, "mqtts", &format!("ca_file = {ca:?}"));
    without.await_log("trying on");
    let log = without.stop();
    assert!(!log.contains("connected with"), "{log}");
    let own = plant.file("bridge");
    let stranger = Authority::new("other").issue(&own, &["bridge"], Validity::Present);
    let mqtt = format!(
        "ca_file = {ca:?}\ncertificate_file = {:?}\nkey_file = {:?}",
        stranger.certificate, stranger.key
    );
    let bridge = plant.bridge(&bus, "mqtts", &mqtt);
    bridge.await_log("trying on");
    // What it is given while it runs is used.
    plant.authority.issue(&own, &["bridge"], Validity::Present);
    carries(&bus, &bridge, &mosquitto);
}

#[test]
fn user_name_and_password_come_from_files() {
    let Some(tool) = missing::find("mosquitto_passwd") else {
        return;
    };
    let plant = Plant::new();
    let [passwords, user, password] =
        ["passwords", "user", "password"].map(|name| plant.file(name));
    let made = Command::new(tool)
        .args(["-b", "-c"])
        .arg(&passwords)
        .args(["device-17", "se cret"])
        .output()
        .expect("mosquitto_passwd runs");
    assert!(made.status.success(), "{made:?}");
    let guard = format!(
        "allow_anonymous false\npassword_file {}",
        passwords.display()
    );
    let Some(mosquitto) = plant.mosquitto(&guard) else {
        return;
    };
    let bus = bus();
    std::fs::write(&user, "device-17\n").expect("a file");
    std::fs::write(&password, "wrong\n").expect("a file");
    let mqtt = format!("username_file = {user:?}\npassword_file = {password:?}");
    let bridge = plant.bridge(&bus, "mqtt", &mqtt);
    bridge.await_log("trying on");
    std::fs::write(plant.file("right"), "se cret\n").expect("a file");
    replace(&plant.file("right"), &password);
    carries(&bus, &bridge, &mosquitto);
    let log = bridge.stop();
    let error = log.lines().find(|line| line.contains("trying on"));
    let error = error.expect("the line").to_lowercase();
    assert!(error.contains("notauthorized"), "{log}");
    assert!(!log.contains("wrong") && !log.contains("se cret"), "{log}");
}
