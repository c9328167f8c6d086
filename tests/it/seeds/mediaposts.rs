//! Media and posts, as its documentation prints it.

use serde_json::json;

use super::{SHAPES, SIDES, Seed, model, vendors};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{World, dimensions};

#[tokio::test(flavor = "multi_thread")]
async fn what_media_and_posts_prints_is_what_curl_gets() {
    let broken = FakeVendor::start(Answers::Json(500, json!({}))).await;
    let policy = [
        vendors(&broken),
        model(("nano-banana-pro", "Nano Banana Pro"), 15, "painter", SHAPES),
        model(("flux-schnell", "Flux Schnell"), 1, "broken", SIDES),
        "[plans.open]\nmodels = [\"*\"]\n".to_owned(),
        "[plans.tight]\nmodels = [\"*\"]\nlimits = [{ name = \"5 minutes\", requests = 1, per = \"5m\" }]\n".to_owned(),
    ];
    let world = World::with(&policy.concat(), "500", "");
    let poor = world.key_of_another("poor", "3");
    let tight = world.new_key(&["--plan", "tight"]);
    let seed = Seed::open("001-mediaposts");
    let body = tokio::task::block_in_place(|| {
        let body = seed.answers(&world, &world.key, ("generate", "201"));
        seed.answers(&world, &world.key, ("minimal", "201"));
        for wrong in ["bad-ratio", "bad-model", "no-prompt"] {
            seed.answers(&world, &world.key, (wrong, "400"));
        }
        seed.answers(&world, "nobody's", ("generate", "401"));
        seed.answers(&world, &world.key, ("no-key", "401"));
        seed.answers(&world, &poor, ("generate", "402"));
        seed.answers(&world, &tight, ("minimal", "201-last"));
        seed.answers(&world, &tight, ("generate", "429"));
        seed.answers(&world, &world.key, ("broken", "500"));
        body
    });
    seed.is_used_up_but(&[]);
    // What may be sent on as it stands is what names the picture.
    assert_eq!(body["data"]["media_ids"], json!([body["data"]["media_id"]]));
    let shown =
        world.get(&format!("/v1/media/{}", body["data"]["media_id"].as_str().unwrap())).await;
    let address = shown.json()["data"]["url"].as_str().unwrap().to_owned();
    let picture = world.get(address.strip_prefix(&world.public).unwrap()).await;
    assert_eq!(dimensions(&picture.bytes), (1920, 1080));
    world.verify();
}
