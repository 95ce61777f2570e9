//! What needs no serialisation; the rest is in `packed`.

use super::*;

#[cfg(feature = "rpc")]
mod packed;

#[test]
fn clients_sort_by_name() {
    let named = |name, queue| ClientInfo {
        name,
        queue,
        ..Default::default()
    };
    let mut list = [named("b", 1), named("a.b", 2), named("a", 3)];
    list.sort();
    assert_eq!(list.map(|client| client.name), ["a", "a.b", "b"]);
    assert_eq!(named("a", 1), named("a", 2));
}

#[cfg(feature = "broker")]
#[test]
fn the_clock_is_in_nanoseconds() {
    let year_2020 = 1_577_836_800_000_000_000;
    assert!(now_ns() > year_2020);
}
