//! Frames, and the payloads that become some.

use std::sync::Arc;

use elbus::borrow::Cow;
use elbus::{Frame, FrameData, FrameKind};

pub fn payloads() {
    let bytes = vec![1, 2, 3];
    let shared = Arc::new(bytes.clone());
    let from: [Cow; 3] = [
        bytes.as_slice().into(),
        bytes.clone().into(),
        shared.clone().into(),
    ];
    let plain = [
        Cow::Borrowed(&bytes),
        Cow::Owned(bytes.clone()),
        Cow::Referenced(shared),
    ];
    for payload in from.into_iter().chain(plain) {
        assert_eq!((payload.len(), payload.is_empty()), (3, false));
        assert_eq!(payload.as_slice(), bytes);
        assert_eq!(payload.to_vec(), bytes);
    }
    let empty = elbus::empty_payload!();
    assert!(empty.is_empty() && matches!(empty, Cow::Borrowed(_)));
}

pub fn frames() {
    let (sender, topic) = ("sensor%%1".to_owned(), "a/b".to_owned());
    let (header, buffer) = (b"header".to_vec(), b"not this: payload".to_vec());
    let data = FrameData::new(
        FrameKind::Publish,
        Some(sender),
        Some(topic),
        Some(header),
        buffer,
        10,
        true,
    );
    let frame: Frame = Arc::new(data);
    assert!(matches!(frame.kind(), FrameKind::Publish));
    assert_eq!(frame.sender(), "sensor%%1");
    assert_eq!(frame.primary_sender(), "sensor");
    assert_eq!(frame.topic(), Some("a/b"));
    assert_eq!(frame.header(), Some(b"header".as_slice()));
    assert_eq!(frame.payload(), b"payload");
    assert!(frame.is_realtime());
    assert!(format!("{frame:?}").contains("sensor"));

    let nop = FrameData::new_nop();
    assert!(matches!(nop.kind(), FrameKind::Nop));
    assert!(nop.payload().is_empty() && nop.topic().is_none() && nop.header().is_none());
}
