//! A chart of horizontal bars: a block per case, a bar per broker. Cases differ by orders of
//! magnitude, so the longest bar of each fills the width, and every bar tells its figure.

use super::colors;
use super::svg::{Anchor, Svg};
use super::table::label;
use crate::results::Results;

const WIDTH: f64 = 800.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 80.0;
const BAR: f64 = 13.0;
const STEP: f64 = 16.0;
const GAP: f64 = 12.0;

pub struct Bars<'a> {
    pub results: &'a Results,
    pub title: &'a str,
    /// Groups, and what to put before the names of their cases.
    pub groups: &'a [(&'a str, &'a str)],
    /// And behind.
    pub unit: &'a str,
    pub value: &'a str,
    pub format: fn(f64) -> String,
}

impl Bars<'_> {
    /// Nothing if there are no figures.
    pub fn render(&self) -> Option<String> {
        let mut svg = Svg::new(WIDTH);
        let brokers = self.results.brokers(self.groups[0].0);
        let mut y = 24.0;
        svg.title(12.0, y, self.title);
        y += 24.0;
        y += colors::legend(&mut svg, 12.0, y, &brokers);
        let start = y;
        for (group, prefix) in self.groups {
            for case in self.results.cases(group) {
                y = self.block(&mut svg, y, group, &case, prefix);
            }
        }
        (y > start).then(|| svg.finish(y))
    }

    /// Returns where the next block begins.
    fn block(&self, svg: &mut Svg, y: f64, group: &str, case: &str, prefix: &str) -> f64 {
        let brokers = self.results.brokers(group);
        let figures: Vec<_> = brokers
            .iter()
            .filter_map(|broker| {
                let median = self.results.median(group, case, broker, self.value)?;
                Some((broker, median))
            })
            .collect();
        let longest = figures
            .iter()
            .map(|&(_, n)| n)
            .fold(f64::MIN_POSITIVE, f64::max);
        if figures.is_empty() {
            return y;
        }
        let height = STEP * figures.len() as f64;
        let name = format!("{prefix}{}{}", label(case), self.unit);
        svg.text(LEFT - 10.0, y + height / 2.0 + 3.0, Anchor::End, &name);
        for (index, (broker, number)) in figures.into_iter().enumerate() {
            let y = y + STEP * index as f64;
            let length = (number / longest * (WIDTH - LEFT - RIGHT)).max(1.0);
            svg.rectangle(LEFT, y, length, BAR, colors::of(broker));
            let figure = (self.format)(number);
            svg.text(LEFT + length + 6.0, y + BAR - 2.5, Anchor::Start, &figure);
        }
        y + height + GAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::format;
    use crate::results::tests::results;

    #[test]
    fn the_longest_bar_of_each_case_fills_the_width() {
        let results = results(&[
            ("g", "1", "elbusd", "rate", 200.0),
            ("g", "1", "original", "rate", 100.0),
            ("g", "2", "original", "rate", 1.0),
        ]);
        let bars = Bars {
            results: &results,
            title: "t",
            groups: &[("g", "")],
            unit: " clients",
            value: "rate",
            format: format::rate,
        };
        let svg = bars.render().unwrap();
        let bars_of = |length: &str| svg.matches(&format!("width=\"{length}\"")).count();
        assert_eq!((bars_of("530.0"), bars_of("265.0")), (2, 1), "{svg}");
        assert!(svg.contains("2 clients"));
    }
}
