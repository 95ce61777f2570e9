//! Which tables and keys a configuration file may have. Any other key is an error: one that is
//! misspelt must not be taken for one that is missing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::error::{At, Fault};
use super::{
    Bus, Call, Config, ConfigError, Direction, Mqtt, Presence, Rpc, Rule, Serve, Store, TlsFiles,
};
use crate::config_file::place::{Place, one_line};
use crate::config_file::sizes::{ByteSize, decimal};
use crate::config_file::tables::{Parse, Table, Wrong};

/// See [`Config::from_toml`].
pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    let located = |what: &str, span: Option<Range<usize>>| match span {
        Some(span) => {
            let place = Place::find(text, &span);
            ConfigError::at(place, one_line(what) + &place.excerpt(text))
        }
        None => ConfigError::new(one_line(what)),
    };
    let mut places = Places::default();
    let config = document(text, &mut places).map_err(|wrong| located(&wrong.what, wrong.place))?;
    config
        .faults()
        .map_err(|fault| located(&fault.to_string(), places.find(&fault)))?;
    Ok(config)
}

/// Where the values stand that were read, in bytes of the text.
#[derive(Default)]
struct Places(BTreeMap<At, Range<usize>>);

impl Places {
    /// The key that is at fault, or the table where it is missing.
    fn find(&self, fault: &Fault) -> Option<Range<usize>> {
        let place = self.0.get(&fault.at);
        let place = place.or_else(|| self.0.get(&fault.at.whole_table()));
        place.cloned()
    }
}

/// A table, and where its keys are noted.
struct Reader<'a, 'p> {
    table: Table<'a>,
    /// Of the table as a whole.
    at: At,
    places: &'p mut Places,
}

impl Reader<'_, '_> {
    fn note(&mut self, key: &'static str) {
        if let Some(place) = self.table.place(key) {
            self.places.0.insert(At { key, ..self.at }, place);
        }
    }

    /// A value that is written as text or as a number, put in the place of the default.
    fn value<T>(&mut self, key: &'static str, parse: Parse<T>, into: &mut T) -> Result<(), Wrong> {
        self.note(key);
        if let Some(value) = self.table.value(key, parse)? {
            *into = value;
        }
        Ok(())
    }

    /// Text that may be missing.
    fn text<T>(&mut self, key: &'static str, parse: Parse<T>) -> Result<Option<T>, Wrong> {
        self.note(key);
        self.table.text(key, parse)
    }

    fn flag(&mut self, key: &'static str, into: &mut bool) -> Result<(), Wrong> {
        self.note(key);
        if let Some(value) = self.table.flag(key)? {
            *into = value;
        }
        Ok(())
    }

    fn list<T>(&mut self, key: &'static str, parse: Parse<T>) -> Result<Vec<T>, Wrong> {
        self.note(key);
        Ok(self.table.list(key, parse)?.unwrap_or_default())
    }

    fn end(self) -> Result<(), Wrong> {
        self.table.end()
    }
}

/// Opens a table of which there can be one only.
fn open<'a, 'p>(
    parent: &mut Table<'a>,
    key: &'static str,
    places: &'p mut Places,
) -> Result<Option<Reader<'a, 'p>>, Wrong> {
    let at = At::key(key, "");
    if let Some(place) = parent.place(key) {
        places.0.insert(at, place);
    }
    let table = parent.table(key)?;
    Ok(table.map(|table| Reader { table, at, places }))
}

/// Reads all tables of an array.
fn each<'a, T>(
    parent: &mut Table<'a>,
    key: &'static str,
    name: &'static str,
    places: &mut Places,
    read: fn(Reader<'a, '_>) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    if let Some(place) = parent.place(key) {
        places.0.insert(At::key(name, ""), place);
    }
    let tables = parent.tables_of_array(key)?.into_iter().enumerate();
    tables
        .map(|(index, (place, table))| {
            let at = At::nth(name, index, "");
            places.0.insert(at, place);
            read(Reader { table, at, places })
        })
        .collect()
}

fn document(text: &str, places: &mut Places) -> Result<Config, Wrong> {
    let mut file = Table::whole(text)?;
    let mut config = Config::default();
    if let Some(table) = open(&mut file, "bus", places)? {
        config.bus = bus(table)?;
    }
    if let Some(table) = open(&mut file, "mqtt", places)? {
        config.mqtt = mqtt(table)?;
    }
    if let Some(table) = open(&mut file, "store", places)? {
        config.store = store(table)?;
    }
    config.rules = each(&mut file, "rule", "rule", places, rule)?;
    if let Some(table) = open(&mut file, "rpc", places)? {
        config.rpc = Some(rpc(table)?);
    }
    if let Some(table) = open(&mut file, "presence", places)? {
        config.presence = Some(presence(table)?);
    }
    file.end()?;
    Ok(config)
}

fn bus(mut table: Reader<'_, '_>) -> Result<Bus, Wrong> {
    let mut bus = Bus::default();
    table.value("address", string, &mut bus.address)?;
    table.value("name", string, &mut bus.name)?;
    bus.id = table.text("id", string)?;
    table.value("timeout_s", seconds, &mut bus.timeout)?;
    table.value("queue_size", whole, &mut bus.queue_size)?;
    bus.tls = tls(&mut table)?;
    table.end()?;
    Ok(bus)
}

fn tls(table: &mut Reader<'_, '_>) -> Result<TlsFiles, Wrong> {
    Ok(TlsFiles {
        ca: table.text("ca_file", path)?,
        certificate: table.text("certificate_file", path)?,
        key: table.text("key_file", path)?,
    })
}

fn mqtt(mut table: Reader<'_, '_>) -> Result<Mqtt, Wrong> {
    let mut mqtt = Mqtt {
        addresses: table.list("addresses", str::parse)?,
        ..Mqtt::default()
    };
    table.value("version", str::parse, &mut mqtt.version)?;
    mqtt.client_id = table.text("client_id", string)?;
    mqtt.username = table.text("username", string)?;
    mqtt.username_file = table.text("username_file", path)?;
    mqtt.password_file = table.text("password_file", path)?;
    mqtt.tls = tls(&mut table)?;
    table.value("keep_alive_s", seconds, &mut mqtt.keep_alive)?;
    table.value("connect_timeout_s", seconds, &mut mqtt.connect_timeout)?;
    table.value("session_expiry_s", seconds, &mut mqtt.session_expiry)?;
    table.value("in_flight", whole, &mut mqtt.in_flight)?;
    table.value("max_packet", bytes, &mut mqtt.max_packet)?;
    table.value("retry_min_s", seconds, &mut mqtt.retry_min)?;
    table.value("retry_max_s", seconds, &mut mqtt.retry_max)?;
    table.value("origin_prefix", string, &mut mqtt.origin_prefix)?;
    table.end()?;
    Ok(mqtt)
}

fn store(mut table: Reader<'_, '_>) -> Result<Store, Wrong> {
    let mut store = Store {
        directory: table.text("directory", path)?,
        ..Store::default()
    };
    table.value("max_disk", disk_bytes, &mut store.max_disk)?;
    table.value("max_memory", bytes, &mut store.max_memory)?;
    table.value("max_age_s", seconds, &mut store.max_age)?;
    table.value("sync_ms", millis, &mut store.sync)?;
    table.end()?;
    Ok(store)
}

fn rule(mut table: Reader<'_, '_>) -> Result<Rule, Wrong> {
    let mut rule = Rule::both("");
    let place = table.places.0.get(&table.at).cloned();
    let direction: Option<Direction> = table.text("direction", str::parse)?;
    rule.direction = direction.ok_or_else(|| Wrong {
        what: format!(
            r#"{}: `direction` is missing: "out", "in" or "both""#,
            table.at
        ),
        place,
    })?;
    rule.bus = table.text("bus", string)?;
    rule.mqtt = table.text("mqtt", string)?;
    table.value("bus_prefix", string, &mut rule.bus_prefix)?;
    table.value("mqtt_prefix", string, &mut rule.mqtt_prefix)?;
    table.value("qos", str::parse, &mut rule.qos)?;
    table.flag("retain", &mut rule.retain)?;
    table.flag("take_retained", &mut rule.take_retained)?;
    table.value("max_payload", bytes, &mut rule.max_payload)?;
    table.value("rate", rate, &mut rule.rate)?;
    let mut conflate = Duration::ZERO;
    table.value("conflate_ms", millis, &mut conflate)?;
    rule.conflate = (!conflate.is_zero()).then_some(conflate);
    table.end()?;
    Ok(rule)
}

fn rpc(mut table: Reader<'_, '_>) -> Result<Rpc, Wrong> {
    let mut rpc = Rpc {
        prefix: table.text("prefix", string)?,
        ..Rpc::default()
    };
    table.value("timeout_s", seconds, &mut rpc.timeout)?;
    table.value("max_pending", whole, &mut rpc.max_pending)?;
    rpc.serve = each(&mut table.table, "serve", "rpc.serve", table.places, serve)?;
    rpc.call = each(&mut table.table, "call", "rpc.call", table.places, call)?;
    table.end()?;
    Ok(rpc)
}

fn serve(mut table: Reader<'_, '_>) -> Result<Serve, Wrong> {
    let serve = Serve {
        clients: table.list("clients", string)?,
        methods: table.list("methods", string)?,
    };
    table.end()?;
    Ok(serve)
}

fn call(mut table: Reader<'_, '_>) -> Result<Call, Wrong> {
    let mut call = Call::default();
    table.value("method", string, &mut call.method)?;
    table.value("topic", string, &mut call.topic)?;
    call.callers = table.list("callers", string)?;
    table.end()?;
    Ok(call)
}

fn presence(mut table: Reader<'_, '_>) -> Result<Presence, Wrong> {
    let presence = Presence {
        topic: table.text("topic", string)?,
        registrations: table.text("registrations", string)?,
    };
    table.end()?;
    Ok(presence)
}

/// Any text is one.
#[allow(clippy::unnecessary_wraps)]
fn string(text: &str) -> Result<String, String> {
    Ok(text.into())
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("expected a path".into());
    }
    Ok(text.into())
}

fn whole(text: &str) -> Result<usize, String> {
    decimal(text).ok_or_else(|| "expected a whole number".into())
}

fn rate(text: &str) -> Result<u32, String> {
    let number = u32::try_from(whole(text)?);
    number.map_err(|_| format!("{text} is not at most {}", super::MAX_RATE))
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse().map(|ByteSize(bytes)| bytes)
}

fn disk_bytes(text: &str) -> Result<u64, String> {
    bytes(text).map(|bytes| bytes as u64)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a number of seconds".into())
}

fn millis(text: &str) -> Result<Duration, String> {
    let number = decimal(text).and_then(|number| u64::try_from(number).ok());
    let millis = number.map(Duration::from_millis);
    millis.ok_or_else(|| "expected a whole number of milliseconds".into())
}
