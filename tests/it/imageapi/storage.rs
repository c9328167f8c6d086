//! What is said of storage, at once and later.

use serde_json::json;

use super::{GENERATE, fox, planned};
use crate::jobs::ended;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_job_says_of_storage_what_an_answer_at_once_says() {
    let policy = planned("storage = \"10 GB cloud storage\"")
        + "\n[plans.bare]\nmodels = [\"*\"]\nstorage = false\n";
    let mut world = World::with(&policy, "10", "");
    let storages = [
        json!({"enabled": true, "stored": true, "plan": "10 GB cloud storage"}),
        json!({"enabled": false, "stored": false, "plan": null}),
    ];
    for storage in storages {
        let at_once = world.post(GENERATE, &fox()).await.json();
        assert_eq!(at_once["data"]["storage"], storage);
        let later = [("prefer", "respond-async")];
        let accepted = world.post_with(GENERATE, &fox(), &later).await;
        assert_eq!(accepted.status, 202, "{}", accepted.json());
        let job = ended(&world, accepted.json()["id"].as_str().unwrap()).await;
        let data = &job["result"]["data"];
        assert_eq!(data["storage"], storage, "{job}");
        let is_inside = data["image"].as_str().unwrap().starts_with("data:image/png;base64,");
        assert_eq!(is_inside, storage["stored"] == false, "as the answer at once");
        world.key = world.new_key(&["--plan", "bare"]);
    }
    world.verify();
}
