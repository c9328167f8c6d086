//! A JSON object read field by field; what is left unread at the end is a field nobody knows.
//!
//! `null` is the same as absent. Refusals name the field as the client spells it, and never
//! repeat what the client sent beyond a field's name.

use std::ops::RangeInclusive;

use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::canonical::{Problem, Refusal, RefusalKind};

use super::object::Object;

/// The fields of an object that are not read yet.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body as one JSON object.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let object: Object = serde_json::from_slice(body).map_err(|fault| not_an_object(&fault))?;
        match object.twice {
            None => Ok(Self(object.map)),
            Some(name) => Err(twice(&name)),
        }
    }

    /// The fields of a body that is not JSON, each with the value that it stands for.
    pub(crate) fn of(pairs: impl IntoIterator<Item = (String, Value)>) -> Result<Self, Refusal> {
        let mut map = Map::new();
        for (name, value) in pairs {
            if map.contains_key(&name) {
                return Err(twice(&name));
            }
            map.insert(name, value);
        }
        Ok(Self(map))
    }

    /// The same fields under other names; two that come to the same name are one too many.
    pub(crate) fn renamed(self, rename: impl Fn(String) -> String) -> Result<Self, Refusal> {
        Self::of(self.0.into_iter().map(|(name, value)| (rename(name), value)))
    }

    /// A value of any type, for a side that has its own words for what is in it.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text of at most so many characters.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        chars_max: usize,
    ) -> Result<Option<String>, Refusal> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if longer_than(&text, chars_max) => Err(Refusal::field(
                name,
                Problem::TooLong,
                format!("`{name}` is too long; use at most {chars_max} characters"),
            )),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(name, "a string", &other)),
        }
    }

    /// A text that must be there and must say something.
    pub(crate) fn required_text(
        &mut self,
        name: &'static str,
        chars_max: usize,
    ) -> Result<String, Refusal> {
        match self.text(name, chars_max)? {
            Some(text) if text.trim().is_empty() => Err(Refusal::field(
                name,
                Problem::BadValue,
                format!("`{name}` is empty; it needs at least one visible character"),
            )),
            Some(text) => Ok(text),
            None => Err(Refusal::field(
                name,
                Problem::Missing,
                format!("`{name}` is required; add it to the body"),
            )),
        }
    }

    /// One of these words, as what it stands for.
    pub(crate) fn word<T: Clone>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name, usize::MAX)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(meaning.clone())),
            None => Err(Refusal::field(
                name,
                Problem::BadValue,
                format!("`{name}` must be {}", listed(words)),
            )),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<i64>,
    ) -> Result<Option<i64>, Refusal> {
        let value = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let Some(number) = whole(&value) else {
            return Err(wrong_type(name, "a whole number", &value));
        };
        let problem = match number {
            below if below < *bounds.start() => Problem::TooSmall,
            above if above > *bounds.end() => Problem::TooLarge,
            within => return Ok(Some(within)),
        };
        let message = format!("`{name}` must be between {} and {}", bounds.start(), bounds.end());
        Err(Refusal::field(name, problem, message))
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Refusal> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong_type(name, "true or false", &other)),
        }
    }

    /// Whether a field that is not read yet says this word.
    pub(crate) fn says(&self, name: &str, word: &str) -> bool {
        self.0.get(name).and_then(Value::as_str) == Some(word)
    }

    /// Takes a field of any type; whether it said anything.
    pub(crate) fn has(&mut self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Ends the reading: what nobody read is refused.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name = shown(name);
                let message = format!("there is no field `{name}` here; leave it out");
                Err(Refusal::field(name, Problem::UnknownField, message))
            }
        }
    }
}

fn twice(name: &str) -> Refusal {
    let name = shown(name);
    let message = format!("the field `{name}` is there twice; send it once");
    Refusal::field(name, Problem::BadValue, message)
}

/// Characters, not bytes; stops counting at the bound.
fn longer_than(text: &str, chars_max: usize) -> bool {
    text.len() > chars_max && text.chars().nth(chars_max).is_some()
}

/// A number without a fraction; beyond what can be counted it is the outermost that can be.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and every bound is far inside"
)]
fn whole(value: &Value) -> Option<i64> {
    let float =
        || value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64);
    value.as_i64().or_else(float)
}

fn wrong_type(name: &'static str, wanted: &str, found: &Value) -> Refusal {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message = format!("`{name}` must be {wanted}, not {found}");
    Refusal::field(name, Problem::WrongType, message)
}

/// The words, as a sentence says them.
fn listed<T>(words: &[(&str, T)]) -> String {
    let quoted: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

/// A client's field name, cut to what is worth repeating.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn not_an_object(fault: &serde_json::Error) -> Refusal {
    let message = match fault.classify() {
        Category::Data => "the body must be a JSON object".to_owned(),
        Category::Eof if fault.column() == 0 && fault.line() <= 1 => {
            "the body is empty; send a JSON object".to_owned()
        }
        Category::Eof | Category::Syntax | Category::Io => format!(
            "the body is not JSON that can be read: look at line {} column {}",
            fault.line(),
            fault.column()
        ),
    };
    Refusal::new(RefusalKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str, read: impl Fn(&mut Fields) -> Result<(), Refusal>) -> Refusal {
        let outcome = Fields::read(body.as_bytes()).and_then(|mut fields| read(&mut fields));
        outcome.expect_err("it was accepted")
    }

    #[test]
    fn a_body_that_is_not_json_is_refused_by_place_and_not_repeated() {
        let refusal = refused("{\n \"secret\": oops}", |_| Ok(()));
        assert_eq!(
            refusal.message,
            "the body is not JSON that can be read: look at line 2 column 12"
        );
        assert_eq!(refused("", |_| Ok(())).message, "the body is empty; send a JSON object");
        assert_eq!(refused("[1]", |_| Ok(())).message, "the body must be a JSON object");
    }

    #[test]
    fn nesting_has_a_bound() {
        let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
        assert_eq!(refused(&deep, |_| Ok(())).kind, RefusalKind::BadRequest);
    }

    #[test]
    fn a_field_that_comes_twice_is_refused() {
        let refusal = refused(r#"{"n":1,"m":2,"n":3}"#, |_| Ok(()));
        assert_eq!(refusal.field.as_deref(), Some("n"));
    }

    #[test]
    fn lengths_count_characters() {
        let mut fields = Fields::read(r#"{"a":"äöü","b":"äöüß"}"#.as_bytes()).unwrap();
        assert_eq!(fields.text("a", 3).unwrap().as_deref(), Some("äöü"));
        assert_eq!(fields.text("b", 3).unwrap_err().problem, Some(Problem::TooLong));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let body = br#"{"a":2.0,"b":1e40,"c":-1,"d":1.5,"e":null}"#;
        let mut fields = Fields::read(body).unwrap();
        assert_eq!(fields.integer("a", 0..=9).unwrap(), Some(2));
        let mut problem = |name| fields.integer(name, 0..=9).unwrap_err().problem;
        assert_eq!(problem("b"), Some(Problem::TooLarge));
        assert_eq!(problem("c"), Some(Problem::TooSmall));
        assert_eq!(problem("d"), Some(Problem::WrongType));
        assert_eq!(fields.integer("e", 0..=9).unwrap(), None);
    }

    #[test]
    fn what_nobody_read_is_refused() {
        let refusal = refused(r#"{"colour":"red"}"#, |fields| {
            std::mem::replace(fields, Fields(Map::new())).finish()
        });
        assert_eq!(refusal.problem, Some(Problem::UnknownField));
        assert_eq!(refusal.field.as_deref(), Some("colour"));
    }
}
