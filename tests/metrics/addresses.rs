//! Where metrics can be asked for, and where not.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use crate::common::broker::TempDir;
use crate::scene::Scene;
use crate::support::{Served, path_text, run, stderr};

#[test]
fn addresses_beyond_this_machine_are_refused() {
    for (address, why) in [
        ("0.0.0.0:9464", "other hosts can reach 0.0.0.0:9464"),
        ("[::]:9464", "other hosts can reach"),
        ("192.168.1.1:9464", "other hosts can reach"),
        ("localhost:9464", "127.0.0.1:PORT"),
        ("9464", "expected a path"),
        ("", "expected a path"),
        ("tls://127.0.0.1:9464", "expected a path"),
        ("fifo:/tmp/metrics", "expected a path"),
    ] {
        let output = run(&["--metrics", address]);
        assert_eq!(output.status.code(), Some(2), "{address:?}");
        let errors = stderr(&output);
        assert!(errors.contains("--metrics"), "{errors}");
        assert!(errors.contains(why), "{address:?}: {errors}");
    }
}

#[test]
fn the_key_of_the_file() {
    let dir = TempDir::new();
    let (file, socket) = (path_text(&dir, "elbusd.toml"), path_text(&dir, "m.sock"));
    let write = |address: &str| {
        let text = format!("allow_everybody = true\n[process]\nmetrics = \"{address}\"\n");
        std::fs::write(&file, text).expect("a file");
        run(&["--config", &file, "--test-config"])
    };
    let output = write(&socket);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = format!("\n[process]\n  metrics = {socket}\n");
    assert!(listing.contains(&line), "{listing}");
    let broker = Served::start(&["--config", &file]);
    broker.await_log(&format!("telling metrics on {socket}"));
    // The flag wins.
    let broker = Served::start(&["--config", &file, "--metrics", "{dir}/other.sock"]);
    broker.await_log("other.sock");
    assert!(!broker.log().contains(&socket));
    let output = write("0.0.0.0:9464");
    assert_eq!(output.status.code(), Some(1));
    let errors = stderr(&output);
    assert!(errors.contains("elbusd.toml:3:"), "{errors}");
    assert!(errors.contains("other hosts can reach"), "{errors}");
}

#[test]
fn the_socket_is_for_owner_and_group_and_goes_with_the_broker() {
    let gid = nix::unistd::getegid().to_string();
    let mut scene = Scene::start(&["--socket-mode", "0666", "--socket-group", &gid]);
    let path = scene.dir.path().join("metrics.sock");
    let metadata = path.metadata().expect("a socket");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    assert_eq!(metadata.gid().to_string(), gid);
    // An exchange that is under way holds nobody up.
    let mut waiting = scene.connect();
    waiting.send_raw(b"GET /met");
    scene.broker.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(scene.broker.wait_exit().code(), Some(0));
    assert!(!path.exists());
    waiting.expect_closed();
}

#[test]
fn what_is_at_the_path_already() {
    let dir = TempDir::new();
    let path = path_text(&dir, "metrics.sock");
    let bus = path_text(&dir, "bus.sock");
    let attempt = || {
        let output = run(&["-B", &bus, "--metrics", &path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(!dir.path().join("bus.sock").exists(), "left behind");
        stderr(&output)
    };
    std::fs::write(&path, "precious").expect("a file");
    let errors = attempt();
    let what = format!("cannot tell metrics on {path}: ");
    assert!(errors.contains(&what), "{errors}");
    assert!(errors.contains("is not a socket"), "{errors}");
    std::fs::remove_file(&path).expect("the file");
    let listener = UnixListener::bind(&path).expect("a socket");
    let errors = attempt();
    assert!(errors.contains("another process is listening"), "{errors}");
    // A dead one is replaced.
    drop(listener);
    let broker = Served::start(&["--metrics", &path]);
    broker.await_log(&format!("telling metrics on {path}"));
}
