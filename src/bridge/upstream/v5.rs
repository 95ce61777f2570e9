//! MQTT 5 as `rumqttc` has it.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, ConnectReturnCode, Filter, LastWill, PubAckReason, Publish,
    PublishProperties, RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::{
    AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, StateError,
};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::mpsc;

use super::connection::{Limits, Notice, Opened, REQUESTS};
use super::dialer::{OpenError, Refusal, Target, network};
use super::message::{Ack, Extras, Message, Received};
use super::options::{Options, Subscription};

/// The shortest keep-alive that the library accepts.
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Connects, and waits for the answer.
pub(super) async fn open(
    options: &Options,
    target: &Target,
) -> Result<(AsyncClient, Opened), OpenError> {
    let (client, mut events) = AsyncClient::new(mqtt_options(options, target), REQUESTS);
    let answer = match events.poll().await.map_err(explain)? {
        Event::Incoming(Incoming::ConnAck(answer)) => answer,
        other => return Err(OpenError::other(format!("not an answer: {other:?}"))),
    };
    let limits = limits(&answer, options)?;
    // An upstream that turns keep-alives off has the library ping without a pause; one that wants
    // longer ones would be missed later than was asked for.
    if events.options.keep_alive().is_zero() || events.options.keep_alive() > options.keep_alive {
        events
            .options
            .set_keep_alive(options.keep_alive.max(MIN_KEEP_ALIVE));
    }
    let patience = events.options.keep_alive() * 2;
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
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(options.session_expiry_s);
    properties.receive_maximum = Some(options.in_flight.max(1));
    properties.max_packet_size = Some(options.max_packet);
    mqtt.set_connect_properties(properties)
        .set_clean_start(false)
        .set_manual_acks(true)
        .set_keep_alive(options.keep_alive.max(MIN_KEEP_ALIVE))
        .set_connection_timeout(options.connect_timeout.as_secs().max(1))
        .set_network_options(network(options))
        // One more than are ever in flight: the library takes no acks while all places are taken.
        .set_outgoing_inflight_upper_limit(options.in_flight.saturating_add(1));
    if let Some(will) = &options.will {
        let payload = will.payload.clone();
        mqtt.set_last_will(LastWill::new(
            &will.topic,
            payload,
            QoS::AtLeastOnce,
            true,
            None,
        ));
    }
    mqtt
}

/// What the upstream permits.
fn limits(answer: &ConnAck, options: &Options) -> Result<Limits, OpenError> {
    let properties = answer.properties.as_ref();
    let receive_max = properties.and_then(|p| p.receive_max).unwrap_or(u16::MAX);
    if properties.and_then(|p| p.max_qos) == Some(0) {
        let why = "the upstream takes QoS 0 only, nothing would be confirmed";
        return Err(OpenError::other(why.to_owned()));
    }
    let max_packet = properties.and_then(|p| p.max_packet_size);
    Ok(Limits {
        session_present: answer.session_present,
        window: options.in_flight.min(receive_max.saturating_sub(1)).max(1),
        max_packet: max_packet.unwrap_or(u32::MAX).min(options.max_packet),
        retain: properties.and_then(|p| p.retain_available) != Some(0),
    })
}

fn explain(e: ConnectionError) -> OpenError {
    let refusal = match &e {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::UnsupportedProtocolVersion
            | ConnectReturnCode::RefusedProtocolVersion,
        )
        // An answer of MQTT 3.1.1 is too short for one of MQTT 5.
        | ConnectionError::MqttState(StateError::Deserialization(_)) => Refusal::Version,
        ConnectionError::MqttState(StateError::ConnectionAborted) => Refusal::Cut,
        ConnectionError::MqttState(StateError::Io(_)) => Refusal::Cut,
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
        Event::Incoming(Incoming::PubAck(ack)) => {
            let is_taken = matches!(
                ack.reason,
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers
            );
            let refusal = (!is_taken).then(|| format!("{:?}", ack.reason));
            Notice::Confirmed(ack.pkid, refusal)
        }
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
        refused => Some(format!("{refused:?}")),
    }
}

fn received(publish: Publish) -> Result<Received, String> {
    let topic = String::from_utf8(publish.topic.into())
        .map_err(|_| "the upstream has sent a topic that is no text")?;
    let properties = publish.properties.unwrap_or_default();
    // The connection has not agreed to any; without bound they would be remembered.
    if properties.topic_alias.is_some() || topic.is_empty() {
        return Err("the upstream has sent a topic alias".to_owned());
    }
    let ack = match publish.qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(Ack::new(publish.pkid)),
        QoS::ExactlyOnce => {
            return Err("the upstream has sent QoS 2, which is not asked for".into());
        }
    };
    Ok(Received {
        topic,
        payload: publish.payload.into(),
        retained: publish.retain,
        extras: Extras {
            user: properties.user_properties,
            response_topic: properties.response_topic,
            correlation: properties.correlation_data.map(Into::into),
            expiry_s: properties.message_expiry_interval,
        },
        ack,
    })
}

/// The packet for a message. Its number is not in it yet.
fn packet(message: Message) -> Publish {
    let properties = (!message.extras.is_empty()).then(|| PublishProperties {
        user_properties: message.extras.user,
        response_topic: message.extras.response_topic,
        correlation_data: message.extras.correlation.map(Into::into),
        message_expiry_interval: message.extras.expiry_s,
        ..Default::default()
    });
    let mut publish = Publish::new(
        message.topic,
        qos(message.confirmed),
        message.payload,
        properties,
    );
    publish.retain = message.retain;
    publish
}

/// Hands a message over; false if it is longer than `max_packet`, or there is no room.
pub(super) fn publish(client: &AsyncClient, message: Message, max_packet: u32) -> Result<(), bool> {
    let Publish {
        qos,
        retain,
        topic,
        payload,
        properties,
        ..
    } = sized(packet(message), max_packet).ok_or(true)?;
    let topic = String::from_utf8(topic.into()).map_err(|_| true)?;
    match properties {
        None => client.try_publish(topic, qos, retain, payload),
        Some(properties) => {
            client.try_publish_with_properties(topic, qos, retain, payload, properties)
        }
    }
    .map_err(|_| false)
}

fn sized(publish: Publish, max_packet: u32) -> Option<Publish> {
    // With the number, which has two bytes.
    (publish.size() + 2 <= max_packet as usize).then_some(publish)
}

pub(super) fn acknowledge(client: &AsyncClient, packet_id: u16) -> bool {
    let publish = Publish {
        qos: QoS::AtLeastOnce,
        pkid: packet_id,
        ..Default::default()
    };
    client.try_ack(&publish).is_ok()
}

pub(super) fn subscribe(client: &AsyncClient, subscriptions: &[Subscription]) -> bool {
    let filters = subscriptions.iter().map(|subscription| {
        let mut filter = Filter::new(&subscription.filter, qos(subscription.confirmed));
        // What the bridge has published comes back to it in no case. Shared subscriptions must not
        // ask for that.
        filter.nolocal = !subscription.filter.starts_with("$share/");
        if !subscription.retained {
            filter.retain_forward_rule = RetainForwardRule::Never;
        }
        filter
    });
    client.try_subscribe_many(filters).is_ok()
}

fn qos(confirmed: bool) -> QoS {
    match confirmed {
        true => QoS::AtLeastOnce,
        false => QoS::AtMostOnce,
    }
}
