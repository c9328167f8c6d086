//! The places of a workflow: `{prompt}`, `{seed}` and so on, inside the strings of its JSON.

use std::borrow::Cow;

use serde_json::Value;

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Prompt,
    NegativePrompt,
    Style,
    Model,
    Width,
    Height,
    Count,
    Seed,
    Steps,
    Guidance,
    Strength,
    /// A picture to work from, counted from 0.
    Input(usize),
    Mask,
}

/// A part of a string in a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// A place, and what stands in it when nothing is asked.
    Place(Place, Option<&'a str>),
}

impl Place {
    /// Reads what is between the braces; `None` for what is no place, which stays as it is.
    fn read(text: &str) -> Option<(Self, Option<&str>)> {
        let (name, default) = match text.split_once(':') {
            Some((name, default)) => (name, Some(default)),
            None => (text, None),
        };
        let place = match name {
            "prompt" => Self::Prompt,
            "negative_prompt" => Self::NegativePrompt,
            "style" => Self::Style,
            "model" => Self::Model,
            "width" => Self::Width,
            "height" => Self::Height,
            "count" => Self::Count,
            "seed" => Self::Seed,
            "steps" => Self::Steps,
            "guidance" => Self::Guidance,
            "strength" => Self::Strength,
            "mask" => Self::Mask,
            "input" => Self::Input(0),
            other => {
                let number: usize = other.strip_prefix("input")?.parse().ok()?;
                Self::Input(number.checked_sub(1)?)
            }
        };
        Some((place, default))
    }

    /// The canonical parameter that is said in it.
    pub(super) const fn parameter(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::NegativePrompt => "negative_prompt",
            Self::Style => "style",
            Self::Model => "model",
            Self::Width | Self::Height => "frame",
            Self::Count => "count",
            Self::Seed => "seed",
            Self::Steps => "steps",
            Self::Guidance => "guidance",
            Self::Strength => "strength",
            Self::Input(_) => "inputs",
            Self::Mask => "mask",
        }
    }

    /// A place's default, which is a number where a number belongs.
    fn default_of(self, text: &str) -> Value {
        match self {
            Self::Prompt
            | Self::NegativePrompt
            | Self::Style
            | Self::Model
            | Self::Input(_)
            | Self::Mask => text.into(),
            Self::Width
            | Self::Height
            | Self::Count
            | Self::Seed
            | Self::Steps
            | Self::Guidance
            | Self::Strength => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        }
    }
}

/// What stands in a place when it has no default and nothing is asked: no words are no words.
const fn usual(place: Place) -> Option<&'static str> {
    match place {
        Place::NegativePrompt | Place::Style => Some(""),
        Place::Prompt
        | Place::Model
        | Place::Width
        | Place::Height
        | Place::Count
        | Place::Seed
        | Place::Steps
        | Place::Guidance
        | Place::Strength
        | Place::Input(_)
        | Place::Mask => None,
    }
}

/// The places of a workflow, each once.
pub(super) fn places(workflow: &Value) -> Vec<Place> {
    let mut found = Vec::new();
    collect(workflow, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

fn collect(part: &Value, found: &mut Vec<Place>) {
    match part {
        Value::String(text) => found.extend(parts(text).iter().filter_map(|part| match part {
            Part::Place(place, _) => Some(*place),
            Part::Text(_) => None,
        })),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The workflow with every place filled: by what is asked, or by the place's default. `Err` is a
/// place for which there is neither.
///
/// A string that is exactly one place becomes what stands in it, number or text; in a longer one
/// it is written out. What was filled in is not searched for places again.
pub(super) fn filled(
    workflow: &Value,
    asked: &impl Fn(Place) -> Option<Value>,
) -> Result<Value, Place> {
    let value_of = |place: Place, default: Option<&str>| {
        let default = default.or_else(|| usual(place));
        asked(place).or_else(|| Some(place.default_of(default?))).ok_or(place)
    };
    match workflow {
        Value::String(text) => match parts(text).as_slice() {
            [Part::Place(place, default)] => value_of(*place, *default),
            parts => {
                let written = parts.iter().map(|part| match part {
                    Part::Text(text) => Ok(Cow::Borrowed(*text)),
                    Part::Place(place, default) => {
                        value_of(*place, *default).map(|value| as_text(&value).into())
                    }
                });
                written.collect::<Result<String, Place>>().map(Value::from)
            }
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| filled(item, asked));
            items.collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, field)| Ok((name.clone(), filled(field, asked)?)));
            fields.collect::<Result<_, Place>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(workflow.clone()),
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A string as its places and what is between them.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let inner = after.split_once('}');
        let place = inner.and_then(|(inner, tail)| Some((Place::read(inner)?, tail)));
        if let Some(((place, default), tail)) = place {
            parts.push(Part::Place(place, default));
            rest = tail;
        } else {
            parts.push(Part::Text("{"));
            rest = after;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(place: Place) -> Option<Value> {
        match place {
            Place::Prompt => Some("fog {seed} \"{x}\"".into()),
            Place::Seed => Some(7.into()),
            Place::Input(1) => Some("b.png".into()),
            Place::NegativePrompt
            | Place::Style
            | Place::Model
            | Place::Width
            | Place::Height
            | Place::Count
            | Place::Steps
            | Place::Guidance
            | Place::Strength
            | Place::Input(_)
            | Place::Mask => None,
        }
    }

    #[test]
    fn a_string_that_is_one_place_becomes_what_stands_in_it() {
        let workflow = json!({"3": {"inputs": {"seed": "{seed}", "steps": "{steps:20}",
            "text": "{prompt}", "image": "{input2}", "cfg": "{guidance:7.5}", "on": true,
            "link": ["4", 0], "negative": "{negative_prompt:blurry, text: none}",
            "style": "{style}"}}});
        let expected = json!({"3": {"inputs": {"seed": 7, "steps": 20,
            "text": "fog {seed} \"{x}\"", "image": "b.png", "cfg": 7.5, "on": true,
            "link": ["4", 0], "negative": "blurry, text: none", "style": ""}}});
        assert_eq!(filled(&workflow, &asked), Ok(expected));
    }

    #[test]
    fn in_a_longer_string_a_place_is_written_out_and_other_braces_stay() {
        let workflow = json!(["a {red|blue} {prompt}, {seed}", "{{seed}}", "{unknown}", "{", ""]);
        let expected = json!(["a {red|blue} fog {seed} \"{x}\", 7", "{7}", "{unknown}", "{", ""]);
        assert_eq!(filled(&workflow, &asked), Ok(expected));
    }

    #[test]
    fn a_place_without_anything_to_stand_in_it_is_named() {
        assert_eq!(filled(&json!("{strength}"), &asked), Err(Place::Strength));
        assert_eq!(filled(&json!(["{input}"]), &asked), Err(Place::Input(0)));
    }

    proptest::proptest! {
        #[test]
        fn a_text_without_a_place_stays_as_it_is(text in "[{}:a-z0-9 ü]{0,40}") {
            let text = Value::from(text);
            if places(&text).is_empty() {
                proptest::prop_assert_eq!(filled(&text, &asked), Ok(text));
            }
        }
    }

    #[test]
    fn places_are_found_wherever_they_are_each_once() {
        let workflow = json!({"1": ["{input2} {seed}", {"x": "{input}{input1}"}], "{seed}": 1});
        assert_eq!(places(&workflow), [Place::Seed, Place::Input(0), Place::Input(1)]);
        assert_eq!(places(&json!("{input0} {inputs} {input-1} { seed}")), []);
    }
}
