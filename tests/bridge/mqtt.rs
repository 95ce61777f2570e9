//! A host in the plant: a client of MQTT 5.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};
use rumqttc::v5::{Client, Event, Incoming, MqttOptions};

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct Host {
    client: Client,
    received: Receiver<Publish>,
    acked: Receiver<u16>,
}

impl Host {
    /// Connects; what was not delivered in an earlier session of the same name comes again.
    pub fn connect(name: &str, port: u16) -> Self {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options
            .set_clean_start(false)
            .set_session_expiry_interval(Some(3600));
        let (client, mut connection) = Client::new(options, 4096);
        let (send_received, received) = channel();
        let (send_acked, acked) = channel();
        let (send_connected, connected) = channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                let is_open = match event {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        let _ = send_connected.send(());
                        true
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        send_received.send(publish).is_ok()
                    }
                    Ok(Event::Incoming(Incoming::PubAck(ack))) => send_acked.send(ack.pkid).is_ok(),
                    Ok(Event::Incoming(Incoming::SubAck(_))) => send_acked.send(0).is_ok(),
                    Ok(_) => true,
                    // A broker that is just being started.
                    Err(_) => {
                        std::thread::sleep(Duration::from_millis(20));
                        true
                    }
                };
                if !is_open {
                    return;
                }
            }
        });
        connected.recv_timeout(DEADLINE).expect("a connection");
        Self {
            client,
            received,
            acked,
        }
    }

    pub fn subscribe(&self, filter: &str) {
        self.client
            .subscribe(filter, QoS::AtLeastOnce)
            .expect("a filter");
        self.acked.recv_timeout(DEADLINE).expect("an answer");
    }

    /// Publishes with QoS 1, and waits for the confirmation.
    pub fn publish(&self, topic: &str, payload: &[u8]) {
        self.send(topic, payload, PublishProperties::default());
        self.acked.recv_timeout(DEADLINE).expect("an answer");
    }

    pub fn retain(&self, topic: &str, payload: &[u8]) {
        let (qos, payload) = (QoS::AtLeastOnce, payload.to_vec());
        self.client
            .publish(topic, qos, true, payload)
            .expect("a topic");
        self.acked.recv_timeout(DEADLINE).expect("an answer");
    }

    pub fn request(&self, topic: &str, payload: &[u8], respond_to: &str, correlation: &[u8]) {
        let properties = PublishProperties {
            response_topic: Some(respond_to.to_owned()),
            correlation_data: Some(correlation.to_vec().into()),
            ..Default::default()
        };
        self.send(topic, payload, properties);
        self.acked.recv_timeout(DEADLINE).expect("an answer");
    }

    /// Answers a request.
    pub fn respond(&self, request: &Publish, payload: &[u8], error: Option<&str>) {
        let asked = request.properties.clone().expect("properties");
        let topic = asked.response_topic.expect("a response topic");
        let error = error.map(|code| ("elbus-error".to_owned(), code.to_owned()));
        let properties = PublishProperties {
            correlation_data: asked.correlation_data,
            user_properties: error.into_iter().collect(),
            ..Default::default()
        };
        self.send(&topic, payload, properties);
        self.acked.recv_timeout(DEADLINE).expect("an answer");
    }

    fn send(&self, topic: &str, payload: &[u8], properties: PublishProperties) {
        let (qos, payload) = (QoS::AtLeastOnce, payload.to_vec());
        self.client
            .publish_with_properties(topic, qos, false, payload, properties)
            .expect("a topic");
    }

    #[track_caller]
    pub fn next(&self) -> Publish {
        self.received.recv_timeout(DEADLINE).expect("a message")
    }

    /// The next message is this one.
    #[track_caller]
    pub fn expect(&self, topic: &str, payload: &[u8]) -> Publish {
        let publish = self.next();
        let got = (
            String::from_utf8_lossy(&publish.topic).into_owned(),
            String::from_utf8_lossy(&publish.payload).into_owned(),
        );
        let wanted = (
            topic.to_owned(),
            String::from_utf8_lossy(payload).into_owned(),
        );
        assert_eq!(got, wanted);
        publish
    }

    /// Nothing comes in between: a message of its own is the next.
    #[track_caller]
    pub fn expect_nothing_before(&self, topic: &str) {
        self.publish(topic, b"mark");
        self.expect(topic, b"mark");
    }

    /// The next message, if one comes within this time.
    pub fn next_within(&self, time: Duration) -> Option<Publish> {
        self.received.recv_timeout(time).ok()
    }

    /// All that comes until a message is the last one that is wanted.
    #[track_caller]
    pub fn until(&self, mut is_last: impl FnMut(&Publish) -> bool) -> Vec<Publish> {
        let end = Instant::now() + DEADLINE * 2;
        let mut all: Vec<Publish> = Vec::new();
        while !all.last().is_some_and(&mut is_last) {
            let left = end.saturating_duration_since(Instant::now());
            let next = self.received.recv_timeout(left);
            let seen = all.len();
            all.push(next.unwrap_or_else(|_| panic!("the last message did not come, {seen} did")));
        }
        all
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.client.disconnect();
    }
}

/// A user property of a message.
pub fn user(publish: &Publish, key: &str) -> Option<String> {
    let properties = publish.properties.as_ref()?;
    let mut user = properties.user_properties.iter();
    user.find(|(name, _)| name == key)
        .map(|(_, value)| value.clone())
}
