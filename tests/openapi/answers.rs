//! The golden answers: whatever a dialect answers is described, where it may be said.

use http::Method;
use pixelgate::canonical::RefusalKind;
use pixelgate::dialect::{self, Claim, Dialect, Pieces};
use serde_json::{Map, Value, json};

use super::assert_none;
use super::description::{Node, Operation, Strictness, serving};
use super::goldens::{asked, cases, client_sides, has, read};
use super::routes::{claim, of_dialects, ways};
use super::statuses::is_said;

/// Headers that every answer has, and that are described by the content itself.
const UNDESCRIBED: [&str; 2] = ["content-type", "content-length"];

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
                let said =
                    |wrong| format!("{}/{case} as the result of a job: {wrong}", dialect.name);
                faults.extend(wrong.into_iter().map(said));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_golden_event_of_a_stream_is_described() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        let streams = drawing(dialect).into_iter().filter_map(|one| {
            let content = one.response(200)?.child("content")?;
            let event = content.child("text/event-stream")?.child("schema")?;
            Some((one, event))
        });
        let streams: Vec<_> = streams.collect();
        for (case, golden) in cases(dialect.name, ".streamed.json") {
            assert!(!streams.is_empty(), "{}/{case}: nothing streams", dialect.name);
            let parts = golden.as_object().unwrap().values().filter_map(Value::as_array);
            for event in parts.flat_map(|lines| events(lines)) {
                let wrong =
                    streams.iter().flat_map(|(one, schema)| wrong_event(one, schema, &event));
                faults.extend(wrong.map(|no| format!("{}/{case}: {no}", dialect.name)));
            }
        }
    }
    assert_none(&faults);
}

/// The events that some lines make, each with its fields as texts.
fn events(lines: &[Value]) -> Vec<Value> {
    let lines = lines.iter().map(|line| line.as_str().unwrap());
    let mut events = vec![Map::new()];
    for line in lines {
        match line.split_once(": ") {
            _ if line.trim().is_empty() => events.push(Map::new()),
            Some((name, value)) if !name.is_empty() => {
                events.last_mut().unwrap().insert(name.to_owned(), json!(value));
            }
            Some(_) | None => {}
        }
    }
    events.into_iter().filter(|event| !event.is_empty()).map(Value::Object).collect()
}

fn wrong_event(operation: &Operation, schema: &Node, event: &Value) -> Vec<String> {
    let content = schema.child("properties").unwrap().child("data").unwrap();
    let content = content.schema("contentSchema").unwrap();
    let said: Value = serde_json::from_str(event["data"].as_str().unwrap()).unwrap();
    let wrong = schema.judge(event, Strictness::Closed).into_iter();
    let wrong = wrong.chain(content.judge(&said, Strictness::Closed));
    wrong.map(|no| format!("{}: {no}", operation.name())).collect()
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
fn what_is_told_of_a_golden_job_is_described() {
    let mut faults = Vec::new();
    let mut told = 0;
    for dialect in client_sides() {
        for (case, golden) in cases(dialect.name, ".shown.json") {
            let status = golden["status"].as_str().unwrap_or_default();
            if !["completed", "failed", "cancelled"].contains(&status) {
                continue;
            }
            told += 1;
            let job = Pieces::one(golden.to_string());
            let event = dialect::encode_event(&format!("job.{status}"), 1_795_255_200_000, &job);
            let event = serde_json::from_slice(&event).unwrap();
            let wrong = Node::told().judge(&event, Strictness::Closed).into_iter();
            faults.extend(wrong.map(|no| format!("{}/{case}: {no}", dialect.name)));
        }
    }
    assert!(told > 0, "no golden job has ended");
    assert_none(&faults);
}

#[test]
fn every_golden_listing_is_described() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        for (case, golden) in cases(dialect.name, ".listing.json") {
            let request = read(dialect.name, &format!("{case}.client.json"));
            let wrong = wrong_listing(&request, &golden).into_iter();
            faults.extend(wrong.map(|wrong| format!("{}/{case}: {wrong}", dialect.name)));
        }
    }
    assert_none(&faults);
}

fn wrong_listing(request: &Value, golden: &Value) -> Vec<String> {
    let (method, path) = asked(request);
    let mut replies = Vec::new();
    gather(golden, &mut replies);
    match serving(&method, path) {
        Some(operation) => {
            replies.into_iter().flat_map(|reply| wrong_answer(operation, reply)).collect()
        }
        None if golden["allow"].is_null() => vec![format!("{method} {path} is not described")],
        None => Vec::new(),
    }
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
fn whoever_draws_takes_the_headers_that_go_with_it() {
    let mut faults = Vec::new();
    for dialect in client_sides() {
        for operation in drawing(dialect) {
            let headers = ["Idempotency-Key", "Prefer", "Pixelgate-Webhook", "Pixelgate-Labels"];
            let missing = headers.into_iter().filter(|header| !operation.takes(header));
            faults.extend(missing.map(|header| format!("{}: no {header}", operation.name())));
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
