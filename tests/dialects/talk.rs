//! An order played against a vendor's recorded answers, step by step.

use pixelgate::dialect::{Call, Progress, VendorSide};
use serde_json::{Value, json};

use super::{filled, shapes};

/// Everything that is asked and what each answer comes to, until the order ends.
pub(crate) fn play(vendor: &dyn VendorSide, golden: &Value) -> Value {
    let golden = filled::filled(golden, "https://vendor.test");
    let offering = shapes::offering(&golden["offering"]);
    let request = shapes::image_request(&golden["request"]);
    let mut said = Vec::new();
    let mut asked = match vendor.encode_request(&request, &offering) {
        Ok(asked) => asked,
        Err(no) => return json!([{ "unsupported": no.parameter, "why": no.why }]),
    };
    let mut replies = golden["replies"].as_array().unwrap().iter();
    for golden in replies.by_ref() {
        said.push(json!({ "asked": shapes::request_shown(&asked) }));
        let reply = shapes::wire_reply(golden);
        let call = Call { request: &request, offering: &offering, asked: &asked };
        let outcome = vendor.decode_reply(&call, &reply);
        let next = match &outcome {
            Ok(Progress::Then(next)) => Some((**next).clone()),
            Ok(Progress::Pending(pending)) => Some(pending.next.clone()),
            Ok(Progress::Done(_)) | Err(_) => None,
        };
        said.push(without_next(shapes::outcome_shown(outcome)));
        let Some(next) = next else { break };
        asked = next;
    }
    assert_eq!(replies.len(), 0, "an answer was never asked for");
    Value::Array(said)
}

/// What is asked next is shown when it is asked.
fn without_next(mut outcome: Value) -> Value {
    if let Some(then) = outcome.get_mut("then") {
        *then = json!("at once");
    }
    if let Some(pending) = outcome.get_mut("pending").and_then(Value::as_object_mut) {
        pending.remove("next");
    }
    outcome
}
