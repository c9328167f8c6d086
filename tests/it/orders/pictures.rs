//! Pictures that were drawn, and lie where nobody answers.

use serde_json::json;

use crate::failures::last;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};

/// A model of two vendors, the first preferred, and what becomes of one request for it.
async fn ask(after_unknown: &str, first: &FakeVendor, second: &FakeVendor) -> (World, Reply) {
    let policy = format!(
        r#"{PAINTED}
{}picture_hosts = ["pictures.invalid"]
{}
[models.remote]
strategy = "priority"
after_unknown = "{after_unknown}"
price = [{{ image = "2" }}]
offerings = [
  {{ vendor = "first", priority = 1, sides = {{ min = 16, max = 4096, step = 1 }}, cost = [{{ image = "0.5" }}] }},
  {{ vendor = "second", priority = 2, sides = {{ min = 16, max = 4096, step = 1 }}, cost = [{{ image = "0.5" }}] }},
]
"#,
        first.policy("first", "openai"),
        second.policy("second", "openai"),
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "512x512"});
    let reply = world.post(OPENAI, &asked).await;
    (world, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_was_drawn_is_not_bought_again_because_its_host_cannot_be_reached() {
    for (word, status, second_calls) in [("failover", 200, 1), ("give_up", 502, 0)] {
        let drawn = json!({"data": [{"url": "https://pictures.invalid/1.png"}]});
        let first = FakeVendor::start(Answers::Json(200, drawn)).await;
        let second = FakeVendor::start(Answers::OpenAi).await;
        let (world, reply) = ask(word, &first, &second).await;
        assert_eq!(first.calls(), 1, "{word}");
        assert_eq!((reply.status, second.calls()), (status, second_calls), "{word}");
        assert_eq!(last(&world)["outcome_unknown"], true, "{word}");
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_host_is_back_in_a_moment_is_fetched_then() {
    let first = FakeVendor::start(Answers::Address).await;
    let second = FakeVendor::start(Answers::OpenAi).await;
    first.keeps_its_pictures(2);
    let (world, reply) = ask("failover", &first, &second).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!((first.calls(), second.calls()), (1, 0));
    assert_eq!(last(&world)["outcome_unknown"], false);
    world.verify();
}
