//! Files that are right, wrong, and cut off.

use std::time::Duration;

use elbus::broker::Overflow;

use super::*;
use crate::values::ByteSize;

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
        .users_allow(vec![])
        .groups_allow(vec![])
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
    // Nor does a listener.
    let failure = failure("allow_everybody = true\n[listeners.'a:1'.access]\n[end]");
    assert!(failure.contains("names no clients"), "{failure}");
}

#[test]
fn h09_a_file_with_listeners_shows_that_it_is_whole() {
    let text = "allow_everybody = true\n[listeners.'a:1']\nallow = ['::1']\n";
    assert!(failure(text).contains("has to end with the line `[end]`"));
    for end in ["[end]", "[end]\n\n", "  [end] "] {
        assert!(Config::parse(&format!("{text}{end}")).is_ok(), "{end:?}");
    }
    for end in ["[end]\n[log]", "[end]\na = 1", "# [end]", "[en", "[[end]]"] {
        let text = format!("{text}{end}");
        assert!(Config::parse(&text).is_err(), "{end:?}");
    }
}

#[test]
fn rules_that_deny_restrict_others() {
    let clients =
        clients("[clients.a]\nsend = ['!x', '*']\nhosts = ['10.0.0.0/8', '!10.1.0.0/16']");
    let rights = ClientAaa::new()
        .hosts_allow(vec!["10.0.0.0/8".parse().expect("a network")])
        .hosts_deny(vec!["10.1.0.0/16".parse().expect("a network")])
        .users_allow(vec![])
        .groups_allow(vec![])
        .allow_p2p_to(&["*"])
        .deny_p2p_to(&["x"])
        .deny_broadcast()
        .deny_publish()
        .deny_subscribe();
    assert_eq!(clients[0].1.to_aaa(), rights);
    let failure = failure("[clients.a]\nsend = ['!x']");
    assert!(
        failure.contains("client a: `send` only denies"),
        "{failure}"
    );
}

#[test]
fn users_and_groups_of_this_machine() {
    let of = |text: &str| clients(&format!("[clients.a]\n{text}"))[0].1.to_aaa();
    let nothing = ClientAaa::new()
        .hosts_allow(vec![])
        .deny_p2p()
        .deny_broadcast()
        .deny_publish()
        .deny_subscribe();
    let locals = |users, groups| nothing.clone().users_allow(users).groups_allow(groups);
    assert_eq!(of(""), locals(vec![], vec![]));
    assert_eq!(
        of("users = ['4711', 'root']"),
        locals(vec![4711, 0], vec![])
    );
    assert_eq!(of("groups = ['4711']"), locals(vec![], vec![4711]));
    assert_eq!(of("users = ['4711', '*']"), nothing);
    assert_eq!(of("groups = ['*']"), nothing);
}

#[test]
fn settings_have_the_syntax_of_the_command_line() {
    let config = Config::parse(
        "allow_everybody = true
        [broker]
        max_clients = 7
        [defaults]
        timeout = 0.5
        max_frame = '1M'
        queue_bytes = 4096
        socket_mode = '0600'
        overflow = 'drop'
        [listeners.'0.0.0.0:7777']
        timeout = 2
        allow = ['10.0.0.0/8', '!10.0.0.1']
        [listeners.'/run/elbus.sock'.access.clients.a]
        send = ['*']
        [process]
        background = true
        workers = 2
        user = 'root'
        [log]
        verbose = true
        [end]",
    )
    .expect("a configuration");
    assert_eq!(config.broker.max_clients, Some(7));
    assert_eq!(config.defaults.timeout, Some(Duration::from_millis(500)));
    assert_eq!(config.defaults.max_frame, Some(ByteSize(1 << 20)));
    assert_eq!(config.defaults.queue_bytes, Some(ByteSize(4096)));
    assert_eq!(config.defaults.socket_mode, Some(0o600));
    assert_eq!(config.defaults.overflow, Some(Overflow::Drop));
    let addresses: Vec<&str> = config.listeners.keys().map(AsRef::as_ref).collect();
    assert_eq!(addresses, ["/run/elbus.sock", "0.0.0.0:7777"]);
    let options: Vec<_> = config.listeners.into_values().collect();
    assert_eq!(options[1].timeout, Some(Duration::from_secs(2)));
    assert_eq!(options[1].allow.as_ref().map(Vec::len), Some(2));
    assert!(options[0].access.is_some());
    assert!(config.process.background && config.log.verbose);
}

/// Every option of the command line that is no matter of the file itself.
#[test]
fn every_option_is_a_key() {
    let command = <crate::args::Args as clap::CommandFactory>::command();
    let others = ["bind", "allow", "config", "test_config", "help", "version"];
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        if others.contains(&id) {
            continue;
        }
        // A table of their own.
        let key = id.replacen("tls_", "tls.", 1);
        let knows = |table: &str| {
            let text = format!("allow_everybody = true\n[{table}]\n{key} = []");
            !failure(&text).contains("unknown field")
        };
        let tables = ["broker", "defaults", "process", "log"];
        assert!(tables.into_iter().any(knows), "{key}");
    }
}

/// Without the last line of such a table, clients need no certificates.
#[cfg(feature = "tls")]
#[test]
fn a_file_with_certificates_has_an_end() {
    let text = "allow_everybody = true\n[defaults.tls]\ncert = \"a\"\nkey = \"b\"\n";
    let why = failure(text);
    assert!(why.contains("[end]"), "{why}");
    Config::parse(&format!("{text}client_ca = \"c\"\n[end]\n")).expect("a whole file");
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
            assert!(rights.users.is_empty() || rights.users == full.users);
            assert!(rights.groups.is_empty() || rights.groups == full.groups);
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
            "[clients.a]\nbroker_methods = ['tset']\n",
            ":2:19 ",
            "none of test, info, stats, ",
        ),
        ("allow_everybody = 'yes'", ":1:19 ", "expected a boolean"),
        (
            "[clients.a]\nusers = ['no such user']\n",
            ":2:10 ",
            "there is no such user",
        ),
        ("[defaults]\ntimeout = 0\n", ":2:11 ", "a number of seconds"),
        (
            "[defaults]\nsocket_mode = 0o660\n",
            ":2:15 ",
            "expected a string",
        ),
        (
            "[defaults]\noverflow = 'x'\n",
            ":2:12 ",
            "none of backpressure",
        ),
        (
            "[broker]\nmax_clients = 'many'\n",
            ":2:15 ",
            "a whole number",
        ),
        (
            "[listeners.elbus]\n",
            ":1:12 ",
            "\"elbus\": expected a path",
        ),
        (
            "[process]\ngroup = 1\n[clients.a]",
            "",
            "`group` needs `user`",
        ),
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
