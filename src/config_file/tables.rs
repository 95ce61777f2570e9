//! The tables of a TOML file, taken apart key by key: what is left at the end was not known.
//!
//! Done by hand rather than derived: the derived code of all tables would be a tenth of the program.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, and where.
#[derive(Debug)]
pub struct Wrong {
    pub what: String,
    /// In bytes of the text.
    pub place: Option<Range<usize>>,
}

impl Wrong {
    fn at(place: &Range<usize>, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            place: Some(place.clone()),
        }
    }
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Self {
        Self {
            what: error.message().to_owned(),
            place: error.span(),
        }
    }
}

/// Reads a value from its text.
pub type Parse<T> = fn(&str) -> Result<T, String>;

/// A table that is being read.
pub struct Table<'a> {
    /// What was not asked for yet.
    entries: DeTable<'a>,
    /// What was.
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The whole file.
    ///
    /// # Errors
    ///
    /// If it is not TOML.
    pub fn whole(text: &'a str) -> Result<Self, Wrong> {
        Ok(Self::new(DeTable::parse(text)?.into_inner()))
    }

    fn new(entries: DeTable<'a>) -> Self {
        Self {
            entries,
            known: Vec::new(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// Where this entry stands, if it was not asked for yet: its key.
    pub fn place(&self, key: &'static str) -> Option<Range<usize>> {
        let (name, _) = self.entries.get_key_value(key)?;
        Some(name.span())
    }

    /// Text, or, unless `text_only`, a number as text.
    fn scalar(
        &mut self,
        key: &'static str,
        text_only: bool,
    ) -> Result<Option<Spanned<String>>, Wrong> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let place = value.span();
        let text = match value.into_inner() {
            DeValue::String(text) => text.into_owned(),
            DeValue::Integer(number) if !text_only && number.radix() == 10 => {
                number.as_str().to_owned()
            }
            DeValue::Float(number) if !text_only => number.as_str().to_owned(),
            other => return Err(unexpected(&place, &other, "a string")),
        };
        Ok(Some(Spanned::new(place, text)))
    }

    /// A value that is written as text or as a number.
    pub fn value<T>(&mut self, key: &'static str, parse: Parse<T>) -> Result<Option<T>, Wrong> {
        let text = self.scalar(key, false)?;
        text.map(|text| parsed(&text, parse)).transpose()
    }

    /// A value that is written as text, because a number would mean something else.
    pub fn text<T>(&mut self, key: &'static str, parse: Parse<T>) -> Result<Option<T>, Wrong> {
        let text = self.scalar(key, true)?;
        text.map(|text| parsed(&text, parse)).transpose()
    }

    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Wrong> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(Some(*flag)),
            other => Err(unexpected(&value.span(), other, "a boolean")),
        }
    }

    /// A list of texts.
    pub fn list<T>(&mut self, key: &'static str, parse: Parse<T>) -> Result<Option<Vec<T>>, Wrong> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(unexpected(&value.span(), value.get_ref(), "a sequence"));
        };
        let read = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(text) => parse(text).map_err(|what| Wrong::at(&item.span(), what)),
            other => Err(unexpected(&item.span(), other, "a string")),
        };
        items.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A table below this one.
    pub fn table(&mut self, key: &'static str) -> Result<Option<Self>, Wrong> {
        let value = self.take(key);
        value.map(Self::of_value).transpose()
    }

    fn of_value(value: Spanned<DeValue<'a>>) -> Result<Self, Wrong> {
        let place = value.span();
        match value.into_inner() {
            DeValue::Table(entries) => Ok(Self::new(entries)),
            other => Err(unexpected(&place, &other, "a table")),
        }
    }

    /// An array of tables, `[[key]]`: each with its place. None if there is no such key.
    pub fn tables_of_array(
        &mut self,
        key: &'static str,
    ) -> Result<Vec<(Range<usize>, Self)>, Wrong> {
        let Some(value) = self.take(key) else {
            return Ok(Vec::new());
        };
        let place = value.span();
        match value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .map(|item| Ok((item.span(), Self::of_value(item)?)))
                .collect(),
            other => Err(unexpected(&place, &other, "an array of tables")),
        }
    }

    /// All that is left: tables, each under a name.
    pub fn tables<K: Ord, V>(
        self,
        parse: Parse<K>,
        read: fn(Self) -> Result<V, Wrong>,
    ) -> Result<BTreeMap<K, V>, Wrong> {
        let mut tables = BTreeMap::new();
        for (name, value) in self.entries {
            let name = parse(name.get_ref()).map_err(|what| Wrong::at(&name.span(), what))?;
            tables.insert(name, read(Self::of_value(value)?)?);
        }
        Ok(tables)
    }

    /// To be called when everything has been asked for.
    ///
    /// # Errors
    ///
    /// If something is left.
    pub fn end(self) -> Result<(), Wrong> {
        let Some((name, _)) = self.entries.iter().next() else {
            return Ok(());
        };
        let known: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
        let what = match known.as_slice() {
            [] => format!("unknown field `{}`, there are no fields", name.get_ref()),
            known => format!(
                "unknown field `{}`, expected one of {}",
                name.get_ref(),
                known.join(", ")
            ),
        };
        Err(Wrong::at(&name.span(), what))
    }
}

fn parsed<T>(text: &Spanned<String>, parse: Parse<T>) -> Result<T, Wrong> {
    parse(text.get_ref()).map_err(|what| Wrong::at(&text.span(), what))
}

fn unexpected(place: &Range<usize>, value: &DeValue<'_>, wanted: &str) -> Wrong {
    let found = value.type_str();
    Wrong::at(place, format!("invalid type: {found}, expected {wanted}"))
}
