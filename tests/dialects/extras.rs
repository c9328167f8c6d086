//! Golden values of what only some client sides have: batches, reports, and tools for prompts.

use pixelgate::canonical::{Check, HealthReport, PromptAsk, RefusalKind, Tally, UsageReport};
use pixelgate::dialect::{Asked, Batching, ClientSide, ItemAnswer, ListedModel, WireRequest};
use pixelgate::id::RequestId;
use serde_json::{Value, json};

use super::{refused, shapes};

/// So many that no golden meets the bound; tests beside the dialect do.
const ITEMS_MAX: usize = 4;

/// What is made of each request of a body that holds several, or of the whole where it is refused.
pub(crate) fn items(
    client: &dyn ClientSide,
    side: &dyn Batching,
    wire: &WireRequest,
) -> Option<Value> {
    let items = match side.decode_items(wire, ITEMS_MAX) {
        Ok(items) => items?,
        // Where the body cannot be read at all, the reading of one request says so too.
        Err(refusal) if client.decode_request(wire).as_ref() == Err(&refusal) => return None,
        Err(refusal) => return Some(refused(client, &refusal)),
    };
    let shown = items.iter().map(|item| match item {
        Ok(request) => json!({ "canonical": request }),
        Err(refusal) => json!({ "refused": refused(client, refusal) }),
    });
    Some(shown.collect())
}

/// The answer to a batch.
pub(crate) fn batch(side: &dyn Batching, golden: &Value, unix_ms: i64) -> Value {
    let items = golden.as_array().unwrap();
    let ended: Vec<_> = items
        .iter()
        .map(|item| match item["refused"].as_str() {
            None => Ok(shapes::Delivered::read(&item["delivered"])),
            Some(code) => {
                let kind = RefusalKind::ALL.into_iter().find(|kind| kind.code() == code);
                Err(shapes::refusal(kind.unwrap()))
            }
        })
        .collect();
    let answers: Vec<ItemAnswer<'_>> =
        ended.iter().map(|one| Ok(one.as_ref()?.answer(unix_ms))).collect();
    let request_id = RequestId::known("req_golden");
    let context = Asked { request_id: &request_id, unix_ms };
    shapes::reply_shown(
        &side.encode_items(
            answers.iter().map(|answer| side.encode_item(answer)).collect(),
            &context,
        ),
    )
}

/// What is understood of an ask for a prompt, and how a prompt is answered.
pub(crate) fn prompt(client: &dyn ClientSide, ask: &PromptAsk, context: &Asked<'_>) -> Value {
    let reply = client.prompting().unwrap().encode_prompt("a \"robot\"\nreading", context);
    json!({ "asked": ask, "answered": shapes::reply_shown(&reply) })
}

/// The documented account, and one without quotas.
pub(crate) fn usage(client: &dyn ClientSide, context: &Asked<'_>) -> Value {
    let tally = |count| Tally { requests: count, images: count };
    let report = UsageReport {
        today: tally(10),
        this_month: tally(150),
        plan: "free".to_owned(),
        plan_title: "Free".to_owned(),
        day: Some(shapes::quota(&json!({ "most": 50, "used": 10 }))),
        month: Some(shapes::quota(&json!({ "most": 1_500, "used": 150 }))),
    };
    let side = client.reporting().unwrap();
    let boundless = UsageReport { day: None, month: None, ..report.clone() };
    json!({
        "with quotas": shapes::reply_shown(&side.encode_usage(&report, context)),
        "without quotas": shapes::reply_shown(&side.encode_usage(&boundless, context)),
    })
}

/// A gateway that is well, and one that is not.
pub(crate) fn health(client: &dyn ClientSide, context: &Asked<'_>) -> Value {
    let side = client.reporting().unwrap();
    let report = |is_healthy| HealthReport {
        checks: vec![
            Check { name: "store", is_healthy: true },
            Check { name: "models", is_healthy },
        ],
    };
    json!({
        "well": shapes::reply_shown(&side.encode_health(&report(true), context)),
        "ill": shapes::reply_shown(&side.encode_health(&report(false), context)),
    })
}

/// The models of a listing.
pub(crate) fn models() -> Vec<ListedModel<'static>> {
    let model = |name, owner, title| ListedModel {
        name,
        owner,
        created: 1_795_219_200,
        title,
        description: title.map(|_| "Fast; a good default."),
    };
    vec![model("gemini-3-pro", "google", None), model("lab/flux", "lab", Some("FLUX.1"))]
}
