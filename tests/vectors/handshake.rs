//! What opens a conversation.

use super::{Expected, read};
use elbus::protocol::handshake::{greeting, name_frame};
use elbus::{ErrorKind, IntoElbusResult, RESPONSE_OK};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Meaning {
    Greeting(bool),
    Registration(String),
    Response(Response),
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Response {
    Accepted,
    NotRegistered,
    Data,
    NotSupported,
    Busy,
    Access,
}

impl Response {
    fn error(self) -> Option<ErrorKind> {
        match self {
            Self::Accepted => None,
            Self::NotRegistered => Some(ErrorKind::NotRegistered),
            Self::Data => Some(ErrorKind::Data),
            Self::NotSupported => Some(ErrorKind::NotSupported),
            Self::Busy => Some(ErrorKind::Busy),
            Self::Access => Some(ErrorKind::Access),
        }
    }
}

#[test]
fn the_handshake() {
    for vector in read::<Meaning>(include_str!("../../bindings/vectors/handshake.json")) {
        let (name, bytes) = (&vector.name, vector.bytes.as_slice());
        match &vector.expected {
            Expected::Malformed => assert_ne!(bytes, greeting(), "{name}"),
            Expected::Meaning { meaning, .. } => match meaning {
                Meaning::Greeting(is_one) => assert_eq!(bytes == greeting(), *is_one, "{name}"),
                Meaning::Registration(client) => {
                    assert_eq!(name_frame(client).expect("short enough"), bytes, "{name}");
                }
                Meaning::Response(response) => {
                    let [code] = bytes else {
                        panic!("{name}: not one byte");
                    };
                    let error = code.to_elbus_result().err().map(|e| e.kind());
                    assert_eq!(error, response.error(), "{name}");
                    let encoded = response.error().map_or(RESPONSE_OK, |kind| kind as u8);
                    assert_eq!(encoded, *code, "{name}");
                }
            },
        }
    }
}
