//! The golden requests: what is accepted of an app is described, and what is refused is not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use http::Method;
use pixelgate::canonical::RefusalKind;
use pixelgate::dialect::{self, Dialect};
use serde_json::{Map, Value, json};

use super::assert_none;
use super::description::{Node, Operation, Strictness, operations, serving};

/// Accepted, and not as described: each with why.
const ACCEPTED_ALL_THE_SAME: [(&str, &str); 2] =
    [("gemini/files", SPELLING), ("gemini/snake-case", SPELLING)];

/// Refused, although a schema cannot say so: each with why.
const REFUSED_ALL_THE_SAME: [(&str, &str); 20] = [
    ("gemini/bad-fifteen-pictures", COUNTED),
    ("gemini/bad-last-is-the-model", "the last of a list"),
    ("gemini/bad-other-model", "the path's model"),
    ("gemini/bad-safety-twice", COUNTED),
    ("gemini/bad-size-in-both-places", "what two places say"),
    ("gemini/bad-size-of-an-edit", "whether there are pictures"),
    ("house/bad-path", "the paths of each dialect"),
    ("house/bad-request", "what each dialect takes"),
    ("imageapi/bad-items-many", "the plan's bound"),
    ("imageapi/bad-twice", TWICE),
    ("neuraldraft/bad-twice", TWICE),
    ("openai/bad-edit-image-as-text", CONTENT),
    ("openai/bad-edit-mask-in-webp", CONTENT),
    ("openai/bad-edit-not-a-picture", CONTENT),
    ("openai/bad-edit-size", PIXELS),
    ("openai/bad-size-long", PIXELS),
    ("openai/bad-size-shape", PIXELS),
    ("openai/bad-size-step", PIXELS),
    ("openai/bad-twice", TWICE),
    ("openai/bad-variation-jpeg", CONTENT),
];

const SPELLING: &str = "the other spelling of all names is described in words";
const COUNTED: &str = "a count over a nest of lists";
const CONTENT: &str = "the content of a file";
const PIXELS: &str = "arithmetic with two numbers in a text";
const TWICE: &str = "a name that is there twice";

fn folder(dialect: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialects").join(dialect)
}

/// The goldens of a dialect whose names end so, by the names of their cases.
pub(crate) fn cases(dialect: &str, ending: &str) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(folder(dialect)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_kind = names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned));
    of_kind.map(|case| (case.clone(), read(dialect, &format!("{case}{ending}")))).collect()
}

pub(crate) fn read(dialect: &str, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder(dialect).join(name)).unwrap()).unwrap()
}

pub(crate) fn has(dialect: &str, name: &str) -> bool {
    folder(dialect).join(name).exists()
}

pub(crate) fn client_sides() -> impl Iterator<Item = &'static Dialect> {
    dialect::ALL.iter().filter(|dialect| dialect.client.is_some())
}

pub(crate) fn asked(golden: &Value) -> (Method, &str) {
    (golden["method"].as_str().unwrap().parse().unwrap(), golden["path"].as_str().unwrap())
}

#[test]
fn a_request_is_accepted_just_when_it_is_as_described() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        let all = cases(dialect.name, ".client.json").into_iter();
        faults.extend(all.filter_map(|(case, golden)| misjudged(dialect.name, &case, &golden)));
    }
    assert_none(&faults);
}

/// What is wrong when the code and the description do not agree about a request.
fn misjudged(dialect: &str, case: &str, golden: &Value) -> Option<String> {
    let (method, path) = asked(golden);
    let name = format!("{dialect}/{case}");
    let Some(operation) = serving(&method, path) else {
        let is_refused = has(dialect, &format!("{case}.listing.json"));
        return (!is_refused).then(|| format!("{name}: {method} {path} is not described"));
    };
    let wrong = wrong_with(operation, golden)?;
    let is_refused = ["refusal", "items"].iter().any(|kind| {
        let file = format!("{case}.{kind}.json");
        has(dialect, &file) && !read(dialect, &file).is_array()
    });
    let list = if is_refused { &REFUSED_ALL_THE_SAME[..] } else { &ACCEPTED_ALL_THE_SAME[..] };
    let is_listed = list.iter().any(|(known, _)| *known == name);
    let agrees = is_refused != wrong.is_empty();
    match (agrees, is_listed) {
        (true, false) | (false, true) => None,
        (true, true) => Some(format!("{name} is listed and need not be")),
        (false, false) if is_refused => Some(format!("{name} is refused, and described as right")),
        (false, false) => Some(format!("{name} is accepted, and described as wrong: {wrong:?}")),
    }
}

/// What a description has against a golden request; `None` where there is no body to speak of.
fn wrong_with(operation: &Operation, golden: &Value) -> Option<Vec<String>> {
    operation.node.child("requestBody")?;
    let stated = golden["headers"]["content-type"].as_str();
    let usual = if golden["form"].is_array() { "multipart/form-data" } else { "application/json" };
    let media_type = stated.unwrap_or(usual).split(';').next().unwrap();
    let Some(schema) = operation.body(media_type) else {
        return Some(vec![format!("{media_type} is not described")]);
    };
    let body = match (&golden["body"], &golden["form"], &golden["body_text"]) {
        (_, Value::Array(parts), _) => of_form(parts),
        (Value::Null, _, Value::String(text)) => match serde_json::from_str(text) {
            Ok(body) if !media_type.starts_with("multipart") => body,
            Ok(_) | Err(_) => return Some(vec!["it cannot be read".to_owned()]),
        },
        (Value::Null, _, _) => return Some(vec!["it cannot be read".to_owned()]),
        (body, _, _) => body.clone(),
    };
    Some(schema.judge(&body, Strictness::AsWritten))
}

/// A form as the object that a schema describes: what comes more than once is a list, and what
/// looks like a number is one.
fn of_form(parts: &[Value]) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for part in parts {
        let name = part["name"].as_str().unwrap();
        let value = match (part["text"].as_str(), part["base64"].as_str()) {
            (Some(text), _) => text.parse::<i64>().map_or_else(
                |_| text.parse::<bool>().map_or_else(|_| json!(text), |flag| json!(flag)),
                |number| json!(number),
            ),
            (None, base64) => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(base64.unwrap());
                json!(String::from_utf8_lossy(&bytes.unwrap_or_default()))
            }
        };
        match fields.remove(name) {
            None => fields.insert(name.to_owned(), value),
            Some(Value::Array(mut all)) => {
                all.push(value);
                fields.insert(name.to_owned(), Value::Array(all))
            }
            Some(one) => fields.insert(name.to_owned(), json!([one, value])),
        };
    }
    Value::Object(fields)
}

#[test]
fn every_code_is_described_and_every_described_code_is_said() {
    let described = Node::codes();
    let mut said: Vec<&str> = RefusalKind::ALL.iter().map(|kind| kind.code()).collect();
    said.sort_unstable();
    assert_eq!(described, said);
}

#[test]
fn every_example_is_as_its_schema_says() {
    let mut faults = Vec::new();
    for operation in operations() {
        let Some(content) = operation.node.child("requestBody").and_then(|b| b.child("content"))
        else {
            continue;
        };
        for media_type in content.names() {
            let content = content.child(media_type).unwrap();
            let several = content.child("examples");
            let several = several.iter().flat_map(|all| {
                all.names().into_iter().filter_map(|name| all.child(name)?.schema("value"))
            });
            for example in content.schema("example").into_iter().chain(several) {
                let schema = content.schema("schema").unwrap();
                let wrong = schema.judge(example.value, Strictness::AsWritten);
                faults.extend(wrong.into_iter().map(|no| format!("{}: {no}", operation.name())));
            }
        }
    }
    assert_none(&faults);
}
