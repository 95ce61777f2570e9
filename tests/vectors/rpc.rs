//! Payloads of the RPC layer.

use super::{Expected, Vector, read};
use elbus::protocol::rpc::{
    NOTIFICATION_HEAD, RpcPayload, decode, error_head, reply_head, request_head,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum Meaning {
    Notification {
        data: String,
    },
    Request {
        id: u32,
        method: String,
        params: String,
    },
    Reply {
        id: u32,
        result: String,
    },
    Error {
        id: u32,
        code: i16,
        data: String,
    },
}

/// The head that the codec writes, and the data that follows it.
fn encoded(vector: &Vector<Meaning>, meaning: &Meaning) -> (Vec<u8>, Vec<u8>) {
    let (head, data) = match meaning {
        Meaning::Notification { data } => (NOTIFICATION_HEAD.to_vec(), data),
        Meaning::Request { id, method, params } => {
            (request_head(*id, method).expect("no NUL"), params)
        }
        Meaning::Reply { id, result } => (reply_head(*id).to_vec(), result),
        Meaning::Error { id, code, data } => (error_head(*id, *code).to_vec(), data),
    };
    (head, vector.payload(data))
}

fn meant<'a>(meaning: &'a Meaning, data: &'a [u8]) -> RpcPayload<'a> {
    match meaning {
        Meaning::Notification { .. } => RpcPayload::Notification { data },
        Meaning::Request { id, method, .. } => RpcPayload::Request {
            id: *id,
            method: method.as_bytes(),
            params: data,
        },
        Meaning::Reply { id, .. } => RpcPayload::Reply {
            id: *id,
            result: data,
        },
        Meaning::Error { id, code, .. } => RpcPayload::Error {
            id: *id,
            code: *code,
            data,
        },
    }
}

#[test]
fn payloads_of_the_rpc_layer() {
    for vector in read::<Meaning>(include_str!("../../bindings/vectors/rpc.json")) {
        let name = &vector.name;
        let Expected::Meaning {
            meaning,
            is_encoded_so,
        } = &vector.expected
        else {
            assert!(decode(None, &vector.bytes).is_err(), "{name}");
            continue;
        };
        let (head, data) = encoded(&vector, meaning);
        let expected = meant(meaning, &data);
        assert_eq!(decode(None, &vector.bytes), Ok(expected), "{name}");
        assert_eq!(
            decode(Some(&head), &data),
            Ok(expected),
            "{name}: in two parts"
        );
        let is_same = [head, data.clone()].concat() == vector.bytes;
        assert_eq!(is_same, *is_encoded_so, "{name}: encoded");
    }
}
