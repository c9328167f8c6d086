//! AVIF: made of what vendors draw where policy says so, and opened by somebody else's decoder.

use std::process::Command;

use serde_json::{Value, json};

use crate::media::{MEDIAPOSTS, fetch};
use crate::world::{OPENAI, PAINTED, Reply, World, from_base64, read};

/// The painter, whose model delivers AVIF unless an app says otherwise.
fn painted() -> String {
    let can = "formats = [\"png\", \"jpeg\", \"webp\"], can";
    assert!(PAINTED.contains(can));
    let edits =
        PAINTED.replace("formats =", "inputs_max = 16, size_default = \"128x128\", formats =");
    edits
        .replace("can = [", "can = [\"mask\", ")
        .replace("[models.paint]", "[models.paint]\nformat = \"avif\"")
}

/// What Pillow finds in a picture: format, width, height, mode, and the colour in the middle.
fn opened(world: &World, picture: &[u8]) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    let python = std::env::var("PIXELGATE_PYTHON")
        .unwrap_or_else(|_| panic!("PIXELGATE_PYTHON is not set; run this test by `scripts/test`"));
    let file = world.folder.path().join("picture");
    std::fs::write(&file, picture).unwrap();
    let script = format!("{}/tests/python/pictures.py", env!("CARGO_MANIFEST_DIR"));
    let done = tokio::task::block_in_place(|| Command::new(python).arg(script).arg(&file).output());
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

fn is_a_picture(found: &[String], format: &str, sides: [&str; 2]) {
    assert_eq!(found.first().map(String::as_str), Some(format), "{found:?}");
    assert_eq!(found[1..3], sides, "{found:?}");
}

async fn drawn(world: &World, more: Value) -> Reply {
    let mut asked = json!({"model": "paint", "prompt": "a fox", "size": "96x64"});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.post(OPENAI, &asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_may_deliver_avif_in_every_dialect() {
    let world = World::with(&painted(), "20", "");
    let reply = drawn(&world, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.json()["output_format"], "avif");
    let changed = reply.header("pixelgate-changed").unwrap_or_default();
    assert!(changed.contains("converted to avif"), "{changed}");
    let picture = from_base64(&reply.json()["data"][0]["b64_json"]);
    is_a_picture(&opened(&world, &picture), "AVIF", ["96", "64"]);

    let asked = json!({"contents": [{"parts": [{"text": "a fox"}]}]});
    let request =
        world.client.post(format!("{}/v1beta/models/paint:generateContent", world.public));
    let reply = read(request.header("x-goog-api-key", &world.key).body(asked.to_string())).await;
    let inline = &reply.json()["candidates"][0]["content"]["parts"][0]["inlineData"];
    assert_eq!(inline["mimeType"], "image/avif", "{inline}");
    is_a_picture(&opened(&world, &from_base64(&inline["data"])), "AVIF", ["128", "128"]);

    let reply = world.post(MEDIAPOSTS, &json!({"prompt": "a fox", "model": "paint"})).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    let id = reply.json()["data"]["media_id"].as_str().unwrap().to_owned();
    let url = crate::media::address(&world, &world.key, &id).await;
    assert!(url.ends_with("/original.avif"), "{url}");
    let served = fetch(&world, &url).await;
    assert_eq!(served.header("content-type"), Some("image/avif"));
    assert_eq!(opened(&world, &served.bytes)[0], "AVIF");
    let made = "pixelgate_rework_duration_seconds_count{format=\"avif\"} 3";
    assert!(world.metrics().await.contains(made));
    assert!(world.metrics().await.contains("pixelgate_reworks_running 0"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_names_an_encoding_gets_that_one() {
    let world = World::with(&painted(), "10", "");
    for (word, format) in [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")] {
        let reply = drawn(&world, json!({"output_format": word})).await;
        let picture = from_base64(&reply.json()["data"][0]["b64_json"]);
        is_a_picture(&opened(&world, &picture), format, ["96", "64"]);
    }
    // The dialect has no such word.
    let reply = drawn(&world, json!({"output_format": "avif"})).await;
    assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!("output_format")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_clear_stays_clear() {
    let world = World::with(&painted(), "10", "");
    let clear = drawn(&world, json!({"background": "transparent"})).await;
    let picture = from_base64(&clear.json()["data"][0]["b64_json"]);
    let found = opened(&world, &picture);
    assert_eq!((found[0].as_str(), found[3].as_str()), ("AVIF", "RGBA"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_is_drawn_before_it_is_made() {
    let marked = painted().replace("[plans.open]", "[plans.open]\nwatermark = \"specimen\"");
    let world = World::with(&marked, "10", "");
    let picture = drawn(&world, json!({"size": "256x256"})).await;
    let picture = from_base64(&picture.json()["data"][0]["b64_json"]);
    is_a_picture(&opened(&world, &picture), "AVIF", ["256", "256"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_larger_than_avif_is_made_of_is_refused_and_costs_nothing() {
    let world = World::with(&painted(), "10", "");
    let asked = json!({"contents": [{"parts": [{"text": "a fox"}]}],
        "generationConfig": {"imageConfig": {"aspectRatio": "1:1", "imageSize": "4K"}}});
    let request =
        world.client.post(format!("{}/v1beta/models/paint:generateContent", world.public));
    let reply = read(request.header("x-goog-api-key", &world.key).body(asked.to_string())).await;
    assert_eq!(reply.status, 400, "{}", reply.json());
    assert!(reply.json().to_string().contains("can be made into avif"), "{}", reply.json());
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_avif_is_no_picture_to_work_from() {
    let world = World::with(&painted(), "10", "");
    let own = drawn(&world, json!({})).await.json()["data"][0]["b64_json"].clone();
    let address = format!("data:image/avif;base64,{}", own.as_str().unwrap());
    let asked = json!({"model": "paint", "prompt": "a fox", "images": [{"image_url": address}]});
    let reply = world.post("/v1/images/edits", &asked).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["param"]),
        (400, &json!("images[0].image_url"))
    );
}
