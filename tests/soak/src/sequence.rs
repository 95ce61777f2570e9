//! Payloads that tell whether one of them is missing, doubled, changed or out of order.
//!
//! A payload says its number, its length, and how many payloads without a single byte came before it;
//! these can say nothing themselves.

const NUMBER: usize = 8;
const EMPTY: usize = 8;
const LENGTH: usize = 4;
const HEAD: usize = NUMBER + EMPTY + LENGTH;

/// One direction of a numbered stream: what was sent, or what has arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequence {
    numbered: u64,
    empty: u64,
}

impl Sequence {
    /// The next payload, of about so many bytes.
    pub fn next(&mut self, bytes: usize) -> Vec<u8> {
        if bytes == 0 {
            self.empty += 1;
            return Vec::new();
        }
        let bytes = bytes.max(HEAD);
        let mut payload = Vec::with_capacity(bytes);
        payload.extend_from_slice(&self.numbered.to_le_bytes());
        payload.extend_from_slice(&self.empty.to_le_bytes());
        payload.extend_from_slice(&(bytes as u32).to_le_bytes());
        payload.resize(bytes, self.filling());
        self.numbered += 1;
        payload
    }

    /// A payload has arrived. Goes on behind it, whatever it is.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn arrived(&mut self, payload: &[u8]) -> Result<(), String> {
        if payload.is_empty() {
            self.empty += 1;
            return Ok(());
        }
        let Some((head, rest)) = payload.split_first_chunk::<HEAD>() else {
            return Err(format!("a payload of {} bytes", payload.len()));
        };
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .rev()
                .fold(0, |n, byte| n << 8 | u64::from(*byte))
        };
        let found = Self {
            numbered: number(&head[..NUMBER]),
            empty: number(&head[NUMBER..NUMBER + EMPTY]),
        };
        let length = number(&head[NUMBER + EMPTY..]);
        let expected = std::mem::replace(self, found);
        let filling = self.filling();
        self.numbered += 1;
        if found != expected {
            return Err(format!("{found:?} instead of {expected:?}"));
        }
        if length != payload.len() as u64 || rest.iter().any(|byte| *byte != filling) {
            return Err(format!("{found:?} has changed on the way"));
        }
        Ok(())
    }

    fn filling(&self) -> u8 {
        self.numbered as u8
    }
}

/// A size as it may occur: mostly small, now and then large.
pub fn any_size(largest: usize) -> usize {
    let bound = match fastrand::u8(..100) {
        0..=4 => return 0,
        5..=74 => 256,
        75..=94 => 4 * 1024,
        95..=98 => 32 * 1024,
        _ => 256 * 1024,
    };
    fastrand::usize(1..=bound.min(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_arrives() {
        let (mut sent, mut arrived) = (Sequence::default(), Sequence::default());
        for bytes in [0, 1, 20, 0, 0, 5_000] {
            assert_eq!(arrived.arrived(&sent.next(bytes)), Ok(()));
        }
        assert_eq!(arrived, sent);
    }

    #[test]
    fn faults_are_found() {
        for fault in ["lost", "doubled", "empty one lost", "changed", "cut"] {
            let (mut sent, mut arrived) = (Sequence::default(), Sequence::default());
            let first = sent.next(100);
            if fault != "lost" {
                assert_eq!(arrived.arrived(&first), Ok(()));
            }
            if fault == "empty one lost" {
                sent.next(0);
            }
            let mut second = sent.next(100);
            match fault {
                "doubled" => second = first,
                "changed" => second[50] ^= 1,
                "cut" => second.truncate(50),
                _ => {}
            }
            assert!(arrived.arrived(&second).is_err(), "{fault}");
        }
    }
}
