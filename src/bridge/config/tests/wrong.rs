//! Files that are wrong in any place but `[mqtt]`: what is said, and where.

use super::{check, read};

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
