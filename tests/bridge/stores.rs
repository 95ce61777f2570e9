//! H20: a store on a disk that is full, or that cannot be written to.

use std::path::Path;
use std::process::Command;

use crate::common::broker::{TempDir, rss_kib};
use crate::common::*;
use crate::missing;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, call, publish_confirmed, status};

/// A small file system in memory.
struct Disk(TempDir);

impl Disk {
    /// `None`: this process may not mount, which was said.
    fn mount(options: &str) -> Option<Self> {
        let dir = TempDir::new();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            _ => {
                missing::say_not_checked("file systems cannot be mounted here");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has it open does not keep it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn state(asker: &mut Wire) -> String {
    let (_, reply) = call(asker, "bridge", "bridge.status", &[]);
    let status: serde_json::Value = rmp_serde::from_slice(&reply).expect("a map");
    status["store"]["state"].as_str().expect("text").to_owned()
}

fn tables(store: &Path) -> String {
    format!(
        "[store]\ndirectory = {store:?}\nmax_disk = \"4M\"\nmax_memory = \"256K\"\nsync_ms = 5\n\
         [[rule]]\ndirection = \"out\"\nbus = \"s/#\"\n"
    )
}

/// Publishes these numbers, each confirmed.
fn fill(plc: &mut Wire, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let payload = format!("{number:0>1000}");
        assert!(publish_confirmed(plc, "s/1", &payload), "{number}");
    }
}

/// Which of the numbers have come, up to the last one; each once, and in order.
fn arrived(host: &Host, last: u32) -> Vec<u32> {
    let number = |payload: &[u8]| -> u32 {
        let text = str::from_utf8(payload).expect("text");
        text.parse().expect("a number")
    };
    let all = host.until(|publish| number(&publish.payload) == last);
    let all: Vec<u32> = all.iter().map(|it| number(&it.payload)).collect();
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    all
}

#[test]
fn h20_a_full_disk_leaves_what_is_on_it_and_what_memory_may_take() {
    let Some(disk) = Disk::mount("size=512k") else {
        return;
    };
    let Some(mut mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("s/#");
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", &tables(disk.path()));
    await_bridge(&bridge);
    let (mut plc, mut asker) = (bus.quiet_client("plc"), bus.quiet_client("asker"));
    mosquitto.stop();
    bridge.await_log("the connection is lost");
    fill(&mut plc, 0..200);
    assert_eq!(state(&mut asker), "disk");
    assert_eq!(status(&mut asker, "out", "dropped_full"), 0);
    let before = rss_kib(bridge.pid());
    fill(&mut plc, 200..1500);
    assert_eq!(state(&mut asker), "disk-failed");
    bridge.await_log("No space left");
    let growth = rss_kib(bridge.pid()).saturating_sub(before);
    assert!(growth < 4 * 1024, "{growth} KiB more");
    mosquitto.resume();
    let got = arrived(&host, 1499);
    let dropped = status(&mut asker, "out", "dropped_full");
    assert_eq!(got.len() as u64 + dropped, 1500);
    // The newest are in memory, without a hole.
    assert!(got.ends_with(&(1350..1500).collect::<Vec<_>>()), "{got:?}");
}

#[test]
fn h20_a_disk_that_cannot_be_written_to_leaves_memory() {
    let Some(disk) = Disk::mount("size=512k,ro") else {
        return;
    };
    let Some(mut mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("s/#");
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", &tables(disk.path()));
    await_bridge(&bridge);
    let (mut plc, mut asker) = (bus.quiet_client("plc"), bus.quiet_client("asker"));
    assert_eq!(state(&mut asker), "disk-failed");
    mosquitto.stop();
    bridge.await_log("the connection is lost");
    fill(&mut plc, 0..1000);
    mosquitto.resume();
    let got = arrived(&host, 999);
    let dropped = status(&mut asker, "out", "dropped_full");
    assert_eq!(got.len() as u64 + dropped, 1000);
    assert_eq!(got, (dropped as u32..1000).collect::<Vec<_>>());
    assert!(got.len() > 100, "{got:?}");
}
