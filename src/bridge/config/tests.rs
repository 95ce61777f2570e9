//! Files that are right and wrong; the example; and that its comments tell the truth.

use std::time::Duration;

use super::*;

/// The example for users.
const EXAMPLE: &str = include_str!("../../../docs/elbus-bridge.toml");

/// A file with this in it, and nothing else but what is needed.
fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_toml(&format!("{text}\n[mqtt]\naddresses = [\"mqtt://a\"]\n"))
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
    let source = include_str!("schema.rs");
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

/// What is wrong, the line and column, and what is said about it.
#[test]
fn what_is_wrong_is_named_with_its_place() {
    const OUT: &str = "[[rule]]\ndirection = 'out'\n";
    const IN: &str = "[[rule]]\ndirection = 'in'\n";
    let in_rule = |rule: &str, text: &str| format!("{rule}{text}");
    for (text, place, what) in [
        // Not TOML, not known, not of the right type.
        ("[bus\n".into(), (1, 5), "unclosed"),
        (
            "[buss]\n".into(),
            (1, 2),
            "unknown field `buss`, expected one of `bus`, `mqtt`",
        ),
        (
            "[bus]\nnmae = 'a'\n".into(),
            (2, 1),
            "unknown field `nmae`, expected one of `address`",
        ),
        (
            "[bus]\nname = ['a']\n".into(),
            (2, 8),
            "invalid type: array, expected a string",
        ),
        (
            "bus = 1\n".into(),
            (1, 7),
            "invalid type: integer, expected a table",
        ),
        ("rule = 1\n".into(), (1, 8), "expected an array of tables"),
        (
            "[rule]\ndirection = 'in'\n".into(),
            (1, 1),
            "expected an array of tables",
        ),
        ("rule = [1]\n".into(), (1, 9), "expected a table"),
        (
            "[store]\nmax_disk = 'big'\n".into(),
            (2, 12),
            "expected a number of bytes, as in 4096",
        ),
        (
            "[store]\nsync_ms = 0.5\n".into(),
            (2, 11),
            "expected a whole number of milliseconds",
        ),
        (
            "[store]\nmax_age_s = 'week'\n".into(),
            (2, 13),
            "expected a number of seconds",
        ),
        (
            "[store]\ndirectory = ''\n".into(),
            (2, 13),
            "expected a path",
        ),
        (
            "[bus]\nqueue_size = -1\n".into(),
            (2, 14),
            "expected a whole number",
        ),
        (in_rule(OUT, "retain = 1"), (3, 10), "expected a boolean"),
        // The bus.
        (
            "[bus]\naddress = 'elbus'\n".into(),
            (2, 1),
            "[bus] address: \"elbus\": expected a path",
        ),
        (
            "[bus]\nname = 'a*'\n".into(),
            (2, 1),
            "[bus] name: \"a*\" cannot be a client",
        ),
        (
            "[bus]\nname = 'a%%b'\n".into(),
            (2, 1),
            "\"a%%b\" is a secondary client",
        ),
        (
            "[bus]\nname = 'a/b'\n".into(),
            (2, 1),
            "\"a/b\" cannot be in topics",
        ),
        (
            "[bus]\nid = 'a/b'\n".into(),
            (2, 1),
            "[bus] id: \"a/b\": expected no `/`, `+`, `#`",
        ),
        (
            "[bus]\nid = ''\n".into(),
            (2, 1),
            "[bus] id: \"\": expected 1 to 64 bytes",
        ),
        (
            "[bus]\ntimeout_s = 0\n".into(),
            (2, 1),
            "timeout_s: 0 s is not at least 1 ms",
        ),
        (
            "[bus]\nqueue_size = 0\n".into(),
            (2, 1),
            "queue_size: 0 is not at least 1",
        ),
        (
            "[bus]\nqueue_size = 1000001\n".into(),
            (2, 1),
            "1000001 is not at most 1000000",
        ),
        (
            "[bus]\nca_file = 'a'\n".into(),
            (2, 1),
            "ca_file: has no use without an address that",
        ),
        // The store.
        (
            "[store]\nmax_disk = '63K'\n".into(),
            (2, 1),
            "[store] max_disk: 63K is not at least 64K",
        ),
        (
            "[store]\nmax_memory = 1\n".into(),
            (2, 1),
            "max_memory: 1 is not at least 4K",
        ),
        (
            "[store]\nmax_age_s = 0.5\n".into(),
            (2, 1),
            "max_age_s: 500 ms is not at least 1 s",
        ),
        (
            "[store]\nsync_ms = 60001\n".into(),
            (2, 1),
            "sync_ms: 60.001 s is not at most 60 s",
        ),
        // Rules.
        (
            "[[rule]]\nbus = 'a'\n".into(),
            (1, 1),
            "[[rule]] 1: `direction` is missing",
        ),
        (
            "[[rule]]\ndirection = 'up'\n".into(),
            (2, 13),
            r#"expected "out", "in" or "both""#,
        ),
        (
            in_rule(OUT, ""),
            (1, 1),
            "[[rule]] 1: has neither `bus` nor `mqtt`",
        ),
        (
            in_rule(OUT, "bus = 'a/#/b'"),
            (3, 1),
            "[[rule]] 1 bus: \"a/#/b\": `#` has to be the end",
        ),
        (
            in_rule(OUT, "mqtt = 'a+'"),
            (3, 1),
            "mqtt: \"a+\": \"a+\" is no level of MQTT",
        ),
        (
            in_rule(OUT, "mqtt = ''"),
            (3, 1),
            "mqtt: a filter of MQTT is not empty",
        ),
        (
            in_rule(IN, "mqtt = '$share/g/a'"),
            (3, 1),
            "a bridge cannot share its subscriptions",
        ),
        (
            in_rule(OUT, "bus = 'a'\nbus_prefix = 'b/'"),
            (3, 1),
            "bus: \"a\" does not begin with `bus_prefix`, \"b/\", which is to be cut off",
        ),
        (
            in_rule(IN, "mqtt = 'a'\nmqtt_prefix = 'b/'"),
            (3, 1),
            "mqtt: \"a\" does not begin with `mqtt_prefix`",
        ),
        (
            in_rule(OUT, "bus = 'a'\nmqtt_prefix = 'b'"),
            (4, 1),
            "\"b\": a prefix ends with `/`",
        ),
        (
            in_rule(OUT, "bus = 'a'\nmqtt = 'b'"),
            (4, 1),
            "mqtt: \"b\" does not agree with `bus`",
        ),
        (
            in_rule(OUT, "bus = '$x/#'"),
            (3, 1),
            "\"$x/#\" would be published by the MQTT broker",
        ),
        (
            in_rule(IN, "mqtt = '.broker/#'"),
            (3, 1),
            "\".broker/#\" would be a topic of the broker",
        ),
        (
            in_rule(IN, "mqtt = 'a/#'\nbus_prefix = '.broker/'"),
            (3, 1),
            "topic of the broker",
        ),
        (
            in_rule(OUT, "bus = 'a'\nqos = 2"),
            (4, 7),
            "expected 0 or 1",
        ),
        (
            in_rule(OUT, "bus = 'a'\nrate = 1000001"),
            (4, 1),
            "1000001 is not at most 1000000",
        ),
        (
            in_rule(OUT, "bus = 'a'\nrate = 5000000000"),
            (4, 8),
            "is not at most 1000000",
        ),
        (
            in_rule(OUT, "bus = 'a'\nconflate_ms = 86400001"),
            (4, 1),
            "is not at most 86400 s",
        ),
        (
            in_rule(OUT, "bus = 'a'\nmax_payload = 0"),
            (4, 15),
            "must be at least 1",
        ),
        (
            in_rule(OUT, "bus = 'a'\nmax_payload = '1M'"),
            (4, 1),
            "max_payload: 1M and 1K for the rest of the message are more than [mqtt] max_packet, 1M",
        ),
        (
            in_rule(OUT, "bus = 'a'\n[store]\nmax_memory = '64K'"),
            (1, 1),
            "[[rule]] 1 max_payload: 64K and 1K for the rest of the message are more than [store]",
        ),
        (
            in_rule(OUT, &format!("bus = 'a'\n{OUT}mqtt = '#/'")),
            (6, 1),
            "[[rule]] 2 mqtt: ",
        ),
        (
            "[[rule]]\nbus = 'a'\ndirection = 'out'\n".repeat(257),
            (1, 3),
            "257 is not at most 256",
        ),
        // RPC.
        (
            "[rpc]\nprefix = 'a/+'\n".into(),
            (2, 1),
            "prefix: \"a/+\": a topic has no wildcards",
        ),
        (
            "[rpc]\nprefix = 'a/'\n".into(),
            (2, 1),
            "expected no `/` at the end",
        ),
        (
            "[rpc]\nprefix = 'elbus-origin/a'\n".into(),
            (2, 1),
            "is below `origin_prefix`",
        ),
        (
            "[rpc]\nmax_pending = 0\n".into(),
            (2, 1),
            "max_pending: 0 is not at least 1",
        ),
        (
            "[rpc]\n[[rpc.serve]]\nclients = ['a*']\n".into(),
            (3, 1),
            "[[rpc.serve]] 1 clients: \"a*\": \"a*\" matches nobody",
        ),
        (
            "[[rpc.serve]]\nmethods = ['a']\n".into(),
            (1, 1),
            "1 clients: is missing or empty",
        ),
        (
            "[[rpc.serve]]\nclients = ['a']\n".into(),
            (1, 1),
            "1 methods: is missing or empty",
        ),
        (
            "[[rpc.serve]]\nclients = ['a']\nmethods = ['a*']\n".into(),
            (3, 1),
            "`*` stands for all",
        ),
        (
            "[[rpc.serve]]\nclient = ['a']\n".into(),
            (2, 1),
            "unknown field `client`",
        ),
        (
            "[[rpc.call]]\ntopic = 'a'\n".into(),
            (1, 1),
            "[[rpc.call]] 1 method: is missing",
        ),
        (
            "[[rpc.call]]\nmethod = 'a'\n".into(),
            (1, 1),
            "[[rpc.call]] 1 topic: is missing",
        ),
        (
            "[[rpc.call]]\nmethod = 'bridge.x'\n".into(),
            (2, 1),
            "is the bridge's own",
        ),
        (
            "[[rpc.call]]\nmethod = 'a'\ntopic = '$a'\n".into(),
            (3, 1),
            "belong to the MQTT broker",
        ),
        (
            "[[rpc.call]]\nmethod = 'a'\ntopic = 'a'\n".into(),
            (1, 1),
            "callers: is missing or empty",
        ),
        (
            "[[rpc.call]]\nmethod = 'a'\ntopic = 'a'\ncallers = ['*']\n".repeat(2),
            (6, 1),
            "[[rpc.call]] 2 method: \"a\" is there twice",
        ),
        // Presence.
        (
            "[presence]\ntopic = '#'\n".into(),
            (2, 1),
            "[presence] topic: \"#\": a topic has no wild",
        ),
        (
            "[presence]\nregistrations = 'a'\n".into(),
            (2, 1),
            "\"a\": a prefix ends with `/`",
        ),
        (
            "[presence]\nregistrations = ''\n".into(),
            (2, 1),
            "registrations: is empty",
        ),
    ] {
        check(&text, read(&text), place, what);
    }
}

#[test]
fn what_is_wrong_upstream_is_named_with_its_place() {
    const A: &str = "addresses = ['mqtt://a']\n";
    for (text, place, what) in [
        (
            "".into(),
            (1, 2),
            "[mqtt] addresses: is missing: where the upstream listens",
        ),
        ("addresses = []".into(), (2, 1), "addresses: is missing"),
        (
            "addresses = [\n'mqtt://a',\n'http://b']".into(),
            (4, 1),
            "\"http://b\": expected mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS",
        ),
        (
            format!("addresses = [{}]", "'mqtt://a',".repeat(17)),
            (2, 1),
            "17 is not at most 16",
        ),
        (
            format!("{A}version = '4'"),
            (3, 11),
            r#"expected "auto", "5" or "3.1.1""#,
        ),
        (
            format!("{A}client_id = ''"),
            (3, 1),
            "client_id: expected 1 to 1024 bytes",
        ),
        (
            format!("{A}username = 'a'\nusername_file = 'b'"),
            (4, 1),
            "exclude each other",
        ),
        (
            format!("{A}password_file = 'b'"),
            (3, 1),
            "needs `username` or `username_file`",
        ),
        (
            format!("{A}ca_file = 'b'"),
            (3, 1),
            "no use without an address that begins with mqtts://",
        ),
        (
            format!("{A}keep_alive_s = 3"),
            (3, 1),
            "[mqtt] keep_alive_s: 3 s is not at least 5 s",
        ),
        (
            format!("{A}keep_alive_s = 70000"),
            (3, 1),
            "70000 s is not at most 65535 s",
        ),
        (
            format!("{A}keep_alive_s = 5.5"),
            (3, 1),
            "keep_alive_s: 5.5 s: expected whole seconds",
        ),
        (
            format!("{A}connect_timeout_s = 0"),
            (3, 1),
            "0 s is not at least 1 s",
        ),
        (
            format!("{A}session_expiry_s = 4294967295"),
            (3, 1),
            "is not at most 4294967294 s",
        ),
        (
            format!("{A}in_flight = 65536"),
            (3, 1),
            "65536 is not at most 65535",
        ),
        (
            format!("{A}max_packet = '1G'"),
            (3, 1),
            "max_packet: 1G is not at most 256M",
        ),
        (
            format!("{A}retry_min_s = 0.01"),
            (3, 1),
            "10 ms is not at least 100 ms",
        ),
        (
            format!("{A}retry_min_s = 5\nretry_max_s = 2"),
            (4, 1),
            "2 s is not at least 5 s",
        ),
        (
            format!("{A}origin_prefix = 'a/#'"),
            (3, 1),
            "origin_prefix: \"a/#\": a topic has no",
        ),
        (
            format!("{A}origin_prefix = 'a/'"),
            (3, 1),
            "\"a/\": expected no `/` at the end",
        ),
        (
            format!("{A}version = '3.1.1'\n[rpc]"),
            (4, 2),
            "[rpc]: needs MQTT 5, and [mqtt] version",
        ),
        (
            format!("{A}origin_prefix = ''\n[[rule]]\ndirection = 'both'\nbus = 'a'"),
            (4, 1),
            "[[rule]] 1: takes \"a\" from where rule 1 publishes \"a\": with MQTT 3.1.1 and without",
        ),
        (
            format!(
                "{A}origin_prefix = ''\n[[rule]]\ndirection = 'out'\nbus = 'a/#'\n\
            [[rule]]\ndirection = 'in'\nmqtt = '+/b'"
            ),
            (7, 1),
            "[[rule]] 2: takes \"+/b\" from",
        ),
    ] {
        let text = format!("[mqtt]\n{text}\n");
        check(&text, Config::from_toml(&text), place, what);
    }
}

#[track_caller]
fn check(text: &str, result: Result<Config, ConfigError>, place: (usize, usize), what: &str) {
    let error = result.expect_err(text);
    let found = (error.line().unwrap_or(0), error.column().unwrap_or(0));
    assert!(error.message().contains(what), "{text:?}: {error}");
    assert_eq!(found, place, "{text:?}: {error}");
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
        let expected = if cfg!(feature = "tls") {
            "ca_file: is missing"
        } else {
            "feature `tls`"
        };
        assert!(
            error.starts_with(table) && error.contains(expected),
            "{error}"
        );
    }
    if cfg!(feature = "tls") {
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
