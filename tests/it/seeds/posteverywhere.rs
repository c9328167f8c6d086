//! `PostEverywhere`, as its documentation prints it.

use serde_json::json;

use super::{SHAPES, SIDES, Seed, model, vendors};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{World, dimensions};

const RULE: &str = "[[rules.denied_terms]]\nterm = \"unicorn\"\nmessage = \"no unicorns here\"\n";

/// The documented limits, and a plan that has less.
const PLANS: &str = r#"
[plans.open]
models = ["*"]
limits = [{ name = "5 minutes", requests = 50, per = "5m" }, { name = "hour", requests = 200, per = "1h" }]

[plans.tight]
models = ["*"]
limits = [{ name = "5 minutes", requests = 50, per = "5m" }, { name = "hour", requests = 1, per = "1h" }]
"#;

async fn world() -> World {
    let broken = FakeVendor::start(Answers::Json(500, json!({}))).await;
    let policy = [
        vendors(&broken),
        model(("gemini-3-pro", "Gemini 3 Pro"), 5, "painter", SHAPES),
        model(("flux-schnell", "Flux Schnell"), 1, "broken", SIDES),
        PLANS.to_owned(),
        RULE.to_owned(),
    ];
    World::with(&policy.concat(), "50", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_posteverywhere_prints_is_what_curl_python_and_node_get() {
    let seed = Seed::open("004-posteverywhere");
    let world = world().await;
    let key = world.new_key(&["--plan", "open", "--prefix", "pe"]);
    assert!(key.starts_with("pe_live_"), "as printed");
    let poor = world.key_of_another("poor", "2");
    let scopeless = world.new_key(&["--plan", "open", "--scopes", "images"]);
    let tight = world.new_key(&["--plan", "tight"]);
    let body = tokio::task::block_in_place(|| {
        let body = seed.answers(&world, &key, ("generate", "200"));
        for wrong in ["bad-model", "bad-ratio", "empty-prompt", "blocked"] {
            seed.answers(&world, &key, (wrong, "400"));
        }
        seed.answers(&world, "pe_live_nobodys", ("generate", "401"));
        seed.answers(&world, &poor, ("generate", "402"));
        seed.answers(&world, &scopeless, ("generate", "403"));
        seed.answers(&world, &key, ("broken", "500"));
        seed.answers(&world, &tight, ("broken", "500"));
        seed.answers(&world, &tight, ("generate", "429"));
        for (program, interpreter) in
            [("generate.py", "PIXELGATE_PYTHON"), ("generate.mjs", "PIXELGATE_NODE")]
        {
            let said = seed.says(program, interpreter, &world);
            let start = format!("Image ready: {}/media/", world.public);
            assert!(said.starts_with(&start) && said.ends_with(" (used 5 credits)"), "{said}");
        }
        body
    });
    seed.is_used_up_but(&[]);
    let address = body["data"]["image_url"].as_str().unwrap();
    assert!(address.ends_with("/original.webp"), "{address}");
    let picture = world.get(address.strip_prefix(&world.public).unwrap()).await;
    assert_eq!(picture.header("content-type"), Some("image/webp"));
    assert_eq!(dimensions(&picture.bytes), (1024, 1024));
    assert_eq!(world.available(), "35");
    world.verify();
}
