//! `NeuralDraft`, as its documentation prints it: a job, and what it comes to.

use serde_json::{Value, json};

use super::{SHAPES, SIDES, Seed, model, vendors};
use crate::vendor::{Answers, FakeVendor};
use crate::world::World;

/// The name that is printed for a job.
const PRINTED_JOB: &str = "job_2Ngd9KqLmRpW";

/// A world where apps that name no model get this one.
async fn drawn_by(default: &str) -> World {
    let broken = FakeVendor::start(Answers::Json(500, json!({}))).await;
    let policy = [
        format!("[defaults]\nmodel = \"{default}\"\n"),
        vendors(&broken),
        model(("whole", "Whole"), 1, "painter", SHAPES),
        model(("broken", "Broken"), 1, "broken", SIDES),
        "[plans.open]\nmodels = [\"*\"]\n".to_owned(),
        "[plans.tight]\nmodels = [\"*\"]\nlimits = [{ name = \"5 minutes\", requests = 1, per = \"5m\" }]\n".to_owned(),
    ];
    World::with(&policy.concat(), "10", "")
}

/// Asks for a job, waits for its end, and compares what it then is.
async fn comes_to(seed: &Seed, world: &World, key: &str, end: &str) -> Value {
    let accepted = tokio::task::block_in_place(|| seed.answers(world, key, ("generate", "202")));
    let id = accepted["id"].as_str().unwrap();
    loop {
        let status = world.get(&format!("/v1/jobs/{id}")).await.json()["status"].clone();
        if status != "pending" && status != "processing" {
            break;
        }
        tokio::task::yield_now().await;
    }
    let asked = seed.example("job.sh", &world.public, key).replace(PRINTED_JOB, id);
    tokio::task::block_in_place(|| seed.answers_to(world, &asked, ("job", end)))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_neuraldraft_prints_is_what_curl_gets() {
    let seed = Seed::open("002-neuraldraft");
    let world = drawn_by("whole").await;
    let key = world.new_key(&["--plan", "open", "--prefix", "ndsk"]);
    assert!(key.starts_with("ndsk_live_"), "as printed");
    comes_to(&seed, &world, &key, "200-completed").await;
    let (poor, tight) = (world.key_of_another("poor", "0"), world.new_key(&["--plan", "tight"]));
    tokio::task::block_in_place(|| {
        seed.answers(&world, "ndsk_live_nobodys", ("generate", "401"));
        seed.answers(&world, &poor, ("generate", "402"));
        seed.answers(&world, &key, ("bad-ratio", "400"));
        seed.answers(&world, &key, ("job", "404"));
        seed.answers(&world, &tight, ("generate", "202"));
        seed.answers(&world, &tight, ("generate", "429"));
    });
    let world = drawn_by("broken").await;
    comes_to(&seed, &world, &world.key, "200-failed").await;
    assert_eq!(world.available(), "10");
    seed.is_used_up_but(&[]);
}
