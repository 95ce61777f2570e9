//! What was understood of a configuration, for humans: a paragraph for each side and each rule.

use std::fmt;
use std::path::Path;

use super::bounds::shown_duration;
use super::{Config, Direction, Rule, TlsFiles};
use crate::config_file::sizes::ByteSize;

impl fmt::Display for Config {
    /// Defaults included. The name of the host is not looked up: where it matters, there is `HOSTNAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = self.identity_of(self.bus.id.clone().unwrap_or("HOSTNAME".into()));
        let bus = &self.bus;
        writeln!(f, "bus {}", bus.address)?;
        line(
            f,
            "client",
            &format!("{}, of bus {}", bus.name, identity.bus_id),
        )?;
        line(f, "timeout", &shown_duration(bus.timeout))?;
        line(f, "queue", &format!("{} frames", bus.queue_size))?;
        tls_lines(f, &bus.tls)?;

        let mqtt = &self.mqtt;
        let addresses = mqtt.addresses.iter().map(ToString::to_string);
        writeln!(f, "\nupstream {}", addresses.collect::<Vec<_>>().join(", "))?;
        line(
            f,
            "version",
            &match mqtt.version.to_string().as_str() {
                "auto" => "5, or 3.1.1 if it has to be".into(),
                version => version.to_owned(),
            },
        )?;
        line(f, "client", &identity.client_id)?;
        if let Some(username) = &mqtt.username {
            line(f, "user", username)?;
        }
        file_line(f, "user in", mqtt.username_file.as_deref())?;
        file_line(f, "password in", mqtt.password_file.as_deref())?;
        tls_lines(f, &mqtt.tls)?;
        line(f, "keep-alive", &shown_duration(mqtt.keep_alive))?;
        line(f, "timeout", &shown_duration(mqtt.connect_timeout))?;
        line(f, "session", &shown_duration(mqtt.session_expiry))?;
        line(f, "in flight", &format!("{} messages", mqtt.in_flight))?;
        line(
            f,
            "packets",
            &format!("at most {}", ByteSize(mqtt.max_packet)),
        )?;
        let (min, max) = (
            shown_duration(mqtt.retry_min),
            shown_duration(mqtt.retry_max),
        );
        line(f, "retry", &format!("after {min}, then up to {max}"))?;
        line(
            f,
            "marks",
            &match mqtt.origin_prefix.as_str() {
                "" => "none with MQTT 3.1.1".to_owned(),
                prefix => format!("{prefix}/{}/TOPIC with MQTT 3.1.1", identity.bus_id),
            },
        )?;

        let store = &self.store;
        match &store.directory {
            Some(directory) => {
                writeln!(f, "\nstore {}", directory.display())?;
                let disk = usize::try_from(store.max_disk).unwrap_or(usize::MAX);
                line(f, "disk", &format!("at most {}", ByteSize(disk)))?;
                line(f, "sync", &format!("after {}", shown_duration(store.sync)))?;
            }
            None => writeln!(f, "\nstore in memory")?,
        }
        line(
            f,
            "memory",
            &format!("at most {}", ByteSize(store.max_memory)),
        )?;
        line(
            f,
            "age",
            &format!("at most {}", shown_duration(store.max_age)),
        )?;

        for (index, rule) in self.rules.iter().enumerate() {
            writeln!(f, "\nrule {}: {}", index + 1, rule)?;
            write_rule(f, rule)?;
        }
        if self.rules.is_empty() {
            writeln!(f, "\nno rules: no topic is carried")?;
        }

        if let (Some(rpc), Some(prefix)) = (&self.rpc, &identity.rpc_prefix) {
            writeln!(f, "\nrpc {prefix}/CLIENT/METHOD")?;
            line(f, "timeout", &shown_duration(rpc.timeout))?;
            line(f, "pending", &format!("at most {}", rpc.max_pending))?;
            for serve in &rpc.serve {
                let (methods, clients) = (serve.methods.join(", "), serve.clients.join(", "));
                line(f, "serve", &format!("{methods} of {clients}"))?;
            }
            for call in &rpc.call {
                let (method, topic, callers) = (&call.method, &call.topic, call.callers.join(", "));
                line(f, "call", &format!("{method} at {topic} for {callers}"))?;
            }
        }
        if let (Some(presence), Some(topic)) = (&self.presence, &identity.presence_topic) {
            writeln!(f, "\npresence {topic}")?;
            if let Some(prefix) = &presence.registrations {
                line(f, "clients", &format!("{prefix}NAME"))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Rule {
    /// `sensors/# -> plant/line3/sensors/#`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(filters) = self.filters() else {
            return f.write_str("no filter");
        };
        let arrow = match self.direction {
            Direction::Out => "->",
            Direction::In => "<-",
            Direction::Both => "<->",
        };
        write!(f, "{:?} {arrow} {:?}", filters.bus, filters.mqtt)
    }
}

fn write_rule(f: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    let mut words = vec![
        format!("QoS {}", rule.qos.number()),
        format!("payload at most {}", ByteSize(rule.max_payload)),
    ];
    if rule.direction.is_out() && rule.retain {
        words.push("retained".into());
    }
    if rule.direction.is_in() && !rule.take_retained {
        words.push("without what is retained".into());
    }
    if rule.rate > 0 {
        words.push(format!("at most {} per second", rule.rate));
    }
    if let Some(interval) = rule.conflate {
        let interval = shown_duration(interval);
        words.push(format!("the newest of each topic every {interval}"));
    }
    writeln!(f, "  {}", words.join(", "))
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {what:<11} {value}")
}

fn file_line(f: &mut fmt::Formatter<'_>, what: &str, file: Option<&Path>) -> fmt::Result {
    match file {
        Some(file) => line(f, what, &file.display().to_string()),
        None => Ok(()),
    }
}

fn tls_lines(f: &mut fmt::Formatter<'_>, files: &TlsFiles) -> fmt::Result {
    file_line(f, "authorities", files.ca.as_deref())?;
    file_line(f, "certificate", files.certificate.as_deref())?;
    file_line(f, "key", files.key.as_deref())
}
