//! Orders that a vendor answers later: asked after until they are served, failed or given up.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};

mod hedged;
mod pictures;

/// A vendor that gives these answers, one after the other, and what becomes of one request there.
async fn ask(dialect: &str, model: &str, replies: Vec<Value>) -> (World, FakeVendor, Reply) {
    let vendor = FakeVendor::start(Answers::Talk(Arc::new(replies))).await;
    let policy = format!(
        r#"{PAINTED}
{}
[models.remote]
price = [{{ image = "2" }}]
offerings = [{{ vendor = "later", model = "{model}", sizes = ["64x64"], cost = [{{ image = "0.5" }}] }}]
"#,
        vendor.policy("later", dialect)
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let reply = world.post(OPENAI, &asked).await;
    (world, vendor, reply)
}

fn placed() -> Value {
    let order = json!({"id": "1", "polling_url": "{vendor}/v1/get_result?id=1", "cost": 1.5});
    json!({"status": 200, "body": order})
}

fn at(status: &str) -> Value {
    let result = json!({"sample": "{vendor}/pictures/1.png"});
    json!({"status": 200, "body": {"id": "1", "status": status, "result": result}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_asked_after_until_its_picture_is_there_and_costs_what_the_vendor_says() {
    let replies = vec![placed(), at("Task not found"), at("Ready")];
    let (world, vendor, reply) = ask("bfl", "flux-2-pro", replies).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.header("pixelgate-cost"), Some("0.015"));
    assert_eq!(vendor.calls(), 3);
    assert_eq!(vendor.last().path, "/v1/get_result");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_failed_is_not_asked_after_again() {
    let (world, vendor, reply) = ask("bfl", "flux-2-pro", vec![placed(), at("Error")]).await;
    assert_eq!(reply.status, 502, "{}", reply.json());
    assert_eq!(vendor.calls(), 2);
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_failed_is_asked_again() {
    let replies = vec![placed(), json!({"status": 500}), at("Ready")];
    let (_world, vendor, reply) = ask("bfl", "flux-2-pro", replies).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(vendor.calls(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_waits_for_any_more_is_taken_back() {
    let order = json!({
        "status": "IN_QUEUE",
        "status_url": "{vendor}/v1/fal-ai/flux/requests/1/status",
        "cancel_url": "{vendor}/v1/fal-ai/flux/requests/1/cancel",
    });
    let replies = vec![json!({"status": 200, "body": order})];
    let (world, vendor, reply) = ask("fal", "fal-ai/flux/dev", replies).await;
    assert_eq!(reply.status, 504, "{}", reply.json());
    world.log_line("taken back");
    assert_eq!(vendor.last().path, "/v1/fal-ai/flux/requests/1/cancel");
    assert_eq!(vendor.last().headers["content-length"], "0");
}

/// Two vendors that queue their orders: one that never serves, and one that serves at once.
async fn beside(free: bool) -> (World, FakeVendor, FakeVendor, Reply) {
    let order = |status: &str| {
        json!({
            "status": status,
            "status_url": "{vendor}/v1/fal-ai/flux/requests/1/status",
            "response_url": "{vendor}/v1/fal-ai/flux/requests/1",
            "cancel_url": "{vendor}/v1/fal-ai/flux/requests/1/cancel",
        })
    };
    let queued = json!({"status": 200, "body": order("IN_QUEUE")});
    let served = json!({"images": [{"url": "{vendor}/pictures/1.png"}]});
    let slow = FakeVendor::start(Answers::Talk(Arc::new(vec![queued.clone()]))).await;
    let quick = FakeVendor::start(Answers::Talk(Arc::new(vec![
        queued,
        json!({"status": 200, "body": order("COMPLETED")}),
        json!({"status": 200, "body": served}),
    ])))
    .await;
    let policy = format!(
        r#"{PAINTED}
{}cancel_free = {free}
{}cancel_free = {free}
[models.remote]
strategy = "priority"
hedge_after = "200ms"
price = [{{ image = "2" }}]
offerings = [
  {{ vendor = "slow", model = "fal-ai/flux/dev", priority = 1, sizes = ["16x16"], cost = [{{ image = "0.5" }}] }},
  {{ vendor = "quick", model = "fal-ai/flux/dev", priority = 2, sizes = ["16x16"], cost = [{{ image = "0.5" }}] }},
]
"#,
        slow.policy("slow", "fal"),
        quick.policy("quick", "fal"),
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "16x16"});
    let reply = world.post(OPENAI, &asked).await;
    (world, slow, quick, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_vendor_is_hedged_and_the_order_that_lost_is_taken_back() {
    let (world, slow, _quick, reply) = beside(true).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.header("pixelgate-offering"), Some("remote/quick"));
    let line = world.log_line("taken back");
    assert!(line.contains("slow"), "{line}");
    assert_eq!(slow.last().path, "/v1/fal-ai/flux/requests/1/cancel");
    assert!(world.metrics().await.contains("pixelgate_hedges_total 1"));
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_hedged_where_taking_back_is_not_free() {
    let (world, _slow, quick, reply) = beside(false).await;
    // The first vendor's time had to be over before the second was asked.
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(quick.calls(), 3);
    assert!(world.metrics().await.contains("pixelgate_hedges_total 0"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_takes_over_from_one_that_is_denied() {
    let vendor = FakeVendor::start(Answers::OnlyFor("Bearer good")).await;
    let policy = format!(
        "{PAINTED}\n{}secrets = [\"env:ACME_BAD\", \"env:ACME_GOOD\"]\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let accounts = [("ACME_BAD", "bad"), ("ACME_GOOD", "good")];
    let world = World::with_environment(&policy, "10", "", &accounts);
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    for _ in 0..4 {
        let reply = world.post(OPENAI, &asked).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
    }
    assert_eq!(vendor.calls(), 5, "the denied account rests after its one try");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_unknown_outcome_policy_decides_who_is_asked() {
    for (word, status, second_calls) in [("failover", 200, 1), ("give_up", 502, 0)] {
        let first = FakeVendor::start(Answers::ClosesEarly).await;
        let second = FakeVendor::start(Answers::OpenAi).await;
        let policy = format!(
            r#"{PAINTED}
{}
{}
[models.remote]
strategy = "priority"
after_unknown = "{word}"
price = [{{ image = "2" }}]
offerings = [
  {{ vendor = "first", priority = 1, sizes = ["64x64"], cost = [{{ image = "0.5" }}] }},
  {{ vendor = "second", priority = 2, sizes = ["64x64"], cost = [{{ image = "0.5" }}] }},
]
"#,
            first.policy("first", "openai"),
            second.policy("second", "openai"),
        );
        let world = World::with(&policy, "10", "");
        let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
        let reply = world.post(OPENAI, &asked).await;
        assert_eq!((reply.status, second.calls()), (status, second_calls), "{word}");
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_unknown_outcome_the_same_is_asked_once_more_however_many_accounts_there_are() {
    let vendor = FakeVendor::start(Answers::ClosesEarly).await;
    let policy = format!(
        "{PAINTED}\n{}secrets = [\"env:ONE\", \"env:TWO\", \"env:THREE\", \"env:FOUR\"]\n[models.remote]\nafter_unknown = \"retry\"\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let accounts = [("ONE", "1"), ("TWO", "2"), ("THREE", "3"), ("FOUR", "4")];
    let world = World::with_environment(&policy, "10", "", &accounts);
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!((reply.status, vendor.calls()), (502, 2), "{}", reply.json());
    world.verify();
}
