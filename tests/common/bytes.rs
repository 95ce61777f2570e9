//! The bytes of the protocol, put together by hand from the specification (sections 2, 3 and 5).

/// What the broker says first: magic and protocol version 1.
pub const GREETING: [u8; 3] = [0xEB, 0x01, 0x00];
/// What a keep-alive of the broker looks like.
pub const BROKER_PING: [u8; 6] = [0; 6];
/// What a keep-alive of a client looks like.
pub const CLIENT_PING: [u8; 9] = [0; 9];

/// QoS bits of the flags byte.
pub const NO: u8 = 0x00;
pub const PROCESSED: u8 = 0x40;
pub const REALTIME: u8 = 0x80;
pub const REALTIME_PROCESSED: u8 = 0xC0;
pub const EVERY_QOS: [u8; 4] = [NO, PROCESSED, REALTIME, REALTIME_PROCESSED];

/// Operation codes.
pub const PUBLISH: u8 = 0x01;
pub const SUBSCRIBE: u8 = 0x02;
pub const UNSUBSCRIBE: u8 = 0x03;
pub const EXCLUDE: u8 = 0x04;
pub const UNEXCLUDE: u8 = 0x05;
pub const PUBLISH_FOR: u8 = 0x06;
pub const MESSAGE: u8 = 0x12;
pub const BROADCAST: u8 = 0x13;
pub const ACK: u8 = 0xFE;

/// Result codes.
pub const OK: u8 = 0x01;
pub const NOT_REGISTERED: u8 = 0x71;
pub const DATA: u8 = 0x72;
pub const NOT_SUPPORTED: u8 = 0x75;
pub const BUSY: u8 = 0x76;
pub const NOT_DELIVERED: u8 = 0x77;
pub const ACCESS: u8 = 0x79;

/// Steps 2 and 4 of the handshake in one piece.
pub fn hello(name: &[u8]) -> Vec<u8> {
    let mut bytes = GREETING.to_vec();
    bytes.extend(name_block(name));
    bytes
}

/// Step 4 of the handshake: length and name.
pub fn name_block(name: &[u8]) -> Vec<u8> {
    let len = u16::try_from(name.len()).expect("a name that fits its length field");
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend_from_slice(name);
    bytes
}

/// The nine bytes in front of every body a client sends.
pub fn header(op_id: u32, flags: u8, len: u32) -> Vec<u8> {
    let mut bytes = op_id.to_le_bytes().to_vec();
    bytes.push(flags);
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes
}

/// A complete frame from client to broker.
pub fn frame(op_id: u32, flags: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("a body that fits its length field");
    let mut bytes = header(op_id, flags, len);
    bytes.extend_from_slice(body);
    bytes
}

fn addressed(op_id: u32, flags: u8, address: &str, payload: &[u8]) -> Vec<u8> {
    frame(op_id, flags, &[address.as_bytes(), b"\0", payload].concat())
}

pub fn message(op_id: u32, qos: u8, target: &str, payload: &[u8]) -> Vec<u8> {
    addressed(op_id, qos | MESSAGE, target, payload)
}

pub fn broadcast(op_id: u32, qos: u8, mask: &str, payload: &[u8]) -> Vec<u8> {
    addressed(op_id, qos | BROADCAST, mask, payload)
}

pub fn publish(op_id: u32, qos: u8, topic: &str, payload: &[u8]) -> Vec<u8> {
    addressed(op_id, qos | PUBLISH, topic, payload)
}

/// Operation `06` of the successor.
pub fn publish_for(op_id: u32, qos: u8, topic: &str, receiver: &str, payload: &[u8]) -> Vec<u8> {
    let rest = [receiver.as_bytes(), b"\0", payload].concat();
    addressed(op_id, qos | PUBLISH_FOR, topic, &rest)
}

pub fn subscribe(op_id: u32, qos: u8, filters: &[&str]) -> Vec<u8> {
    frame(op_id, qos | SUBSCRIBE, filters.join("\0").as_bytes())
}

pub fn unsubscribe(op_id: u32, qos: u8, filters: &[&str]) -> Vec<u8> {
    frame(op_id, qos | UNSUBSCRIBE, filters.join("\0").as_bytes())
}

/// Operation `04` of the successor.
pub fn exclude(op_id: u32, qos: u8, filters: &[&str]) -> Vec<u8> {
    frame(op_id, qos | EXCLUDE, filters.join("\0").as_bytes())
}

/// Operation `05` of the successor.
pub fn unexclude(op_id: u32, qos: u8, filters: &[&str]) -> Vec<u8> {
    frame(op_id, qos | UNEXCLUDE, filters.join("\0").as_bytes())
}

/// A complete frame from broker to client.
fn delivery(kind: u8, realtime: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.join(&0);
    let len = u32::try_from(body.len()).expect("a body that fits its length field");
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.push(realtime);
    bytes.extend(body);
    bytes
}

/// A direct message as its receiver sees it; `realtime` is the flag byte.
pub fn got_message(realtime: u8, sender: &str, payload: &[u8]) -> Vec<u8> {
    delivery(MESSAGE, realtime, &[sender.as_bytes(), payload])
}

pub fn got_broadcast(realtime: u8, sender: &str, payload: &[u8]) -> Vec<u8> {
    delivery(BROADCAST, realtime, &[sender.as_bytes(), payload])
}

pub fn got_publication(realtime: u8, sender: &str, topic: &str, payload: &[u8]) -> Vec<u8> {
    let parts = [sender.as_bytes(), topic.as_bytes(), payload];
    delivery(PUBLISH, realtime, &parts)
}

pub fn ack(op_id: u32, code: u8) -> Vec<u8> {
    let mut bytes = vec![ACK];
    bytes.extend_from_slice(&op_id.to_le_bytes());
    bytes.push(code);
    bytes
}

/// The realtime flag of deliveries that a frame with this QoS causes.
pub fn realtime_flag(qos: u8) -> u8 {
    u8::from(qos & REALTIME != 0)
}

/// The body of an RPC request (section 9).
pub fn rpc_request(call_id: u32, method: &str, params: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x01];
    bytes.extend_from_slice(&call_id.to_le_bytes());
    bytes.extend_from_slice(method.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(params);
    bytes
}

/// The payload of a `reg` or `unreg` announcement, up to its time stamp (names below 32 bytes).
pub fn announcement_prefix(subject: &str, name: &str) -> Vec<u8> {
    assert!(subject.len() < 32 && name.len() < 32, "only short strings");
    let mut bytes = b"\x83\xA1s".to_vec();
    bytes.push(0xA0 | subject.len() as u8);
    bytes.extend_from_slice(subject.as_bytes());
    bytes.extend_from_slice(b"\xA1d");
    bytes.push(0xA0 | name.len() as u8);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\xA1t\xCF");
    bytes
}

/// Bytes for a failure message: readable where they are text.
pub fn show(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(120)];
    let more = if bytes.len() > 120 { "…" } else { "" };
    format!("{} bytes: {}{more}", bytes.len(), head.escape_ascii())
}
