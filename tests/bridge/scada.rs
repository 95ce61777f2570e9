//! A control room: a client of MQTT 3.1.1 with a session that stays, and with a cluster's addresses. It
//! looks at numbered messages of many sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, Incoming, MqttOptions, Publish, QoS};

use crate::common::eventually;

/// What came from one source.
#[derive(Debug, Clone, Default)]
pub struct Source {
    pub numbers: BTreeSet<u32>,
    /// Each time that a number came for the first time after a higher one.
    pub out_of_order: Vec<(u32, u32)>,
}

type Sources = Arc<Mutex<BTreeMap<String, Source>>>;

pub struct Scada {
    sources: Sources,
    client: Arc<Mutex<Option<Client>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scada {
    /// Subscribed when this returns. The source is the topic; the payload is a number.
    pub fn watch(name: &'static str, ports: &[u16], filter: &'static str) -> Self {
        let (sources, is_over) = (Sources::default(), Arc::new(AtomicBool::new(false)));
        let (client, is_there) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (ports, is_there) = (ports.to_vec(), Arc::clone(&is_there));
            let (sources, is_over) = (Arc::clone(&sources), Arc::clone(&is_over));
            let client = Arc::clone(&client);
            move || {
                for port in ports.into_iter().cycle() {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    session(name, port, filter, &sources, &client, &is_there);
                    // It would be a busy loop while nobody is there.
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
        eventually("a subscription", || {
            is_there.load(Ordering::Relaxed).then_some(())
        });
        Self {
            sources,
            client,
            is_over,
            thread: Some(thread),
        }
    }

    /// How many numbers have come from each source.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let sources = self.sources.lock().expect("a lock");
        let counts = sources.iter();
        let counts = counts.map(|(name, source)| (name.clone(), source.numbers.len()));
        counts.collect()
    }

    pub fn sources(&self) -> BTreeMap<String, Source> {
        self.sources.lock().expect("a lock").clone()
    }

    /// Waits until it is true of the counts, for as long as more comes within `patience`.
    #[track_caller]
    pub fn await_counts(
        &self,
        what: &str,
        patience: Duration,
        is_enough: impl Fn(&BTreeMap<String, usize>) -> bool,
    ) {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let counts = self.counts();
            if is_enough(&counts) {
                return;
            }
            let sum: usize = counts.values().sum();
            if sum != last {
                (last, since) = (sum, Instant::now());
            }
            let is_stuck = since.elapsed() > patience;
            assert!(!is_stuck, "{what}: nothing more came; {counts:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Scada {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(client) = self.client.lock().expect("a lock").take() {
            let _ = client.try_disconnect();
        }
        let _ = self.thread.take().expect("a thread").join();
    }
}

/// One connection to its end.
fn session(
    name: &str,
    port: u16,
    filter: &str,
    sources: &Sources,
    handle: &Mutex<Option<Client>>,
    is_there: &AtomicBool,
) {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options
        .set_clean_session(false)
        .set_keep_alive(Duration::from_secs(5));
    let (client, mut connection) = Client::new(options, 16);
    *handle.lock().expect("a lock") = Some(client.clone());
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                client
                    .subscribe(filter, QoS::AtLeastOnce)
                    .expect("a filter");
            }
            Ok(Event::Incoming(Incoming::SubAck(_))) => is_there.store(true, Ordering::Relaxed),
            Ok(Event::Incoming(Incoming::Publish(publish))) => note(sources, &publish),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn note(sources: &Sources, publish: &Publish) {
    let text = std::str::from_utf8(&publish.payload).expect("text");
    let number: u32 = text.parse().expect("a number");
    let mut sources = sources.lock().expect("a lock");
    let source = sources.entry(publish.topic.clone()).or_default();
    let last = source.numbers.last().copied();
    if source.numbers.insert(number)
        && let Some(last) = last.filter(|last| *last > number)
    {
        source.out_of_order.push((last, number));
    }
}
