//! Outcomes that test-mode keys have played, in every dialect; no live key plays anything.

use std::path::Path;
use std::process::Command;

use pixelgate::canonical::{Refusal, RefusalKind};
use pixelgate::dialect::{ClientSide, RefusalContext};
use pixelgate::id::RequestId;
use serde_json::{Value, json};

use crate::jobs::ended;
use crate::matrix::{Client, clients, models};
use crate::world::{OPENAI, PAINTED, Reply, World, read};

const SIMULATE: &str = "pixelgate-simulate";

/// The painter under every name, asked by a test-mode key.
fn world() -> World {
    let mut policy = format!("[defaults]\nmodel = \"paint\"\n{PAINTED}");
    let offering = PAINTED.lines().find(|line| line.starts_with("offerings")).unwrap();
    for name in models().iter().filter(|name| *name != "paint") {
        let row = format!(
            "[models.\"{name}\"]\nfidelity = \"lenient\"\nprice = [{{ image = \"1\" }}]\n{offering}\n"
        );
        policy.push_str(&row);
    }
    let batch = "batch = { items_max = 4, concurrency_max = 2 }";
    let policy = policy.replace("show_offering = true", &format!("show_offering = true\n{batch}"));
    let mut world = World::with(&policy, "0", "");
    world.key = world.new_key(&["--plan", "open", "--test"]);
    world
}

async fn post_as(
    world: &World,
    (side, path): (&dyn ClientSide, &str),
    body: &Value,
    played: &str,
) -> Reply {
    let (name, value) = side.shown_key(&world.key);
    let request = world.client.post(format!("{}{path}", world.public));
    let request = request.header("content-type", "application/json").header(name, value);
    read(request.header(SIMULATE, played).body(body.to_string())).await
}

async fn openai(world: &World, played: &str) -> Reply {
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32", "n": 2});
    world.post_with(OPENAI, &body, &[(SIMULATE, played)]).await
}

async fn batch(world: &World, items: &Value, played: &str) -> Reply {
    let side = pixelgate::dialect::by_name("imageapi").and_then(|dialect| dialect.client).unwrap();
    post_as(world, (side, "/api/v1/generate"), items, played).await
}

/// The status by which a dialect says no.
fn status_of(side: &dyn ClientSide, kind: RefusalKind) -> u16 {
    let request_id = RequestId::known("req_1");
    let context = RefusalContext { request_id: &request_id, unix_ms: 0, model: None };
    side.encode_refusal(&Refusal::new(kind, "no"), &context).status
}

/// What each is said as; those before the line keep a job from being one.
const EARLY: [(&str, RefusalKind); 5] = [
    ("status=429", RefusalKind::RateLimited),
    ("refusal=quota_exhausted", RefusalKind::QuotaExhausted),
    ("status=402", RefusalKind::CreditsShort),
    ("status=401", RefusalKind::KeyUnknown),
    ("refusal=overloaded", RefusalKind::Overloaded),
];
const DRAWING: [(&str, RefusalKind); 10] = [
    ("refusal=content_refused", RefusalKind::ContentRefused),
    ("status=500", RefusalKind::Internal),
    ("fault=busy", RefusalKind::NoneAvailable),
    ("fault=refused", RefusalKind::ContentRefused),
    ("fault=garbled", RefusalKind::VendorFailed),
    ("fault=empty", RefusalKind::VendorFailed),
    ("fault=broken; after=10ms", RefusalKind::VendorFailed),
    ("fault=timeout", RefusalKind::VendorTimedOut),
    ("fault=unreachable", RefusalKind::VendorFailed),
    ("fault=denied", RefusalKind::Internal),
];

/// Plays one outcome for one client, which must be told of it as of a real one.
async fn must_be_said(
    world: &World,
    (name, side, body): &Client,
    (played, kind): (&str, RefusalKind),
) {
    let reply = post_as(world, (*side, side.example().path), body, played).await;
    if reply.status == 202 {
        let ended = ended(world, reply.json()["id"].as_str().unwrap()).await;
        assert_eq!(ended["status"], "failed", "{name}, {played}: {ended}");
        assert!(DRAWING.iter().any(|(drawing, _)| *drawing == played), "{name}, {played}");
        return;
    }
    let said = reply.json();
    assert_eq!(reply.status, status_of(*side, kind), "{name}, {played}: {said}");
    assert_eq!(reply.header("pixelgate-simulated"), Some(played), "{name}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_says_what_is_played_in_its_own_shape() {
    let world = world();
    for client in clients() {
        for outcome in EARLY.into_iter().chain(DRAWING) {
            must_be_said(&world, &client, outcome).await;
        }
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_is_held_voided_and_told_as_what_is_real() {
    let world = world();
    let refused = openai(&world, "refusal=rate_limited; retry_after=7s").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("7")));
    let line = world.log_line("\"outcome\":\"rate_limited\"");
    assert!(line.contains("req_"), "{line}");
    let rows = world.cli(&["usage", "export"]);
    let row = rows.lines().find(|line| line.contains("rate_limited")).expect("a usage row");
    assert!(row.contains("hold_") && row.contains("true"), "{row}");
    // Nobody was asked, so no offering's health is the worse for it.
    for _ in 0..12 {
        assert_eq!(openai(&world, "fault=broken").await.status, 502);
    }
    assert_eq!(openai(&world, "after=1ms").await.status, 200);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_pictures_come_and_the_answer_says_so() {
    let world = world();
    let short = openai(&world, "images=1").await;
    assert_eq!(short.status, 200);
    assert_eq!(short.json()["data"].as_array().unwrap().len(), 1);
    assert!(short.header("pixelgate-changed").unwrap().contains("1 of 2"), "{short:?}");
    let enough = openai(&world, "images=9").await;
    assert_eq!(enough.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(enough.header("pixelgate-changed"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_hangs_is_ended_by_the_deadline_of_the_model() {
    let mut world =
        World::with(&PAINTED.replace("price = ", "deadline = \"1s\"\nprice = "), "0", "");
    world.key = world.new_key(&["--plan", "open", "--test"]);
    for played in ["fault=hang", "after=1m"] {
        let reply = openai(&world, played).await;
        assert_eq!(reply.status, 504, "{played}: {}", reply.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_and_ends_with_what_drawing_comes_to() {
    let world = world();
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32", "stream": true});
    let late = world.post_with(OPENAI, &body, &[(SIMULATE, "fault=timeout")]).await;
    let said = String::from_utf8_lossy(&late.bytes);
    assert_eq!(late.status, 200, "{said}");
    assert!(said.starts_with("event: error") || said.contains("error"), "{said}");
    let early = world.post_with(OPENAI, &body, &[(SIMULATE, "status=429")]).await;
    assert_eq!(early.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_not_accepted_or_fails_as_the_real_one_would() {
    let world = world();
    let (path, body) = ("/v1/images", json!({"prompt": "a fox"}));
    let refused = world.post_with(path, &body, &[(SIMULATE, "status=402")]).await;
    assert_eq!(refused.status, 402);
    let accepted = world.post_with(path, &body, &[(SIMULATE, "fault=refused; after=5ms")]).await;
    assert_eq!(accepted.status, 202);
    let failed = ended(&world, accepted.json()["id"].as_str().unwrap()).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    // A question about a job plays its own part.
    let path = format!("{}/v1/jobs/{}", world.public, accepted.json()["id"].as_str().unwrap());
    let asked = world.client.get(path).header("authorization", format!("Bearer {}", world.key));
    assert_eq!(read(asked.header(SIMULATE, "status=500")).await.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_of_a_batch_may_fail_alone() {
    let world = world();
    let items = json!({"items": [
        {"prompt": "a fox", "width": 256, "height": 256},
        {"prompt": "a hen", "width": 256, "height": 256},
    ]});
    let one = batch(&world, &items, "fault=broken; item=1").await;
    let failed = |reply: &Reply| reply.json().to_string().matches("no vendor could draw").count();
    assert_eq!(failed(&one), 1, "{}", one.json());
    let none = batch(&world, &items, "fault=broken; item=7").await;
    assert_eq!(failed(&none), 0, "{}", none.json());
    let all = batch(&world, &items, "fault=broken").await;
    assert_eq!(failed(&all), 2, "{}", all.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_for_what_is_played_as_well() {
    let world = world();
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32"});
    let named = |played: &'static str| [("idempotency-key", "order-1"), (SIMULATE, played)];
    // What is not kept is tried again; what is kept is said again, and only to the same request.
    let busy = world.post_with(OPENAI, &body, &named("fault=busy")).await;
    assert_eq!(busy.status, 503);
    let drawn = world.post_with(OPENAI, &body, &[("idempotency-key", "order-1")]).await;
    assert_eq!(drawn.status, 200);
    let other = world.post_with(OPENAI, &body, &named("fault=busy")).await;
    assert_eq!(other.status, 422, "{}", other.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_key_that_asks_for_it_is_told_so_and_nothing_is_drawn() {
    let world = World::painted("10");
    let reply = openai(&world, "status=429").await;
    let error = reply.json()["error"].clone();
    assert_eq!((reply.status, &error["param"]), (400, &json!("Pixelgate-Simulate")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("test key"), "{error}");
    let asked = world.client.get(format!("{}/v1/models", world.public));
    let asked = asked.header("authorization", format!("Bearer {}", world.key));
    assert_eq!(read(asked.header(SIMULATE, "after=1s")).await.status, 400);
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_played_is_refused_by_its_name() {
    let world = world();
    for played in ["", "status=418", "fault=fire", "after=2", "images=0", "status=429; fault=busy"]
    {
        let reply = openai(&world, played).await;
        let error = reply.json()["error"].clone();
        assert_eq!(reply.status, 400, "{played}: {error}");
        assert_eq!(error["param"], "Pixelgate-Simulate", "{played}: {error}");
    }
    // What is about pictures is not for other questions.
    let asked = world.client.get(format!("{}/v1/models", world.public));
    let asked = asked.header("authorization", format!("Bearer {}", world.key));
    assert_eq!(read(asked.header(SIMULATE, "fault=busy")).await.status, 400);
}

#[test]
fn every_line_of_the_page_about_testing_does_what_it_says() {
    let world = world();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/testing-your-app.md")).unwrap();
    let page = page.replace("\\\n", " ");
    let mut lines = 0;
    let mut expected = None;
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            expected = comment.split_whitespace().next().and_then(|word| word.parse::<u16>().ok());
        }
        if !line.starts_with("curl ") {
            continue;
        }
        let status = expected.take().unwrap_or_else(|| panic!("no status before {line}"));
        let line = format!("{line} -o /dev/null -w '%{{http_code}}'");
        let done = Command::new("sh")
            .args(["-c", &line])
            .env("PIXELGATE", &world.public)
            .env("TEST_KEY", &world.key)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert_eq!(said, status.to_string(), "{line}");
        lines += 1;
    }
    assert!(lines >= 8, "{lines} lines were found");
}
