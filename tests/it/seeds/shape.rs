//! Whether an answer is what a service shows.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Received;

/// What is otherwise than a fixture shows: a place and what is wrong, one a line.
pub(super) fn differences(golden: &Value, reply: &Received, public: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, shown) in golden["headers"].as_object().into_iter().flatten() {
        let is = reply.headers.iter().find(|(other, _)| *other == name.to_ascii_lowercase());
        let (place, shown) = (format!("header {name}"), shown.as_str().unwrap());
        match is.map(|(_, value)| value.as_str()) {
            None => wrong.push(format!("{place}: is missing")),
            Some(value) if header_is(shown, value) => {}
            Some(value) => wrong.push(format!("{place}: {value:?} instead of {shown}")),
        }
    }
    let mut shown = golden["shown"].clone();
    add(&mut shown, &golden["added"]);
    compare((&shown, &reply.body), "", public, &mut wrong);
    wrong
}

/// What we add, put into what the service shows.
fn add(shown: &mut Value, added: &Value) {
    match (shown, added) {
        (Value::Object(shown), Value::Object(added)) => {
            for (name, more) in added {
                add(shown.entry(name).or_insert_with(|| empty(more)), more);
            }
        }
        (Value::Array(shown), Value::Array(added)) => {
            shown.iter_mut().zip(added).for_each(|(shown, more)| add(shown, more));
        }
        (_, Value::Null) => {}
        (shown, added) => *shown = added.clone(),
    }
}

fn empty(like: &Value) -> Value {
    if like.is_object() { Value::Object(Map::new()) } else { Value::Null }
}

fn compare((shown, is): (&Value, &Value), place: &str, public: &str, wrong: &mut Vec<String>) {
    match (shown, is) {
        (Value::Object(shown), Value::Object(is)) => {
            for (name, shown) in shown {
                let place = format!("{place}/{name}");
                match is.get(name) {
                    Some(is) => compare((shown, is), &place, public, wrong),
                    None => wrong.push(format!("{place}: is missing")),
                }
            }
            let more = is.keys().filter(|name| !shown.contains_key(*name));
            wrong.extend(more.map(|name| format!("{place}/{name}: nobody shows it")));
        }
        (Value::Array(shown), Value::Array(is)) if shown.len() == is.len() => {
            for (at, pair) in shown.iter().zip(is).enumerate() {
                compare(pair, &format!("{place}/{at}"), public, wrong);
            }
        }
        (Value::String(kind), is) if kind.starts_with('<') => {
            if !is_of(kind, is, public) {
                wrong.push(format!("{place}: {is} instead of {kind}"));
            }
        }
        (shown, is) if shown == is => {}
        (shown, is) => wrong.push(format!("{place}: {is} instead of {shown}")),
    }
}

/// Whether a value is what stands in angle brackets.
fn is_of(kind: &str, is: &Value, public: &str) -> bool {
    let text = is.as_str().unwrap_or_default();
    match kind {
        "<text>" => !text.is_empty(),
        "<whole>" => is.is_u64(),
        "<flag>" => is.is_boolean(),
        "<request>" => text.starts_with("req_"),
        "<job>" => text.starts_with("job_"),
        "<uuid>" => is_uuid(text),
        "<address>" => text.starts_with(&format!("{public}/media/")),
        "<data address>" => text.starts_with("data:image/png;base64,"),
        "<next midnight>" => text.ends_with("T00:00:00.000Z") && is_within_a_day(text),
        "<time to the second>" => is_moment(text, "2026-03-02T10:00:00Z"),
        "<time to the millisecond>" => is_moment(text, "2026-04-10T12:00:00.000Z"),
        other => panic!("{other} means nothing"),
    }
}

fn header_is(shown: &str, value: &str) -> bool {
    match shown {
        "<whole>" => value.parse::<u64>().is_ok(),
        "<unix time>" => value.parse::<u64>().is_ok_and(|seconds| seconds > 1_700_000_000),
        _ => shown == value,
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    let is_plain = |byte: u8| byte == b'-' || byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    parts == [8, 4, 4, 4, 12] && text.bytes().all(is_plain)
}

/// A moment of these days, written as this one is.
fn is_moment(text: &str, like: &str) -> bool {
    let is_near = |at: OffsetDateTime| (at - now()).abs() < time::Duration::days(8);
    text.len() == like.len()
        && text.ends_with('Z')
        && OffsetDateTime::parse(text, &Rfc3339).is_ok_and(is_near)
}

fn is_within_a_day(text: &str) -> bool {
    let wait = OffsetDateTime::parse(text, &Rfc3339).map(|at| at - now());
    wait.is_ok_and(|wait| wait.is_positive() && wait <= time::Duration::DAY)
}

fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the gateway under test has the real time too")]
    OffsetDateTime::from(std::time::SystemTime::now())
}

#[test]
fn whatever_is_missing_otherwise_or_more_is_found() {
    use serde_json::json;
    let golden = json!({
        "headers": {"A": "<whole>", "B": "50"},
        "shown": {"id": "<uuid>", "state": "done", "none": null, "all": [{"n": 1}], "at": "<time to the second>"},
        "added": {"all": [{"more": "<text>"}], "request": {"id": "<request>"}},
    });
    let headers = || vec![("a".to_owned(), "7".to_owned()), ("b".to_owned(), "50".to_owned())];
    let reply = |body| Received { status: "200".to_owned(), headers: headers(), body };
    let at = now().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
    let good = json!({
        "id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "state": "done", "none": null,
        "all": [{"n": 1, "more": "x"}], "at": at, "request": {"id": "req_1"},
    });
    assert!(differences(&golden, &reply(good.clone()), "http://a").is_empty());
    let otherwise = [
        ("/id", json!("a1b2")),
        ("/state", json!("pending")),
        ("/none", json!("")),
        ("/all", json!([])),
        ("/all/0/n", json!("1")),
        ("/all/0/more", json!("")),
        ("/at", json!("2026-03-02T10:00:00.000Z")),
        ("/request/id", json!(null)),
        ("/request", json!({"id": "req_1", "spare": 1})),
        ("/request", json!({})),
    ];
    for (place, value) in otherwise {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = value;
        let wrong = differences(&golden, &reply(bad), "http://a");
        assert!(wrong.len() == 1 && wrong[0].starts_with(place), "{place}: {wrong:?}");
    }
    let bare = Received { headers: Vec::new(), ..reply(good) };
    assert_eq!(differences(&golden, &bare, "http://a").len(), 2);
}
