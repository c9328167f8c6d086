//! What the config file may say, as a JSON Schema: types from what files are read into, words and
//! defaults from the file of defaults, which documents every key.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::DEFAULTS;
use super::raw::RawConfig;

/// The schema of a config file, in the draft of 2020-12.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<RawConfig>().to_value();
    let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap_or_default();
    for told in keys(DEFAULTS) {
        let pointer = format!("/properties/{}/properties/{}", told.section, told.key);
        let Some(Value::Object(own)) = schema.pointer_mut(&pointer) else { continue };
        own.insert("description".to_owned(), Value::String(told.words));
        let value = defaults.get(&told.section).and_then(|section| section.get(&told.key));
        if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
            own.insert("default".to_owned(), value);
        } else {
            own.remove("default");
        }
    }
    for (section, _) in &defaults {
        forget_default(schema.pointer_mut(&format!("/properties/{section}")));
    }
    schema
}

/// A section is no value of its own, so it has no default of its own.
fn forget_default(section: Option<&mut Value>) {
    if let Some(own) = section.and_then(Value::as_object_mut) {
        let own: &mut Map<String, Value> = own;
        own.remove("default");
    }
}

/// A key and what is said of it.
struct Told {
    section: String,
    key: String,
    words: String,
}

/// Every key of the file of defaults, with the comment above it; keys that follow one another without
/// a comment between share the one above the first.
fn keys(text: &str) -> Vec<Told> {
    let (mut told, mut section) = (Vec::new(), String::new());
    let (mut words, mut is_used) = (String::new(), false);
    for line in text.lines() {
        let bare = line.trim_start_matches("# ");
        let key = bare.split_once(" = ").map(|(key, _)| key).filter(|key| is_key(key));
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            words.clear();
        } else if let Some(key) = key {
            let (section, key, words) = (section.clone(), key.to_owned(), words.clone());
            told.push(Told { section, key, words });
            is_used = true;
        } else if line.starts_with('#') {
            if is_used {
                words.clear();
                is_used = false;
            }
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(bare.trim_start_matches('#'));
        }
    }
    told
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_a_file_may_have_is_documented() {
        let schema = schema();
        let sections = schema["properties"].as_object().unwrap();
        for (section, own) in sections {
            for (key, value) in own["properties"].as_object().unwrap() {
                let words = value["description"].as_str().unwrap_or_default();
                assert!(words.len() > 5, "{section}.{key} is not told of in config/gateway.toml");
            }
        }
        assert!(sections.len() >= 12);
    }
}
