//! Orders that a vendor answers later: asked after until they are served, failed or given up.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};

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
