//! Reads numbers out of the MessagePack replies of `.broker`, as far as the tests need them.

use super::Wire;

/// The unsigned integer that follows the key in a MessagePack map.
pub fn uint_after(reply: &[u8], key: &str) -> Option<u64> {
    let key_len = u8::try_from(key.len()).expect("a short key");
    assert!(key_len < 32, "a short key");
    let encoded = [&[0xA0 | key_len], key.as_bytes()].concat();
    let at = find(reply, &encoded)? + encoded.len();
    let rest = &reply[at..];
    let bytes = match *rest.first()? {
        small @ 0..=0x7F => return Some(u64::from(small)),
        0xCC => &rest[1..2],
        0xCD => &rest[1..3],
        0xCE => &rest[1..5],
        0xCF => &rest[1..9],
        _ => return None,
    };
    Some(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

/// A number of one client in the reply of `client.list`; `None` if the client is not listed.
pub fn client_uint(list: &[u8], name: &str, key: &str) -> Option<u64> {
    let name_len = u8::try_from(name.len()).expect("a short name");
    assert!(name_len < 32, "a short name");
    let entry = [b"\xA4name".as_slice(), &[0xA0 | name_len], name.as_bytes()].concat();
    let at = find(list, &entry)?;
    uint_after(&list[at..], key)
}

/// What `client.list` says about a client.
pub fn ask_client_uint(asker: &mut Wire, name: &str, key: &str) -> Option<u64> {
    client_uint(&asker.call_broker("client.list", b""), name, key)
}

/// The position of a byte string inside another.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
