//! Where another broker has the better figure. It is not left to the reader to find.

use super::format;
use super::table::label;
use crate::results::Results;

const OURS: &str = "elbusd";
/// Less than this is noise.
const NOISE: f64 = 1.03;

/// A comparison: which figure, and whether more of it is better.
pub struct Figure<'a> {
    pub group: &'a str,
    /// How the text names it, before the case.
    pub text: &'a str,
    pub value: &'a str,
    pub more_is_better: bool,
}

/// A list, one line for each case in which one of those brokers is ahead.
pub fn list(results: &Results, figures: &[Figure<'_>], who: fn(&str) -> bool) -> String {
    let mut lines = Vec::new();
    for figure in figures {
        for case in results.cases(figure.group) {
            let ahead = ahead(results, figure, &case, who);
            if !ahead.is_empty() {
                let case = label(&case);
                lines.push(format!("- {}, {case}: {}", figure.text, ahead.join(", ")));
            }
        }
    }
    if lines.is_empty() {
        return "Nowhere.".to_owned();
    }
    lines.join("\n")
}

/// Who is ahead, and how their figure relates to ours.
fn ahead(results: &Results, figure: &Figure<'_>, case: &str, who: fn(&str) -> bool) -> Vec<String> {
    let brokers = results.brokers(figure.group).into_iter();
    let compared = brokers.filter(|broker| broker != OURS && who(broker));
    compared
        .filter_map(|broker| {
            let ratio = results.ratio(figure.group, case, &broker, OURS, figure.value)?;
            let is_ahead = if figure.more_is_better {
                ratio > NOISE
            } else {
                ratio < 1.0 / NOISE
            };
            is_ahead.then(|| format!("{broker} {}", format::ratio(ratio)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn those_who_are_ahead_are_named() {
        let results = results(&[
            ("g", "8", "elbusd", "rate", 100.0),
            ("g", "8", "NATS", "rate", 150.0),
            ("g", "8", "Redis", "rate", 101.0),
            ("g", "9", "elbusd", "rate", 100.0),
            ("g", "9", "NATS", "rate", 50.0),
        ]);
        let figure = |more_is_better| Figure {
            group: "g",
            text: "deliveries",
            value: "rate",
            more_is_better,
        };
        assert_eq!(
            list(&results, &[figure(true)], |_| true),
            "- deliveries, 8: NATS 1.50×"
        );
        assert_eq!(
            list(&results, &[figure(false)], |_| true),
            "- deliveries, 9: NATS 0.50×"
        );
        assert_eq!(
            list(&results, &[figure(true)], |who| who == "Redis"),
            "Nowhere."
        );
    }
}
