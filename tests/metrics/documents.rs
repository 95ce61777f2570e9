//! `docs/metrics.md` and `docs/dashboard.json` speak of the metrics that there are.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::*;
use crate::scene::Scene;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of all series, of a broker with clients on both transports.
fn names() -> BTreeSet<String> {
    let scene = Scene::start(&[]);
    let _clients = [Transport::Unix, Transport::Tcp].map(|transport| {
        let name = format!("{transport:?}");
        scene.broker.client(transport, &name)
    });
    let series = scene.metrics().series;
    series.into_keys().map(|(name, _)| name).collect()
}

/// Every word that looks like the name of a series.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("elbus_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_has_each_metric_and_no_other() {
    let page = text("docs/metrics.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `elbus_"));
    let documented: BTreeSet<String> = rows
        .map(|row| format!("elbus_{}", row.split('`').next().expect("a name")))
        .collect();
    assert_eq!(documented, names());
    let unknown: Vec<_> = names_in(&page).difference(&names()).cloned().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_dashboard_uses_metrics_that_exist() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&text("docs/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 6);
    let known = names();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let expression = target["expr"].as_str().expect("an expression");
            let used = names_in(expression);
            assert!(!used.is_empty(), "{title}: {expression}");
            let unknown: Vec<_> = used.difference(&known).collect();
            assert!(unknown.is_empty(), "{title}: there is no {unknown:?}");
        }
    }
}
