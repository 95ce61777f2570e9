//! A reader of OpenMetrics 1.0 text that accepts nothing which the format does not allow, as far as it
//! is in use: counters, gauges and infos without timestamps and exemplars.

use std::collections::BTreeMap;

/// The labels of a series, by name.
pub type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub unit: Option<String>,
    pub help: Option<String>,
    samples: usize,
}

/// A text that was read.
#[derive(Debug, Default)]
pub struct Metrics {
    pub families: BTreeMap<String, Family>,
    pub series: BTreeMap<(String, Labels), f64>,
}

impl Metrics {
    /// Fails with the line that is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let body = text
            .strip_suffix("# EOF\n")
            .ok_or("no `# EOF` at the end")?;
        if !body.is_empty() && !body.ends_with('\n') {
            return Err("the last line is not whole".into());
        }
        let mut metrics = Self::default();
        let mut current = None;
        for line in body.split_terminator('\n') {
            metrics
                .line(line, &mut current)
                .map_err(|why| format!("{why}: {line:?}"))?;
        }
        Ok(metrics)
    }

    fn line(&mut self, line: &str, current: &mut Option<String>) -> Result<(), String> {
        if line.contains('\r') || line.is_empty() {
            return Err("a stray end of line".into());
        }
        match line.strip_prefix("# ") {
            Some(descriptor) => self.descriptor(descriptor, current),
            None => self.sample(line, current.as_deref().ok_or("a series of no family")?),
        }
    }

    fn descriptor(&mut self, text: &str, current: &mut Option<String>) -> Result<(), String> {
        let mut words = text.splitn(3, ' ');
        let [Some(what), Some(name), Some(value)] = [(); 3].map(|()| words.next()) else {
            return Err("no descriptor".into());
        };
        if !is_name(name) {
            return Err("no name".into());
        }
        if what == "TYPE" {
            *current = Some(name.to_owned());
            let known = ["counter", "gauge", "info"].contains(&value);
            let family = Family {
                kind: value.to_owned(),
                ..Family::default()
            };
            let is_new = self.families.insert(name.to_owned(), family).is_none();
            return (known && is_new)
                .then_some(())
                .ok_or("a type that is wrong".into());
        }
        let family = self.families.get_mut(name).ok_or("no TYPE before")?;
        if current.as_deref() != Some(name) || family.samples > 0 {
            return Err("not beside its TYPE".into());
        }
        let place = match what {
            "UNIT" if name.ends_with(&format!("_{value}")) => &mut family.unit,
            "HELP" => &mut family.help,
            _ => return Err("a descriptor that is wrong".into()),
        };
        match place.replace(value.to_owned()) {
            None => Ok(()),
            Some(_) => Err("for the second time".into()),
        }
    }

    fn sample(&mut self, line: &str, family_name: &str) -> Result<(), String> {
        let family = self.families.get_mut(family_name).expect("the current one");
        let name_end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(name_end);
        let suffix = match &*family.kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        if name.strip_suffix(suffix) != Some(family_name) {
            return Err(format!("not of the family {family_name}"));
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => read_labels(rest)?,
            None => (Labels::new(), rest),
        };
        let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
        let is_plain = value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value: f64 = value.parse().map_err(|_| "no number")?;
        if !is_plain || family.kind == "info" && value != 1.0 {
            return Err("a value that is wrong".into());
        }
        family.samples += 1;
        match self.series.insert((name.to_owned(), labels), value) {
            None => Ok(()),
            Some(_) => Err("for the second time".into()),
        }
    }

    /// The value of a series.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels)
            .unwrap_or_else(|| panic!("no {name}{labels:?} in {:#?}", self.series))
    }

    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.series
            .get(&(name.to_owned(), labels.collect()))
            .copied()
    }

    /// The labels of all series of a name.
    pub fn labels_of(&self, wanted: &str) -> Vec<&Labels> {
        let series = self.series.keys();
        let found = series.filter(|(name, _)| name == wanted);
        found.map(|(_, labels)| labels).collect()
    }
}

/// Reads up to the end of the labels; also returns what follows.
fn read_labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        let (name, value) = rest.split_once("=\"").ok_or("no label")?;
        if !is_name(name) || name.starts_with("__") || name.contains(':') {
            return Err("no name of a label".into());
        }
        let mut text = String::new();
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next().ok_or("an open quote")? {
                (at, '"') => break at,
                (_, '\\') => text.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, c @ ('\\' | '"'))) => c,
                    _ => return Err("an escape that there is not".into()),
                }),
                (_, c) => text.push(c),
            }
        };
        if labels.insert(name.to_owned(), text).is_some() {
            return Err("a label for the second time".into());
        }
        rest = &value[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        rest = rest.strip_prefix(',').ok_or("no comma between labels")?;
    }
}

fn is_name(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_first) && text.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

#[test]
fn right_text_is_read() {
    let text = "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes How many.\n\
        a_bytes_total{x=\"1\"} 2\na_bytes_total{x=\"a\\\"\\\\\\n}\",y=\"\"} 0.5\n# EOF\n";
    let metrics = Metrics::read(text).expect("right text");
    assert_eq!(metrics.value("a_bytes_total", &[("x", "1")]), 2.0);
    let hard = [("x", "a\"\\\n}"), ("y", "")];
    assert_eq!(metrics.value("a_bytes_total", &hard), 0.5);
    let family = &metrics.families["a_bytes"];
    assert_eq!(family.unit.as_deref(), Some("bytes"));
    assert_eq!(family.help.as_deref(), Some("How many."));
}

#[test]
fn wrong_text_is_noticed() {
    for wrong in [
        "",
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# EOF",
        "# TYPE a gauge\na 1\n# EOF\n\n",
        "# TYPE a gauge\n\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\r\n# EOF\n",
        "a 1\n# EOF\n",
        "# TYPE a gauge\na 1\na 2\n# EOF\n",
        "# TYPE a gauge\na{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE a gauge\n# EOF\n",
        "# TYPE a gauge\n# TYPE b gauge\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# HELP a late\n# EOF\n",
        "# TYPE a gauge\n# HELP a x\n# HELP a x\n# EOF\n",
        "# TYPE a gauge\n# UNIT a bytes\n# EOF\n",
        "# TYPE a thing\na 1\n# EOF\n",
        "# TYPE a counter\na 1\n# EOF\n",
        "# TYPE a info\na_info 2\n# EOF\n",
        "# TYPE a counter\na_total -1\n# EOF\n",
        "# TYPE a gauge\na NaN\n# EOF\n",
        "# TYPE a gauge\na  1\n# EOF\n",
        "# TYPE a gauge\na{x=\"\\t\"} 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"1} 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n# EOF\n",
        "# TYPE a gauge\na{x=\"1\"y=\"2\"} 1\n# EOF\n",
        "# TYPE a gauge\na{1=\"1\"} 1\n# EOF\n",
    ] {
        assert!(Metrics::read(wrong).is_err(), "{wrong:?}");
    }
}
