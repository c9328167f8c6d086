//! Names on requests that are answered later, and on bodies that hold several.

use serde_json::json;

use crate::imageapi::planned;
use crate::world::{PAINTED, World};

use super::{must_replay, named};

const GENERATE: &str = "/api/v1/generate";
const IMAGES: &str = "/v1/images";

fn batching(credits: &str) -> World {
    let lines = "storage = false\nbatch = { items_max = 4, concurrency_max = 2 }";
    World::with(&planned(lines), credits, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repeat_of_a_request_that_became_a_job_is_given_the_same_job() {
    let policy = format!("[defaults]\nmodel = \"paint\"\n{PAINTED}");
    let mut world = World::with(&policy, "10", "");
    let fox = json!({"prompt": "a fox"});
    let first = named(&world, IMAGES, "a", &fox).await;
    assert_eq!(first.status, 202, "{}", first.json());
    must_replay(&named(&world, IMAGES, "a", &fox).await, &first);
    let path = first.header("location").unwrap();
    while world.get(path).await.json()["status"] != "completed" {
        tokio::task::yield_now().await;
    }
    world = tokio::task::block_in_place(|| world.kill_and_restart());
    let again = named(&world, IMAGES, "a", &fox).await;
    must_replay(&again, &first);
    assert_eq!(again.header("location"), first.header("location"));
    let other = named(&world, IMAGES, "a", &json!({"prompt": "a hen"})).await;
    assert_eq!(other.status, 422, "{}", other.json());
    assert_eq!(world.get("/v1/jobs").await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.available(), "9");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_names_itself_is_served_once() {
    let world = batching("10");
    let item = json!({"prompt": "a fox", "width": 256, "height": 256});
    let batch = json!({"items": vec![item.clone(); 3]});
    let first = named(&world, GENERATE, "a", &batch).await;
    assert_eq!(first.status, 200, "{}", first.json());
    assert_eq!(world.available(), "7");
    must_replay(&named(&world, GENERATE, "a", &batch).await, &first);
    assert_eq!(world.available(), "7");
    for other in [item.clone(), json!({"items": vec![item; 2]})] {
        let refused = named(&world, GENERATE, "a", &other).await;
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (422, Some("idempotency_mismatch"))
        );
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_of_a_batch_is_tried_again_and_the_rest_is_said_again() {
    let world = batching("2");
    let items: Vec<_> = (0..3)
        .map(|seed| json!({"prompt": "a fox", "width": 256, "height": 256, "seed": seed}))
        .collect();
    let batch = json!({"items": items});
    let first = named(&world, GENERATE, "a", &batch).await.json()["data"]["results"].clone();
    let short = first.as_array().unwrap().iter().position(|one| one["success"] == false).unwrap();
    assert_eq!(first[short]["code"], "credits_short");
    world.cli(&["credits", "grant", &world.workspace, "5"]);
    let again = named(&world, GENERATE, "a", &batch).await;
    assert_eq!(again.header("idempotency-replayed"), None, "a part of it is new");
    let results = again.json()["data"]["results"].clone();
    for at in 0..3 {
        assert_eq!(results[at]["success"], true);
        assert_eq!(results[at] == first[at], at != short, "item {at}");
    }
    assert_eq!(world.available(), "4");
    must_be_replayed(&world, &batch).await;
    world.verify();
}

async fn must_be_replayed(world: &World, batch: &serde_json::Value) {
    let again = named(world, GENERATE, "a", batch).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}
