//! The media library from outside: kept, shown, served in parts, erased, and over in time.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{PAINTED, Reply, World, dimensions, read};

pub(crate) const MEDIAPOSTS: &str = "/v1/ai/generate-image";

/// The painter, and a default model of the name that mediaposts documents.
fn painted() -> String {
    PAINTED.replace("[models.paint]", "[models.nano-banana-pro]")
}

/// A vendor that draws the same picture every time, as the model `same`.
pub(crate) fn same_picture(vendor: &FakeVendor) -> String {
    format!(
        "{PAINTED}\n{}\n{}",
        vendor.policy("acme", "openai"),
        r#"
[models.same]
price = [{ image = "1" }]
offerings = [{ vendor = "acme", model = "gpt-image-2", sizes = ["1024x1024"], formats = ["png"], cost = [{ image = "0.05" }] }]
"#
    )
}

async fn call(world: &World, key: &str, method: Method, path: &str) -> Reply {
    let request = world.client.request(method, format!("{}{path}", world.public));
    read(request.header("authorization", format!("Bearer {key}"))).await
}

pub(crate) async fn erase(world: &World, id: &str) -> Reply {
    call(world, &world.key, Method::DELETE, &format!("/v1/media/{id}")).await
}

/// A kept picture of this model: its name.
pub(crate) async fn keep(world: &World, key: &str, model: &str) -> String {
    let body = json!({ "prompt": "a fox", "model": model }).to_string();
    let reply = world.post_as(key, MEDIAPOSTS, body).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.json()["data"]["media_id"].as_str().unwrap().to_owned()
}

pub(crate) async fn address(world: &World, key: &str, id: &str) -> String {
    let reply = call(world, key, Method::GET, &format!("/v1/media/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()["data"]["url"].as_str().unwrap().to_owned()
}

pub(crate) async fn fetch(world: &World, url: &str) -> Reply {
    read(world.client.get(url)).await
}

pub(crate) fn library_of(world: &World) -> PathBuf {
    world.folder.path().join("data/media")
}

fn files_in(folder: &Path) -> usize {
    let folders = std::fs::read_dir(folder).unwrap();
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

/// A key of another workspace.
fn stranger(world: &World) -> String {
    let workspace = world.cli(&["workspace", "create", "stranger"]).trim().to_owned();
    world.cli(&["credits", "grant", &workspace, "10"]);
    let said = world.cli(&["key", "create", &workspace, "--plan", "open"]);
    said.split_whitespace().find(|word| word.starts_with("pg_")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mediaposts_client_gets_what_its_documentation_shows() {
    let world = World::with(&painted(), "10", "");
    let prompt = "A professional photo of a modern office workspace with natural lighting";
    let asked = json!({ "prompt": prompt, "aspect_ratio": "16:9", "model": "nano-banana-pro" });
    for path in [MEDIAPOSTS, "/ai/generate-image"] {
        let reply = world.post(path, &asked).await;
        let body = reply.json();
        assert_eq!(reply.status, 201, "{body}");
        let media = &body["data"];
        let names: Vec<_> = media.as_object().unwrap().keys().map(String::as_str).collect();
        let documented = [
            "ai",
            "aspect_ratio",
            "created_at",
            "credits_remaining",
            "credits_used",
            "height",
            "media_id",
            "media_ids",
            "next_step",
            "type",
            "width",
        ];
        assert_eq!(names, documented);
        let id = media["media_id"].as_str().unwrap();
        assert_eq!((id.len(), id.split('-').count()), (36, 5), "{id} is no UUID");
        assert_eq!(media["media_ids"], json!([id]));
        assert_eq!(media["ai"], json!({ "model": "nano-banana-pro", "prompt": prompt }));
        assert_eq!((&media["type"], &media["aspect_ratio"]), (&json!("image"), &json!("16:9")));
        assert_eq!((&body["error"], &media["credits_used"]), (&Value::Null, &json!(1)));
        assert!(
            media["next_step"].as_str().unwrap().contains(&format!("\"media_ids\": [\"{id}\"]"))
        );
        let shown = world.get(&format!("/v1/media/{id}")).await.json();
        assert_eq!(shown["data"]["created_at"], media["created_at"]);
        let picture = fetch(&world, shown["data"]["url"].as_str().unwrap()).await;
        let (width, height) = dimensions(&picture.bytes);
        assert_eq!((&json!(width), &json!(height)), (&media["width"], &media["height"]));
    }
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mediaposts_client_that_names_no_model_gets_the_documented_one_or_the_operators() {
    let world = World::with(&painted(), "10", "");
    let drawn = world.post(MEDIAPOSTS, &json!({ "prompt": "a fox" })).await;
    assert_eq!(drawn.json()["data"]["ai"]["model"], "nano-banana-pro");
    let own = World::with(&format!("{PAINTED}\n[defaults]\nmodel = \"paint\"\n"), "10", "");
    let drawn = own.post(MEDIAPOSTS, &json!({ "prompt": "a fox" })).await;
    assert_eq!(drawn.json()["data"]["ai"]["model"], "paint");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_no_is_in_the_envelope_of_mediaposts() {
    let limits = r#"limits = [{ name = "5 minutes", requests = 2, per = "5m" }]"#;
    let policy = PAINTED.replace("concurrency_max = 1000", limits).replace(r#""1" }"#, r#""15" }"#);
    let world = World::with(&policy, "3", "");
    let asked = json!({ "prompt": "a fox", "model": "paint" });

    let short = world.post(MEDIAPOSTS, &asked).await;
    let details = json!({ "credits_required": 15, "credits_available": 3, "model": "paint" });
    assert_eq!(short.status, 402);
    assert_eq!(short.json()["data"], Value::Null);
    assert_eq!(short.json()["error"]["code"], "insufficient_credits");
    assert_eq!(short.json()["error"]["details"], details);

    let bad = world.post(MEDIAPOSTS, &json!({ "prompt": "a fox", "aspect_ratio": "21:9" })).await;
    assert_eq!((bad.status, &bad.json()["error"]["code"]), (400, &json!("validation_error")));

    let unknown = world.post_as("pg_live_nobody", MEDIAPOSTS, asked.to_string()).await;
    assert_eq!((unknown.status, &unknown.json()["data"]), (401, &Value::Null));
    for path in ["/v1/media", "/v1/media/a"] {
        let nobody = read(world.client.get(format!("{}{path}", world.public))).await;
        assert_eq!(
            (nobody.status, nobody.json()["error"]["code"].clone()),
            (401, json!("key_missing"))
        );
    }

    world.cli(&["credits", "grant", &world.workspace, "100"]);
    for _ in 0..2 {
        assert_eq!(world.post(MEDIAPOSTS, &asked).await.status, 201);
    }
    let busy = world.post(MEDIAPOSTS, &asked).await;
    assert_eq!(busy.status, 429);
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"] {
        assert!(busy.header(name).unwrap().parse::<i64>().is_ok(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_workspace_owns_is_listed_page_by_page_newest_first() {
    let world = World::painted("10");
    let mut kept = Vec::new();
    for _ in 0..5 {
        kept.push(keep(&world, &world.key, "paint").await);
    }
    kept.reverse();
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = world.get(&format!("/v1/media?limit=2&cursor={cursor}")).await.json();
        let ids = page["data"].as_array().unwrap().iter();
        listed.extend(ids.map(|media| media["media_id"].as_str().unwrap().to_owned()));
        cursor = page["meta"]["next_cursor"].as_str().unwrap_or("end").to_owned();
    }
    listed.sort();
    kept.sort();
    assert_eq!((listed, cursor.as_str()), (kept, "end"));
    let bad = world.get("/v1/media?limit=0").await;
    assert_eq!((bad.status, &bad.json()["error"]["code"]), (400, &json!("validation_error")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_another_workspace_is_not_there() {
    let world = World::painted("10");
    let other = stranger(&world);
    let id = keep(&world, &world.key, "paint").await;
    for method in [Method::GET, Method::DELETE] {
        let reply = call(&world, &other, method, &format!("/v1/media/{id}")).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!("not_found")));
    }
    let listed = call(&world, &other, Method::GET, "/v1/media").await.json();
    assert_eq!(listed["data"], json!([]));
    let url = address(&world, &world.key, &id).await;
    assert_eq!(fetch(&world, &url).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_lie_there_once_and_stay_while_anyone_owns_them() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = World::with_environment(&same_picture(&vendor), "10", "", &[]);
    let other = stranger(&world);
    let (mine, theirs) =
        (keep(&world, &world.key, "same").await, keep(&world, &other, "same").await);
    assert_ne!(mine, theirs);
    assert_eq!(files_in(&library_of(&world)), 1);
    let (my_url, their_url) =
        (address(&world, &world.key, &mine).await, address(&world, &other, &theirs).await);

    assert_eq!(erase(&world, &mine).await.status, 200);
    for gone in [fetch(&world, &my_url).await, world.get(&format!("/v1/media/{mine}")).await] {
        assert_eq!(gone.status, 404);
    }
    assert_eq!(erase(&world, &mine).await.status, 404, "it is gone already");
    assert_eq!(fetch(&world, &their_url).await.status, 200);

    let gone = call(&world, &other, Method::DELETE, &format!("/v1/media/{theirs}")).await;
    assert_eq!((gone.status, &gone.json()["data"]["deleted"]), (200, &json!(true)));
    assert_eq!(fetch(&world, &their_url).await.status, 404);
    assert_eq!(files_in(&library_of(&world)), 0);
    let metrics = world.metrics().await;
    assert!(metrics.contains("pixelgate_pictures_erased_total{why=\"asked\"} 2"), "{metrics}");
    assert!(metrics.contains("pixelgate_library_pictures 0"), "{metrics}");
}

/// Keeps the picture, and erases it again if that is wanted; the name of one that stays.
async fn keep_for_a_while(world: &World, is_erased: bool) -> Option<String> {
    let id = keep(world, &world.key, "same").await;
    if is_erased {
        assert_eq!(erase(world, &id).await.status, 200);
    }
    (!is_erased).then_some(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_and_erasing_the_same_bytes_at_once_never_loses_them() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = World::with(&same_picture(&vendor), "100", "");
    let rounds = (0..12).map(|round| keep_for_a_while(&world, round % 2 == 0));
    let left: Vec<_> = futures_util::future::join_all(rounds).await.into_iter().flatten().collect();
    assert_eq!(left.len(), 6);
    for id in &left {
        let url = address(&world, &world.key, id).await;
        assert_eq!(fetch(&world, &url).await.status, 200);
    }
    assert_eq!(files_in(&library_of(&world)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_picture_survives_a_crash_with_its_row_and_its_bytes() {
    let world = World::painted("10");
    let id = keep(&world, &world.key, "paint").await;
    let world = world.kill_and_restart();
    let url = address(&world, &world.key, &id).await;
    assert_eq!(fetch(&world, &url).await.header("content-type"), Some("image/png"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_served_whole_in_part_or_not_again() {
    let world = World::painted("10");
    let id = keep(&world, &world.key, "paint").await;
    let url = address(&world, &world.key, &id).await;
    let whole = fetch(&world, &url).await;
    let (length, etag) = (whole.bytes.len(), whole.header("etag").unwrap().to_owned());
    let modified = whole.header("last-modified").unwrap().to_owned();
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
    assert!(whole.header("cache-control").unwrap().contains("immutable"));

    let with = |name: &'static str, value: &str| world.client.get(&url).header(name, value);
    let part = read(with("range", "bytes=10-19")).await;
    assert_eq!((part.status, part.bytes.as_slice()), (206, &whole.bytes[10..20]));
    let range = format!("bytes 10-19/{length}");
    assert_eq!(part.header("content-range"), Some(range.as_str()));
    let tail = read(with("range", "bytes=-5")).await;
    assert_eq!((tail.status, tail.bytes.as_slice()), (206, &whole.bytes[length - 5..]));
    let beyond = read(with("range", "bytes=99999999-")).await;
    assert_eq!(beyond.status, 416);
    let range = format!("bytes */{length}");
    assert_eq!(beyond.header("content-range"), Some(range.as_str()));
    let changed = read(with("range", "bytes=0-1").header("if-range", "\"other\"")).await;
    assert_eq!((changed.status, changed.bytes.len()), (200, length));

    for (name, value) in [("if-none-match", &etag), ("if-modified-since", &modified)] {
        let same = read(with(name, value)).await;
        assert_eq!((same.status, same.bytes.len()), (304, 0), "{name}");
        assert_eq!(same.header("etag"), Some(etag.as_str()));
    }
    assert_eq!(read(with("if-none-match", "\"other\"")).await.status, 200);

    let told = read(world.client.head(&url)).await;
    let told_length = length.to_string();
    assert_eq!((told.status, told.header("content-length")), (200, Some(told_length.as_str())));
    // The connection is still in step after an answer that was told of and not sent.
    assert_eq!(fetch(&world, &url).await.bytes, whole.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_erased_with_its_bytes() {
    let policy = PAINTED.replace("concurrency_max", "pictures_kept = \"1s\"\nconcurrency_max");
    let world = World::with(&policy, "10", "media.sweep_every = \"50ms\"\n");
    let reply = world.post(MEDIAPOSTS, &json!({ "prompt": "a fox", "model": "paint" })).await;
    let id = reply.json()["data"]["media_id"].as_str().unwrap().to_owned();
    world.log_line("pictures that were over are erased");
    assert_eq!(world.get(&format!("/v1/media/{id}")).await.status, 404);
    let url = format!("{}/media/{id}/original.png", world.public);
    assert_eq!(fetch(&world, &url).await.status, 404);
    assert_eq!(files_in(&library_of(&world)), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_behind_is_swept_and_what_is_owned_stays() {
    let world = World::with(PAINTED, "10", "media.sweep_every = \"1s\"\n");
    let id = keep(&world, &world.key, "paint").await;
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
    let owned = std::fs::read_dir(library_of(&world)).unwrap().next().unwrap().unwrap().path();
    let owned = std::fs::read_dir(owned).unwrap().next().unwrap().unwrap().path();
    let orphan = library_of(&world).join("ab").join("ab".repeat(32));
    let draft = library_of(&world).join("ab").join(format!("{}#1", "cd".repeat(32)));
    std::fs::create_dir_all(orphan.parent().unwrap()).unwrap();
    for path in [&owned, &orphan, &draft] {
        let file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let world = world.kill_and_restart();
    let said = world.log_line("bytes that nobody owned are erased");
    assert!(said.contains("\"pictures\":2"), "{said}");
    assert!(!orphan.exists() && !draft.exists());
    let url = address(&world, &world.key, &id).await;
    assert_eq!(fetch(&world, &url).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_library_is_told_before_anything_is_bought() {
    for bound in ["pictures_max = 1", "pictures_bytes_max = \"1KiB\""] {
        let vendor = FakeVendor::start(Answers::OpenAi).await;
        let policy =
            same_picture(&vendor).replace("concurrency_max", &format!("{bound}\nconcurrency_max"));
        let world = World::with(&policy, "10", "");
        let id = keep(&world, &world.key, "same").await;
        let asked = json!({ "prompt": "a fox", "model": "same" });
        let full = world.post(MEDIAPOSTS, &asked).await;
        assert_eq!((full.status, &full.json()["error"]["code"]), (429, &json!("quota_exhausted")));
        assert_eq!((vendor.calls(), world.available().as_str()), (1, "9"), "{bound}");
        let name = bound.split(' ').next().unwrap();
        let metric = format!("pixelgate_bounds_met_total{{bound=\"{name}\"}} 1");
        assert!(world.metrics().await.contains(&metric));
        erase(&world, &id).await;
        assert_eq!(world.post(MEDIAPOSTS, &asked).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_ends_is_good_only_as_it_was_signed_and_after_a_restart_too() {
    let world = World::with(PAINTED, "10", "media.addresses_last = \"1h\"\n");
    let id = keep(&world, &world.key, "paint").await;
    let url = address(&world, &world.key, &id).await;
    assert_eq!(fetch(&world, &url).await.status, 200);
    let (bare, query) = url.split_once('?').unwrap();
    let prolonged = query.replace("expires=1", "expires=2");
    for other in [bare.to_owned(), format!("{bare}?{prolonged}"), format!("{url}0")] {
        let reply = fetch(&world, &other).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (403, &json!("address_ended")));
    }
    let path = url.strip_prefix(&world.public).unwrap().to_owned();
    let world = world.kill_and_restart();
    assert_eq!(fetch(&world, &format!("{}{path}", world.public)).await.status, 200);
}
