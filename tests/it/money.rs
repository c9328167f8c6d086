//! No credit is spent twice, none is lost, none is overspent.

use std::collections::BTreeMap;

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, POSTEVERYWHERE, World};

#[tokio::test(flavor = "multi_thread")]
async fn of_200_concurrent_calls_exactly_the_37_that_are_paid_for_succeed() {
    let world = World::painted("37");
    let calls = (0..200).map(|_| world.paint());
    let replies = futures_util::future::join_all(calls).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for reply in &replies {
        *statuses.entry(reply.status).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 37), (402, 163)]));
    assert_eq!(world.available(), "0");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_purse_is_told_what_it_needs_and_what_it_has() {
    let policy = PAINTED.replace("price = [{ image = \"1\" }]", "price = [{ image = \"5\" }]");
    let world = World::with(&policy, "2", "");
    let reply = world.post(POSTEVERYWHERE, &json!({"model": "paint", "prompt": "a fox"})).await;
    let body = reply.json();
    assert_eq!(reply.status, 402);
    assert_eq!(body["error"]["code"], "insufficient_credits");
    assert_eq!(body["error"]["credits_remaining"], 2);
    assert_eq!(body["error"]["credits_required"], 5);
    let reply = world.paint().await;
    assert_eq!((reply.status, reply.header("x-should-retry")), (402, Some("false")));
    assert_eq!(world.available(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn size_and_quality_decide_the_price() {
    let policy = PAINTED.replace(
        "price = [{ image = \"1\" }]",
        r#"price = [{ up_to = "64x64", quality = "low", image = "1" }, { up_to = "64x64", image = "2.5" }, { image = "7" }]"#,
    );
    let world = World::with(&policy, "100", "");
    for (size, quality, left) in
        [("64x64", "low", "99"), ("64x64", "high", "96.5"), ("128x64", "low", "89.5")]
    {
        let asked = json!({"model": "paint", "prompt": "a fox", "size": size, "quality": quality});
        let reply = world.post(OPENAI, &asked).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        assert_eq!(world.available(), left, "{size} {quality}");
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_still_pays_for_what_was_drawn_for_it() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_millis(500));
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let request = world
        .client
        .post(format!("{}{OPENAI}", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .body(json!({"model": "remote", "prompt": "a fox", "size": "64x64"}).to_string());
    let leaving = crate::vendor::spawn(request.send());
    while vendor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    leaving.abort();
    let line = tokio::task::block_in_place(|| world.log_line("\"outcome\":\"ok\""));
    assert!(line.contains("\"credits\":\"2\""), "{line}");
    assert_eq!(world.available(), "8");
    assert!(world.metrics().await.contains("pixelgate_clients_gone_total 1"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_delivered_is_paid_for() {
    let vendor = FakeVendor::start(Answers::Json(
        200,
        json!({"created": 1, "data": [{"b64_json": crate::vendor::png(64, 64)}]}),
    ))
    .await;
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], count_max = 4, cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64", "n": 3});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert!(reply.header("pixelgate-changed").unwrap().contains("1 of 3"));
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_a_known_caller_leaves_one_usage_row() {
    let mut world = World::painted("1");
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.paint().await.status, 402);
    assert_eq!(world.post(OPENAI, &json!({"model": "paint"})).await.status, 400);
    tokio::task::block_in_place(|| world.stop());
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    let mut rows = database
        .prepare(
            "SELECT outcome, status, images, charged_nanos, cost_nanos FROM usage ORDER BY seq",
        )
        .unwrap();
    let rows: Vec<(String, u16, u32, i64, i64)> = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let row = |outcome: &str, status, images, charged, cost| {
        (outcome.to_owned(), status, images, charged, cost)
    };
    assert_eq!(
        rows,
        [
            row("ok", 200, 1, 1_000_000_000, 10_000_000),
            row("credits_short", 402, 0, 0, 0),
            row("bad_request", 400, 0, 0, 0),
        ]
    );
    world.verify();
}
