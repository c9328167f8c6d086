//! What the order that lost a hedge costs, where it was not taken back in time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::failures::last;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};

/// A vendor that queues its orders and is slow enough to be hedged, beside one that answers at once
/// but needs so long for it.
async fn beside(takes: Duration) -> (World, FakeVendor, Reply) {
    let order = |status: &str| {
        let order = json!({
            "status": status,
            "status_url": "{vendor}/v1/fal-ai/flux/requests/1/status",
            "response_url": "{vendor}/v1/fal-ai/flux/requests/1",
            "cancel_url": "{vendor}/v1/fal-ai/flux/requests/1/cancel",
        });
        json!({"status": 200, "body": order})
    };
    let served = json!({"images": [{"url": "{vendor}/pictures/1.png"}]});
    let talk = vec![order("IN_QUEUE"), order("COMPLETED"), json!({"status": 200, "body": served})];
    let queue = FakeVendor::start(Answers::Talk(Arc::new(talk))).await;
    let late = FakeVendor::start(Answers::OpenAi).await;
    late.now_takes(takes);
    let policy = format!(
        r#"{PAINTED}
{}cancel_free = true
{}cancel_free = true
[models.remote]
strategy = "priority"
hedge_after = "400ms"
price = [{{ image = "2" }}]
offerings = [
  {{ vendor = "queue", model = "fal-ai/flux/dev", priority = 1, sizes = ["16x16"], cost = [{{ image = "0.5" }}] }},
  {{ vendor = "late", priority = 2, sizes = ["16x16"], cost = [{{ image = "0.75" }}] }},
]
"#,
        queue.policy("queue", "fal"),
        late.policy("late", "openai").replace("\"2s\"", "\"60s\""),
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "16x16"});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.header("pixelgate-offering"), Some("remote/queue"));
    (world, late, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lost_a_hedge_and_was_drawn_all_the_same_is_booked() {
    let (world, late, _reply) = beside(Duration::from_secs(3)).await;
    assert_eq!(late.calls(), 1);
    let line = last(&world);
    assert_eq!((&line["cost_dollars"], &line["charged"]), (&json!("1.25"), &json!("2")));
    assert_eq!((&line["outcome_unknown"], &line["left"]), (&json!(false), &json!("8")));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lost_a_hedge_before_it_had_a_name_is_an_exposure() {
    let (world, _late, reply) = beside(Duration::from_secs(30)).await;
    let line = last(&world);
    assert_eq!((&line["cost_dollars"], &line["outcome_unknown"]), (&json!("0.5"), &json!(true)));
    let exposures = world.cli(&["usage", "exposures", "--format", "jsonl"]);
    let exposure: serde_json::Value = serde_json::from_str(exposures.trim()).unwrap();
    assert_eq!(exposure["request"].as_str(), reply.header("x-request-id"));
    world.verify();
}
