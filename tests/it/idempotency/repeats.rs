//! Repeats of libraries that do not name their calls, by keys that join them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ask, fox, remote, remote_fox, until_called};
use crate::vendor::{Answers, FakeVendor, spawn};
use crate::world::{OPENAI, Reply, World, read};

async fn repeated(world: &World, times: &str, body: &Value) -> Reply {
    read(ask(world, OPENAI, &[("x-stainless-retry-count", times)], body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_library_joins_the_running_call_or_the_one_just_finished() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(700));
    let mut world = World::with(&remote(&vendor), "20", "");
    world.key = world.new_key(&["--plan", "open", "--join-repeats"]);
    let body = remote_fox();
    let patient = ask(&world, OPENAI, &[("x-stainless-retry-count", "0")], &body);
    let leaving = spawn(patient.send());
    until_called(&vendor, 1).await;
    leaving.abort();
    let (joined, too) = tokio::join!(repeated(&world, "1", &body), repeated(&world, "2", &body));
    assert_eq!((joined.status, joined.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!((too.status, &too.bytes), (200, &joined.bytes));
    let finished = repeated(&world, "1", &body).await;
    assert_eq!(finished.bytes, joined.bytes);
    assert_eq!((vendor.calls(), world.available().as_str()), (1, "18"));
    // What says that it is no repeat is new, and so is another body.
    assert_eq!(repeated(&world, "0", &body).await.header("idempotency-replayed"), None);
    let hen = json!({"model": "remote", "prompt": "a hen", "size": "64x64"});
    assert_eq!(repeated(&world, "1", &hen).await.header("idempotency-replayed"), None);
    assert_eq!((vendor.calls(), world.available().as_str()), (3, "14"));
    assert!(world.metrics().await.contains("pixelgate_replays_total{how=\"joined\"} 3"));
    world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(repeated(&world, "1", &hen).await.header("idempotency-replayed"), Some("true"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_of_a_call_that_failed_try_once_more_together() {
    let vendor = FakeVendor::start(Answers::Json(500, json!({"error": {"message": "no"}}))).await;
    vendor.now_takes(Duration::from_millis(300));
    let policy = remote(&vendor);
    let mut world = World::with(&policy, "10", "");
    world.key = world.new_key(&["--plan", "open", "--join-repeats"]);
    let body = remote_fox();
    let first = repeated(&world, "0", &body).await;
    assert_eq!(first.status, 502);
    let tries = vendor.calls();
    let again = repeated(&world, "1", &body).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (502, None));
    assert_eq!(vendor.calls(), 2 * tries);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_a_repeat_is_a_call_like_any_other() {
    let world = World::painted("10");
    for _ in 0..2 {
        assert_eq!(repeated(&world, "1", &fox()).await.header("idempotency-replayed"), None);
    }
    assert_eq!(world.available(), "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_official_openai_package_repeats_by_itself_is_bought_once() {
    #[expect(clippy::disallowed_methods, reason = "the one setting of this test")]
    let python = std::env::var("PIXELGATE_PYTHON")
        .unwrap_or_else(|_| panic!("PIXELGATE_PYTHON is not set; run this by `scripts/test`"));
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(1_500));
    let policy =
        remote(&vendor).replace("sizes = [\"64x64\"]", "inputs_max = 1, sizes = [\"64x64\"]");
    let mut world = World::with(&policy, "10", "");
    world.key = world.new_key(&["--plan", "open", "--join-repeats"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/openai_repeats.py");
    let done = tokio::task::block_in_place(|| {
        let public = format!("{}/v1", world.public);
        std::process::Command::new(python).args([script, &public, &world.key]).output().unwrap()
    });
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!((vendor.calls(), world.available().as_str()), (2, "6"));
    world.verify();
}
