//! In which order clients are shown.

use std::cmp::Ordering;

use clap::ValueEnum;

use super::report::ClientReport;

/// The column that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortKey {
    Name,
    /// Frames in.
    In,
    /// Frames out.
    Out,
    /// Bytes in both directions.
    Bytes,
    Queue,
    Dropped,
}

impl SortKey {
    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::In => "in",
            Self::Out => "out",
            Self::Bytes => "bytes",
            Self::Queue => "queue",
            Self::Dropped => "dropped",
        }
    }

    /// Names from A to Z, numbers from the largest.
    fn compare(self, a: &ClientReport, b: &ClientReport) -> Ordering {
        match self {
            Self::Name => a.name.cmp(&b.name),
            Self::In => b.rates.in_frames.total_cmp(&a.rates.in_frames),
            Self::Out => b.rates.out_frames.total_cmp(&a.rates.out_frames),
            Self::Bytes => b.rates.bytes().total_cmp(&a.rates.bytes()),
            Self::Queue => (b.queue, b.queue_bytes).cmp(&(a.queue, a.queue_bytes)),
            Self::Dropped => b.dropped.cmp(&a.dropped),
        }
    }
}

/// A column and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub key: SortKey,
    pub reversed: bool,
}

impl Order {
    /// The natural direction of the column.
    pub fn by(key: SortKey) -> Self {
        Self {
            key,
            reversed: false,
        }
    }

    /// Sorts. Equals are in the order of their names, so that they keep their places.
    pub fn apply(self, clients: &mut [ClientReport]) {
        clients.sort_by(|a, b| {
            let ordering = self.key.compare(a, b);
            let ordering = if self.reversed {
                ordering.reverse()
            } else {
                ordering
            };
            ordering.then_with(|| a.name.cmp(&b.name))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Rates;
    use super::*;

    fn names(order: Order) -> Vec<String> {
        let client = |name: &str, in_frames, in_bytes, queue, dropped| ClientReport {
            name: name.to_owned(),
            rates: Rates {
                in_frames,
                in_bytes,
                out_frames: -in_frames,
                out_bytes: 0.0,
            },
            queue,
            dropped,
            ..ClientReport::default()
        };
        let mut clients = [
            client("c", 1.0, 20.0, 0, 0),
            client("b", 2.0, 10.0, 5, 0),
            client("a", 3.0, 0.0, 0, 7),
        ];
        order.apply(&mut clients);
        clients.map(|client| client.name).to_vec()
    }

    #[test]
    fn each_key_has_its_order() {
        for (key, expected) in [
            (SortKey::Name, ["a", "b", "c"]),
            (SortKey::In, ["a", "b", "c"]),
            (SortKey::Out, ["c", "b", "a"]),
            (SortKey::Bytes, ["c", "b", "a"]),
            (SortKey::Queue, ["b", "a", "c"]),
            (SortKey::Dropped, ["a", "b", "c"]),
        ] {
            assert_eq!(names(Order::by(key)), expected, "{key:?}");
        }
    }

    #[test]
    fn reversed_order_keeps_equals_by_name() {
        let order = Order {
            key: SortKey::Queue,
            reversed: true,
        };
        assert_eq!(names(order), ["a", "c", "b"]);
    }

    #[test]
    fn keys_are_called_the_same_everywhere() {
        for key in SortKey::value_variants() {
            let value = key.to_possible_value().expect("not hidden");
            assert_eq!(value.get_name(), key.title());
        }
    }
}
