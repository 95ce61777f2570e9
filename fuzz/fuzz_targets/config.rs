//! The configuration file of the daemon (`src/bin/elbusd/config`).
//!
//! - Whatever the text, reading it ends with a configuration or with one line for humans.
//! - A file that was cut off at any byte grants no more than the whole.

#![no_main]

use std::fs::File;
use std::io::{Seek, Write};
use std::path::PathBuf;

use config::{Access, Config, Rights};
use libfuzzer_sys::fuzz_target;

// Parts of the program, not of the library.
#[allow(unused)]
#[path = "../../src/bin/elbusd/config/mod.rs"]
mod config;
#[allow(unused)]
#[path = "../../src/config_file/mod.rs"]
mod config_file;
#[allow(unused)]
#[path = "../../src/bin/elbusd/without_metrics.rs"]
mod metrics;
#[allow(unused)]
#[path = "../../src/bin/elbusd/options/mod.rs"]
mod options;
#[allow(unused)]
#[path = "../../src/bin/elbusd/without_tls.rs"]
mod tls;
#[allow(unused)]
#[path = "../../src/bin/elbusd/values.rs"]
mod values;

thread_local! {
    static FILE: Scratch = Scratch::new();
}

fuzz_target!(|text: &[u8]| {
    FILE.with(|file| {
        file.write(text);
        let Some(whole) = file.load() else {
            return;
        };
        // From the end: a file is made shorter without being written anew.
        for end in (0..text.len()).rev() {
            file.cut(end);
            if let Some(part) = file.load() {
                check_access(&part.access, &whole.access);
                // Their settings may restrict, so there are all of them or none.
                assert!(part.listeners.is_empty() || part.listeners == whole.listeners);
            }
        }
    });
});

fn check_access(part: &Access, whole: &Access) {
    match (part, whole) {
        (_, Access::Everybody) => {}
        (Access::Everybody, Access::Listed(_)) => panic!("a part lets everybody in"),
        (Access::Listed(part), Access::Listed(whole)) => {
            for (name, rights) in part {
                let same = whole.iter().find(|(known, _)| known == name);
                let (_, all) = same.expect("a part admits a client that the whole does not");
                check_rights(rights, all);
            }
        }
    }
}

/// By name, so that a right which is added later is not forgotten here.
fn check_rights(part: &Rights, whole: &Rights) {
    let Rights {
        hosts,
        users,
        groups,
        send,
        broadcast,
        publish,
        subscribe,
        broker_methods,
    } = part;
    check_list(hosts, &whole.hosts);
    check_list(users, &whole.users);
    check_list(groups, &whole.groups);
    check_list(send, &whole.send);
    check_list(broadcast, &whole.broadcast);
    check_list(publish, &whole.publish);
    check_list(subscribe, &whole.subscribe);
    check_list(broker_methods, &whole.broker_methods);
}

/// Nothing, or all of it: a rule that denies must not be missing where one that allows is there.
fn check_list<T: PartialEq>(part: &[T], whole: &[T]) {
    assert!(part.is_empty() || part == whole);
}

/// A file in memory, under a path that exists for this process alone.
struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let name = c"config.toml";
        let file = nix::sys::memfd::memfd_create(name, nix::sys::memfd::MFdFlags::empty());
        let file = File::from(file.expect("a file in memory"));
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        Self {
            path: format!("/proc/self/fd/{number}").into(),
            file,
        }
    }

    fn write(&self, text: &[u8]) {
        let mut file = &self.file;
        file.set_len(0).expect("an empty file");
        file.rewind().expect("its start");
        file.write_all(text).expect("memory");
    }

    fn cut(&self, end: usize) {
        self.file.set_len(end as u64).expect("a shorter file");
    }

    fn load(&self) -> Option<Config> {
        match Config::load(&self.path) {
            Ok(config) => {
                // What is shown of it must not fail either.
                let _ = config.to_string();
                Some(config)
            }
            Err(why) => {
                assert!(!why.contains('\n'), "several lines: {why:?}");
                None
            }
        }
    }
}
