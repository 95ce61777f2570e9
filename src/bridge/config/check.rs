//! What makes no sense in a configuration, all but the rules, RPC and presence: those are in
//! `check_rules` and `check_rpc`.

use std::time::Duration;

use super::bounds::{Checked, Count, check_text, whole_seconds, within};
use super::check_rpc::{check_presence, check_rpc};
use super::check_rules::{check_overlaps, check_rules};
use super::error::{At, Fault};
use super::{Config, ConfigError, TlsFiles};
use crate::address::Address;
use crate::bridge::topics::names::check_mqtt_topic;
use crate::config_file::sizes::ByteSize;
use crate::protocol::names::{check_name, is_secondary};

/// Longest bus id, in bytes.
pub const MAX_BUS_ID_BYTES: usize = 64;

/// Most addresses of upstreams.
pub const MAX_UPSTREAMS: usize = 16;

/// Most messages on their way upstream that are not confirmed yet: they have numbers of 16 bits.
pub const MAX_IN_FLIGHT: usize = u16::MAX as usize;

/// Most rules of one bridge: each message is compared with all of them.
pub const MAX_RULES: usize = 256;

/// Most messages per second that a rule can be bounded to; more is no bound.
pub const MAX_RATE: u32 = 1_000_000;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const KEEP_ALIVE_MIN: Duration = Duration::from_secs(5);
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(u16::MAX as u64);
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// The largest number of 32 bits would mean for ever.
const SESSION_EXPIRY_MAX: Duration = Duration::from_secs(u32::MAX as u64 - 1);
const RETRY_FLOOR: Duration = Duration::from_millis(100);
const MAX_AGE_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
const SYNC_MAX: Duration = Duration::from_secs(60);

const QUEUE_MAX: usize = 1_000_000;
const PACKET_MIN: usize = 1024;
const PACKET_MAX: usize = 256 * 1024 * 1024;
const DISK_MIN: usize = 64 * 1024;
const MEMORY_MIN: usize = 4 * 1024;

impl Config {
    /// Does this configuration make sense?
    ///
    /// # Errors
    ///
    /// The first thing that makes none.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.faults().map_err(ConfigError::from)
    }

    pub(super) fn faults(&self) -> Checked {
        check_bus(self)?;
        check_mqtt(self)?;
        check_store(self)?;
        check_rules(self)?;
        check_overlaps(self)?;
        // The name of the host is not known to be one yet; as long as any bus id.
        let stand_in = || "i".repeat(MAX_BUS_ID_BYTES);
        let identity = self.identity_of(self.bus.id.clone().unwrap_or_else(stand_in));
        if let Some(rpc) = &self.rpc {
            check_rpc(self, rpc, &identity)?;
        }
        if let Some(presence) = &self.presence {
            check_presence(self, presence, &identity)?;
        }
        Ok(())
    }
}

fn check_bus(config: &Config) -> Checked {
    let bus = &config.bus;
    let at = |key| At::key("bus", key);
    let address = Address::parse(&bus.address);
    match &address {
        Address::Tcp(address) | Address::Tls(address) if !address.contains(':') => {
            let what = format!(
                "{:?}: expected a path that starts with `/` or ends in .sock, .socket or .ipc, \
                 HOST:PORT or tls://HOST:PORT",
                bus.address
            );
            return Err(Fault::new(at("address"), what));
        }
        _ => {}
    }
    check_tls(
        "bus",
        &bus.tls,
        matches!(address, Address::Tls(_)),
        "tls://",
    )?;
    if bus.name.contains(['/', '+', '#']) {
        let what = format!("{:?} cannot be in topics: no `/`, `+` and `#`", bus.name);
        return Err(Fault::new(at("name"), what));
    }
    check_client(&bus.name).map_err(|why| Fault::new(at("name"), why))?;
    if let Some(id) = &bus.id {
        check_bus_id(id).map_err(|why| Fault::new(at("id"), format!("{id:?}: {why}")))?;
    }
    within(at("timeout_s"), bus.timeout, MS, DAY)?;
    within(
        at("queue_size"),
        Count(bus.queue_size),
        Count(1),
        Count(QUEUE_MAX),
    )
}

/// A client as which a bridge can be on the bus.
fn check_client(name: &str) -> Result<(), String> {
    check_name(name, false).map_err(|error| format!("{name:?} cannot be a client: {error}"))?;
    if is_secondary(name) {
        return Err(format!(
            "{name:?} is a secondary client, and those have no secondaries themselves"
        ));
    }
    Ok(())
}

/// Says why this cannot be a bus id.
pub(super) fn check_bus_id(id: &str) -> Result<(), String> {
    if id.is_empty() || id.len() > MAX_BUS_ID_BYTES {
        return Err(format!("expected 1 to {MAX_BUS_ID_BYTES} bytes"));
    }
    if id.contains(['/', '+', '#', ',']) || id.chars().any(char::is_control) {
        return Err("expected no `/`, `+`, `#`, `,` or control character".into());
    }
    Ok(())
}

/// Files for TLS belong to addresses with TLS, and those need them.
fn check_tls(table: &'static str, files: &TlsFiles, has_tls: bool, scheme: &str) -> Checked {
    let at = |key| At::key(table, key);
    if !has_tls && !files.is_empty() {
        let given = [
            ("ca_file", files.ca.is_some()),
            ("certificate_file", files.certificate.is_some()),
        ];
        let key = given.iter().find(|(_, given)| *given);
        let key = key.map_or("key_file", |(key, _)| key);
        let what = format!("has no use without an address that begins with {scheme}");
        return Err(Fault::new(at(key), what));
    }
    if has_tls && files.ca.is_none() {
        let what = format!("is missing: an address begins with {scheme}");
        return Err(Fault::new(at("ca_file"), what));
    }
    match (&files.certificate, &files.key) {
        (Some(_), None) => Err(Fault::new(at("certificate_file"), "needs `key_file`")),
        (None, Some(_)) => Err(Fault::new(at("key_file"), "needs `certificate_file`")),
        _ => Ok(()),
    }
}

fn check_mqtt(config: &Config) -> Checked {
    let mqtt = &config.mqtt;
    let at = |key| At::key("mqtt", key);
    match mqtt.addresses.len() {
        0 => {
            return Err(Fault::new(
                at("addresses"),
                "is missing: where the upstream listens",
            ));
        }
        count => within(
            at("addresses"),
            Count(count),
            Count(1),
            Count(MAX_UPSTREAMS),
        )?,
    }
    let has_tls = mqtt.addresses.iter().any(|address| address.tls);
    check_tls("mqtt", &mqtt.tls, has_tls, "mqtts://")?;
    for (key, text) in [("client_id", &mqtt.client_id), ("username", &mqtt.username)] {
        if let Some(text) = text {
            check_text(at(key), text)?;
        }
    }
    if mqtt.username.is_some() && mqtt.username_file.is_some() {
        let what = "and `username` exclude each other";
        return Err(Fault::new(at("username_file"), what));
    }
    let has_username = mqtt.username.is_some() || mqtt.username_file.is_some();
    if mqtt.password_file.is_some() && !has_username {
        let what = "needs `username` or `username_file`";
        return Err(Fault::new(at("password_file"), what));
    }
    within(
        at("keep_alive_s"),
        mqtt.keep_alive,
        KEEP_ALIVE_MIN,
        KEEP_ALIVE_MAX,
    )?;
    whole_seconds(at("keep_alive_s"), mqtt.keep_alive)?;
    within(
        at("connect_timeout_s"),
        mqtt.connect_timeout,
        SECOND,
        CONNECT_TIMEOUT_MAX,
    )?;
    within(
        at("session_expiry_s"),
        mqtt.session_expiry,
        Duration::ZERO,
        SESSION_EXPIRY_MAX,
    )?;
    whole_seconds(at("session_expiry_s"), mqtt.session_expiry)?;
    within(
        at("in_flight"),
        Count(mqtt.in_flight),
        Count(1),
        Count(MAX_IN_FLIGHT),
    )?;
    within(
        at("max_packet"),
        ByteSize(mqtt.max_packet),
        ByteSize(PACKET_MIN),
        ByteSize(PACKET_MAX),
    )?;
    within(at("retry_min_s"), mqtt.retry_min, RETRY_FLOOR, DAY)?;
    within(at("retry_max_s"), mqtt.retry_max, mqtt.retry_min, DAY)?;
    if !mqtt.origin_prefix.is_empty() {
        check_mqtt_topic(&mqtt.origin_prefix)
            .map_err(|why| Fault::new(at("origin_prefix"), why))?;
        if mqtt.origin_prefix.ends_with('/') {
            let what = format!("{:?}: expected no `/` at the end", mqtt.origin_prefix);
            return Err(Fault::new(at("origin_prefix"), what));
        }
    }
    Ok(())
}

fn check_store(config: &Config) -> Checked {
    let store = &config.store;
    let at = |key| At::key("store", key);
    let disk = usize::try_from(store.max_disk).unwrap_or(usize::MAX);
    within(
        at("max_disk"),
        ByteSize(disk),
        ByteSize(DISK_MIN),
        ByteSize(usize::MAX),
    )?;
    within(
        at("max_memory"),
        ByteSize(store.max_memory),
        ByteSize(MEMORY_MIN),
        ByteSize(usize::MAX),
    )?;
    within(at("max_age_s"), store.max_age, SECOND, MAX_AGE_MAX)?;
    within(at("sync_ms"), store.sync, Duration::ZERO, SYNC_MAX)?;
    if store
        .directory
        .as_ref()
        .is_some_and(|path| path.as_os_str().is_empty())
    {
        return Err(Fault::new(at("directory"), "is empty"));
    }
    Ok(())
}
