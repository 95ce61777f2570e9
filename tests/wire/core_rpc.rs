//! Section 9.1: the methods of `.broker`, and what is new about them.

use crate::common::client_list::{find, uint_after};
use crate::common::*;

/// Error codes of the RPC layer.
const PARSE: i16 = -32_700;
const METHOD_NOT_FOUND: i16 = -32_601;
const INVALID_PARAMS: i16 = -32_602;

/// What the broker answers: a result, or a code with a text.
fn call(wire: &mut Wire, method: &str, params: &[u8]) -> Result<Vec<u8>, (i16, String)> {
    wire.send_raw(&message(1, NO, ".broker", &rpc_request(9, method, params)));
    let frame = wire.read_frame();
    let prefix = b".broker\0\x11\x09\0\0\0";
    if let Some(result) = frame.body.strip_prefix(prefix) {
        return Ok(result.to_vec());
    }
    let prefix = b".broker\0\x12\x09\0\0\0";
    let error = frame.body.strip_prefix(prefix).expect("an error reply");
    let code = i16::from_le_bytes([error[0], error[1]]);
    Err((code, String::from_utf8_lossy(&error[2..]).into_owned()))
}

fn code_of(wire: &mut Wire, method: &str, params: &[u8]) -> i16 {
    match call(wire, method, params) {
        Ok(result) => panic!("{method} answered {}", show(&result)),
        Err((code, _)) => code,
    }
}

/// A map of one text.
fn param(key: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let len = u8::try_from(text.len()).expect("a short text");
        [&[0xD9, len], text.as_bytes()].concat()
    };
    [vec![0x81], text(key), text(value)].concat()
}

/// Every method, and whether it takes a param.
const METHODS: [(&str, bool); 6] = [
    ("test", false),
    ("info", false),
    ("stats", false),
    ("client.list", true),
    ("client.kick", true),
    ("topic.list", false),
];

#[test]
fn params_are_a_map_and_known() {
    on_both(|bus| {
        // The guarded methods are open on the UNIX socket only, see below.
        let mut a = bus.broker.client(Transport::Unix, "a");
        for (method, takes_one) in METHODS {
            for params in [&b"\xC1"[..], b"\xC0", b"\x90", b"{}", b"\x91\x80", b"\x81"] {
                let (code, text) = call(&mut a, method, params).expect_err("no map");
                assert_eq!(code, PARSE, "{method} {params:02x?}");
                assert!(!text.is_empty());
            }
            let unknown = param("unknown", "a");
            let twice = [&[0x82], &param("name", "a")[1..], &param("name", "a")[1..]].concat();
            let number = b"\x81\xA4name\x05";
            for params in [
                &unknown[..],
                &twice,
                number,
                b"\x81\xA6filter\x90",
                b"\x81\x00\xA1a",
            ] {
                assert_eq!(code_of(&mut a, method, params), INVALID_PARAMS, "{method}");
            }
            if !takes_one {
                assert!(call(&mut a, method, b"").is_ok());
                assert_eq!(call(&mut a, method, b"\x80").map(|_| ()), Ok(()));
            }
        }
        assert_eq!(code_of(&mut a, "client.kick", b""), INVALID_PARAMS);
        assert_eq!(
            code_of(&mut a, "client.kick", b"\x81\xA4name\xC0"),
            INVALID_PARAMS
        );
        for unknown in ["", "Test", "client.kick "] {
            assert_eq!(code_of(&mut a, unknown, b""), METHOD_NOT_FOUND);
        }
        assert_eq!(
            call(&mut a, "benchmark.test", b"\xC1").as_deref(),
            Ok(&b"\xC1"[..])
        );
    });
}

/// Lengths that are announced and never come, and depth without end (H5).
#[test]
fn h05_hostile_params_are_refused() {
    let deep = |opening: &[u8]| [b"\x81\xA4name", opening.repeat(1_000_000).as_slice()].concat();
    let hostile = [
        deep(b"\x91"),
        deep(b"\x81\xA1k"),
        b"\x81\xA4name\xDB\xFF\xFF\xFF\xFF".to_vec(),
        b"\x81\xA4name\xDD\xFF\xFF\xFF\xFF".to_vec(),
        b"\x81\xA6filter\xC6\xFF\xFF\xFF\xFF".to_vec(),
        b"\xDF\xFF\xFF\xFF\xFF".to_vec(),
        b"\xDF\xFF\xFF\xFF\xFF\xA1k\xC0".to_vec(),
    ];
    // Everything is there, millions of times over.
    let many = [
        &b"\xDF\x00\x1E\x84\x80"[..],
        &b"\xA1k\xC0".repeat(2_000_000),
    ]
    .concat();
    on_both(|bus| {
        let mut a = bus.broker.client(Transport::Unix, "a");
        let before = bus.broker.rss_kib();
        for (method, _) in METHODS {
            for params in &hostile {
                assert_eq!(code_of(&mut a, method, params), PARSE, "{method}");
            }
            assert_eq!(code_of(&mut a, method, &many), INVALID_PARAMS, "{method}");
        }
        let grown = bus.broker.rss_kib().saturating_sub(before);
        assert!(grown < 64 * 1024, "{grown} KiB more");
    });
}

/// The names in a list of clients, in its order.
fn names(list: &[u8]) -> Vec<String> {
    let mut rest = list;
    let mut names = Vec::new();
    while let Some(at) = find(rest, b"\xA4name") {
        let length = usize::from(rest[at + 5] & 0x1F);
        let name = &rest[at + 6..][..length];
        names.push(String::from_utf8(name.to_vec()).expect("text"));
        rest = &rest[at + 6..];
    }
    names
}

#[test]
fn client_list_can_be_filtered() {
    on_both(|bus| {
        let mut a = bus.client("plc.a");
        let _others = ["plc.b", "plc.b%%0", "hmi", "plcs"].map(|name| bus.client(name));
        for (filter, expected) in [
            ("", &[".broker", "hmi", "plc.a", "plc.b", "plcs"][..]),
            ("plc", &["plc.a", "plc.b", "plcs"]),
            (r"^plc\.", &["plc.a", "plc.b"]),
            (r"\.[ab]$", &["plc.a", "plc.b"]),
            ("(?i)HMI", &["hmi"]),
            ("%%", &[]),
        ] {
            let list = call(&mut a, "client.list", &param("filter", filter)).expect("a list");
            assert_eq!(names(&list), expected, "{filter:?}");
        }
        let everybody = call(&mut a, "client.list", b"\x81\xA6filter\xC0").expect("a list");
        assert_eq!(names(&everybody).len(), 5);
        for invalid in ["(", "a{99999}", "[b-a]"] {
            let refused = call(&mut a, "client.list", &param("filter", invalid));
            let (code, text) = refused.expect_err(invalid);
            assert_eq!(code, PARSE);
            assert!(!text.is_empty());
        }
        assert_eq!(
            code_of(&mut a, "client.list", &param("name", "a")),
            INVALID_PARAMS
        );
    });
}

#[test]
fn client_kick_disconnects_a_client() {
    on_both(|bus| {
        let mut operator = bus.broker.client(Transport::Unix, "operator");
        let mut victim = bus.client("victim");
        let mut secondary = bus.client("victim%%0");
        let mut other = bus.client("victim%%1");
        let done = call(&mut operator, "client.kick", &param("name", "victim%%0"));
        assert_eq!(done.as_deref(), Ok(&b"\x81\xA2ok\xC3"[..]));
        secondary.expect_closed();
        other.expect_silence();
        let done = call(&mut operator, "client.kick", &param("name", "victim"));
        assert!(done.is_ok());
        victim.expect_closed();
        other.expect_closed();
        // The name is free at once.
        bus.client("victim").expect_silence();
        for (name, code) in [("nobody", -32_113), ("", -32_113), (".broker", -32_117)] {
            let refused = code_of(&mut operator, "client.kick", &param("name", name));
            assert_eq!(refused, code, "{name:?}");
        }
    });
}

#[test]
fn client_kick_needs_no_reply_to_work() {
    on_both(|bus| {
        let mut operator = bus.broker.client(Transport::Unix, "operator");
        let mut victim = bus.client("victim");
        let request = rpc_request(0, "client.kick", &param("name", "victim"));
        operator.send_raw(&message(1, NO, ".broker", &request));
        victim.expect_closed();
        operator.expect_silence();
        // The answer comes before the end.
        let own = call(&mut operator, "client.kick", &param("name", "operator"));
        assert!(own.is_ok());
        operator.expect_closed();
    });
}

#[test]
fn topic_list_counts_subscribers() {
    on_both(|bus| {
        let mut a = bus.broker.client(Transport::Unix, "a");
        let mut b = bus.client("b");
        let mut c = bus.client("b%%0");
        a.request(&unsubscribe(1, PROCESSED, &[".broker/warn"]), 1);
        a.request(&subscribe(2, PROCESSED, &["t/#", "t/+", ""]), 2);
        b.request(&subscribe(1, PROCESSED, &["t/+", "t/#/x"]), 1);
        c.request(&subscribe(1, PROCESSED, &["t/+", "t/+"]), 1);
        c.request(&exclude(2, PROCESSED, &["z"]), 2);
        let topics = call(&mut a, "topic.list", b"").expect("a list");
        let entry = |filter: &str, subscribers: u8| {
            let filter = [&[0xA0 | filter.len() as u8], filter.as_bytes()].concat();
            let count = [b"\xABsubscribers".as_slice(), &[subscribers]].concat();
            [b"\x82\xA6filter".as_slice(), &filter, &count].concat()
        };
        let entries = [
            entry("", 1),
            entry(".broker/warn", 2),
            entry("t/#", 2),
            entry("t/+", 3),
        ];
        let expected = [b"\x81\xA6topics\x94".as_slice(), &entries.concat()].concat();
        assert_eq!(show(&topics), show(&expected));
    });
}

/// A user's tool may see many clients' filters; the reply stays bounded and says so.
#[test]
fn topic_list_is_bounded() {
    on_both(|bus| {
        let mut a = bus.broker.client(Transport::Unix, "a");
        let filters: Vec<String> = (0..5_000).map(|i| format!("{i:05}")).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        a.request(&subscribe(1, PROCESSED, &filters), 1);
        let topics = call(&mut a, "topic.list", b"").expect("a list");
        // `.broker/warn` sorts before the digits.
        let start = b"\x82\xA6topics\xDC\x10\x00\x82\xA6filter\xAC.broker/warn";
        assert!(topics.starts_with(start), "{}", show(&topics));
        assert!(topics.ends_with(b"\xA9truncated\xC3"));
        assert!(find(&topics, b"04094").is_some() && find(&topics, b"04095").is_none());
    });
}

/// The tests run as the user that the broker runs as, or as root.
#[test]
fn guarded_methods_are_for_local_users() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let may = bus.transport == Transport::Unix;
        let kick = call(&mut a, "client.kick", &param("name", "nobody"));
        let list = call(&mut a, "topic.list", b"");
        let (kicked, listed) = if may {
            (-32_113, None)
        } else {
            (-32_121, Some(-32_121))
        };
        assert_eq!(kick.expect_err("nobody is there").0, kicked);
        assert_eq!(list.err().map(|(code, _)| code), listed);
        // Whatever the params.
        if !may {
            assert_eq!(code_of(&mut a, "client.kick", b"\x80"), -32_121);
            assert_eq!(code_of(&mut a, "client.kick", b"\xC1"), PARSE);
        }
        let stats = call(&mut a, "stats", b"").expect("open to all");
        assert!(uint_after(&stats, "r_frames").is_some());
    });
}
