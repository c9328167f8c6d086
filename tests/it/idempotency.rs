//! A request that names itself is served once: its repeat gets the first answer, free.

use std::time::Duration;

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor, spawn};
use crate::world::{OPENAI, PAINTED, POSTEVERYWHERE, Reply, World, read};

mod repeats;
mod several;

const LIMITS: &str = r#"limits = [{ name = "minute", images = 3, per = "1m" }]
quotas = [{ name = "day", images = 5, per = "day" }]"#;

fn ask(
    world: &World,
    path: &str,
    fields: &[(&str, &str)],
    body: &Value,
) -> reqwest::RequestBuilder {
    let key = format!("Bearer {}", world.key);
    let request = world.client.post(format!("{}{path}", world.public));
    let request = request.header("authorization", key).header("content-type", "application/json");
    fields
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(body.to_string())
}

async fn named(world: &World, path: &str, name: &str, body: &Value) -> Reply {
    read(ask(world, path, &[("idempotency-key", name)], body)).await
}

fn fox() -> Value {
    json!({"model": "paint", "prompt": "a fox", "size": "32x32"})
}

fn remote(vendor: &FakeVendor) -> String {
    format!(
        "{PAINTED}\n{}\n[models.remote]\ndeadline = \"20s\"\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai").replace("2s", "20s")
    )
}

fn remote_fox() -> Value {
    json!({"model": "remote", "prompt": "a fox", "size": "64x64"})
}

fn code(reply: &Reply) -> String {
    reply.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

async fn until_called(vendor: &FakeVendor, calls: usize) {
    while vendor.calls() < calls {
        tokio::task::yield_now().await;
    }
}

/// How much of the window is left, without when it frees.
fn standing(reply: &Reply) -> String {
    let all = reply.header("ratelimit").unwrap_or_default();
    all.split(";t=").next().unwrap_or_default().to_owned()
}

/// Our own lines on an answer.
fn ours(reply: &Reply) -> [Option<&str>; 3] {
    ["pixelgate-changed", "pixelgate-offering", "pixelgate-cost"].map(|name| reply.header(name))
}

fn must_replay(again: &Reply, first: &Reply) {
    assert_eq!((again.status, &again.bytes), (first.status, &first.bytes));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("pixelgate-original-request"), first.header("x-request-id"));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_the_first_answer_byte_for_byte_and_consumes_nothing() {
    let policy = PAINTED.replace("concurrency_max = 1000", LIMITS);
    let world = World::with(&policy, "10", "");
    let hen = json!({"model": "paint", "prompt": "a hen"});
    for (path, body) in [(OPENAI, fox()), (POSTEVERYWHERE, hen)] {
        let first = named(&world, path, path, &body).await;
        assert_eq!(first.status, 200, "{}", String::from_utf8_lossy(&first.bytes));
        assert_eq!(first.header("idempotency-replayed"), None);
        for _ in 0..4 {
            let again = named(&world, path, path, &body).await;
            must_replay(&again, &first);
            assert_eq!(standing(&again), standing(&first), "a window was touched");
            assert_eq!(ours(&again), ours(&first));
        }
    }
    // What was counted is what was drawn: one more is within the window, and no more than one.
    assert_eq!(world.available(), "8");
    assert_eq!(named(&world, OPENAI, "third", &fox()).await.status, 200);
    assert_eq!(named(&world, OPENAI, "fourth", &fox()).await.status, 429);
    assert_eq!(named(&world, OPENAI, OPENAI, &fox()).await.status, 200, "a replay needs no window");
    assert!(world.metrics().await.contains("pixelgate_replays_total{how=\"replayed\"} 9"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_replayed_as_a_stream() {
    let world = World::painted("10");
    let body = json!({"model": "paint", "prompt": "a fox", "stream": true, "size": "32x32"});
    let first = named(&world, OPENAI, "a", &body).await;
    let text = String::from_utf8_lossy(&first.bytes);
    assert!(text.contains("event: image_generation.completed"), "{text}");
    must_replay(&named(&world, OPENAI, "a", &body).await, &first);
    assert_eq!(world.available(), "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_is_served_and_the_other_is_told_to_wait() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(1_500));
    let world = World::with(&remote(&vendor), "10", "");
    let first = spawn(read(ask(&world, OPENAI, &[("idempotency-key", "a")], &remote_fox())));
    until_called(&vendor, 1).await;
    let second = named(&world, OPENAI, "a", &remote_fox()).await;
    assert_eq!((second.status, code(&second).as_str()), (409, "idempotency_in_flight"));
    let wait: u64 = second.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(second.header("x-should-retry"), None);
    let first = first.await.unwrap();
    let third = named(&world, OPENAI, "a", &remote_fox()).await;
    assert_eq!((first.status, &third.bytes), (200, &first.bytes));
    assert_eq!((vendor.calls(), world.available().as_str()), (1, "8"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_buy_one_picture() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(300));
    let world = World::with(&remote(&vendor), "100", "");
    let body = remote_fox();
    let calls = (0..32).map(|_| named(&world, OPENAI, "a", &body));
    let replies = futures_util::future::join_all(calls).await;
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    let waiting = replies.iter().filter(|reply| reply.status == 409).count();
    assert_eq!((served, waiting, vendor.calls()), (1, 31, 1));
    assert_eq!(world.available(), "98");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_for_one_request_within_one_key() {
    let world = World::painted("10");
    assert_eq!(named(&world, OPENAI, "a", &fox()).await.status, 200);
    let mut other = fox();
    other["prompt"] = json!("a hen");
    let other_body = named(&world, OPENAI, "a", &other).await;
    assert_eq!((other_body.status, code(&other_body).as_str()), (422, "idempotency_mismatch"));
    assert_eq!(other_body.header("x-should-retry"), Some("false"));
    let other_dialect = named(&world, POSTEVERYWHERE, "a", &fox()).await;
    assert_eq!(
        (other_dialect.status, code(&other_dialect).as_str()),
        (422, "idempotency_mismatch")
    );
    assert!(other_dialect.json()["meta"]["request_id"].is_string());
    assert_eq!(world.available(), "9");
    // Another key of the same workspace has names of its own.
    let mut neighbour = World::painted("0");
    neighbour.public.clone_from(&world.public);
    neighbour.key = world.new_key(&["--plan", "open"]);
    assert_eq!(named(&neighbour, OPENAI, "a", &other).await.status, 200);
    assert_eq!(world.available(), "8");
    for bad in ["", "\"\"", &"x".repeat(256)] {
        let reply = named(&world, OPENAI, bad, &fox()).await;
        assert_eq!(
            (reply.status, reply.json()["error"]["param"].clone()),
            (400, json!("Idempotency-Key"))
        );
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_a_finished_answer_is_replayed_and_an_unfinished_one_is_not_bought_again() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let mut world = World::with(&remote(&vendor), "10", "");
    let first = named(&world, OPENAI, "done", &remote_fox()).await;
    assert_eq!(first.status, 200);
    vendor.now_takes(Duration::from_secs(15));
    let cut = ask(&world, OPENAI, &[("idempotency-key", "cut")], &remote_fox());
    let cut = spawn(async move { cut.send().await.is_err() });
    until_called(&vendor, 2).await;
    world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert!(cut.await.unwrap());
    let again = named(&world, OPENAI, "done", &remote_fox()).await;
    assert_eq!((again.status, &again.bytes), (200, &first.bytes));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let unknown = named(&world, OPENAI, "cut", &remote_fox()).await;
    assert_eq!((unknown.status, code(&unknown).as_str()), (409, "idempotency_in_flight"));
    assert!(unknown.json()["error"]["message"].as_str().unwrap().contains("outcome is unknown"));
    let wait: u64 = unknown.header("retry-after").unwrap().parse().unwrap();
    assert!((60..=81).contains(&wait), "{wait}");
    assert_eq!(vendor.calls(), 2);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_finds_its_picture_when_it_comes_back() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(400));
    let world = World::with(&remote(&vendor), "10", "");
    let leaving = spawn(ask(&world, OPENAI, &[("idempotency-key", "a")], &remote_fox()).send());
    until_called(&vendor, 1).await;
    leaving.abort();
    tokio::task::block_in_place(|| world.log_line("\"outcome\":\"ok\""));
    let again = named(&world, OPENAI, "a", &remote_fox()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!((vendor.calls(), world.available().as_str()), (1, "8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cost_nothing_may_be_tried_again_and_a_filters_no_is_said_again() {
    let busy = FakeVendor::start(Answers::Json(500, json!({"error": {"message": "broken"}}))).await;
    let world = World::with(&remote(&busy), "10", "");
    assert_eq!(named(&world, OPENAI, "a", &remote_fox()).await.status, 502);
    let calls = busy.calls();
    let again = named(&world, OPENAI, "a", &remote_fox()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (502, None));
    assert!(busy.calls() > calls, "the second was not tried");

    let said = json!({"error": {"message": "no", "code": "moderation_blocked", "type": "image_generation_user_error"}});
    let strict = FakeVendor::start(Answers::Json(400, said)).await;
    let world = World::with(&remote(&strict), "10", "");
    let first = named(&world, OPENAI, "a", &remote_fox()).await;
    assert_eq!((first.status, code(&first).as_str()), (400, "moderation_blocked"));
    let again = named(&world, OPENAI, "a", &remote_fox()).await;
    assert_eq!((again.status, &again.bytes), (400, &first.bytes));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("x-should-retry"), Some("false"));
    assert_eq!((strict.calls(), world.available().as_str()), (1, "10"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_served_and_is_no_longer_there_says_so() {
    let small = "[idempotency]\nanswer_bytes_max = \"1KiB\"\n";
    let world = World::with(PAINTED, "10", small);
    let large = json!({"model": "paint", "prompt": "a fox", "size": "256x256"});
    assert_eq!(named(&world, OPENAI, "a", &large).await.status, 200);
    let gone = named(&world, OPENAI, "a", &large).await;
    assert_eq!((gone.status, code(&gone).as_str()), (409, "idempotency_gone"));
    assert!(gone.json()["error"]["message"].as_str().unwrap().contains("too large"));
    assert_eq!((gone.header("retry-after"), gone.header("x-should-retry")), (None, Some("false")));

    let hen = json!({"model": "paint", "prompt": "a hen"});
    let first = named(&world, POSTEVERYWHERE, "b", &hen).await;
    assert_eq!(first.status, 200);
    assert_eq!(named(&world, POSTEVERYWHERE, "b", &hen).await.status, 200);
    let id = first.json()["data"]["media_id"].as_str().unwrap().to_owned();
    assert_eq!(crate::media::erase(&world, &id).await.status, 200);
    let erased = named(&world, POSTEVERYWHERE, "b", &hen).await;
    assert_eq!((erased.status, code(&erased).as_str()), (409, "idempotency_gone"));
    assert!(erased.json()["error"]["message"].as_str().unwrap().contains("erased"));
    assert_eq!(world.available(), "8");
    assert!(
        world.metrics().await.contains("pixelgate_answers_not_kept_total{why=\"too_large\"} 1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_store_down_nothing_is_bought_and_nothing_replayed() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = World::with(&remote(&vendor), "10", "");
    assert_eq!(named(&world, OPENAI, "a", &remote_fox()).await.status, 200);
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let other = rusqlite::Connection::open(file).unwrap();
    // Whoever else writes makes the next commit fail.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for name in ["b", "a"] {
        let reply = named(&world, OPENAI, name, &remote_fox()).await;
        assert_eq!((reply.status, code(&reply).as_str()), (503, "store_unavailable"), "{name}");
        assert!(reply.header("retry-after").is_some());
    }
    assert_eq!(vendor.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_the_same_request_with_another_boundary() {
    let world = World::with(&edits(), "10", "");
    let form = |mark: &str, prompt: &str| {
        let mut body = Vec::new();
        let png = crate::world::from_base64(&json!(crate::vendor::png(64, 64)));
        for (name, value) in [("model", "paint"), ("prompt", prompt), ("size", "64x64")] {
            body.extend(
                format!(
                    "--{mark}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
                .into_bytes(),
            );
        }
        body.extend(format!("--{mark}\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n").into_bytes());
        body.extend(png);
        body.extend(format!("\r\n--{mark}--\r\n").into_bytes());
        world
            .client
            .post(format!("{}/v1/images/edits", world.public))
            .header("authorization", format!("Bearer {}", world.key))
            .header("content-type", format!("multipart/form-data; boundary={mark}"))
            .header("idempotency-key", "edit")
            .body(body)
    };
    let first = read(form("one", "a fox")).await;
    assert_eq!(first.status, 200, "{}", String::from_utf8_lossy(&first.bytes));
    let again = read(form("another", "a fox")).await;
    assert_eq!((again.status, &again.bytes), (200, &first.bytes));
    assert_eq!(read(form("one", "a hen")).await.status, 422);
}

fn edits() -> String {
    PAINTED.replace("count_max = 10", "count_max = 10, inputs_max = 1")
}
