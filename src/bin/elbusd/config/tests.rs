//! Files that are right, wrong, and cut off.

use super::*;

/// The example for users.
const EXAMPLE: &str = include_str!("../../../../docs/elbusd.toml");

fn clients(text: &str) -> Vec<(ClientName, Rights)> {
    match Config::parse(text).expect("a configuration").access {
        Access::Listed(clients) => clients,
        Access::Everybody => panic!("everybody"),
    }
}

/// The message that a text deserves, after its place.
fn failure(text: &str) -> String {
    let failure = Config::parse(text).expect_err(text);
    let place = failure.place.map(|place| place.to_string());
    format!("{} {}", place.unwrap_or_default(), failure.why)
}

#[test]
fn everything_that_is_granted_and_nothing_else() {
    let text = "[clients.b]\nsend = ['x', 'y.*']\nbroker_methods = ['topic.list']\n\
        [clients.'a.b']\nhosts = ['::1']";
    let clients = clients(text);
    let names: Vec<String> = clients.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["a.b", "b"]);
    let all = ClientAaa::new()
        .hosts_allow(vec![])
        .deny_p2p()
        .deny_broadcast()
        .deny_publish()
        .deny_subscribe();
    let host = "::1".parse().expect("an address");
    assert_eq!(clients[0].1.to_aaa(), all.clone().hosts_allow(vec![host]));
    let b = all.allow_p2p_to(&["x", "y.*"]);
    let b = b.allow_broker_methods(&["topic.list"]);
    assert_eq!(clients[1].1.to_aaa(), b);
}

#[test]
fn h09_a_file_without_clients_opens_nothing() {
    for text in [
        "",
        "\n",
        "# [clients.a]\n",
        "[clients]",
        "allow_everybody = false",
    ] {
        let failure = failure(text);
        assert!(failure.contains("names no clients"), "{text:?}: {failure}");
    }
    assert!(failure("allow_everybody = true\n[clients.a]").contains("exclude each other"));
    let everybody = Config::parse("allow_everybody = true").expect("a configuration");
    assert_eq!(everybody.access, Access::Everybody);
}

#[test]
fn h09_a_file_that_is_cut_off_grants_no_more_than_the_whole() {
    let whole = clients(EXAMPLE);
    let mut fewer = 0;
    for end in (0..EXAMPLE.len()).filter(|end| EXAMPLE.is_char_boundary(*end)) {
        let Ok(config) = Config::parse(&EXAMPLE[..end]) else {
            continue;
        };
        let Access::Listed(part) = config.access else {
            panic!("{end} bytes let everybody in");
        };
        fewer += usize::from(part != whole);
        for (name, rights) in part {
            let full = whole.iter().find(|(known, _)| *known == name);
            let full = &full.expect("a client of the whole").1;
            assert!(rights.hosts.is_empty() || rights.hosts == full.hosts);
            assert!(rights.send.is_empty() || rights.send == full.send);
            assert!(rights.broadcast.is_empty() || rights.broadcast == full.broadcast);
            assert!(rights.publish.is_empty() || rights.publish == full.publish);
            assert!(rights.subscribe.is_empty() || rights.subscribe == full.subscribe);
            let methods = &rights.broker_methods;
            assert!(methods.is_empty() || *methods == full.broker_methods);
        }
    }
    assert!(fewer > 0, "no cut leaves a valid file: nothing was tested");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, place, what) in [
        ("[clients.a]\nsned = []\n", ":2:1 ", "unknown field `sned`"),
        ("[limits]\n", ":1:2 ", "unknown field `limits`"),
        ("[clients.a]\nsend = ['x'\n", ":2:", "unclosed array"),
        ("[clients.a]\nsend = 'x'\n", ":2:8 ", "expected a sequence"),
        ("[clients.a]\nsend = [1]\n", ":2:9 ", "expected a string"),
        (
            "[clients.a]\nsend = [\n  'ok',\n  'a*',\n]\n",
            ":4:3 ",
            "\"a*\" matches nobody",
        ),
        (
            "[clients.a]\npublish = ['ü', '#/a']\n",
            ":2:17 ",
            "`#` has to be the end",
        ),
        (
            "[clients.a]\nhosts = ['10.1.0.0/8']\n",
            ":2:10 ",
            "the network is 10.0.0.0/8",
        ),
        (
            "[clients.a]\nhosts = ['home']\n",
            ":2:10 ",
            "neither an IP address nor",
        ),
        ("[clients.'a.*']\n", ":1:10 ", "wildcard"),
        ("[clients.'a%%b']\n", ":1:10 ", "secondary"),
        ("[clients.a]\n[clients.'a']\n", ":2:", "duplicate key"),
        (
            "[clients.a]\nsend = []\nsend = []\n",
            ":3:1 ",
            "duplicate key",
        ),
        ("[clients.a.b]\n", ":1:12 ", "needs quotes"),
        ("[clients]\na = true\n", ":2:5 ", "boolean"),
        (
            "[clients.a]\nbroker_methods = ['test']\n",
            ":2:19 ",
            "none of client.kick, topic.list",
        ),
        ("allow_everybody = 'yes'", ":1:19 ", "expected a boolean"),
    ] {
        let failure = failure(text);
        assert!(failure.starts_with(place), "{text:?}: {failure}");
        assert!(failure.contains(what), "{text:?}: {failure}");
    }
}

#[test]
fn a_message_is_one_line_with_the_wrong_one_in_it() {
    let text = format!("[clients.a]\n  send = [7, '\u{9b}{}']\n", "x".repeat(1000));
    let failure = failure(&text);
    assert!(failure.contains("(in: send = [7, ' xxx"), "{failure}");
    assert!(!failure.contains(char::is_control), "{failure}");
    assert!(failure.len() < 400, "{failure}");
}
