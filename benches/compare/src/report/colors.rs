//! Each broker has its colour, the same in all plots, and a legend says which.

use super::svg::{Anchor, Svg};

pub fn of(broker: &str) -> &'static str {
    match broker {
        "elbusd" => "#d1495b",
        "elbusd -w 1" => "#eba0aa",
        "original" => "#30638e",
        "busrtd" => "#7fb2d6",
        "NATS" => "#2a9d6f",
        "mosquitto" => "#b08968",
        "Redis" => "#8d6bb5",
        _ => "#777777",
    }
}

/// One line of names. Returns its height.
pub fn legend(svg: &mut Svg, x: f64, y: f64, brokers: &[String]) -> f64 {
    let mut x = x;
    for broker in brokers {
        svg.rectangle(x, y - 10.0, 12.0, 12.0, of(broker));
        svg.text(x + 17.0, y, Anchor::Start, broker);
        x += 34.0 + 7.0 * broker.len() as f64;
    }
    20.0
}
