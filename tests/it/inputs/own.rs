//! Pictures of the caller's own library, named by address or by name: nothing is fetched.

use serde_json::{Value, json};

use super::{EDITS, gemini, sent};
use crate::media::{MEDIAPOSTS, address, erase, fetch};
use crate::world::{Reply, World};

/// A picture that is kept: its name and its address.
async fn kept(world: &World) -> (String, String) {
    let body = json!({ "prompt": "a fox", "model": "paint" }).to_string();
    let reply = world.post_as(&world.key, MEDIAPOSTS, body).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    let id = reply.json()["data"]["media_id"].as_str().unwrap().to_owned();
    let url = address(world, &world.key, &id).await;
    (id, url)
}

async fn edit(world: &World, key: &str, image: Value) -> Reply {
    let body = json!({"model": "m", "prompt": "a fox", "images": [image]});
    world.post_as(key, EDITS, body.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_our_own_is_named_by_its_address_or_its_name() {
    let (world, vendor) = gemini("").await;
    let (id, url) = kept(&world).await;
    let there = fetch(&world, &url).await.bytes;
    let path = url.strip_prefix(&world.public).unwrap();
    let images = [json!({"image_url": url}), json!({"image_url": path}), json!({"file_id": id})];
    for image in images {
        let reply = edit(&world, &world.key, image.clone()).await;
        assert_eq!(reply.status, 200, "{image}: {}", reply.json());
        let drawn_from: Vec<_> =
            sent(&vendor).into_iter().map(|text| crate::world::from_base64(&json!(text))).collect();
        assert_eq!(drawn_from, std::slice::from_ref(&there), "{image}");
    }
    // As Gemini's own answers name pictures.
    let google = json!({"contents": [{"role": "user", "parts": [{"text": "a fox"}]},
        {"role": "model", "parts": [{"fileData": {"mimeType": "image/png", "fileUri": url}}]},
        {"role": "user", "parts": [{"text": "at night"}]}]});
    let request = world.client.post(format!("{}/v1beta/models/m:generateContent", world.public));
    let request = request.header("x-goog-api-key", &world.key).body(google.to_string());
    assert_eq!(crate::world::read(request).await.status, 200);
    assert!(world.metrics().await.contains("pixelgate_input_pictures_total{outcome=\"kept\"} 4"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_another_workspace_is_as_unknown_as_none() {
    let (world, vendor) = gemini("").await;
    let (id, url) = kept(&world).await;
    let before = world.available();
    let stranger = world.cli(&["workspace", "create", "stranger"]).trim().to_owned();
    world.cli(&["credits", "grant", &stranger, "10"]);
    let said = world.cli(&["key", "create", &stranger, "--plan", "open"]);
    let stranger = said.split_whitespace().find(|word| word.starts_with("pg_")).unwrap();
    let unknown = json!({"file_id": "0b4e7f0e-3a53-4f6e-9d0e-6a5cf1d5c0aa"});
    let mut words = Vec::new();
    for image in [json!({"image_url": url}), json!({"file_id": id}), unknown] {
        let reply = edit(&world, stranger, image).await;
        assert_eq!(reply.status, 400, "{}", reply.json());
        let said = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        words.push(said.split('`').next_back().unwrap().to_owned());
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    assert_eq!(erase(&world, &id).await.status, 200);
    assert_eq!(edit(&world, &world.key, json!({"image_url": url})).await.status, 400);
    assert_eq!((vendor.calls(), world.available()), (0, before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_known_by_the_name_that_its_app_gave_it() {
    let (world, vendor) = gemini("[defaults]\nmodel = \"paint\"\n").await;
    let asked = json!({"prompt": "a fox", "key": "hero"});
    let accepted = world.post("/v1/images", &asked).await;
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    while world.get(&format!("/v1/jobs/{id}")).await.json()["status"] != "completed" {
        tokio::task::yield_now().await;
    }
    let reply = edit(&world, &world.key, json!({"file_id": "hero"})).await;
    assert_eq!((reply.status, sent(&vendor).len()), (200, 1), "{}", reply.json());
}
