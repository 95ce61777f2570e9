//! MessagePack maps, and params from pairs.

use std::collections::BTreeMap;

use serde_value::Value;

use super::super::*;

/// Where a key stands in a MessagePack map: a string shorter than 32 bytes, after its length.
fn position(bytes: &[u8], key: &str) -> usize {
    let mut packed = vec![0xA0 | u8::try_from(key.len()).unwrap()];
    packed.extend_from_slice(key.as_bytes());
    let mut windows = bytes.windows(packed.len());
    windows
        .position(|window| window == packed)
        .unwrap_or_else(|| panic!("no key {key}"))
}

#[test]
fn a_client_is_a_map_in_the_order_of_the_protocol() {
    let bytes = rmp_serde::to_vec_named(&ClientInfo::default()).unwrap();
    assert_eq!(bytes[..3], [0xDE, 0, 16]);
    let keys = [
        "name",
        "kind",
        "source",
        "port",
        "r_frames",
        "r_bytes",
        "w_frames",
        "w_bytes",
        "queue",
        "instances",
        "dropped",
        "queue_bytes",
        "subscriptions",
        "connected",
        "uid",
        "pid",
    ];
    let positions = keys.map(|key| position(&bytes, key));
    assert!(positions.is_sorted(), "{positions:?}");
}

#[test]
fn a_list_goes_round() {
    let client = ClientInfo {
        name: "n",
        kind: "tcp",
        source: Some("127.0.0.1:5000"),
        port: Some("0.0.0.0:7777"),
        w_bytes: u64::MAX,
        pid: Some(42),
        ..Default::default()
    };
    let clients = vec![client];
    let bytes = rmp_serde::to_vec_named(&ClientList { clients }).unwrap();
    let list: ClientList = rmp_serde::from_slice(&bytes).unwrap();
    let [client] = list.clients.as_slice() else {
        panic!("not one client: {list:?}");
    };
    assert_eq!(
        (client.name, client.kind, client.source, client.port),
        ("n", "tcp", Some("127.0.0.1:5000"), Some("0.0.0.0:7777"))
    );
    assert_eq!((client.w_bytes, client.pid), (u64::MAX, Some(42)));
}

#[test]
fn a_list_of_an_older_broker_is_read() {
    #[derive(Serialize)]
    struct Older {
        name: &'static str,
        kind: &'static str,
        source: Option<&'static str>,
        port: Option<&'static str>,
        r_frames: u64,
        r_bytes: u64,
        w_frames: u64,
        w_bytes: u64,
        queue: u64,
        instances: u64,
    }
    let older = Older {
        name: "n",
        kind: "internal",
        source: None,
        port: None,
        r_frames: 1,
        r_bytes: 2,
        w_frames: 3,
        w_bytes: 4,
        queue: 5,
        instances: 6,
    };
    let bytes = rmp_serde::to_vec_named(&BTreeMap::from([("clients", [older])])).unwrap();
    let list: ClientList = rmp_serde::from_slice(&bytes).unwrap();
    let client = &list.clients[0];
    assert_eq!((client.instances, client.dropped, client.uid), (6, 0, None));
}

#[test]
fn stats_are_a_map_of_short_integers() {
    let stats = BrokerStats {
        uptime: 5,
        r_frames: 200,
        ..Default::default()
    };
    let bytes = rmp_serde::to_vec_named(&stats).unwrap();
    let expected: &[u8] =
        b"\x85\xA6uptime\x05\xA8r_frames\xCC\xC8\xA7r_bytes\0\xA8w_frames\0\xA7w_bytes\0";
    assert_eq!(bytes, expected);
    assert_eq!(rmp_serde::from_slice::<BrokerStats>(&bytes).unwrap(), stats);
}

#[test]
fn info_is_author_and_version() {
    let info = BrokerInfo {
        author: "a",
        version: "v",
    };
    let bytes = rmp_serde::to_vec_named(&info).unwrap();
    assert_eq!(bytes, b"\x82\xA6author\xA1a\xA7version\xA1v");
    assert_eq!(rmp_serde::from_slice::<BrokerInfo>(&bytes).unwrap(), info);
}

#[test]
fn values_have_the_first_type_they_read_as() {
    let text = |text: &str| Value::String(text.to_owned());
    let cases = [
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("True", text("True")),
        ("-5", Value::I64(-5)),
        ("9223372036854775807", Value::I64(i64::MAX)),
        (
            "9223372036854775808",
            Value::F64(9_223_372_036_854_775_808.0),
        ),
        ("1e3", Value::F64(1000.0)),
        ("nan", Value::F64(f64::NAN)),
        ("", text("")),
        ("a=b", text("a=b")),
    ];
    for (value, expected) in cases {
        let pair = format!("k={value}");
        let params = str_to_params_map(&[&pair]).unwrap();
        assert_eq!(params["k"], expected, "{value:?}");
    }
}

#[test]
fn pairs_are_skipped_replaced_or_refused() {
    let params = str_to_params_map(&["", "k=1", "k=2", "", "=x"]).unwrap();
    assert_eq!(params.len(), 2);
    assert_eq!(params["k"], Value::I64(2));
    assert!(str_to_params_map(&[]).unwrap().is_empty());
    let refused = str_to_params_map(&["k=1", "nonsense"]).unwrap_err();
    assert_eq!(refused.kind(), crate::ErrorKind::Data);
}

#[test]
fn h5_hostile_lists_are_refused() {
    let clients = b"\x81\xA7clients".as_slice();
    let announced = [clients, b"\xDD\xFF\xFF\xFF\xFF"].concat();
    assert!(rmp_serde::from_slice::<ClientList>(&announced).is_err());
    let nested = [b"\x81\xA7unknown".as_slice(), &[0x91; 100_000]].concat();
    assert!(rmp_serde::from_slice::<ClientList>(&nested).is_err());
}
