//! A table of what was read, which knows what nobody has taken from it yet.

use serde_json::{Map, Value};

use super::left;
use super::report::Report;

/// A table, and its dotted place.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) place: String,
    rest: Map<String, Value>,
}

/// The most leaves of one key that are named one by one.
const LEAVES_MAX: usize = 50;

impl Section {
    /// `None` when it is no table.
    pub(super) fn of(place: &str, value: Value) -> Option<Self> {
        match value {
            Value::Object(rest) => Some(Self { place: place.to_owned(), rest }),
            Value::Null => Some(Self { place: place.to_owned(), rest: Map::new() }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    }

    /// The dotted place of a key.
    pub(super) fn at(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.rest.remove(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.rest.contains_key(key)
    }

    /// What these keys say that are not here, as if they were; those that are here stay.
    pub(super) fn fill(&mut self, from: &Map<String, Value>) {
        for (key, value) in from {
            if !self.rest.contains_key(key) {
                self.rest.insert(key.clone(), value.clone());
            }
        }
    }

    /// The table at a key, empty when there is none; what is no table is left.
    pub(super) fn section(&mut self, key: &str, report: &mut Report) -> Self {
        let place = self.at(key);
        let empty = || Self { place: place.clone(), rest: Map::new() };
        match self.take(key) {
            None => empty(),
            Some(value) => Self::of(&place, value).unwrap_or_else(|| {
                report.left(&place, "is no table");
                empty()
            }),
        }
    }

    /// The text at a key; numbers count as they are written.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let text = match self.rest.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        self.take(key);
        Some(text)
    }

    /// The whole number at a key, if it is one above zero.
    pub(super) fn count(&mut self, key: &str) -> Option<u64> {
        let count = match self.rest.get(key)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let count = count.filter(|count| *count > 0)?;
        self.take(key);
        Some(count)
    }

    /// The flag at a key.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let flag = self.rest.get(key)?.as_bool()?;
        self.take(key);
        Some(flag)
    }

    /// Names everything that nobody took, to the last leaf.
    pub(super) fn leave(self, report: &mut Report) {
        for (key, value) in &self.rest {
            let place = self.at(key);
            match left::why(key) {
                Some(why) => report.left(place, why),
                None => leaves(&place, value, report),
            }
        }
    }

    /// Names everything, for a reason that all of it shares.
    pub(super) fn leave_all(self, why: &str, report: &mut Report) {
        for key in self.rest.keys() {
            report.left(self.at(key), why);
        }
    }
}

fn leaves(place: &str, value: &Value, report: &mut Report) {
    let mut found = Vec::new();
    collect(place.to_owned(), value, &mut found);
    if found.len() > LEAVES_MAX {
        report.left(place, format!("{} values that are not known here", found.len()));
        return;
    }
    for place in found {
        report.left(place, "is not known here");
    }
}

fn collect(place: String, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (key, value) in table {
                collect(format!("{place}.{key}"), value, found);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (number, value) in list.iter().enumerate() {
                collect(format!("{place}[{number}]"), value, found);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)
        | Value::Array(_) => found.push(place),
    }
}
