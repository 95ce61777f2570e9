//! The RPC layer (protocol, section 9), and what `.broker` answers to whatever is sent to it.
//!
//! - A message means the same wherever its sender had split it into header and payload.
//! - What was decoded can be encoded again, to the same bytes.
//! - `.broker` answers a call that wants an answer, once and with its id, and nothing else; what it
//!   says to params agrees with what they are.

#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use elbus::broker::{Broker, Client};
use elbus::client::AsyncClient;
use elbus::protocol::rpc::{self, MalformedRpc, NO_REPLY, RpcPayload};
use elbus::rpc::{RpcEvent, RpcEventKind};
use elbus::{EventChannel, Frame, FrameData, FrameKind, QoS};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// Params that cannot be decoded, those that the method does not take, and no such method.
const PARSE: i16 = -32700;
const PARAMS: i16 = -32602;
const METHOD: i16 = -32601;
/// Errors of the bus: a method that is no text, nobody of that name, and one who cannot be
/// disconnected.
const BAD_METHOD: i16 = -32114;
const NOT_REGISTERED: i16 = -32113;
const NOT_SUPPORTED: i16 = -32117;

/// `{"ok": true}`
const OK: &[u8] = b"\x81\xA2ok\xC3";

thread_local! {
    static CALLER: Caller = Caller::new();
}

fuzz_target!(|message: &[u8]| {
    check_codec(message);
    check_events(message);
    CALLER.with(|caller| caller.check_answer(message));
});

fn check_codec(message: &[u8]) {
    let whole = rpc::decode(None, message);
    for at in 1..=message.len() {
        let (header, rest) = message.split_at(at);
        let split = rpc::decode(Some(header), rest);
        match whole {
            // The header has to be the head, neither more nor less.
            Ok(item) if at == message.len() - item.data().len() => assert_eq!(split, whole),
            Ok(item) if at > message.len() - item.data().len() => {
                assert_eq!(split, Err(MalformedRpc::HeaderTooLong));
            }
            _ => assert!(split.is_err()),
        }
    }
    if let Ok(item) = whole {
        assert_eq!([head(&item), item.data().to_vec()].concat(), message);
    }
}

fn head(item: &RpcPayload<'_>) -> Vec<u8> {
    match *item {
        RpcPayload::Notification { .. } => rpc::NOTIFICATION_HEAD.to_vec(),
        RpcPayload::Request { id, method, .. } => match str::from_utf8(method) {
            Ok(method) => rpc::request_head(id, method).expect("it was decoded"),
            // Nobody makes such requests, but whoever does is understood.
            Err(_) => [&[1][..], &id.to_le_bytes(), method, &[0]].concat(),
        },
        RpcPayload::Reply { id, .. } => rpc::reply_head(id).to_vec(),
        RpcPayload::Error { id, code, .. } => rpc::error_head(id, code).to_vec(),
    }
}

/// The same, as an application gets it.
fn check_events(message: &[u8]) {
    let whole = RpcEvent::try_from(frame(None, message));
    for at in 0..=message.len() {
        let (header, payload) = message.split_at(at);
        let split = RpcEvent::try_from(frame(Some(header), payload));
        match (&whole, &split) {
            (Ok(whole), Ok(split)) => assert_eq!(parts(whole), parts(split), "split at {at}"),
            (Err(_), Err(_)) => {}
            _ => panic!("split at {at}: {split:?} instead of {whole:?}"),
        }
    }
}

fn frame(header: Option<&[u8]>, payload: &[u8]) -> Frame {
    let (kind, sender) = (FrameKind::Message, Some("a".to_owned()));
    let header = header.map(<[u8]>::to_vec);
    Arc::new(FrameData::new(
        kind,
        sender,
        None,
        header,
        payload.to_vec(),
        0,
        false,
    ))
}

fn parts(event: &RpcEvent) -> (RpcEventKind, u32, i16, &[u8], &[u8]) {
    let (id, code) = (event.id(), event.code());
    (event.kind(), id, code, event.method(), event.payload())
}

/// A client of a broker, both of which outlive many inputs.
struct Caller {
    runtime: Runtime,
    client: RefCell<Client>,
    answers: EventChannel,
    _broker: Broker,
}

impl Caller {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let broker = Broker::new();
        let opening = async {
            broker.init_default_core_rpc().await.expect("a new broker");
            broker.register_client("caller").await.expect("a free name")
        };
        let mut client = runtime.block_on(opening);
        Self {
            runtime,
            answers: client.take_event_channel().expect("taken once"),
            client: client.into(),
            _broker: broker,
        }
    }

    fn check_answer(&self, message: &[u8]) {
        let mut client = self.client.borrow_mut();
        let sent = client.send(".broker", message.into(), QoS::No);
        self.runtime.block_on(sent).expect("a message");
        let answer = self.answers.try_recv().ok();
        assert!(self.answers.is_empty(), "more than one answer");
        let wanted = match rpc::decode(None, message) {
            Ok(RpcPayload::Request { id, method, params }) if id != NO_REPLY => {
                Some((id, method, params))
            }
            _ => None,
        };
        let (Some((id, method, params)), Some(answer)) = (wanted, &answer) else {
            assert_eq!(wanted.is_some(), answer.is_some(), "{answer:?}");
            return;
        };
        let answer = RpcEvent::try_from(answer.clone()).expect("an answer");
        assert_eq!((answer.sender(), answer.id()), (".broker", id));
        check(method, params, &answer);
    }
}

/// What the first bytes of params say.
#[derive(Debug, PartialEq)]
enum Params {
    /// Nothing, or an empty map.
    Empty,
    /// A map that has entries, if the rest of it is there.
    Map,
    Other,
}

impl Params {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [] | [0x80, ..] | [0xDE, 0, 0, ..] | [0xDF, 0, 0, 0, 0, ..] => Self::Empty,
            [0x81..=0x8F, ..] | [0xDE, _, _, ..] | [0xDF, _, _, _, _, ..] => Self::Map,
            _ => Self::Other,
        }
    }
}

/// The answer is one of those that the method has for such params.
fn check(method: &[u8], params: &[u8], answer: &RpcEvent) {
    let result = match answer.kind() {
        RpcEventKind::Reply => Ok(answer.payload()),
        RpcEventKind::ErrorReply => Err(answer.code()),
        kind => panic!("a {kind} is no answer"),
    };
    if method == b"benchmark.test" {
        assert_eq!(result, Ok(params));
        return;
    }
    let Ok(method) = str::from_utf8(method) else {
        assert_eq!(result, Err(BAD_METHOD));
        return;
    };
    let params = Params::of(params);
    let is_expected = match (method, &params, &result) {
        (_, Params::Other, _) => result == Err(PARSE),
        ("test", Params::Empty, _) => result == Ok(OK),
        ("info" | "stats" | "client.list" | "topic.list", Params::Empty, _) => result.is_ok(),
        ("client.kick", Params::Empty, _) => result == Err(PARAMS),
        ("test" | "info" | "stats" | "topic.list", Params::Map, Err(PARSE | PARAMS)) => true,
        ("client.list", Params::Map, Ok(_) | Err(PARSE | PARAMS)) => true,
        ("client.kick", Params::Map, Err(PARSE | PARAMS | NOT_REGISTERED | NOT_SUPPORTED)) => true,
        ("test" | "info" | "stats" | "topic.list" | "client.list" | "client.kick", ..) => false,
        (_, Params::Empty, _) => result == Err(METHOD),
        (_, Params::Map, Err(PARSE | METHOD)) => true,
        (_, Params::Map, _) => false,
    };
    assert!(
        is_expected,
        "{method:?} answers {params:?} with {result:02x?}"
    );
}
