//! Operation codes, frame kinds and QoS as numbers.

use super::super::operation::{FrameKind, FrameOp, QoS};
use super::ALL_QOS;
use crate::ErrorKind;

#[test]
fn codes_are_the_operations_they_came_from() {
    let known = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x12, 0x13];
    for code in 0..=u8::MAX {
        match FrameOp::try_from(code) {
            Ok(op) => assert_eq!((op as u8, known.contains(&code)), (code, true)),
            Err(e) => assert_eq!((e.kind(), known.contains(&code)), (ErrorKind::Data, false)),
        }
    }
}

#[test]
fn codes_are_the_frame_kinds_they_came_from() {
    let known = [0x00, 0x01, 0x12, 0x13, 0xFE];
    for code in 0..=u8::MAX {
        match FrameKind::try_from(code) {
            Ok(kind) => assert_eq!((kind as u8, known.contains(&code)), (code, true)),
            Err(e) => assert_eq!((e.kind(), known.contains(&code)), (ErrorKind::Data, false)),
        }
    }
}

#[test]
fn qos_bits() {
    let bits = ALL_QOS.map(|qos| (qos as u8, qos.needs_ack(), qos.is_realtime()));
    assert_eq!(
        bits,
        [
            (0, false, false),
            (1, true, false),
            (2, false, true),
            (3, true, true)
        ]
    );
    for qos in ALL_QOS {
        assert_eq!(QoS::try_from(qos as u8).unwrap(), qos);
        assert_eq!(QoS::from_flags((qos as u8) << 6 | 0x3F), qos);
    }
    assert!(QoS::try_from(4).is_err());
}
