//! What vendors do wrong, and who hears of it.

use std::sync::Arc;

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, POSTEVERYWHERE, Reply, World};

/// Two vendors for one model, the first preferred.
async fn two(first: Answers, second: Answers) -> (World, FakeVendor, FakeVendor) {
    let (one, two) = (FakeVendor::start(first).await, FakeVendor::start(second).await);
    let policy = format!(
        "{PAINTED}\n{}\n{}\n{}",
        one.policy("one", "openai"),
        two.policy("two", "openai"),
        r#"
[models.remote]
strategy = "priority"
deadline = "10s"
price = [{ image = "2" }]
offerings = [
  { vendor = "one", priority = 1, sizes = ["64x64"], cost = [{ image = "0.01" }] },
  { vendor = "two", priority = 2, sizes = ["64x64"], cost = [{ image = "0.02" }] },
]
"#
    );
    (World::with(&policy, "10", ""), one, two)
}

async fn ask(world: &World) -> Reply {
    world.post(OPENAI, &json!({"model": "remote", "prompt": "a fox", "size": "64x64"})).await
}

fn unavailable() -> Answers {
    Answers::Json(
        503,
        json!({"error": {"message": "overloaded", "type": "server_error", "code": null, "param": null}}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_first_vendor_is_unavailable_the_second_answers() {
    let (world, one, two) = two(unavailable(), Answers::OpenAi).await;
    let reply = ask(&world).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.header("pixelgate-offering"), Some("remote/two"));
    assert_eq!((one.calls(), two.calls()), (1, 1));
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_down_the_client_gets_one_clear_error_and_keeps_its_credits() {
    let (world, ..) = two(unavailable(), unavailable()).await;
    let reply = ask(&world).await;
    assert_eq!(reply.status, 503, "{}", reply.json());
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("nothing was charged"));
    let asked = json!({"model": "remote", "prompt": "a fox"});
    let reply = world.post(POSTEVERYWHERE, &asked).await;
    assert_eq!(reply.status, 500, "{}", reply.json());
    assert!(reply.json()["meta"]["request_id"].is_string());
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_failing_becomes_a_refusal_and_costs_nothing() {
    let cases = [
        ("hangs", Answers::Hangs, 504),
        ("closes early", Answers::ClosesEarly, 502),
        ("answers HTML", Answers::Raw(200, "text/html", b"<html>oops</html>".to_vec()), 502),
        ("answers without a picture", Answers::Json(200, json!({"created": 1, "data": []})), 502),
        (
            "answers with what is no picture",
            Answers::Json(200, json!({"data": [{"b64_json": "aGVsbG8gd29ybGQ="}]})),
            502,
        ),
        (
            "answers with truncated JSON",
            Answers::Raw(200, "application/json", b"{\"data\": [{\"b64_json\": \"iVBO".to_vec()),
            502,
        ),
        (
            "denies us",
            Answers::Json(
                401,
                json!({"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key", "param": null}}),
            ),
            // Our key, so our fault.
            500,
        ),
        (
            "is broken",
            Answers::Json(
                500,
                json!({"error": {"message": "x", "type": "server_error", "code": null, "param": null}}),
            ),
            502,
        ),
    ];
    for (what, answers, status) in cases {
        let (world, _one, _two) = two(answers.clone(), answers).await;
        let reply = ask(&world).await;
        assert_eq!(reply.status, status, "a vendor that {what}: {}", reply.json());
        let error = &reply.json()["error"];
        assert!(error["message"].is_string() && error["type"].is_string(), "{error}");
        assert!(reply.header("x-request-id").is_some());
        assert_eq!(world.available(), "10", "a vendor that {what}");
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_refusal_is_not_shopped_around() {
    let refused = Answers::Json(
        400,
        json!({"error": {"message": "blocked", "type": "image_generation_user_error", "code": "moderation_blocked", "param": null}}),
    );
    let (world, one, two) = two(refused, Answers::OpenAi).await;
    let reply = ask(&world).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (400, json!("moderation_blocked"))
    );
    assert_eq!((one.calls(), two.calls()), (1, 0));
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_keeps_failing_rests() {
    let (world, one, two) = two(unavailable(), Answers::OpenAi).await;
    world.cli(&["credits", "grant", &world.workspace, "10"]);
    for _ in 0..10 {
        assert_eq!(ask(&world).await.status, 200);
    }
    // Five faults in a row open the breaker; the other five requests never went there.
    assert_eq!((one.calls(), two.calls()), (5, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_nobody_serves_is_failed_over() {
    let (world, one, two) = two(Answers::OpenAi, Answers::OpenAi).await;
    let text = std::fs::read_to_string(world.policy_file()).unwrap();
    std::fs::write(world.policy_file(), text.replace(&one.address.to_string(), "127.0.0.1:9"))
        .unwrap();
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    assert_eq!(ask(&world).await.status, 200);
    assert_eq!((one.calls(), two.calls()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_is_sent_no_more_than_it_takes() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = format!(
        "{PAINTED}\n{}calls_per_minute_max = 1\n[models.remote]\ndeadline = \"500ms\"\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    assert_eq!(ask(&world).await.status, 200);
    let second = ask(&world).await;
    assert_eq!(second.status, 503, "{}", second.json());
    assert!(second.header("retry-after").is_some());
    assert_eq!((vendor.calls(), world.available().as_str()), (1, "8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_a_fan_out_counts_among_those_that_a_vendor_takes_in_a_minute() {
    let (world, one, two) = two(Answers::OpenAi, Answers::OpenAi).await;
    let text = std::fs::read_to_string(world.policy_file()).unwrap();
    let paced = text.replace("[vendors.one]\n", "[vendors.one]\ncalls_per_minute_max = 2\n");
    std::fs::write(world.policy_file(), paced).unwrap();
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64", "n": 3});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!((one.calls(), two.calls()), (0, 3), "three at once would be more than two a minute");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_one_call_of_a_fan_out_is_refused_is_not_shopped_around() {
    let error = |status: u16, code: &str| {
        let error = json!({"message": "no", "type": "x", "code": code, "param": null});
        json!({"status": status, "body": {"error": error}})
    };
    // Whichever call meets which: both orders are played, for neither number nor time must decide.
    for turned in [false, true] {
        let mut replies = vec![error(500, "server_error"), error(400, "moderation_blocked")];
        if turned {
            replies.reverse();
        }
        let (world, one, two) = two(Answers::Talk(Arc::new(replies)), Answers::OpenAi).await;
        let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64", "n": 2});
        let reply = world.post(OPENAI, &asked).await;
        assert_eq!((reply.status, one.calls(), two.calls()), (400, 2, 0), "{}", reply.json());
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_painter_plays_the_fault_that_policy_gives_it() {
    for (fault, status) in [
        ("busy", 503),
        ("broken", 502),
        ("empty", 502),
        ("refused", 400),
        ("garbled", 502),
        ("hang", 504),
    ] {
        let policy = PAINTED.replace(
            "for_tests = true",
            &format!("for_tests = true\nfault = \"{fault}\"\ntimeout = \"300ms\""),
        );
        let world = World::with(&policy, "10", "");
        let reply = world.paint().await;
        assert_eq!(reply.status, status, "{fault}: {}", reply.json());
        assert_eq!(world.available(), "10", "{fault}");
    }
}

/// A gateway with a hundred credits in front of one vendor.
async fn of_one(answers: Answers) -> (World, FakeVendor) {
    let vendor = FakeVendor::start(answers).await;
    let policy = format!(
        "{PAINTED}\n{}[models.remote]\nprice = [{{ image = \"1\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    (World::with(&policy, "100", ""), vendor)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_closes_its_connections_without_notice_is_served_by_fresh_ones() {
    let (world, vendor) = of_one(Answers::ClosesWithoutNotice).await;
    for _ in 0..50 {
        let reply = ask(&world).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
    }
    assert_eq!((vendor.calls(), world.available().as_str()), (50, "50"), "none was drawn twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_while_the_vendor_may_be_drawing_is_no_reason_to_ask_again() {
    let (world, vendor) = of_one(Answers::ClosesWhileDrawing).await;
    assert_eq!(ask(&world).await.status, 200);
    let reply = ask(&world).await;
    assert_eq!(reply.status, 502, "{}", reply.json());
    assert_eq!((vendor.calls(), world.available().as_str()), (2, "99"), "it was asked once");
    world.verify();
}
