//! A request and a batch share their names; a batch is joined by no repeat of a library.

use serde_json::{Value, json};

use super::{GENERATE, fox, planned, written_by};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{World, read};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_for_one_request_or_for_one_batch_and_batches_are_never_joined() {
    let world = World::with(&planned("storage = false"), "10", "");
    let named = |key: String, body: Value| {
        let request = world.client.post(format!("{}{GENERATE}", world.public));
        let request = request.header("authorization", format!("Bearer {key}"));
        let request = request.header("content-type", "application/json");
        read(request.header("idempotency-key", "a").body(body.to_string()))
    };
    let batch = json!({"items": [fox(), fox()]});
    let first = named(world.key.clone(), fox()).await;
    assert_eq!(first.status, 200, "{}", first.json());
    let again = named(world.key.clone(), fox()).await;
    assert_eq!((again.status, &again.bytes), (200, &first.bytes));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(named(world.key.clone(), batch.clone()).await.status, 422);
    assert_eq!(world.available(), "9");

    let joining = world.new_key(&["--plan", "open", "--join-repeats"]);
    for left in ["7", "5"] {
        let request = world.client.post(format!("{}{GENERATE}", world.public));
        let request = request.header("authorization", format!("Bearer {joining}"));
        let request = request.header("content-type", "application/json");
        let request = request.header("x-stainless-retry-count", "1");
        let served = read(request.body(batch.to_string())).await;
        assert_eq!((served.status, served.header("idempotency-replayed")), (200, None));
        assert_eq!(world.available(), left);
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_names_itself_is_paid_for_once() {
    let said = json!({"choices": [{"message": {"content": "A brass robot."}}]});
    let writer = FakeVendor::start(Answers::Json(200, said)).await;
    let world = World::with(&written_by(&writer, "0.5"), "10", "");
    let ask = |prompt: &str| {
        let request = world.client.post(format!("{}/api/v1/prompt/enhance", world.public));
        let request = request.header("authorization", format!("Bearer {}", world.key));
        let request = request.header("content-type", "application/json");
        read(request.header("idempotency-key", "a").body(json!({"prompt": prompt}).to_string()))
    };
    let first = ask("robot").await;
    assert_eq!(first.json()["data"]["prompt"], "A brass robot.");
    let again = ask("robot").await;
    assert_eq!((again.status, &again.bytes), (200, &first.bytes));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((ask("hen").await.status, writer.calls()), (422, 1));
    assert_eq!(world.available(), "9.5");
    world.verify();
}
