//! Files that are right; the example, and that its comments tell the truth; what depends on features.

use std::time::Duration;

mod wrong;
mod wrong_upstream;

use super::*;

/// The example for users.
const EXAMPLE: &str = include_str!("../../../../docs/elbus-bridge.toml");

/// A file with this in it, and nothing else but what is needed.
fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(&format!("{text}\n[mqtt]\naddresses = [\"mqtt://a\"]\n"))
}

/// The message has to have this in it, and to be about this line and column.
#[track_caller]
fn check(text: &str, result: Result<Config, ConfigError>, place: (usize, usize), what: &str) {
    let error = result.expect_err(text);
    let found = (error.line().unwrap_or(0), error.column().unwrap_or(0));
    assert!(error.message().contains(what), "{text:?}: {error}");
    assert_eq!(found, place, "{text:?}: {error}");
}

#[test]
fn the_example_is_right() {
    let config = Config::from_toml(EXAMPLE).expect("the example");
    assert_eq!(config.rules.len(), 3);
    assert_eq!(
        config.rules[1],
        Rule::inward("plant/line3/orders/#").prefixes("", "plant/line3/")
    );
    assert_eq!(config.rules[2].conflate, Some(Duration::from_secs(1)));
    let rpc = config.rpc.as_ref().expect("RPC");
    assert_eq!(rpc.serve, [Serve::new(&["plc.*"], &["get", "set"])]);
    assert_eq!(
        rpc.call,
        [Call::new("scada.ack", "scada/rpc/ack", &["plc.*"])]
    );
    let identity = config.identity().expect("an id");
    assert_eq!(identity.client_id, "elbus-device-17");
    assert_eq!(identity.rpc_prefix.as_deref(), Some("elbus/device-17/rpc"));
    assert_eq!(
        identity.reply_topic.as_deref(),
        Some("elbus/device-17/reply")
    );
    assert_eq!(
        identity.presence_topic.as_deref(),
        Some("elbus/device-17/status")
    );
}

/// Keys that have no default, or one that another value decides about.
const WITHOUT_DEFAULT: [&str; 11] = [
    "ca_file",
    "certificate_file",
    "key_file",
    "client_id",
    "username",
    "username_file",
    "password_file",
    "mqtt",
    "prefix",
    "topic",
    "id",
];

/// A value that is commented out is the default: with all of them nothing changes.
#[test]
fn the_example_tells_the_defaults() {
    let mut told = 0;
    let lines = EXAMPLE.lines().map(|line| {
        let setting = line.strip_prefix("# ").filter(|rest| {
            let (key, _) = rest.split_once(" = ").unwrap_or_default();
            let is_key = |key: &str| {
                key.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            };
            !key.is_empty() && is_key(key) && !WITHOUT_DEFAULT.contains(&key)
        });
        told += usize::from(setting.is_some());
        setting.unwrap_or(line)
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(Config::from_toml(&text), Config::from_toml(EXAMPLE));
    assert!(told >= 25, "only {told} defaults were found");
}

/// The keys that the reader asks for.
#[test]
fn the_example_has_every_key() {
    let source = include_str!("../schema.rs");
    let mut keys = 0;
    for call in [
        "table.value(\"",
        "table.text(\"",
        "table.flag(\"",
        "table.list(\"",
    ] {
        for key in source
            .split(call)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let has = EXAMPLE.lines().any(|line| {
                let line = line.strip_prefix("# ").unwrap_or(line);
                line.starts_with(&format!("{key} = "))
            });
            assert!(has, "{key}");
            keys += 1;
        }
    }
    assert!(keys > 45, "only {keys} keys were found");
}

#[test]
fn the_least_that_is_needed() {
    let config = read("").expect("a configuration");
    assert_eq!(
        config,
        Config::new("/run/elbus.sock", "mqtt://a").expect("an address")
    );
    // The name of the host may be none, but usually is one.
    if let Ok(identity) = config.identity() {
        assert_eq!(identity.client_id, format!("elbus-{}", identity.bus_id));
        assert_eq!((identity.rpc_prefix, identity.presence_topic), (None, None));
    }
}

#[test]
fn bridges_of_one_bus_differ_by_their_names() {
    let text = "[bus]\nname = 'bridge.b'\nid = 'x'\n[rpc]\n[presence]";
    let identity = read(text)
        .expect("a configuration")
        .identity()
        .expect("an id");
    assert_eq!(
        (&*identity.bus_id, &*identity.client_id),
        ("x", "elbus-x-bridge.b")
    );
    assert_eq!(identity.rpc_prefix.as_deref(), Some("elbus/x-bridge.b/rpc"));
    assert_eq!(
        identity.reply_topic.as_deref(),
        Some("elbus/x-bridge.b/reply")
    );
    assert_eq!(
        identity.presence_topic.as_deref(),
        Some("elbus/x-bridge.b/status")
    );
}

#[test]
fn calls_are_granted_by_mask_and_method() {
    let serve = Serve::new(&["plc.*", "hmi"], &["get"]);
    assert!(serve.grants("plc.a", "get") && serve.grants("hmi", "get"));
    assert!(!serve.grants("plc.a", "set") && !serve.grants("hmi.a", "get"));
    assert!(Serve::new(&["*"], &["*"]).grants("a", "b"));
    let call = Call::new("m", "t", &["plc.?"]);
    assert!(call.grants("plc.a") && call.grants("plc.a%%1"));
    assert!(!call.grants("plc.a.b") && !call.grants("hmi"));
}

#[test]
fn tls_is_configured_where_it_is_used() {
    let bus = "[bus]\naddress = 'tls://a:1'\n[mqtt]\naddresses = ['mqtt://a']\n";
    let mqtt = "[mqtt]\naddresses = ['mqtt://b', 'mqtts://a']\n";
    for (text, table) in [(bus, "[bus]"), (mqtt, "[mqtt]")] {
        let message = |more: &str| {
            let text = text
                .replace("']\n", &format!("']\n{more}"))
                .replace("':1'\n", "");
            Config::from_toml(&text).map_err(|error| error.message().to_owned())
        };
        let error = message("").expect_err("no file");
        assert!(
            error.starts_with(table) && error.contains("ca_file: is missing"),
            "{error}"
        );
    }
    let with = |more: &str| Config::from_toml(&format!("{mqtt}ca_file = 'a'\n{more}"));
    with("").expect("authorities are enough");
    with("certificate_file = 'b'\nkey_file = 'c'").expect("and a certificate");
    for half in ["certificate_file", "key_file"] {
        let error = with(&format!("{half} = 'b'")).expect_err("the half of it");
        assert!(
            error
                .message()
                .starts_with(&format!("[mqtt] {half}: needs")),
            "{error}"
        );
    }
}

#[test]
fn without_marks_the_directions_must_not_overlap() {
    let unmarked = "[mqtt]\naddresses = ['mqtt://a']\norigin_prefix = ''\n";
    let rules =
        "[[rule]]\ndirection = 'out'\nbus = 'a/#'\n[[rule]]\ndirection = 'in'\nmqtt = 'b/#'";
    Config::from_toml(&format!("{unmarked}{rules}")).expect("apart");
    let both = "[[rule]]\ndirection = 'both'\nbus = 'a/#'";
    Config::from_toml(&format!("{unmarked}{both}")).expect_err("overlaps");
    // With MQTT 5 there is the property.
    Config::from_toml(&format!("{unmarked}version = '5'\n{both}")).expect("marked");
}

#[test]
fn what_an_application_builds_is_checked_as_well() {
    let mut config = Config::new("/bus.sock", "mqtt://a").expect("an address");
    config.rules.push(Rule::out("a").prefixes("b/", ""));
    let error = config.check().expect_err("does not begin");
    assert_eq!((error.line(), error.column()), (None, None));
    let expected =
        "[[rule]] 1 bus: \"a\" does not begin with `bus_prefix`, \"b/\", which is to be cut off";
    assert_eq!(error.to_string(), expected);
    assert!(Config::new("/bus.sock", "a").is_err());
    // Numbers that no file can have.
    let mut config = Config::new("/bus.sock", "mqtt://a").expect("an address");
    config.mqtt.keep_alive = Duration::MAX;
    config.check().expect_err("too long");
}

#[test]
fn errors_name_the_file() {
    let error = Config::load(Path::new("/nonexistent/file")).expect_err("no file");
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/file: cannot be opened: "),
        "{error}"
    );
    let error = Config::load(Path::new("/dev/null")).expect_err("no file");
    assert_eq!(error.to_string(), "/dev/null: is not a regular file");
    let error = Config::from_toml("[bus]\na = 1").expect_err("unknown");
    assert!(
        error
            .to_string()
            .starts_with("line 2, column 1: unknown field `a`"),
        "{error}"
    );
    assert!(error.to_string().ends_with("(in: a = 1)"), "{error}");
    let error = error.in_file(Path::new("/x"));
    assert!(
        error.to_string().starts_with("/x:2:1: unknown field"),
        "{error}"
    );
}
