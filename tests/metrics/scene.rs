//! A broker that tells its metrics, and somebody who asks.

use std::io::Write;

use crate::common::broker::{TempDir, free_port};
use crate::common::wire::Stream;
use crate::common::{Broker, Transport, Wire, eventually};
use crate::openmetrics::Metrics;
use crate::support::path_text;

pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub struct Scene {
    pub broker: Broker,
    /// Where the metrics are.
    transport: Transport,
    pub dir: TempDir,
    port: u16,
}

/// The head of an answer, and its body.
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> &str {
        let words = self.head.split_once(' ').expect("a line of status").1;
        words.lines().next().expect("a line of status")
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl Scene {
    /// The metrics are on a UNIX socket.
    pub fn start(args: &[&str]) -> Self {
        Self::start_on(Transport::Unix, args)
    }

    pub fn start_on(transport: Transport, args: &[&str]) -> Self {
        let dir = TempDir::new();
        let port = free_port();
        let address = match transport {
            Transport::Unix => path_text(&dir, "metrics.sock"),
            Transport::Tcp => format!("127.0.0.1:{port}"),
        };
        let own = ["--metrics", &address];
        let scene = Self {
            broker: Broker::start(&[&own, args].concat()),
            transport,
            dir,
            port,
        };
        eventually("a broker that tells metrics", || scene.try_connect().ok());
        scene
    }

    fn try_connect(&self) -> std::io::Result<Stream> {
        match self.transport {
            Transport::Unix => Stream::unix(&self.dir.path().join("metrics.sock")),
            Transport::Tcp => Stream::tcp(self.port),
        }
    }

    /// A connection on which nothing was said yet.
    pub fn connect(&self) -> Wire {
        Wire::new(self.try_connect().expect("a connection for metrics"))
    }

    /// What the broker answers to these bytes.
    pub fn ask(&self, request: &[u8]) -> Answer {
        let mut wire = self.connect();
        wire.send_raw(request);
        let answer = String::from_utf8(wire.read_to_end()).expect("plain text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        Answer {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Asks as Prometheus does.
    pub fn get(&self) -> Answer {
        let answer = self.ask(
            b"GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\nUser-Agent: Prometheus/3.0\r\n\
            Accept: application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.1\r\n\
            Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n",
        );
        assert_eq!(answer.status(), "200 OK");
        answer
    }

    pub fn metrics(&self) -> Metrics {
        let body = self.get().body;
        Metrics::read(&body).unwrap_or_else(|why| panic!("{why} in\n{body}"))
    }

    /// A client on the UNIX socket.
    pub fn client(&self, name: &str) -> Wire {
        self.broker.client(Transport::Unix, name)
    }
}

/// Sends what it can; the other end may be gone.
pub fn try_send(wire: &Wire, bytes: &[u8]) {
    let mut stream = wire.stream().try_clone().expect("a second handle");
    let _ = stream.write_all(bytes);
}
