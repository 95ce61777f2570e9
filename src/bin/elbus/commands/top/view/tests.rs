use super::*;

fn report(names: &[&str]) -> Report {
    let client = |(number, name): (usize, &&str)| ClientReport {
        name: (*name).to_owned(),
        kind: "tcp".to_owned(),
        source: Some("10.0.0.7:5000".to_owned()),
        rates: Rates {
            in_frames: number as f64,
            ..Rates::default()
        },
        ..ClientReport::default()
    };
    Report {
        uptime: 90_061,
        rates: Rates {
            in_frames: 1234.0,
            in_bytes: 98_765.0,
            out_frames: 0.25,
            out_bytes: 12_345_678.0,
        },
        clients: names.iter().enumerate().map(client).collect(),
    }
}

fn view(names: &[&str]) -> View {
    View::new("bus.sock", Order::by(SortKey::Name), report(names))
}

/// The names on the screen.
fn shown(view: &mut View, lines: usize) -> Vec<String> {
    let size = Size {
        columns: 100,
        lines,
    };
    let lines = view.lines(size);
    let rows = lines[5..lines.len() - 1].iter();
    let first = rows.filter_map(|line| line.split_whitespace().next());
    first.map(str::to_owned).collect()
}

#[test]
fn the_screen_is_filled_to_its_last_line() {
    let size = Size {
        columns: 120,
        lines: 9,
    };
    let lines = view(&["b", "a"]).lines(size);
    let expected = [
        "elbus bus.sock   up 1d 01:01:01   clients 2   by name",
        "in 1.2k/s, 99k B/s   out 0.2/s, 12M B/s",
        "",
        "name  type  source           in/s  in B/s   out/s  out B/s   queue   bytes  dropped",
        "----  ----  -------------  ------  ------  ------  -------  ------  ------  -------",
        "a     tcp   10.0.0.7:5000       1       0       0        0       0       0        0",
        "b     tcp   10.0.0.7:5000       0       0       0        0       0       0        0",
        "",
        KEYS,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn no_terminal_is_too_small() {
    let mut view = view(&["a", "b", "c"]);
    for lines in 1..12 {
        for columns in [1, 7, 80] {
            let shown = view.lines(Size { columns, lines });
            assert_eq!(shown.len(), lines);
            assert!(shown.iter().all(|line| line.chars().count() <= columns));
        }
    }
}

#[test]
fn keys_change_the_order() {
    let mut view = view(&["b", "c", "a"]);
    assert_eq!(shown(&mut view, 24), ["a", "b", "c"]);
    view.apply(Action::Reverse);
    assert_eq!(shown(&mut view, 24), ["c", "b", "a"]);
    view.apply(Action::Sort(SortKey::In));
    assert_eq!(shown(&mut view, 24), ["a", "c", "b"]);
    view.show(report(&["x", "y"]));
    assert_eq!(shown(&mut view, 24), ["y", "x"]);
}

#[test]
fn scrolling_stops_at_both_ends() {
    let mut view = view(&["a", "b", "c", "d"]);
    let lines = OTHER_LINES + 2;
    assert_eq!(shown(&mut view, lines), ["a", "b"]);
    view.apply(Action::Down(1));
    assert_eq!(shown(&mut view, lines), ["b", "c"]);
    view.apply(Action::Down(usize::MAX));
    assert_eq!(shown(&mut view, lines), ["c", "d"]);
    view.apply(Action::Up(1));
    assert_eq!(shown(&mut view, lines), ["b", "c"]);
    view.apply(Action::Up(10));
    assert_eq!(shown(&mut view, lines), ["a", "b"]);
    // More room than clients: none are hidden above.
    view.apply(Action::Down(2));
    assert_eq!(shown(&mut view, 24), ["a", "b", "c", "d"]);
}

#[test]
fn h13_names_cannot_leave_their_cells() {
    let long = "x".repeat(1000);
    let mut view = view(&["\x1b[2J\n", &long]);
    let size = Size {
        columns: 200,
        lines: 24,
    };
    let lines = view.lines(size);
    assert!(
        lines
            .iter()
            .flat_map(|line| line.chars())
            .all(|c| !c.is_control())
    );
    assert!(
        lines.iter().all(|line| line.chars().count() < 150),
        "{lines:?}"
    );
}

#[test]
fn numbers_are_short() {
    for (number, text) in [
        (0.0, "0"),
        (0.25, "0.2"),
        (7.0, "7"),
        (9.99, "10"),
        (999.4, "999"),
        (999.5, "1.0k"),
        (12_345.0, "12k"),
        (560e6, "560M"),
        (u64::MAX as f64, "18E"),
    ] {
        assert_eq!(scaled(number), text);
    }
}

#[test]
fn uptimes_are_clocks_with_days() {
    assert_eq!(duration(0), "00:00:00");
    assert_eq!(duration(86_399), "23:59:59");
    assert_eq!(duration(10 * 86_400), "10d 00:00:00");
}
