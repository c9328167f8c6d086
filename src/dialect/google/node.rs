//! An object inside a request to Google's APIs, read field by field; refusals name the whole place.
//!
//! Names are taken in both spellings that these APIs take, `aspectRatio` and `aspect_ratio`.

use serde_json::{Map, Value};

use super::super::json::Fields;
use crate::canonical::{Problem, Refusal, RefusalKind};

/// An object whose fields are not all read yet.
#[derive(Debug)]
pub(crate) struct Node {
    place: String,
    fields: Fields,
}

impl Node {
    /// A body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let fields = Fields::read(body)?.renamed(|name| camel(&name))?;
        Ok(Self { place: String::new(), fields })
    }

    /// An object at this place.
    pub(crate) fn of(place: String, value: Value) -> Result<Self, Refusal> {
        let Value::Object(map) = value else {
            let message = format!("`{place}` must be an object");
            return Err(Refusal::field(place, Problem::WrongType, message));
        };
        let pairs = map.into_iter().map(|(name, value)| (camel(&name), value));
        let fields = Fields::of(pairs).map_err(|refusal| located(&place, refusal))?;
        Ok(Self { place, fields })
    }

    /// Where a field of this object is.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// An object inside this one; an absent one has no fields.
    pub(crate) fn child(&mut self, name: &str) -> Result<Self, Refusal> {
        let place = self.place(name);
        Self::of(place, self.fields.value(name).unwrap_or_else(|| Map::new().into()))
    }

    /// The objects of a list, each with its place; none when it is absent.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Self>, Refusal> {
        let place = self.place(name);
        let items = match self.fields.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => {
                let message = format!("`{place}` must be an array of objects");
                return Err(Refusal::field(place, Problem::WrongType, message));
            }
        };
        let items = items.into_iter().enumerate();
        items.map(|(index, item)| Self::of(format!("{place}[{index}]"), item)).collect()
    }

    /// A value of any type.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.fields.value(name)
    }

    /// A text of at most so many characters.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        chars_max: usize,
    ) -> Result<Option<String>, Refusal> {
        self.fields.text(name, chars_max).map_err(|refusal| located(&self.place, refusal))
    }

    /// One of these words, as what it stands for.
    pub(crate) fn word<T: Clone>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Refusal> {
        self.fields.word(name, words).map_err(|refusal| located(&self.place, refusal))
    }

    /// One of these words, or one of the other words for the same, which a refusal does not list.
    pub(crate) fn word_or<T: Clone>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        others: &[(&str, T)],
    ) -> Result<Option<T>, Refusal> {
        let other = others.iter().find(|(word, _)| self.fields.says(name, word));
        if let Some((_, meaning)) = other {
            self.fields.has(name);
            return Ok(Some(meaning.clone()));
        }
        self.word(name, words)
    }

    /// One of these small words, in whatever case it comes; as it is written here.
    pub(crate) fn word_in_any_case(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name, usize::MAX)? else { return Ok(None) };
        let found = words.iter().find(|word| text.eq_ignore_ascii_case(word));
        found.copied().map(Some).ok_or_else(|| {
            let message = format!("must be one of: {}", words.join(", "));
            self.bad(name, Problem::BadValue, &message)
        })
    }

    /// A whole number from this to that.
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Refusal> {
        self.fields.integer(name, bounds).map_err(|refusal| located(&self.place, refusal))
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Refusal> {
        self.fields.flag(name).map_err(|refusal| located(&self.place, refusal))
    }

    /// A number, kept as it is.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.fields.value(name) {
            None => Ok(None),
            Some(number @ Value::Number(_)) => Ok(Some(number)),
            Some(_) => Err(self.bad(name, Problem::WrongType, "must be a number")),
        }
    }

    /// Refuses the first of these documented fields that asks for something.
    pub(crate) fn offers_none(&mut self, names: &[&str]) -> Result<(), Refusal> {
        for name in names {
            let asked = self.fields.value(name);
            if asked.is_some_and(|value| value != Value::Array(Vec::new())) {
                return Err(self.not_offered(name, "is not offered here; leave it out"));
            }
        }
        Ok(())
    }

    /// A no about a field of this object; the message goes on after its name.
    pub(crate) fn bad(&self, name: &str, problem: Problem, message: &str) -> Refusal {
        let place = self.place(name);
        let message = format!("`{place}` {message}");
        Refusal::field(place, problem, message)
    }

    /// A no to what the API documents and this gateway does not offer.
    pub(crate) fn not_offered(&self, name: &str, message: &str) -> Refusal {
        let refusal = self.bad(name, Problem::BadValue, message);
        Refusal { kind: RefusalKind::Unsupported, ..refusal }
    }

    /// Ends the reading: what nobody read is refused.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        let Self { place, fields } = self;
        fields.finish().map_err(|refusal| located(&place, refusal))
    }
}

/// The same no about a field that is inside something.
fn located(place: &str, refusal: Refusal) -> Refusal {
    let Some(name) = refusal.field.as_deref().filter(|_| !place.is_empty()) else {
        return refusal;
    };
    let whole = format!("{place}.{name}");
    let message = refusal.message.replacen(&format!("`{name}`"), &format!("`{whole}`"), 1);
    Refusal { field: Some(whole.into()), message: message.into(), ..refusal }
}

/// `aspect_ratio` as `aspectRatio`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(body: &str) -> Node {
        Node::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn both_spellings_are_the_same_field() {
        let mut body = node(r#"{"generation_config":{"image_config":{"aspect_ratio":"1:1"}}}"#);
        let mut config = body.child("generationConfig").unwrap().child("imageConfig").unwrap();
        assert_eq!(config.text("aspectRatio", 9).unwrap().as_deref(), Some("1:1"));
        let twice = Node::read(br#"{"safety_settings":[],"safetySettings":[]}"#).unwrap_err();
        assert_eq!(twice.field.as_deref(), Some("safetySettings"));
    }

    #[test]
    fn a_no_names_the_whole_place() {
        let mut body = node(r#"{"contents":[{"parts":[{"text":7}]}]}"#);
        let mut part = body.list("contents").unwrap().remove(0).list("parts").unwrap().remove(0);
        let no = part.text("text", 9).unwrap_err();
        assert_eq!(no.field.as_deref(), Some("contents[0].parts[0].text"));
        assert_eq!(no.message, "`contents[0].parts[0].text` must be a string, not a number");
    }

    #[test]
    fn what_is_not_offered_may_be_there_when_it_asks_for_nothing() {
        assert!(
            node(r#"{"tools":[],"toolConfig":null}"#).offers_none(&["tools", "toolConfig"]).is_ok()
        );
        let no = node(r#"{"tools":[{}]}"#).offers_none(&["tools"]).unwrap_err();
        assert_eq!(no.kind, RefusalKind::Unsupported);
    }
}
