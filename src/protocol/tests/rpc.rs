//! Payloads of the RPC layer.

use proptest::prelude::*;

use super::super::rpc::{
    MalformedRpc, NO_REPLY, NOTIFICATION_HEAD, RpcPayload, decode, error_head, reply_head,
    request_head,
};
use super::{payload, text};

/// Head and data of each kind, as a zero-copy sender would give them.
fn samples() -> Vec<(Vec<u8>, RpcPayload<'static>)> {
    vec![
        (b"\0".to_vec(), RpcPayload::Notification { data: b"da\0ta" }),
        (
            b"\x01\x04\x03\x02\x01test\0".to_vec(),
            RpcPayload::Request {
                id: 0x0102_0304,
                method: b"test",
                params: b"da\0ta",
            },
        ),
        (
            b"\x11\x04\x03\x02\x01".to_vec(),
            RpcPayload::Reply {
                id: 0x0102_0304,
                result: b"da\0ta",
            },
        ),
        (
            b"\x12\x04\x03\x02\x01\xA7\x80".to_vec(),
            RpcPayload::Error {
                id: 0x0102_0304,
                code: -32_601,
                data: b"da\0ta",
            },
        ),
    ]
}

fn head_of(payload: &RpcPayload<'_>) -> Vec<u8> {
    match *payload {
        RpcPayload::Notification { .. } => NOTIFICATION_HEAD.to_vec(),
        RpcPayload::Request { id, method, .. } => {
            request_head(id, std::str::from_utf8(method).unwrap()).unwrap()
        }
        RpcPayload::Reply { id, .. } => reply_head(id).to_vec(),
        RpcPayload::Error { id, code, .. } => error_head(id, code).to_vec(),
    }
}

#[test]
fn the_bytes_of_each_kind() {
    for (head, expected) in samples() {
        let joined = [head.as_slice(), expected.data()].concat();
        assert_eq!(decode(None, &joined), Ok(expected));
        assert_eq!(head_of(&expected), head);
    }
}

#[test]
fn a_header_given_separately_reads_the_same() {
    for (head, expected) in samples() {
        assert_eq!(decode(Some(&head), expected.data()), Ok(expected));
        let joined = [head.as_slice(), expected.data()].concat();
        assert_eq!(decode(Some(b""), &joined), Ok(expected));
    }
}

#[test]
fn a_header_that_is_not_the_head_is_refused() {
    for (head, expected) in samples() {
        let joined = [head.as_slice(), expected.data()].concat();
        for cut in (1..joined.len()).filter(|cut| *cut != head.len()) {
            let (header, payload) = joined.split_at(cut);
            assert!(decode(Some(header), payload).is_err(), "cut at {cut}");
        }
    }
    assert_eq!(decode(Some(b"\0a"), b"b"), Err(MalformedRpc::HeaderTooLong));
}

#[test]
fn each_kind_has_a_least_size() {
    for (head, _) in samples() {
        assert!(decode(None, &head).is_ok());
        for cut in 0..head.len() {
            let refused = decode(None, &head[..cut]);
            let short = matches!(
                refused,
                Err(MalformedRpc::TooShort | MalformedRpc::MissingNul)
            );
            assert!(short, "{refused:?} at {cut}");
        }
    }
    let no_method = RpcPayload::Request {
        id: NO_REPLY,
        method: b"",
        params: b"",
    };
    assert_eq!(decode(None, &[1, 0, 0, 0, 0, 0]), Ok(no_method));
}

#[test]
fn unknown_kinds_are_refused() {
    for kind in (0..=u8::MAX).filter(|kind| ![0x00, 0x01, 0x11, 0x12].contains(kind)) {
        let refused = Err(MalformedRpc::UnknownKind(kind));
        assert_eq!(decode(None, &[kind, 0, 0, 0, 0, 0, 0]), refused);
    }
}

#[test]
fn a_method_with_nul_is_not_encoded() {
    assert_eq!(request_head(1, "a\0b"), None);
}

proptest! {
    #[test]
    fn encoded_payloads_decode_to_themselves(
        id: u32,
        code: i16,
        method in text(),
        data in payload(),
    ) {
        let data = data.as_slice();
        let kinds = [
            RpcPayload::Notification { data },
            RpcPayload::Request { id, method: method.as_bytes(), params: data },
            RpcPayload::Reply { id, result: data },
            RpcPayload::Error { id, code, data },
        ];
        for expected in kinds {
            let head = head_of(&expected);
            prop_assert_eq!(decode(Some(&head), data), Ok(expected));
            let joined = [head.as_slice(), data].concat();
            prop_assert_eq!(decode(None, &joined), Ok(expected));
        }
    }

    #[test]
    fn decoded_payloads_encode_to_themselves(
        kind in prop::sample::select(&[0x00_u8, 0x01, 0x11, 0x12]),
        rest in payload(),
    ) {
        let bytes = [&[kind], rest.as_slice()].concat();
        let Ok(decoded) = decode(None, &bytes) else {
            return Ok(());
        };
        // Methods are any bytes on the wire; the encoder makes text only.
        if let RpcPayload::Request { method, .. } = decoded
            && std::str::from_utf8(method).is_err()
        {
            return Ok(());
        }
        prop_assert_eq!([head_of(&decoded).as_slice(), decoded.data()].concat(), bytes);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(
        header in prop::option::of(payload()),
        payload in payload(),
    ) {
        let _ = decode(header.as_deref(), &payload);
    }
}
