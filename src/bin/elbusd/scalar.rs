//! Values of single keys of the configuration file: text or a number, read by the very functions that
//! read the options of the command line.

use std::time::Duration;

use elbus::broker::Overflow;
use serde::de::{Deserializer, Error, Visitor};

use crate::values::{self, Account, ByteSize};

/// Text, or a number as text.
struct Scalar {
    /// Of a number that TOML could take for another one than the reader does.
    text_only: bool,
}

impl Visitor<'_> for Scalar {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.text_only {
            "text"
        } else {
            "text or a number"
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        self.number(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<String, E> {
        self.number(number)
    }
}

impl Scalar {
    fn number<E: Error>(self, number: impl ToString) -> Result<String, E> {
        match self.text_only {
            true => Err(E::custom("expected text, as in \"0660\"")),
            false => Ok(number.to_string()),
        }
    }
}

macro_rules! readers {
    ($($reader:ident: $value:ty, $text_only:literal;)*) => {$(
        pub fn $reader<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$value>, D::Error> {
            let text = deserializer.deserialize_any(Scalar { text_only: $text_only })?;
            values::$reader(&text).map(Some).map_err(D::Error::custom)
        }
    )*};
}

readers! {
    account: Account, false;
    buf_ttl: Duration, false;
    byte_size: ByteSize, false;
    frame_size: ByteSize, false;
    group_id: u32, false;
    oom_score: i16, false;
    overflow: Overflow, false;
    positive: usize, false;
    rate: u32, false;
    socket_mode: u32, true;
    timeout: Duration, false;
}
