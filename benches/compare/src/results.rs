//! Raw results: one JSON object per line, the first about the run, the others a sample each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::brokers::Description;
use crate::statistics::median;

/// Where and how it was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    pub date: String,
    pub command: String,
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    pub real_time: bool,
    pub rounds: u32,
    pub measured_s: f64,
    pub warm_up_s: f64,
    pub brokers: Vec<Description>,
    /// Brokers that are not installed.
    pub missing: Vec<String>,
}

/// One measurement of one broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    pub group: String,
    pub case: String,
    pub broker: String,
    pub round: u32,
    pub values: BTreeMap<String, f64>,
    /// Processor cores that nobody who takes part has used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_cores: Option<f64>,
    /// How often it was repeated because others used the machine.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: u32,
    /// Why there are no values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Results {
    pub run: Run,
    pub samples: Vec<Sample>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Results {
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let run = serde_json::from_str(lines.next().context("no results")?)?;
        let samples = lines.map(serde_json::from_str);
        Ok(Self {
            run,
            samples: samples.collect::<Result<_, _>>()?,
        })
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string(&self.run)? + "\n";
        for sample in &self.samples {
            text.push_str(&serde_json::to_string(sample)?);
            text.push('\n');
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, text).with_context(|| path.display().to_string())
    }

    /// The median over the rounds.
    pub fn median(&self, group: &str, case: &str, broker: &str, value: &str) -> Option<f64> {
        let samples = self.samples.iter();
        let wanted = samples.filter(|s| s.group == group && s.case == case && s.broker == broker);
        median(wanted.filter_map(|sample| sample.values.get(value).copied()))
    }

    /// The median, over the rounds, of how the broker relates to another one. Paired, because a
    /// machine may have slow and fast minutes, which a ratio of medians would mix.
    pub fn ratio(
        &self,
        group: &str,
        case: &str,
        broker: &str,
        base: &str,
        value: &str,
    ) -> Option<f64> {
        let of = |wanted: &str| -> Vec<(u32, f64)> {
            let samples = self.samples.iter();
            let samples =
                samples.filter(|s| s.group == group && s.case == case && s.broker == wanted);
            let with_value = samples.filter_map(|s| Some((s.round, *s.values.get(value)?)));
            with_value.collect()
        };
        let (ours, theirs) = (of(broker), of(base));
        let rounds: BTreeSet<u32> = ours.iter().map(|&(round, _)| round).collect();
        // A round may hold several samples of the same; then their medians are compared.
        let in_round = |samples: &[(u32, f64)], round| {
            median(samples.iter().filter(|s| s.0 == round).map(|s| s.1))
        };
        let ratios = rounds.into_iter().filter_map(|round| {
            let base = in_round(&theirs, round).filter(|&base| base > 0.0)?;
            Some(in_round(&ours, round)? / base)
        });
        median(ratios)
    }

    /// The cases of a group, in the order in which they were measured.
    pub fn cases(&self, group: &str) -> Vec<String> {
        self.distinct(group, |sample| &sample.case)
    }

    /// The brokers that took part in a group, in the order of the tables.
    pub fn brokers(&self, group: &str) -> Vec<String> {
        self.distinct(group, |sample| &sample.broker)
    }

    fn distinct(&self, group: &str, select: impl Fn(&Sample) -> &String) -> Vec<String> {
        let mut seen = Vec::new();
        for sample in self.samples.iter().filter(|s| s.group == group) {
            let value = select(sample);
            if !seen.contains(value) {
                seen.push(value.clone());
            }
        }
        seen
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Results with one value per sample: group, case, broker, value.
    pub fn results(samples: &[(&str, &str, &str, &str, f64)]) -> Results {
        let samples = samples
            .iter()
            .map(|&(group, case, broker, value, number)| Sample {
                group: group.to_owned(),
                case: case.to_owned(),
                broker: broker.to_owned(),
                round: 1,
                values: BTreeMap::from([(value.to_owned(), number)]),
                others_cores: Some(0.1),
                repeated: 0,
                trouble: None,
            });
        Results {
            run: Run {
                date: "2026-01-01".to_owned(),
                command: "run".to_owned(),
                cpu: "a processor".to_owned(),
                cores: 2,
                kernel: "6.1".to_owned(),
                real_time: false,
                rounds: 1,
                measured_s: 1.0,
                warm_up_s: 0.3,
                brokers: Vec::new(),
                missing: Vec::new(),
            },
            samples: samples.collect(),
        }
    }

    #[test]
    fn the_median_is_that_of_one_case_and_broker() {
        let results = results(&[
            ("g", "a", "x", "rate", 1.0),
            ("g", "a", "x", "rate", 5.0),
            ("g", "a", "x", "rate", 2.0),
            ("g", "a", "y", "rate", 9.0),
            ("g", "b", "x", "rate", 9.0),
            ("h", "a", "x", "rate", 9.0),
        ]);
        assert_eq!(results.median("g", "a", "x", "rate"), Some(2.0));
        assert_eq!(results.median("g", "a", "x", "cpu_us"), None);
        assert_eq!(results.cases("g"), ["a", "b"]);
        assert_eq!(results.brokers("g"), ["x", "y"]);
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let mut results = results(&[
            ("g", "a", "x", "rate", 2.0),
            ("g", "a", "y", "rate", 1.0),
            ("g", "a", "x", "rate", 20.0),
            ("g", "a", "y", "rate", 10.0),
            ("g", "a", "x", "rate", 30.0),
            ("g", "a", "y", "rate", 10.0),
        ]);
        for (index, sample) in results.samples.iter_mut().enumerate() {
            sample.round = index as u32 / 2;
        }
        assert_eq!(results.ratio("g", "a", "x", "y", "rate"), Some(2.0));
        assert_eq!(results.ratio("g", "a", "x", "z", "rate"), None);
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let results = results(&[("g", "a", "x", "rate", 1.5)]);
        let path = std::env::temp_dir().join(format!("elbus-results-{}", std::process::id()));
        results.save(&path).unwrap();
        let loaded = Results::load(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(loaded.median("g", "a", "x", "rate"), Some(1.5));
        assert_eq!(loaded.run.kernel, "6.1");
    }
}
