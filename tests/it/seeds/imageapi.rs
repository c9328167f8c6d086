//! `ImageAPI`, as its documentation prints it.

use serde_json::json;

use super::{SIDES, Seed, model, vendors};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{World, dimensions};

/// The printed plan; one that stores nothing, as it has no storage; one for each limit that is run into.
const PLANS: &str = r#"
[plans.open]
models = ["*"]
storage = "10 GB cloud storage"

[plans.free]
title = "Free"
models = ["*"]
quotas = [{ name = "month", requests = 1500, per = "month" }, { name = "day", requests = 50, per = "day" }]
storage = "10 GB cloud storage"

[plans.bare]
models = ["*"]
storage = false

[plans.tight]
models = ["*"]
limits = [{ name = "minute", requests = 1, per = "1m" }]
storage = "10 GB cloud storage"
batch = { items_max = 10, concurrency_max = 1 }
"#;

/// The models that are printed, in their order; one of them fails.
const MODELS: [(&str, &str); 9] = [
    ("flux-schnell", "FLUX.1 Schnell"),
    ("flux-2-klein-9b", "FLUX.2 Klein 9B"),
    ("flux-2-klein-4b", "FLUX.2 Klein 4B"),
    ("flux-2-dev", "FLUX.2 Dev"),
    ("lucid-origin", "Lucid Origin"),
    ("phoenix-1", "Phoenix 1.0"),
    ("stable-diffusion", "Stable Diffusion XL"),
    ("sdxl-lightning", "SDXL Lightning"),
    ("dreamshaper-8-lcm", "DreamShaper 8 LCM"),
];

async fn world() -> World {
    let broken = FakeVendor::start(Answers::Json(500, json!({}))).await;
    let mut policy = vendors(&broken) + PLANS;
    for of in MODELS {
        let vendor = if of.0 == "sdxl-lightning" { "broken" } else { "painter" };
        policy += &model(of, 1, vendor, SIDES);
    }
    World::with(&policy, "50", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_imageapi_prints_is_what_curl_gets() {
    let seed = Seed::open("003-imageapi");
    let world = world().await;
    let of_plan = |plan: &str| world.new_key(&["--plan", plan]);
    let body = tokio::task::block_in_place(|| {
        let free = of_plan("free");
        let body = seed.answers(&world, &free, ("quick-start", "200"));
        seed.answers(&world, &free, ("usage", "200"));
        seed.answers(&world, &world.key, ("generate", "200"));
        seed.answers(&world, &of_plan("bare"), ("generate", "200-inline"));
        let tight = of_plan("tight");
        seed.answers(&world, &tight, ("batch", "200"));
        seed.answers(&world, &tight, ("quick-start", "429"));
        for prompt in ["enhance", "build"] {
            seed.answers(&world, &world.key, (prompt, "200"));
        }
        seed.answers(&world, "", ("models", "200"));
        seed.answers(&world, "", ("health", "200"));
        seed.answers(&world, "nobody's", ("quick-start", "401"));
        seed.answers(&world, &of_plan("gone"), ("quick-start", "403-no-plan"));
        for _ in 0..5 {
            seed.answers(&world, &world.key, ("broken", "500"));
        }
        seed.answers(&world, "", ("health", "200-degraded"));
        world.cli(&["workspace", "suspend", &world.workspace]);
        seed.answers(&world, &world.key, ("quick-start", "403-suspended"));
        body
    });
    // The example for browsers is run by one.
    seed.is_used_up_but(&["fetch.js"]);
    let address = body["data"]["image"].as_str().unwrap();
    let picture = world.get(address.strip_prefix(&world.public).unwrap()).await;
    assert_eq!(dimensions(&picture.bytes), (512, 512));
    world.verify();
}
