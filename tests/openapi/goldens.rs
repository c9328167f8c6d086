//! The goldens: what is accepted of an app is described, and so is everything that it is answered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use http::Method;
use pixelgate::canonical::RefusalKind;
use pixelgate::dialect::{self, Claim, Dialect};
use serde_json::{Map, Value, json};

use super::assert_none;
use super::description::{Node, Operation, Strictness, operations, serving};
use super::routes::{claim, of_dialects, ways};
use super::statuses::is_said;

/// Accepted, and not as described: each with why.
const ACCEPTED_ALL_THE_SAME: [(&str, &str); 1] =
    [("gemini/snake-case", "the other spelling of all names is described in words")];

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

const COUNTED: &str = "a count over a nest of lists";
const CONTENT: &str = "the content of a file";
const PIXELS: &str = "arithmetic with two numbers in a text";
const TWICE: &str = "a name that is there twice";

/// Headers that every answer has, and that OpenAPI wants undescribed.
const UNDESCRIBED: [&str; 2] = ["content-type", "content-length"];

fn folder(dialect: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialects").join(dialect)
}

/// The goldens of a dialect whose names end so, by the names of their cases.
fn cases(dialect: &str, ending: &str) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(folder(dialect)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_kind = names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned));
    of_kind.map(|case| (case.clone(), read(dialect, &format!("{case}{ending}")))).collect()
}

fn read(dialect: &str, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder(dialect).join(name)).unwrap()).unwrap()
}

fn has(dialect: &str, name: &str) -> bool {
    folder(dialect).join(name).exists()
}

fn client_sides() -> impl Iterator<Item = &'static Dialect> {
    dialect::ALL.iter().filter(|dialect| dialect.client.is_some())
}

fn asked(golden: &Value) -> (Method, &str) {
    (golden["method"].as_str().unwrap().parse().unwrap(), golden["path"].as_str().unwrap())
}

#[test]
fn a_request_is_accepted_just_when_it_is_as_described() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        for (case, golden) in cases(dialect.name, ".client.json") {
            let (method, path) = asked(&golden);
            let Some(operation) = serving(&method, path) else {
                if !has(dialect.name, &format!("{case}.listing.json")) {
                    faults.push(format!("{}/{case}: {method} {path} is not described", dialect.name));
                }
                continue;
            };
            let Some(wrong) = wrong_with(operation, &golden) else { continue };
            let name = format!("{}/{case}", dialect.name);
            let is_refused = ["refusal", "items"].iter().any(|kind| {
                let file = format!("{case}.{kind}.json");
                has(dialect.name, &file) && !read(dialect.name, &file).is_array()
            });
            let known = |list: &[(&str, &str)]| list.iter().any(|(known, _)| *known == name);
            match (is_refused, wrong.is_empty()) {
                (false, false) if !known(&ACCEPTED_ALL_THE_SAME) => {
                    faults.push(format!("{name} is accepted, and described as wrong: {wrong:?}"));
                }
                (true, true) if !known(&REFUSED_ALL_THE_SAME) => {
                    faults.push(format!("{name} is refused, and described as right"));
                }
                (false, true) if known(&ACCEPTED_ALL_THE_SAME) => {
                    faults.push(format!("{name} is listed and need not be"));
                }
                (true, false) if known(&REFUSED_ALL_THE_SAME) => {
                    faults.push(format!("{name} is listed and need not be"));
                }
                _ => {}
            }
        }
    }
    assert_none(&faults);
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

/// What is wrong with an answer by what is described of an operation.
fn wrong_answer(operation: &Operation, golden: &Value) -> Vec<String> {
    let status = u16::try_from(golden["status"].as_u64().unwrap()).unwrap();
    let Some(response) = operation.response(status) else {
        return vec![format!("{status} is not described")];
    };
    let headers = response.child("headers");
    let undescribed = golden["headers"].as_object().unwrap().keys().filter(|name| {
        let is_described = headers.as_ref().is_some_and(|all| all.schema(name).is_some());
        !is_described && !UNDESCRIBED.contains(&name.as_str())
    });
    let mut wrong: Vec<String> = undescribed.map(|name| format!("no header {name}")).collect();
    if operation.method == Method::HEAD || golden["body"].is_null() {
        return wrong;
    }
    let content = response.child("content").and_then(|all| all.child("application/json"));
    match content.and_then(|content| content.schema("schema")) {
        None => wrong.push(format!("{status} has no body in JSON")),
        Some(schema) => wrong.extend(schema.judge(&golden["body"], Strictness::Closed)),
    }
    wrong
}

/// The operations of a dialect that ask for pictures.
fn drawing(dialect: &Dialect) -> Vec<&'static Operation> {
    let is_drawing = |one: &&Operation| {
        ways(one).into_iter().any(|way| {
            let found = claim(&one.method, &one.example(), way);
            found.is_some_and(|(who, claim)| who.name == dialect.name && claim == Claim::Images)
        })
    };
    of_dialects().filter(is_drawing).collect()
}

#[test]
fn every_golden_answer_is_described() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        let is_later = dialect.client.unwrap().answers_later();
        for (case, golden) in cases(dialect.name, ".answer.json") {
            let wrong = drawing(dialect).into_iter().filter(|_| !is_later);
            let wrong = wrong.flat_map(|one| wrong_answer(one, &golden));
            faults.extend(wrong.map(|wrong| format!("{}/{case}: {wrong}", dialect.name)));
            if has(dialect.name, &format!("{case}.delivered.json")) {
                let job = job_schema().child("properties").unwrap().schema("result").unwrap();
                let wrong = job.judge(&golden["body"], Strictness::Closed);
                let said = |wrong| format!("{}/{case} as the result of a job: {wrong}", dialect.name);
                faults.extend(wrong.into_iter().map(said));
            }
        }
    }
    assert_none(&faults);
}

fn job_schema() -> Node {
    let accepted = serving(&Method::POST, "/v1/images").unwrap().response(202).unwrap();
    let json = accepted.child("content").unwrap().child("application/json").unwrap();
    json.child("schema").unwrap()
}

#[test]
fn every_golden_job_and_named_picture_is_described() {
    let mut faults = Vec::new();
    let schema = |path: &str| {
        let response = serving(&Method::GET, path).unwrap().response(200).unwrap();
        let json = response.child("content").unwrap().child("application/json").unwrap();
        json.schema("schema").unwrap()
    };
    for dialect in client_sides() {
        for (case, golden) in cases(dialect.name, ".shown.json") {
            let is_job = has(dialect.name, &format!("{case}.job.json"));
            let path = if is_job { "/v1/jobs/job_1" } else { "/v1/images/hero" };
            let wrong = schema(path).judge(&golden, Strictness::Closed);
            faults.extend(wrong.into_iter().map(|no| format!("{}/{case}: {no}", dialect.name)));
        }
    }
    assert_none(&faults);
}

#[test]
fn every_golden_listing_is_described() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        for (case, golden) in cases(dialect.name, ".listing.json") {
            let request = read(dialect.name, &format!("{case}.client.json"));
            let (method, path) = asked(&request);
            let mut replies = Vec::new();
            gather(&golden, &mut replies);
            let Some(operation) = serving(&method, path) else {
                if golden["allow"].is_null() {
                    faults.push(format!("{}/{case}: {method} {path} is not described", dialect.name));
                }
                continue;
            };
            let wrong = replies.into_iter().flat_map(|reply| wrong_answer(operation, reply));
            faults.extend(wrong.map(|wrong| format!("{}/{case}: {wrong}", dialect.name)));
        }
    }
    assert_none(&faults);
}

/// The answers that a golden holds, however deep.
fn gather<'a>(golden: &'a Value, replies: &mut Vec<&'a Value>) {
    match golden {
        Value::Object(map) if map.contains_key("status") && map.contains_key("headers") => {
            replies.push(golden);
        }
        Value::Object(map) => map.values().for_each(|value| gather(value, replies)),
        Value::Array(items) => items.iter().for_each(|value| gather(value, replies)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_refusal_is_described_wherever_it_may_be_said() {
    let mut faults = Vec::new();
    for operation in of_dialects() {
        for way in ways(operation) {
            let found = claim(&operation.method, &operation.example(), way);
            let Some((dialect, claim)) = found else { continue };
            let refusals = read(dialect.name, "refusals.json");
            let kinds = RefusalKind::ALL.into_iter();
            let said = kinds.filter(|kind| is_said(*kind, &claim, dialect.client.unwrap()));
            let mut codes: Vec<String> = said.map(|kind| kind.code().to_owned()).collect();
            if codes.iter().any(|code| code == "bad_request") {
                let fields = refusals.as_object().unwrap().keys();
                codes.extend(fields.filter(|name| name.starts_with("field: ")).cloned());
            }
            for code in codes {
                let wrong = wrong_answer(operation, &refusals[&code]);
                let name = operation.name();
                faults.extend(wrong.into_iter().map(|no| format!("{name}: {code}: {no}")));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn the_headers_of_limits_are_described_where_limits_are_met() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        let limits = read(dialect.name, "limits.json");
        for operation in drawing(dialect) {
            let met = operation.responses().into_iter();
            let met = met.filter(|(status, _)| ["200", "201", "429"].contains(status));
            for (status, response) in met {
                let headers = response.child("headers").unwrap();
                let missing = limits.as_object().unwrap().keys();
                let missing = missing.filter(|name| headers.schema(name).is_none());
                let said = |name| format!("{}: {status}: no header {name}", operation.name());
                faults.extend(missing.map(said));
            }
        }
    }
    assert_none(&faults);
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
