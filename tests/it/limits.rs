//! Windows, quotas and concurrency, as a client meets them.

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, POSTEVERYWHERE, World};

fn limited(limits: &str) -> String {
    PAINTED.replace("concurrency_max = 1000", limits)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_51st_request_of_five_minutes_waits() {
    let policy = limited(
        r#"limits = [{ name = "5 minutes", requests = 50, per = "5m" }, { name = "hour", requests = 200, per = "1h" }]"#,
    );
    let world = World::with(&policy, "100", "");
    let replies = futures_util::future::join_all((0..60).map(|_| world.paint())).await;
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(served, 50);
    let refused = replies.iter().find(|reply| reply.status != 200).unwrap();
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].clone()),
        (429, json!("rate_limit_exceeded"))
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((290..=300).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-should-retry"), Some("false"), "the wait is over two minutes");
    assert!(refused.header("retry-after-ms").is_some());
    assert!(refused.header("ratelimit").unwrap().contains("\"5 minutes\";r=0"));
    assert_eq!(world.available(), "50");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn posteverywhere_headers_tell_where_a_key_stands() {
    let policy = limited(r#"limits = [{ name = "5 minutes", requests = 2, per = "5m" }]"#);
    let world = World::with(&policy, "100", "");
    let asked = json!({"model": "paint", "prompt": "a fox"});
    let first = world.post(POSTEVERYWHERE, &asked).await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert!(first.header("x-ratelimit-reset").unwrap().parse::<i64>().unwrap() > 1_700_000_000);
    let bad = world.post(POSTEVERYWHERE, &json!({"model": "paint"})).await;
    assert_eq!((bad.status, bad.header("x-ratelimit-remaining")), (400, Some("1")));
    assert_eq!(world.post(POSTEVERYWHERE, &asked).await.status, 200);
    let over = world.post(POSTEVERYWHERE, &asked).await;
    assert_eq!((over.status, over.header("x-ratelimit-remaining")), (429, Some("0")));
    assert!(over.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_four_weighs_four_and_a_refusal_nothing() {
    let policy = limited(r#"limits = [{ name = "minute", images = 5, per = "1m" }]"#);
    let world = World::with(&policy, "100", "");
    let ask = |n: u32| json!({"model": "paint", "prompt": "a fox", "size": "32x32", "n": n});
    assert_eq!(world.post(OPENAI, &ask(4)).await.status, 200);
    assert_eq!(world.post(OPENAI, &ask(2)).await.status, 429);
    assert_eq!(world.post(OPENAI, &ask(1)).await.status, 200);
    assert_eq!(world.post(OPENAI, &ask(1)).await.status, 429);
    assert_eq!(world.available(), "95");
    let never = world.post(OPENAI, &ask(6)).await;
    assert_eq!((never.status, never.header("x-should-retry")), (429, Some("false")));
    assert_eq!(never.header("retry-after"), None, "no wait makes six fit into five");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_quota_counts_what_was_delivered_and_survives_a_restart() {
    let policy = limited(r#"quotas = [{ name = "day", images = 3, per = "day" }]"#);
    let world = World::with(&policy, "100", "");
    for _ in 0..3 {
        assert_eq!(world.paint().await.status, 200);
    }
    let over = world.paint().await;
    assert_eq!(over.status, 429, "{}", over.json());
    assert_eq!(over.header("x-should-retry"), Some("false"));
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(world.paint().await.status, 429);
    assert_eq!(world.available(), "97");
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_survive_a_restart() {
    let policy = limited(r#"limits = [{ name = "hour", requests = 2, per = "1h" }]"#);
    let world = World::with(&policy, "100", "");
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.paint().await.status, 200);
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(world.paint().await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_requests_of_a_key_run_at_once() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_millis(1500));
    let policy = format!(
        "{}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        limited("concurrency_max = 3"),
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "100", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let replies = futures_util::future::join_all((0..8).map(|_| world.post(OPENAI, &asked))).await;
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!((served, vendor.calls()), (3, 3));
    assert_eq!(world.post(OPENAI, &asked).await.status, 200, "a lease ends with its request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_want_of_credits_leaves_the_windows_as_they_were() {
    let policy = limited(r#"limits = [{ name = "hour", requests = 2, per = "1h" }]"#);
    let world = World::with(&policy, "0", "");
    for _ in 0..5 {
        assert_eq!(world.paint().await.status, 402);
    }
    world.cli(&["credits", "grant", &world.workspace, "5"]);
    assert_eq!(world.paint().await.status, 200);
}
