//! The crate root: constants, enums, errors.

use std::fmt::{Debug, Display};
use std::time::Duration;

use elbus::{Error, ErrorKind, FrameKind, FrameOp, IntoElbusResult, QoS};

pub fn constants() {
    let operations: [u8; 7] = [
        elbus::OP_NOP,
        elbus::OP_PUBLISH,
        elbus::OP_SUBSCRIBE,
        elbus::OP_UNSUBSCRIBE,
        elbus::OP_MESSAGE,
        elbus::OP_BROADCAST,
        elbus::OP_ACK,
    ];
    assert_eq!(operations, [0, 1, 2, 3, 0x12, 0x13, 0xFE]);
    let codes: [u8; 10] = [
        elbus::RESPONSE_OK,
        elbus::ERR_CLIENT_NOT_REGISTERED,
        elbus::ERR_DATA,
        elbus::ERR_IO,
        elbus::ERR_OTHER,
        elbus::ERR_NOT_SUPPORTED,
        elbus::ERR_BUSY,
        elbus::ERR_NOT_DELIVERED,
        elbus::ERR_TIMEOUT,
        elbus::ERR_ACCESS,
    ];
    let expected = [1, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79];
    assert_eq!(codes, expected);

    let version: u16 = elbus::PROTOCOL_VERSION;
    let greetings: [u8; 1] = elbus::GREETINGS;
    let ping: &'static [u8] = elbus::PING_FRAME;
    let separator: &'static str = elbus::SECONDARY_SEP;
    assert_eq!((version, greetings, separator), (1, [0xEB], "%%"));
    assert_eq!(ping, [0; 9]);

    let texts: [&'static str; 2] = [elbus::VERSION, elbus::AUTHOR];
    assert!(texts.iter().all(|text| !text.is_empty()));
    let durations: [Duration; 2] = [elbus::DEFAULT_TIMEOUT, elbus::DEFAULT_BUF_TTL];
    assert_eq!(
        durations,
        [Duration::from_secs(1), Duration::from_micros(10)]
    );
    let sizes: [usize; 2] = [elbus::DEFAULT_BUF_SIZE, elbus::DEFAULT_QUEUE_SIZE];
    assert_eq!(sizes, [8192, 8192]);
}

pub fn enums() {
    for op in [
        FrameOp::Nop,
        FrameOp::Message,
        FrameOp::Broadcast,
        FrameOp::PublishTopic,
        FrameOp::SubscribeTopic,
        FrameOp::UnsubscribeTopic,
    ] {
        let code = op as u8;
        assert_eq!(FrameOp::try_from(code).expect("known") as u8, code);
    }
    // Never on the wire.
    assert!(FrameKind::try_from(FrameKind::Prepared as u8).is_err());
    for kind in [
        FrameKind::Message,
        FrameKind::Broadcast,
        FrameKind::Publish,
        FrameKind::Acknowledge,
        FrameKind::Nop,
    ] {
        let code = kind as u8;
        assert_eq!(FrameKind::try_from(code).expect("known") as u8, code);
    }
    let qualities = [
        (QoS::No, false, false),
        (QoS::Processed, true, false),
        (QoS::Realtime, false, true),
        (QoS::RealtimeProcessed, true, true),
    ];
    for (code, (qos, acknowledged, realtime)) in (0_u8..).zip(qualities) {
        let copy = qos;
        assert_eq!((copy as u8, qos.needs_ack()), (code, acknowledged));
        assert_eq!(qos.is_realtime(), realtime);
        let same = QoS::try_from(code).expect("known");
        assert_eq!(format!("{same:?}"), format!("{:?}", qos.clone()));
    }
    // Not all of them can be shown, so no `expect_err` here.
    let unknown: [Option<Error>; 3] = [
        FrameOp::try_from(0x77).err(),
        FrameKind::try_from(0x77).err(),
        QoS::try_from(0x77).err(),
    ];
    for error in unknown {
        assert_eq!(error.expect("unknown").kind(), ErrorKind::Data);
    }
}

pub async fn errors() {
    // All kinds there are: a program may do without a wildcard.
    let code = |kind: ErrorKind| match kind {
        ErrorKind::NotRegistered => 0x71,
        ErrorKind::Data => 0x72,
        ErrorKind::Io => 0x73,
        ErrorKind::Other => 0x74,
        ErrorKind::NotSupported => 0x75,
        ErrorKind::Busy => 0x76,
        ErrorKind::NotDelivered => 0x77,
        ErrorKind::Timeout => 0x78,
        ErrorKind::Access => 0x79,
        ErrorKind::Eof => 0xFF,
    };
    let made = [
        (Error::not_registered(), ErrorKind::NotRegistered),
        (Error::data("text"), ErrorKind::Data),
        (Error::io(5), ErrorKind::Io),
        (
            Error::not_supported("text".to_owned()),
            ErrorKind::NotSupported,
        ),
        (Error::busy("text"), ErrorKind::Busy),
        (Error::not_delivered(), ErrorKind::NotDelivered),
        (Error::timeout(), ErrorKind::Timeout),
        (Error::access("text"), ErrorKind::Access),
        (Error::new(ErrorKind::Eof, Some("text")), ErrorKind::Eof),
        (Error::new(ErrorKind::Other, None::<&str>), ErrorKind::Other),
    ];
    for (error, kind) in made {
        let (shown, copy): (&dyn Display, ErrorKind) = (&error, kind);
        assert!(!shown.to_string().is_empty() && !copy.to_string().is_empty());
        let debug: &dyn Debug = &error;
        assert!(!format!("{debug:?}{kind:?}").is_empty());
        assert_eq!((error.kind(), kind as u8), (kind, code(kind)));
        // elbus 0.2 reads what is never on the wire as `Other`.
        if !matches!(kind, ErrorKind::Timeout | ErrorKind::Eof) {
            assert_eq!(ErrorKind::from(code(copy)), kind);
        }
    }
    converted().await;

    assert!(elbus::RESPONSE_OK.to_elbus_result().is_ok());
    let result: Result<(), Error> = elbus::ERR_BUSY.to_elbus_result();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Busy);
}

async fn converted() {
    use std::io::ErrorKind as Io;
    let io = |kind: Io| Error::from(std::io::Error::from(kind)).kind();
    let borrowed = |kind: Io| Error::from(&std::io::Error::from(kind)).kind();
    for end in [Io::UnexpectedEof, Io::BrokenPipe, Io::ConnectionReset] {
        assert_eq!((io(end), borrowed(end)), (ErrorKind::Eof, ErrorKind::Eof));
    }
    assert_eq!(io(Io::PermissionDenied), ErrorKind::Io);

    let elapsed = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await;
    assert_eq!(Error::from(elapsed.unwrap_err()).kind(), ErrorKind::Timeout);
    let bytes = vec![0xFF];
    let not_text = std::str::from_utf8(&bytes).unwrap_err();
    assert_eq!(Error::from(not_text).kind(), ErrorKind::Data);
    let too_short = <[u8; 2]>::try_from(bytes.as_slice()).unwrap_err();
    assert_eq!(Error::from(too_short).kind(), ErrorKind::Data);
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    drop(sender);
    assert_eq!(
        Error::from(receiver.await.unwrap_err()).kind(),
        ErrorKind::Eof
    );
}
