//! MQTT 3.1.1 as `rumqttc` has it.

use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, LastWill,
    MqttOptions, Outgoing, Publish, QoS, StateError, SubscribeFilter, SubscribeReasonCode,
    TlsConfiguration, Transport,
};
use tokio::sync::mpsc;

use super::connection::{Limits, Notice, Opened, REQUESTS};
use super::dialer::{OpenError, Refusal, Target, network};
use super::message::{Ack, Extras, Message, Received};
use super::options::{Options, Subscription};

/// Connects, and waits for the answer.
pub(super) async fn open(
    options: &Options,
    target: &Target,
) -> Result<(AsyncClient, Opened), OpenError> {
    let (client, mut events) = AsyncClient::new(mqtt_options(options, target), REQUESTS);
    events.set_network_options(network(options));
    let answer = match events.poll().await.map_err(explain)? {
        Event::Incoming(Incoming::ConnAck(answer)) => answer,
        other => return Err(OpenError::other(format!("not an answer: {other:?}"))),
    };
    let limits = Limits {
        session_present: answer.session_present,
        window: options.in_flight.max(1),
        max_packet: options.max_packet,
        retain: true,
    };
    let patience = events.mqtt_options.keep_alive() * 2;
    let opened = Opened::start(limits, |notices| pump(events, patience, notices));
    Ok((client, opened))
}

fn mqtt_options(options: &Options, target: &Target) -> MqttOptions {
    let mut mqtt = MqttOptions::new(&options.client_id, &target.host, target.port);
    if let Some(tls) = &target.tls {
        let tls = TlsConfiguration::Rustls(tls.clone());
        mqtt.set_transport(Transport::tls_with_config(tls));
    }
    if let Some(login) = &target.login {
        mqtt.set_credentials(&login.username, &login.password);
    }
    let max_packet = options.max_packet as usize;
    // A session without a name cannot be found again, and the library panics about it.
    mqtt.set_clean_session(options.client_id.is_empty())
        .set_manual_acks(true)
        .set_keep_alive(options.keep_alive.max(Duration::from_secs(1)))
        // Publications are measured before; the rest has a bound of its own.
        .set_max_packet_size(max_packet, usize::MAX)
        // One more than are ever in flight: the library takes no acks while all places are taken.
        .set_inflight(options.in_flight.saturating_add(1));
    if let Some(will) = &options.will {
        let payload = will.payload.clone();
        mqtt.set_last_will(LastWill::new(&will.topic, payload, QoS::AtLeastOnce, true));
    }
    mqtt
}

fn explain(e: ConnectionError) -> OpenError {
    let refusal = match &e {
        ConnectionError::ConnectionRefused(ConnectReturnCode::RefusedProtocolVersion) => {
            Refusal::Version
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => Refusal::Cut,
        _ => Refusal::Other,
    };
    OpenError {
        refusal,
        text: e.to_string(),
    }
}

/// Runs the event loop until the connection ends, or nobody listens any more.
async fn pump(
    mut events: EventLoop,
    patience: Duration,
    notices: mpsc::Sender<Result<Notice, String>>,
) {
    loop {
        let notice = match tokio::time::timeout(patience, events.poll()).await {
            // There is a ping at least, unless a write does not end.
            Err(_) => Err("the upstream does not read".to_owned()),
            Ok(Err(e)) => Err(e.to_string()),
            Ok(Ok(event)) => match notice(event) {
                Ok(None) => continue,
                Ok(Some(notice)) => Ok(notice),
                Err(e) => Err(e),
            },
        };
        let is_over = notice.is_err();
        if notices.send(notice).await.is_err() || is_over {
            return;
        }
    }
}

fn notice(event: Event) -> Result<Option<Notice>, String> {
    Ok(Some(match event {
        Event::Outgoing(Outgoing::Publish(packet_id)) => Notice::Published(packet_id),
        Event::Outgoing(Outgoing::PubAck(_) | Outgoing::Subscribe(_) | Outgoing::Disconnect) => {
            Notice::Written
        }
        Event::Incoming(Incoming::PubAck(ack)) => Notice::Confirmed(ack.pkid, None),
        Event::Incoming(Incoming::SubAck(ack)) => {
            let codes = ack.return_codes.iter();
            Notice::Subscribed(codes.map(refused).collect())
        }
        Event::Incoming(Incoming::Publish(publish)) => Notice::Received(received(publish)?),
        _ => return Ok(None),
    }))
}

fn refused(code: &SubscribeReasonCode) -> Option<String> {
    match code {
        SubscribeReasonCode::Success(_) => None,
        SubscribeReasonCode::Failure => Some("refused".to_owned()),
    }
}

fn received(publish: Publish) -> Result<Received, String> {
    let ack = match publish.qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(Ack::new(publish.pkid)),
        QoS::ExactlyOnce => {
            return Err("the upstream has sent QoS 2, which is not asked for".into());
        }
    };
    Ok(Received {
        topic: publish.topic,
        payload: publish.payload.into(),
        retained: publish.retain,
        extras: Extras::default(),
        ack,
    })
}

/// Hands a message over; `Err(true)` if it is longer than `max_packet`, `Err(false)` if there is no room.
pub(super) fn publish(client: &AsyncClient, message: Message, max_packet: u32) -> Result<(), bool> {
    let qos = qos(message.confirmed);
    // A byte of flags, up to four of length, those of topic and number.
    let size = 1 + 4 + 2 + message.topic.len() + 2 + message.payload.len();
    if size > max_packet as usize {
        return Err(true);
    }
    client
        .try_publish(message.topic, qos, message.retain, message.payload)
        .map_err(|_| false)
}

pub(super) fn acknowledge(client: &AsyncClient, packet_id: u16) -> bool {
    let mut publish = Publish::new("", QoS::AtLeastOnce, Vec::new());
    publish.pkid = packet_id;
    client.try_ack(&publish).is_ok()
}

pub(super) fn subscribe(client: &AsyncClient, subscriptions: &[Subscription]) -> bool {
    let filters = subscriptions.iter().map(|subscription| {
        SubscribeFilter::new(subscription.filter.clone(), qos(subscription.confirmed))
    });
    client.try_subscribe_many(filters).is_ok()
}

fn qos(confirmed: bool) -> QoS {
    match confirmed {
        true => QoS::AtLeastOnce,
        false => QoS::AtMostOnce,
    }
}
