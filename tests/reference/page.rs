//! A JSON Schema as a page of tables.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Where a table of TOML is: keys, and `*` for the one element of a list or the one name of a table.
pub(crate) type Place = Vec<String>;

/// The page: the root, then every definition in the order in which it is met.
pub(crate) fn of(head: &str, schema: &Value) -> String {
    let mut text = head.to_owned();
    let mut names = Vec::new();
    if schema["properties"].as_object().unwrap().values().all(|own| own.get("properties").is_some())
    {
        for (name, section) in schema["properties"].as_object().unwrap() {
            let _ = write!(text, "\n## `[{name}]`\n\n");
            table(&mut text, section, &mut names);
        }
    } else {
        text.push_str("\n## The tables of a file\n\n");
        table(&mut text, schema, &mut names);
    }
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        let definition = &schema["$defs"][&name];
        let _ = write!(text, "\n## {name}\n\n");
        if let Some(words) = definition["description"].as_str() {
            let _ = write!(text, "{}\n\n", one_line(words));
        }
        if definition.get("properties").is_some() {
            table(&mut text, definition, &mut names);
        } else if let Some(words) = words_of(definition) {
            text.push_str("| word | meaning |\n|---|---|\n");
            for (word, meaning) in words {
                let _ = writeln!(text, "| `{word}` | {} |", one_line(&meaning));
            }
        } else {
            let _ = writeln!(text, "It is {}.", kind(definition, &mut names));
        }
    }
    text
}

fn table(text: &mut String, of: &Value, names: &mut Vec<String>) {
    let none = Vec::new();
    let required = of["required"].as_array().unwrap_or(&none);
    text.push_str("| key | what it is | default | meaning |\n|---|---|---|---|\n");
    for (key, own) in of["properties"].as_object().unwrap() {
        let is_required = required.iter().any(|name| name == key);
        let default = if is_required { "required".to_owned() } else { default(own) };
        let words = one_line(own["description"].as_str().unwrap_or_default());
        let _ = writeln!(text, "| `{key}` | {} | {default} | {words} |", kind(own, names));
    }
}

fn default(own: &Value) -> String {
    match own.get("default") {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(list)) if list.is_empty() => String::new(),
        Some(Value::Object(table)) if table.is_empty() => String::new(),
        Some(Value::Object(table)) => {
            let pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("`{{ {} }}`", pairs.join(", "))
        }
        Some(value) => format!("`{value}`"),
    }
}

/// What a value is, in words; definitions that are named are remembered.
fn kind(own: &Value, names: &mut Vec<String>) -> String {
    if let Some(name) = own["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for either in ["anyOf", "oneOf", "allOf"] {
        if let Some(list) = own[either].as_array() {
            let some = list.iter().filter(|one| one["type"] != "null");
            let kinds: Vec<_> = some.map(|one| kind(one, names)).collect();
            return kinds.join(" or ");
        }
    }
    if let Some(words) = words_of(own) {
        let words: Vec<_> = words.into_iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
        return words.join(", ");
    }
    let own_type = &own["type"];
    let either = own_type.as_array().and_then(|list| list.iter().find(|name| *name != "null"));
    match either.unwrap_or(own_type).as_str().unwrap_or_default() {
        "array" => format!("list of {}", kind(&own["items"], names)),
        "object" => match own.get("additionalProperties") {
            Some(of) if of.is_object() => format!("table by name of {}", kind(of, names)),
            _ => "table".to_owned(),
        },
        "boolean" => "flag".to_owned(),
        "string" => "text".to_owned(),
        "integer" => match own["minimum"].as_i64() {
            Some(least) if least > 0 => format!("whole number from {least}"),
            _ => "whole number".to_owned(),
        },
        "number" => "number".to_owned(),
        _ => "any value".to_owned(),
    }
}

/// The words that a value may be, each with what it means.
fn words_of(own: &Value) -> Option<Vec<(String, String)>> {
    if let Some(list) = own["enum"].as_array() {
        return list.iter().map(|word| Some((word.as_str()?.to_owned(), String::new()))).collect();
    }
    let word = |one: &Value| {
        let meaning = one["description"].as_str().unwrap_or_default().to_owned();
        Some((one["const"].as_str()?.to_owned(), meaning))
    };
    own["oneOf"].as_array()?.iter().map(word).collect()
}

/// Text that fits a cell, without links that only code can follow.
fn one_line(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|").replace("[`", "`").replace("`]", "`")
}

/// Every key of a table without a description, as `Table.key`.
pub(crate) fn undescribed(schema: &Value) -> Vec<String> {
    let empty = Map::new();
    let definitions = schema["$defs"].as_object().unwrap_or(&empty);
    let sections = schema["properties"].as_object().unwrap();
    let sections = sections.iter().filter(|(_, own)| own.get("properties").is_some());
    let tables = definitions.iter().chain(sections).map(|(name, own)| (name.as_str(), own));
    let mut found = Vec::new();
    for (name, own) in tables {
        for (key, value) in own["properties"].as_object().into_iter().flatten() {
            if value["description"].as_str().is_none_or(str::is_empty) {
                found.push(format!("{name}.{key}"));
            }
        }
    }
    found
}

/// A table that a file may have: its definition's name, where it is, and its definition.
pub(crate) type Found = (String, Place, Value);

/// Every table that a file may have, wherever it may be.
pub(crate) fn tables(schema: &Value) -> Vec<Found> {
    let mut found = vec![("a file".to_owned(), Vec::new(), schema.clone())];
    let mut next = 0;
    while let Some((_, place, own)) = found.get(next).cloned() {
        next += 1;
        for (key, value) in own["properties"].as_object().into_iter().flatten() {
            let mut below = place.clone();
            below.push(key.clone());
            reach(schema, (below, value), &mut found);
        }
    }
    found
}

fn reach(schema: &Value, (mut place, value): (Place, &Value), found: &mut Vec<Found>) {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        let definition = &schema["$defs"][name];
        if definition.get("properties").is_some() {
            found.push((name.to_owned(), place, definition.clone()));
        } else {
            reach(schema, (place, definition), found);
        }
        return;
    }
    for either in ["anyOf", "oneOf", "allOf"] {
        for one in value[either].as_array().into_iter().flatten() {
            reach(schema, (place.clone(), one), found);
        }
    }
    let below = [value.get("items"), value.get("additionalProperties")];
    place.push("*".to_owned());
    for below in below.into_iter().flatten().filter(|below| below.is_object()) {
        reach(schema, (place.clone(), below), found);
    }
}

/// The table at a place, or `None` when the file has none there.
pub(crate) fn table_at<'t>(
    root: &'t mut toml::Table,
    place: &[String],
) -> Option<&'t mut toml::Table> {
    let Some((first, rest)) = place.split_first() else { return Some(root) };
    let mut value = root.get_mut(first)?;
    for key in rest {
        value = match (value, key.as_str()) {
            (toml::Value::Array(list), "*") => list.first_mut()?,
            (toml::Value::Table(table), "*") => table.iter_mut().next()?.1,
            (toml::Value::Table(table), key) => table.get_mut(key)?,
            _ => return None,
        };
    }
    value.as_table_mut()
}
