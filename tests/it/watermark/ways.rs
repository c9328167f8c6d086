//! Every way that a picture takes to an app ends in a picture that is marked, whatever dialect the
//! app speaks; what cannot be marked is not open to the plan.

use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};

use super::{MARKED, is_marked};
use crate::clerk::Clerk;
use crate::matrix::{Client, at_its_end, clients, models};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{NEARIQ, OPENAI, PAINTED, Reply, World, read};

/// A gateway whose every model is drawn by this vendor, and whose key is on the marked plan.
fn world_of(vendor: &FakeVendor, dialect: &str, offering: &str, config: &str) -> World {
    let mut policy = format!(
        "{PAINTED}\n{MARKED}\n[defaults]\nmodel = \"any\"\n{}",
        vendor.policy("acme", dialect).replace("\"2s\"", "\"300s\"")
    );
    for name in models() {
        let model = format!(
            "[models.\"{name}\"]\ndeadline = \"300s\"\nprice = [{{ image = \"1\" }}]\n\
             offerings = [{{ vendor = \"acme\", {offering}, cost = [{{ image = \"0\" }}] }}]\n"
        );
        policy.push_str(&model);
    }
    let mut world = World::with(&policy, "100", config);
    world.key = world.new_key(&["--plan", "marked"]);
    world
}

const PLAIN: &str = "model = \"gpt-image-2\", sizes = [\"512x512\"], count_max = 4, \
     formats = [\"png\", \"jpeg\", \"webp\"]";

/// A vendor that answers at once with plain pictures.
async fn at_once() -> (World, FakeVendor) {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    (world_of(&vendor, "openai", PLAIN, ""), vendor)
}

/// Every picture in an answer: where it says one is, in its own text, or in the library.
async fn pictures(world: &World, answer: &Value) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut left = vec![answer.clone()];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values),
            Value::Object(fields) => {
                let id = fields.get("media_id").filter(|_| !fields.contains_key("url"));
                if let Some(id) = id.and_then(Value::as_str) {
                    left.push(
                        world.get(&format!("/v1/media/{id}")).await.json()["data"]["url"].take(),
                    );
                }
                left.extend(fields.into_iter().map(|(_, value)| value));
            }
            Value::String(text) if text.starts_with("http") => {
                // A gateway that was started again is at another port.
                let (_, path) = text.split_once("/media/").expect("an address of ours");
                let reply = read(world.client.get(format!("{}/media/{path}", world.public))).await;
                assert_eq!(reply.status, 200, "{text}");
                found.push(reply.bytes);
            }
            Value::String(text) => {
                let base64 = text.rsplit("base64,").next().unwrap();
                let bytes = base64::engine::general_purpose::STANDARD.decode(base64);
                found.extend(bytes.ok().filter(|bytes| image::guess_format(bytes).is_ok()));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

async fn must_be_marked(world: &World, way: &str, answer: &Value) {
    let pictures = pictures(world, answer).await;
    assert!(!pictures.is_empty(), "{way}: no picture in {answer}");
    assert!(pictures.iter().all(|bytes| is_marked(bytes)), "{way}");
    // Where the dialect has a place for it, it says so.
    for place in ["/watermarked", "/result/watermarked"] {
        assert!(answer.pointer(place).is_none_or(|said| said == true), "{way}: {answer}");
    }
}

/// The example of a client side, with this header.
async fn ask(world: &World, client: &Client, (name, value): (&str, &str)) -> Reply {
    let (_, side, body) = client;
    let (key_header, key) = side.shown_key(&world.key);
    let request = world.client.post(format!("{}{}", world.public, side.example().path));
    let request = request.header("content-type", "application/json").header(key_header, key);
    read(request.header(name, value).body(body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_and_said_again_in_every_dialect() {
    let (world, vendor) = at_once().await;
    for client in clients() {
        let name = client.0;
        let first = ask(&world, &client, ("idempotency-key", name)).await;
        let is_job = first.status == 202;
        let answer = at_its_end(&world, first).await;
        assert!((200..300).contains(&answer.status), "{name}: {}", answer.json());
        must_be_marked(&world, name, &answer.json()).await;
        // Jobs are not served once.
        if is_job {
            continue;
        }
        let changed = answer.header("pixelgate-changed").unwrap();
        assert!(changed.contains("watermark="), "{name}: {changed}");
        let calls = vendor.calls();
        let again = ask(&world, &client, ("idempotency-key", name)).await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{name}");
        assert_eq!(vendor.calls(), calls);
        must_be_marked(&world, name, &again.json()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_a_job_in_every_dialect() {
    let (world, _vendor) = at_once().await;
    for client in clients() {
        let accepted = ask(&world, &client, ("prefer", "respond-async")).await;
        assert_eq!(accepted.status, 202, "{}: {}", client.0, accepted.json());
        let job = at_its_end(&world, accepted).await.json();
        assert_eq!(job["status"], "completed", "{job}");
        must_be_marked(&world, client.0, &job).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_whether_it_was_ordered_or_waited() {
    let clerk = Arc::new(Clerk::default());
    let vendor = FakeVendor::start(Answers::Orders(Arc::clone(&clerk))).await;
    let offering = "model = \"fal-ai/flux/dev\", sides = { min = 16, max = 4096, step = 1 }";
    let world = world_of(&vendor, "fal", offering, "[jobs]\nrunning_max = 1\n");
    let mut jobs = Vec::new();
    for prompt in ["ordered", "waiting"] {
        let reply = world.post("/v1/images", &json!({ "prompt": prompt })).await;
        jobs.push(reply);
    }
    clerk.is_asked().await;
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    clerk.serve();
    for reply in jobs {
        let job = at_its_end(&world, reply).await.json();
        assert_eq!(job["status"], "completed", "{job}");
        must_be_marked(&world, "resumed", &job).await;
    }
    assert_eq!(clerk.placed(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_of_a_batch() {
    let (world, _vendor) = at_once().await;
    let fox = json!({"prompt": "a fox", "width": 512, "height": 512});
    let reply = world.post("/api/v1/generate", &json!({"items": [fox, fox, fox]})).await;
    let body = reply.json();
    assert_eq!(pictures(&world, &body).await.len(), 3, "{body}");
    must_be_marked(&world, "batch", &body).await;
    assert!(reply.header("pixelgate-changed").unwrap().contains("watermark="));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_library_and_by_the_name_that_the_app_gave() {
    let (world, _vendor) = at_once().await;
    let asked = json!({"prompt": "a fox", "model": "any"});
    let drawn = world.post("/v1/ai/generate-image", &asked).await.json();
    let id = drawn["data"]["media_id"].as_str().unwrap();
    for path in ["/v1/media".to_owned(), format!("/v1/media/{id}")] {
        must_be_marked(&world, &path, &world.get(&path).await.json()).await;
    }
    let named = world.post("/v1/images", &json!({"prompt": "a fox", "key": "hero"})).await;
    at_its_end(&world, named).await;
    must_be_marked(&world, "named", &world.get("/v1/images/hero").await.json()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_of_a_stream_and_of_a_stream_said_again() {
    let (world, _vendor) = at_once().await;
    let openai = json!({"model": "any", "prompt": "a fox", "size": "512x512", "stream": true, "partial_images": 3});
    let google = json!({"contents": [{"parts": [{"text": "a fox"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]}});
    let asks = [(OPENAI, openai), ("/v1beta/models/any:streamGenerateContent?alt=sse", google)];
    for (path, body) in asks {
        let mut firsts = Vec::new();
        for replayed in [None, Some("true")] {
            let request = world.client.post(format!("{}{path}", world.public));
            let request = request.header("content-type", "application/json");
            let request = request.header("authorization", format!("Bearer {}", world.key));
            let request = request.header("x-goog-api-key", &world.key);
            let reply = read(request.header("idempotency-key", path).body(body.to_string())).await;
            assert_eq!(reply.header("idempotency-replayed"), replayed, "{path}");
            let text = String::from_utf8(reply.bytes).unwrap();
            let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let events = events.map(|event| serde_json::from_str(event).unwrap_or_default());
            let events = Value::Array(events.collect());
            assert_eq!(pictures(&world, &events).await.len(), 1, "{path}: {text:.300}");
            must_be_marked(&world, path, &events).await;
            firsts.push(text);
        }
        assert_eq!(firsts[0], firsts[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_vendor_has_it_at_an_address_of_its_own() {
    let vendor = FakeVendor::start(Answers::Address).await;
    let world = world_of(&vendor, "openai", "model = \"m\", sizes = [\"512x512\"]", "");
    for delivery in ["url", "b64_json"] {
        let asked = json!({"model": "any", "prompt": "a fox", "size": "512x512", "response_format": delivery});
        let answer = world.post(OPENAI, &asked).await.json();
        assert!(!answer.to_string().contains(&vendor.address.to_string()), "{answer}");
        must_be_marked(&world, delivery, &answer).await;
    }
    let neariq = clients().into_iter().find(|(name, ..)| *name == "neariq").unwrap();
    let answer = world.post_by(neariq.1, NEARIQ, &json!({"prompt": "a fox"})).await.json();
    assert!(!answer.to_string().contains(&vendor.address.to_string()), "{answer}");
    must_be_marked(&world, "neariq", &answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_edit() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let offering = format!("{PLAIN}, inputs_max = 4");
    let world = world_of(&vendor, "openai", &offering, "");
    let picture = format!("data:image/png;base64,{}", crate::vendor::png(512, 512));
    let body = json!({"model": "any", "prompt": "a fox", "images": [{ "image_url": picture }], "size": "512x512"});
    let answer = world.post("/v1/images/edits", &body).await.json();
    must_be_marked(&world, "edit", &answer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_passed_through_beside_it() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let fares =
        "passthrough = [{ method = \"POST\", path = \"/v1/*\", price = \"2\", cost = \"0\" }]\n";
    let policy = PAINTED.replace("[plans.open]", "[plans.open]\npassthrough = [\"acme\"]");
    let policy = format!("{policy}\n{MARKED}\n{}{fares}", vendor.policy("acme", "openai"));
    let world = World::with(&policy, "100", "");
    let marked = world.new_key(&["--plan", "marked"]);
    let path = "/passthrough/acme/generate";
    let body = json!({"prompt": "a fox"}).to_string();
    assert_eq!(world.post_as(&world.key, path, body.clone()).await.status, 200);
    let refused = world.post_as(&marked, path, body.clone()).await;
    assert_eq!((refused.status, vendor.calls()), (403, 1), "{}", refused.json());
    // A policy that would open this way is refused as a whole, and the one in force stays.
    let opened = policy.replace("watermark =", "passthrough = [\"acme\"]\nwatermark =");
    std::fs::write(world.policy_file(), opened).unwrap();
    tokio::task::block_in_place(|| world.log_line("cannot be drawn into what is passed"));
    assert_eq!(world.post_as(&marked, path, body).await.status, 403);
    assert_eq!(vendor.calls(), 1);
    let checked = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .arg("check")
        .arg(world.folder.path().join("policies"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned()
        + &String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("plans.marked.watermark: cannot be drawn into what is passed"), "{said}");
    assert!(!checked.status.success());
}
