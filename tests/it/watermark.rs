//! A watermark that a plan requires is really in the picture, in every dialect and however the picture arrives;
//! where none is required the vendor's bytes are the caller's.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor, png};
use crate::world::{NEARIQ, OPENAI, PAINTED, Reply, World, from_base64, read};

mod ways;

/// The plain colour of [`png`].
const GROUND: [u8; 3] = [90, 120, 160];

const MARKED: &str = "[plans.marked]\nmodels = [\"*\"]\nwatermark = \"Made by AI\"\ndisclaimer = \"Drawn by a machine.\"\n\
     quotas = [{ name = \"day\", images = 100, per = \"day\" }]\n";

/// A gateway whose model is drawn by a vendor that answers with plain pictures.
async fn world() -> (World, FakeVendor) {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = format!(
        "{PAINTED}\n{MARKED}\n[defaults]\nmodel = \"plain\"\n{}\n{}",
        vendor.policy("acme", "openai"),
        r#"
[models.plain]
price = [{ image = "1" }]
offerings = [{ vendor = "acme", model = "gpt-image-2", sizes = ["512x512"], count_max = 4, formats = ["png", "jpeg", "webp"], can = ["previews"], cost = [{ image = "0" }] }]
"#
    );
    (World::with(&policy, "100", ""), vendor)
}

/// Whether the picture is plain but for a mark in its lower right corner.
fn is_marked(bytes: &[u8]) -> bool {
    let picture = image::load_from_memory(bytes).expect("a decoder opens the picture").into_rgb8();
    let (width, height) = picture.dimensions();
    let differs = |own: &[u8; 3]| own.iter().zip(GROUND).any(|(own, g)| own.abs_diff(g) > 12);
    let marked = picture.enumerate_pixels().filter(|(.., pixel)| differs(&pixel.0));
    let (mut light, mut dark) = (0, 0);
    for (x, y, pixel) in marked {
        assert!(x > width / 2 && y > height * 4 / 5, "something else than a corner was touched");
        if pixel.0.iter().all(|channel| *channel > 180) { light += 1 } else { dark += 1 }
    }
    // Dark of the plate and light of the letters, enough of both to be read.
    light > 50 && dark > 200
}

async fn ask(world: &World, key: &str, path: &str, body: &Value) -> Reply {
    let request = world.client.post(format!("{}{path}", world.public));
    let request = request.header("authorization", format!("Bearer {key}"));
    let request = request.header("x-neariq-key", key).header("content-type", "application/json");
    let reply = read(request.body(body.to_string())).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply
}

/// The picture of an answer: inline, or from where the answer says that it is.
async fn picture(world: &World, reply: &Reply) -> Vec<u8> {
    let body = reply.json();
    let places = ["/url", "/data/image_url", "/data/0/url"];
    match places.iter().find_map(|place| body.pointer(place)?.as_str()) {
        Some(url) => read(world.client.get(url)).await.bytes,
        None => from_base64(&body["data"][0]["b64_json"]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_says_so_where_the_dialect_has_a_place_for_it() {
    let (world, _vendor) = world().await;
    let marked = world.new_key(&["--plan", "marked"]);
    let body = ask(&world, &marked, NEARIQ, &json!({"prompt": "a fox"})).await.json();
    assert_eq!(
        (&body["watermarked"], &body["disclaimer"]),
        (&json!(true), &json!("Drawn by a machine."))
    );
    let body = ask(&world, &world.key, NEARIQ, &json!({"prompt": "a fox"})).await.json();
    assert_eq!((&body["watermarked"], &body["disclaimer"]), (&json!(false), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_keeps_its_format() {
    let (world, _vendor) = world().await;
    let key = world.new_key(&["--plan", "marked"]);
    for (format, magic) in [("png", &b"\x89PNG"[..]), ("jpeg", b"\xFF\xD8\xFF"), ("webp", b"RIFF")]
    {
        let body = json!({"model": "plain", "prompt": "a fox", "size": "512x512", "output_format": format});
        let bytes = picture(&world, &ask(&world, &key, OPENAI, &body).await).await;
        assert!(bytes.starts_with(magic), "{format}");
        assert!(is_marked(&bytes), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_of_several_carries_it() {
    let (world, _vendor) = world().await;
    let key = world.new_key(&["--plan", "marked"]);
    let body = json!({"model": "plain", "prompt": "a fox", "size": "512x512", "n": 4});
    let answer = ask(&world, &key, OPENAI, &body).await.json();
    let pictures = answer["data"].as_array().unwrap();
    assert_eq!(pictures.len(), 4);
    assert!(pictures.iter().all(|item| is_marked(&from_base64(&item["b64_json"]))));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_preview_gets_out_without_it() {
    let (world, vendor) = world().await;
    let key = world.new_key(&["--plan", "marked"]);
    let body = json!({"model": "plain", "prompt": "a fox", "size": "512x512", "stream": true, "partial_images": 2});
    assert_eq!(world.post(OPENAI, &body).await.status, 200);
    assert_eq!(vendor.last().body["partial_images"], 2, "other plans have previews");
    let reply = world.post_as(&key, OPENAI, body.to_string()).await;
    let text = String::from_utf8(reply.bytes).unwrap();
    assert!(vendor.last().body.get("partial_images").is_none(), "{}", vendor.last().body);
    assert!(!text.contains("partial_image\""), "{text:.300}");
    let end = text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let end: Value = serde_json::from_str(end).unwrap();
    assert!(is_marked(&from_base64(&end["b64_json"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_none_is_asked_the_vendors_bytes_are_the_callers() {
    let (world, _vendor) = world().await;
    let body = json!({"model": "plain", "prompt": "a fox", "size": "512x512"});
    let reply = ask(&world, &world.key, OPENAI, &body).await;
    assert_eq!(reply.json()["data"][0]["b64_json"], json!(png(512, 512)));
    assert_eq!(reply.header("pixelgate-changed"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_cannot_be_marked_is_not_given_out_and_not_paid_for() {
    // A head that says PNG, and nothing behind it that could be drawn on.
    let torn = json!({"data": [{"b64_json": "iVBORw0KGgoAAAANSUhEUgAA"}]});
    let vendor = FakeVendor::start(Answers::Json(200, torn)).await;
    let policy = format!(
        "{PAINTED}\n{MARKED}\n{}[models.torn]\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let key = world.new_key(&["--plan", "marked"]);
    let body = json!({"model": "torn", "prompt": "a fox", "size": "64x64"}).to_string();
    assert_eq!(world.post_as(&key, OPENAI, body).await.status, 500);
    assert_eq!(world.available(), "10");
    world.verify();
}
