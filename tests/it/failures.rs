//! What a failure costs: each row of the table in `docs/money.md`, seen from outside. What the
//! caller pays, what is booked for the vendor, and what is written.

use std::time::Duration;

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

/// What is in the books after one request.
#[derive(Debug, PartialEq, Eq)]
struct Booked {
    status: u16,
    charged: String,
    cost_dollars: String,
    outcome: String,
    outcome_unknown: bool,
    left: String,
}

fn booked(status: u16, money: (&str, &str, &str), outcome: &str, outcome_unknown: bool) -> Booked {
    let (charged, cost_dollars, left) = money;
    Booked {
        status,
        charged: charged.to_owned(),
        cost_dollars: cost_dollars.to_owned(),
        outcome: outcome.to_owned(),
        outcome_unknown,
        left: left.to_owned(),
    }
}

/// A gateway with ten credits in front of one vendor, whose pictures are two credits and a dollar.
async fn world(answers: Answers) -> (World, FakeVendor) {
    let vendor = FakeVendor::start(answers).await;
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\ndeadline = \"3s\"\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], count_max = 4, cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    (World::with(&policy, "10", ""), vendor)
}

fn asked(count: u32) -> Value {
    json!({"model": "remote", "prompt": "a fox", "size": "64x64", "n": count})
}

/// The last line of usage, and what is left.
pub(crate) fn last(world: &World) -> Value {
    // Whoever asks the writer is answered after what was noted before.
    let left = world.available();
    let lines = world.cli(&["usage", "export", "--format", "jsonl"]);
    let mut line: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    line["left"] = left.into();
    line
}

/// What one request for so many pictures comes to.
async fn cost_of(answers: Answers, count: u32) -> Booked {
    let (world, _vendor) = world(answers).await;
    let reply = world.post(OPENAI, &asked(count)).await;
    let line = last(&world);
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    world.verify();
    Booked {
        status: reply.status,
        charged: text("charged"),
        cost_dollars: text("cost_dollars"),
        outcome: text("outcome"),
        outcome_unknown: line["outcome_unknown"].as_bool().unwrap(),
        left: text("left"),
    }
}

fn fault(status: u16, code: &str) -> Answers {
    let error = json!({"message": "no", "type": "x", "code": code, "param": null});
    Answers::Json(status, json!({ "error": error }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_refusal_costs_the_caller_nothing() {
    let answers = fault(400, "moderation_blocked");
    assert_eq!(cost_of(answers, 1).await, booked(400, ("0", "0", "10"), "content_refused", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_finds_wrong_costs_nobody_anything() {
    let told = cost_of(fault(400, "invalid_value"), 1).await;
    assert_eq!((&*told.charged, &*told.cost_dollars, &*told.left), ("0", "0", "10"));
    assert!(!told.outcome_unknown && told.status >= 400, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_busy_costs_nobody_anything() {
    let told = cost_of(fault(429, "rate_limit_exceeded"), 1).await;
    assert_eq!((&*told.charged, &*told.cost_dollars, &*told.left), ("0", "0", "10"));
    assert!(!told.outcome_unknown, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_fails_costs_the_caller_nothing() {
    let told = cost_of(fault(500, "server_error"), 1).await;
    assert_eq!((&*told.charged, &*told.cost_dollars, &*told.left), ("0", "0", "10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_costs_the_caller_nothing_and_is_an_exposure() {
    for answers in [Answers::Hangs, Answers::ClosesEarly] {
        let (world, _vendor) = world(answers).await;
        let reply = world.post(OPENAI, &asked(1)).await;
        assert!(reply.status >= 500, "{}", reply.json());
        let line = last(&world);
        assert_eq!((&line["charged"], &line["left"]), (&json!("0"), &json!("10")));
        assert_eq!(line["outcome_unknown"], true);
        let exposures = world.cli(&["usage", "exposures", "--format", "jsonl"]);
        let exposure: Value = serde_json::from_str(exposures.trim()).unwrap();
        assert_eq!(exposure["request"].as_str(), reply.header("x-request-id"));
        assert_eq!((&exposure["vendor"], &exposure["held"]), (&json!("acme"), &json!("2")));
        assert_eq!(exposure["why"], "the vendor did not say");
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_are_missing_are_not_paid_for() {
    let one = json!({"created": 1, "data": [{"b64_json": crate::vendor::png(64, 64)}]});
    assert_eq!(
        cost_of(Answers::Json(200, one), 3).await,
        booked(200, ("2", "1", "8"), "ok", false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_cannot_be_read_are_not_paid_for_and_the_vendor_is() {
    let bad = json!({"created": 1, "data": [{"b64_json": "bm8gcGljdHVyZQ=="}]});
    let told = cost_of(Answers::Json(200, bad), 1).await;
    assert_eq!((&*told.charged, &*told.left), ("0", "10"));
    assert!(told.status >= 500, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_crash_cut_off_is_given_back_when_its_hold_expires() {
    let (world, vendor) = world(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_secs(30));
    let asking = world
        .client
        .post(format!("{}{OPENAI}", world.public))
        .bearer_auth(&world.key)
        .json(&asked(1));
    let leaving = crate::vendor::spawn(asking.send());
    while vendor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert!(leaving.await.unwrap().is_err());
    // Nothing was answered and nothing is spent: the hold stands until it expires.
    assert_eq!(world.available(), "8");
    let balance = world.cli(&["credits", "balance", &world.workspace]);
    assert!(
        balance.lines().any(|line| line.starts_with("held") && line.ends_with(" 2")),
        "{balance}"
    );
    world.verify();
}
