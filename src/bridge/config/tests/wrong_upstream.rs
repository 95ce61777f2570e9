//! Files that are wrong in `[mqtt]`, or that need something else there: what is said, and where.

use super::super::Config;
use super::check;

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
