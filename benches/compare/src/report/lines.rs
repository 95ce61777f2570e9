//! A panel per group: how a figure grows with the number that names the case. Both scales are
//! logarithmic.

use super::colors;
use super::format;
use super::svg::{Anchor, Svg};
use crate::results::Results;

const PANEL: f64 = 250.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 60.0;
const GAP: f64 = 34.0;
const GRID: &str = "#ddd";

pub struct Lines<'a> {
    pub results: &'a Results,
    pub title: &'a str,
    /// Groups and their headings.
    pub panels: &'a [(&'a str, &'a str)],
    pub value: &'a str,
}

impl Lines<'_> {
    /// Nothing if there are no figures.
    pub fn render(&self) -> Option<String> {
        let width = LEFT + (PANEL + GAP) * self.panels.len() as f64;
        let mut svg = Svg::new(width);
        svg.title(12.0, 24.0, self.title);
        let brokers = self.results.brokers(self.panels[0].0);
        colors::legend(&mut svg, 12.0, 48.0, &brokers);
        let all = self.panels.iter().flat_map(|(group, _)| self.points(group));
        let all: Vec<_> = all.flat_map(|(_, points)| points).collect();
        let decades = |select: fn(&(f64, f64)) -> f64| {
            let low = all.iter().map(select).fold(f64::MAX, f64::min);
            let high = all.iter().map(select).fold(f64::MIN_POSITIVE, f64::max);
            (low.log10().floor(), high.log10().ceil())
        };
        if all.is_empty() {
            return None;
        }
        let (xs, ys) = (decades(|point| point.0), decades(|point| point.1));
        let top = 90.0;
        for (index, (group, heading)) in self.panels.iter().enumerate() {
            let left = LEFT + (PANEL + GAP) * index as f64;
            svg.text(left + PANEL / 2.0, top - 8.0, Anchor::Middle, heading);
            let place = |(x, y): (f64, f64)| {
                let across = (x.log10() - xs.0) / (xs.1 - xs.0).max(1.0);
                let up = (y.log10() - ys.0) / (ys.1 - ys.0).max(1.0);
                (left + across * PANEL, top + HEIGHT - up * HEIGHT)
            };
            self.grid(&mut svg, xs, ys, index == 0, place);
            for (broker, points) in self.points(group) {
                let placed: Vec<_> = points.into_iter().map(place).collect();
                svg.line(&placed, colors::of(&broker), 2.0);
                for (x, y) in placed {
                    svg.dot(x, y, colors::of(&broker));
                }
            }
        }
        Some(svg.finish(top + HEIGHT + 34.0))
    }

    /// What each broker has in a group: number of the case, and median.
    fn points(&self, group: &str) -> Vec<(String, Vec<(f64, f64)>)> {
        let cases = self.results.cases(group);
        let of_broker = |broker: String| {
            let points = cases.iter().filter_map(|case| {
                let median = self.results.median(group, case, &broker, self.value)?;
                // Nothing has no logarithm.
                Some((case.parse().ok()?, median.max(0.001)))
            });
            let points = points.collect();
            (broker, points)
        };
        let brokers = self.results.brokers(group).into_iter();
        brokers.map(of_broker).collect()
    }

    fn grid(
        &self,
        svg: &mut Svg,
        xs: (f64, f64),
        ys: (f64, f64),
        is_first: bool,
        place: impl Fn((f64, f64)) -> (f64, f64),
    ) {
        let powers = |(low, high): (f64, f64)| (low as i32..=high as i32).map(|e| 10f64.powi(e));
        for y in powers(ys) {
            let (left, at) = place((10f64.powf(xs.0), y));
            svg.line(&[(left, at), (left + PANEL, at)], GRID, 1.0);
            if is_first {
                svg.text(left - 6.0, at + 4.0, Anchor::End, &format::power(y));
            }
        }
        for x in powers(xs) {
            let (at, bottom) = place((x, 10f64.powf(ys.0)));
            svg.line(&[(at, bottom), (at, bottom - HEIGHT)], GRID, 1.0);
            svg.text(at, bottom + 16.0, Anchor::Middle, &format::power(x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn the_corners_are_whole_decades() {
        let results = results(&[
            ("g", "10", "elbusd", "cpu_us", 1.0),
            ("g", "1000", "elbusd", "cpu_us", 100.0),
        ]);
        let lines = Lines {
            results: &results,
            title: "t",
            panels: &[("g", "heading")],
            value: "cpu_us",
        };
        let svg = lines.render().unwrap();
        assert!(svg.contains("points=\"60.0,330.0 310.0,90.0\""), "{svg}");
    }
}
