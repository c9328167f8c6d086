//! Orders whose pictures are uploaded first, to an address that the vendor names.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor, png};
use crate::world::World;

/// A vendor's recorded answers, less those that only say to wait.
fn answers() -> Vec<Value> {
    let recorded = include_str!("../fixtures/dialects/leonardo/mask.talk.json");
    let talk: Value = serde_json::from_str(recorded).unwrap();
    let replies = talk["replies"].as_array().unwrap().iter();
    let is_wait = |reply: &&Value| reply["body"]["generations_by_pk"]["status"] == "PENDING";
    replies.filter(|reply| !is_wait(reply)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_and_its_mask_are_uploaded_before_the_edit_is_ordered() {
    let vendor = FakeVendor::start(Answers::Talk(Arc::new(answers()))).await;
    let policy = format!(
        "{}secret = \"env:ACME_KEY\"\n[models.m]\nprice = [{{ image = \"1\" }}]\n\
         offerings = [{{ vendor = \"acme\", model = \"b24e16ff\", sizes = [\"512x512\"], \
         inputs_max = 1, can = [\"mask\"], cost = [{{ image = \"0.01\" }}] }}]\n\
         [plans.open]\nmodels = [\"*\"]\n",
        vendor.policy("acme", "leonardo")
    );
    let world = World::with_environment(&policy, "10", "", &[("ACME_KEY", "a key")]);
    let picture = format!("data:image/png;base64,{}", png(64, 64));
    let body = json!({
        "model": "m",
        "prompt": "a lighthouse in fog",
        "images": [{ "image_url": picture }],
        "mask": { "image_url": picture },
    });

    let reply = world.post("/v1/images/edits", &body).await;

    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.bytes));
    assert_eq!(vendor.calls(), 5, "where to, two uploads, the order, and the question");
    assert_eq!(world.available(), "9");
}
