//! TLS to the upstream, client certificates, and passwords.

use std::process::Command;

use crate::authority::{Authority, Validity};
use crate::common::broker::TempDir;
use crate::common::*;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus};

const RULE: &str = "[[rule]]\ndirection = \"out\"\nbus = \"s/#\"\n";

#[test]
fn certificates_of_both_sides_are_asked_for() {
    let (files, authority) = (TempDir::new(), Authority::new("plant"));
    let dir = files.path();
    authority.write(&dir.join("ca.pem"));
    Authority::new("stranger").write(&dir.join("other.pem"));
    let server = authority.issue(&dir.join("server"), &["127.0.0.1"], Validity::Present);
    let own = authority.issue(&dir.join("own"), &["device"], Validity::Present);
    let mut plain = 0;
    let mosquitto = Mosquitto::start_with(|_, port| {
        plain = crate::common::broker::free_port();
        format!(
            "per_listener_settings true\nlistener {port} 127.0.0.1\nallow_anonymous true\n\
             cafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate true\n\
             listener {plain} 127.0.0.1\nallow_anonymous true\n",
            ca = dir.join("ca.pem").display(),
            cert = server.certificate.display(),
            key = server.key.display(),
        )
    });
    let Some(mosquitto) = mosquitto else { return };
    let host = Host::connect("host", plain);
    host.subscribe("s/#");
    let bus = bus();
    let config = |ca: &str, own: &str| {
        format!(
            "[bus]\naddress = {:?}\nid = \"dev\"\n[mqtt]\naddresses = [\"mqtts://127.0.0.1:{}\"]\n\
             retry_min_s = 0.1\nretry_max_s = 0.5\nca_file = {:?}\n{own}\n{RULE}",
            bus.broker.socket(),
            mosquitto.port,
            dir.join(ca),
        )
    };
    let with_own = format!(
        "certificate_file = {:?}\nkey_file = {:?}",
        own.certificate, own.key
    );
    // Whom it does not know it does not talk to, and the log says so.
    let bridge = Bridge::start_with(&config("other.pem", &with_own));
    bridge.await_log("UnknownIssuer");
    bridge.stop();
    // Neither does the other side.
    let bridge = Bridge::start_with(&config("ca.pem", ""));
    bridge.await_log("trying on");
    bridge.stop();
    let bridge = Bridge::start_with(&config("ca.pem", &with_own));
    await_bridge(&bridge);
    let mut plc = bus.quiet_client("plc");
    plc.request(&publish(1, PROCESSED, "s/1", b"safe"), 1);
    host.expect("s/1", b"safe");
}

#[test]
fn the_password_is_read_with_each_attempt() {
    let Some(passwd) = crate::missing::find("mosquitto_passwd") else {
        return;
    };
    let files = TempDir::new();
    let (users, password) = (files.path().join("users"), files.path().join("password"));
    let made = Command::new(passwd)
        .args(["-b", "-c"])
        .arg(&users)
        .args(["device", "right"])
        .status();
    assert!(made.expect("mosquitto_passwd runs").success());
    let mosquitto = Mosquitto::start_with(|_, port| {
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\n",
            users.display()
        )
    });
    let Some(mosquitto) = mosquitto else { return };
    std::fs::write(&password, "wrong\n").expect("a file");
    let bus = bus();
    let login = format!("username = \"device\"\npassword_file = {password:?}");
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, &login, RULE);
    bridge.await_log("trying on");
    std::fs::write(&password, "right\n").expect("a file");
    await_bridge(&bridge);
    assert!(!bridge.stop().contains("right"), "secrets stay secret");
}
