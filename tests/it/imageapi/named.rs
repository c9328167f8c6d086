//! A single request may name itself; a batch may not, and is never joined.

use serde_json::{Value, json};

use super::{GENERATE, fox, planned};
use crate::world::{World, read};

#[tokio::test(flavor = "multi_thread")]
async fn one_request_may_name_itself_and_a_batch_may_not() {
    let world = World::with(&planned("storage = false"), "10", "");
    let named = |key: String, body: Value| {
        let request = world.client.post(format!("{}{GENERATE}", world.public));
        let request = request.header("authorization", format!("Bearer {key}"));
        let request = request.header("content-type", "application/json");
        read(request.header("idempotency-key", "a").body(body.to_string()))
    };
    let batch = json!({"items": [fox(), fox()]});
    let refused = named(world.key.clone(), batch.clone()).await;
    assert_eq!((refused.status, &refused.json()["success"]), (400, &json!(false)));
    assert!(refused.json()["error"].as_str().unwrap().contains("cannot name a batch"));
    assert_eq!(world.available(), "10");

    // The refused batch left the name free; from here on it is the fox's.
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
