//! Payloads and parameters as the command line or standard input gives them.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use elbus::common::str_to_params_map;
use elbus::limits::DEFAULT_MAX_FRAME;

use crate::failure::Failure;

/// The parameter that stands for raw parameters on standard input.
const FROM_STDIN: &str = "-";

/// The payload given on the command line, or else all of standard input.
///
/// Commands read before they connect: whoever types a payload must not be on the bus meanwhile.
pub fn payload(argument: Option<OsString>) -> Result<Vec<u8>, Failure> {
    match argument {
        Some(text) => Ok(text.into_vec()),
        None => read_stdin(),
    }
}

/// The parameters of a call: nothing, raw bytes from standard input for a single `-`, or a
/// MessagePack map of the `K=V` pairs.
pub fn params(arguments: &[String]) -> Result<Vec<u8>, Failure> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => Ok(Vec::new()),
        [FROM_STDIN] => read_stdin(),
        pairs => {
            let map = str_to_params_map(pairs).map_err(|error| {
                Failure::Usage(format!("parameters must be K=V, or a single -: {error}"))
            })?;
            rmp_serde::to_vec_named(&map)
                .map_err(|error| Failure::Local(format!("cannot encode parameters: {error}")))
        }
    }
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    read_bounded(std::io::stdin().lock(), DEFAULT_MAX_FRAME)
}

/// Reads to the end of the source; more than `limit` bytes are an error, not an allocation.
fn read_bounded(source: impl Read, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Local(format!("cannot read standard input: {error}")))?;
    if bytes.len() > limit {
        return Err(Failure::Local(format!(
            "the payload on standard input exceeds {limit} bytes"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use serde_value::Value;

    fn decoded(pairs: &[&str]) -> BTreeMap<String, Value> {
        let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        let bytes = params(&pairs).expect("parameters");
        rmp_serde::from_slice(&bytes).expect("a MessagePack map")
    }

    #[test]
    fn no_pairs_are_an_empty_block_and_empty_pairs_an_empty_map() {
        assert_eq!(params(&[]).expect("parameters"), b"");
        assert_eq!(params(&[String::new()]).expect("parameters"), b"\x80");
    }

    #[test]
    fn values_are_booleans_integers_floats_or_text() {
        for (pair, value) in [
            ("k=true", Value::Bool(true)),
            ("k=False", Value::String("False".into())),
            ("k=-5", Value::I8(-5)),
            ("k=1e3", Value::F64(1000.0)),
            ("k=99999999999999999999", Value::F64(1e20)),
            ("k=", Value::String(String::new())),
            ("k= 1", Value::String(" 1".into())),
            ("k=ü", Value::String("ü".into())),
        ] {
            assert_eq!(decoded(&[pair]).get("k"), Some(&value), "{pair}");
        }
    }

    #[test]
    fn dash_is_special_only_when_alone() {
        for pairs in [["-", "k=1"], ["k=1", "-"]] {
            let pairs = pairs.map(str::to_owned);
            assert!(matches!(params(&pairs), Err(Failure::Usage(_))));
        }
    }

    #[test]
    fn a_pair_without_an_equals_sign_is_a_usage_error() {
        assert!(matches!(params(&["k".to_owned()]), Err(Failure::Usage(_))));
    }

    #[test]
    fn input_is_bounded() {
        assert_eq!(read_bounded(&b"12345"[..], 5).expect("input"), b"12345");
        let failure = read_bounded(std::io::repeat(b'x'), 5).expect_err("endless input");
        assert!(failure.to_string().contains("exceeds 5 bytes"), "{failure}");
    }
}
