//! The tables of `docs/concepts.md` that say what filters and masks match, asked of a real broker.

use crate::common::{
    Broker, NO, PROCESSED, Transport, Wire, ack, broadcast, got_broadcast, got_publication,
    publish, subscribe,
};
use crate::pages::page;

/// The rows of the table whose first column has this title: pattern, text, whether they match.
fn rows(title: &str) -> Vec<(String, String, bool)> {
    let page = page("docs/concepts.md");
    let lines = page.prose.iter().map(String::as_str);
    let table = lines
        .skip_while(|line| !line.starts_with(&format!("| {title} |")))
        .skip(2)
        .take_while(|line| line.starts_with("| "));
    let rows: Vec<_> = table.map(row).collect();
    assert!(rows.len() > 10, "only {} rows of {title}", rows.len());
    rows
}

fn row(line: &str) -> (String, String, bool) {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [pattern, text, matches] = cells.as_slice() else {
        panic!("three cells, please: {line}");
    };
    let plain = |cell: &str| match cell {
        "*empty*" => String::new(),
        cell => cell.trim_matches('`').to_owned(),
    };
    let matches = match *matches {
        "yes" => true,
        "no" => false,
        other => panic!("neither yes nor no: {other}"),
    };
    (plain(pattern), plain(text), matches)
}

/// What arrives before the acknowledgement, which comes last.
fn expect(client: &mut Wire, delivery: Vec<u8>, ack: Vec<u8>, delivered: bool) {
    let expected = if delivered {
        [delivery, ack].concat()
    } else {
        ack
    };
    client.expect_bytes(&expected);
}

#[test]
fn documented_filters_match_as_documented() {
    let broker = Broker::start(&[]);
    for (filter, topic, matches) in rows("filter") {
        // Shown only if the test fails.
        eprintln!("{filter:?} and {topic:?}: {matches}");
        let mut client = broker.client_when_free(Transport::Unix, "n");
        client.request(&subscribe(1, PROCESSED, &[&filter]), 1);
        client.send_raw(&publish(2, PROCESSED, &topic, b"x"));
        let delivery = got_publication(NO, "n", &topic, b"x");
        expect(&mut client, delivery, ack(2, 1), matches);
    }
}

#[test]
fn documented_masks_match_as_documented() {
    let broker = Broker::start(&[]);
    for (mask, name, matches) in rows("mask") {
        eprintln!("{mask:?} and {name:?}: {matches}");
        let mut client = broker.client_when_free(Transport::Unix, &name);
        client.send_raw(&broadcast(2, PROCESSED, &mask, b"x"));
        let delivery = got_broadcast(NO, &name, b"x");
        expect(&mut client, delivery, ack(2, 1), matches);
    }
}
