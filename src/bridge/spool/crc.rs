//! CRC-32 as in Ethernet and zip (reflected, polynomial 0x04C11DB7). No crate of the tree brings one.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = match value & 1 {
                0 => value >> 1,
                _ => (value >> 1) ^ 0xEDB8_8320,
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// A checksum that is being computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crc(u32);

impl Crc {
    pub(super) fn new() -> Self {
        Self(!0)
    }

    pub(super) fn update(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |crc, byte| {
            let index = (crc as u8) ^ byte;
            (crc >> 8) ^ TABLE[usize::from(index)]
        }))
    }

    pub(super) fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(Crc::new().update(b"123456789").value(), 0xCBF4_3926);
        assert_eq!(Crc::new().value(), 0);
    }

    #[test]
    fn in_parts_it_is_the_same() {
        let parts = Crc::new().update(b"1234").update(b"").update(b"56789");
        assert_eq!(parts.value(), 0xCBF4_3926);
    }
}
