//! The codec of this crate against the vectors that the codecs of all languages have to pass
//! (`bindings/vectors`, where their format is described). What a vector says and this test does not
//! know is a failure, so no vector can be passed by overlooking it.

mod deliveries;
mod handshake;
mod requests;
mod rpc;

use std::fmt::Debug;

use elbus::QoS;
use elbus::protocol::{DecodeError, Decoded};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// More than any frame of the vectors has.
const LIMIT: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<M> {
    #[serde(rename = "description")]
    _description: String,
    vectors: Vec<RawVector<M>>,
}

/// A vector as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVector<M> {
    name: String,
    hex: String,
    fill: Option<Fill>,
    way: Option<Way>,
    meaning: Option<M>,
    error: Option<Fault>,
}

/// So many bytes follow what is given in hexadecimal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fill {
    byte: String,
    count: usize,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Decode,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Fault {
    Malformed,
}

struct Vector<M> {
    name: String,
    bytes: Vec<u8>,
    /// What follows the payload in the meaning.
    fill: Vec<u8>,
    expected: Expected<M>,
}

enum Expected<M> {
    Meaning { meaning: M, is_encoded_so: bool },
    Malformed,
}

/// The vectors of a file.
fn read<M: DeserializeOwned>(json: &str) -> Vec<Vector<M>> {
    let file: File<M> = serde_json::from_str(json).expect("vectors of a known format");
    assert!(!file.vectors.is_empty(), "no vectors");
    file.vectors.into_iter().map(Vector::from).collect()
}

impl<M> From<RawVector<M>> for Vector<M> {
    fn from(raw: RawVector<M>) -> Self {
        let expected = match (raw.meaning, raw.error, raw.way) {
            (Some(meaning), None, way) => Expected::Meaning {
                meaning,
                is_encoded_so: way != Some(Way::Decode),
            },
            (None, Some(Fault::Malformed), None) => Expected::Malformed,
            _ => panic!("{}: neither a meaning nor an error", raw.name),
        };
        let fill = raw.fill.map_or(Vec::new(), |fill| {
            let [byte] = bytes(&fill.byte)[..] else {
                panic!("{}: not one byte", raw.name);
            };
            vec![byte; fill.count]
        });
        Self {
            bytes: [bytes(&raw.hex), fill.clone()].concat(),
            name: raw.name,
            fill,
            expected,
        }
    }
}

impl<M> Vector<M> {
    /// A payload-like value of the meaning.
    fn payload(&self, hex: &str) -> Vec<u8> {
        [bytes(hex), self.fill.clone()].concat()
    }
}

/// Bytes from hexadecimal.
fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "an odd number of digits: {hex}");
    let byte = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(text, 16).expect("digits")
    };
    pairs.iter().map(byte).collect()
}

fn qos(number: u8) -> QoS {
    QoS::try_from(number).expect("0 to 3")
}

/// The one frame in `input`; of each part of it, the decoder says that there is more to come.
fn decoded_whole<'a, T: Debug>(
    name: &str,
    input: &'a [u8],
    decode: impl Fn(&'a [u8]) -> Result<Decoded<T>, DecodeError>,
) -> T {
    for cut in 0..input.len() {
        match decode(&input[..cut]) {
            Ok(Decoded::Incomplete { size }) => {
                assert!(cut < size && size <= input.len(), "{name}: cut at {cut}");
            }
            other => panic!("{name}: cut at {cut}: {other:?}"),
        }
    }
    match decode(input) {
        Ok(Decoded::Item { item, size }) => {
            assert_eq!(size, input.len(), "{name}: size");
            item
        }
        other => panic!("{name}: {other:?}"),
    }
}
