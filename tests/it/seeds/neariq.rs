//! `NearIQ`, as its documentation prints it.

use super::{SHAPES, Seed, model};
use crate::world::{World, dimensions};

/// The printed day of 25 pictures, and plans with less.
const PLANS: &str = r#"
[vendors.painter]
dialect = "painter"
base_url = "painter:"
for_tests = true

[presets.social_graphic]
frame = "1:1"

[plans.open]
models = ["*"]
quotas = [{ name = "day", images = 25, per = "day" }]

[plans.starter]
models = ["*"]
without_dialects = ["neariq"]

[plans.tight]
models = ["*"]
watermark = "Made by AI"
quotas = [{ name = "day", images = 1, per = "day" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_neariq_prints_is_what_curl_gets() {
    let seed = Seed::open("000-neariq");
    let policy = PLANS.to_owned() + &model(("paint", "Paint"), 1, "painter", SHAPES);
    let world = World::with(&format!("[defaults]\nmodel = \"paint\"\n{policy}"), "50", "");
    let key = world.new_key(&["--plan", "open", "--scopes", "content:write", "--prefix", "niq"]);
    let starter = world.new_key(&["--plan", "starter"]);
    let scopeless = world.new_key(&["--plan", "open", "--scopes", "images"]);
    let tight = world.new_key(&["--plan", "tight"]);
    let body = tokio::task::block_in_place(|| {
        for _ in 0..3 {
            seed.answers(&world, &key, ("minimal", "200"));
        }
        let body = seed.answers(&world, &key, ("generate", "200"));
        seed.answers(&world, &key, ("bad-preset", "400"));
        seed.answers(&world, "niq_live_nobodys", ("generate", "401"));
        seed.answers(&world, &starter, ("generate", "403-plan"));
        seed.answers(&world, &scopeless, ("generate", "403-scope"));
        seed.answers(&world, &tight, ("generate", "200-watermarked"));
        seed.answers(&world, &tight, ("generate", "429"));
        body
    });
    let address = body["url"].as_str().unwrap();
    let picture = world.get(address.strip_prefix(&world.public).unwrap()).await;
    assert_eq!(dimensions(&picture.bytes), (1024, 1024));
    world.verify();
    let unconfigured = World::with(&policy, "10", "");
    tokio::task::block_in_place(|| {
        seed.answers(&unconfigured, &unconfigured.key, ("generate", "503"))
    });
    seed.is_used_up_but(&[]);
}
