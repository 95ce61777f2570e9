//! Tables of medians: a row per case, a column per broker.

use super::format;
use crate::results::Results;

/// What a table shows.
pub struct Table<'a> {
    pub results: &'a Results,
    pub group: &'a str,
    /// The heading of the first column.
    pub rows: &'a str,
    pub value: &'a str,
    pub format: fn(f64) -> String,
    /// The broker to which the others are set in relation.
    pub base: Option<&'a str>,
}

impl Table<'_> {
    pub fn render(&self) -> String {
        let brokers = self.results.brokers(self.group);
        let cases = self.results.cases(self.group);
        let cases: Vec<_> = cases.iter().filter(|case| !case.is_empty()).collect();
        if cases.is_empty() {
            return "Not measured.".to_owned();
        }
        let mut lines = vec![
            format!("| {} | {} |", self.rows, brokers.join(" | ")),
            format!("|---|{}", "---:|".repeat(brokers.len())),
        ];
        for case in cases {
            let cells: Vec<_> = brokers
                .iter()
                .map(|broker| self.cell(case, broker))
                .collect();
            lines.push(format!("| {} | {} |", label(case), cells.join(" | ")));
        }
        lines.join("\n")
    }

    fn cell(&self, case: &str, broker: &str) -> String {
        let (group, value) = (self.group, self.value);
        let Some(number) = self.results.median(group, case, broker, value) else {
            return "–".to_owned();
        };
        let text = (self.format)(number);
        let base = self.base.filter(|&base| base != broker);
        let ratio = base.and_then(|base| self.results.ratio(group, case, broker, base, value));
        ratio.map_or_else(
            || text.clone(),
            |ratio| format!("{text} ({})", format::ratio(ratio)),
        )
    }
}

/// Numbers with separators; anything else as it is.
pub fn label(case: &str) -> String {
    case.parse().map_or_else(|_| case.to_owned(), format::whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_cell_shows_the_figure_and_its_ratio() {
        let results = results(&[
            ("g", "1000", "elbusd", "rate", 3000.0),
            ("g", "1000", "original", "rate", 1500.0),
            ("g", "2", "elbusd", "rate", 10.0),
        ]);
        let table = Table {
            results: &results,
            group: "g",
            rows: "clients",
            value: "rate",
            format: format::rate,
            base: Some("original"),
        };
        let expected = "\
| clients | elbusd | original |
|---|---:|---:|
| 1,000 | 3.00 k (2.00×) | 1.50 k |
| 2 | 10.0 | – |";
        assert_eq!(table.render(), expected);
    }
}
