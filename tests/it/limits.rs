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

/// Asks for pictures of a good million pixels.
fn large(n: u32) -> serde_json::Value {
    json!({"model": "paint", "prompt": "a fox", "size": "1024x1024", "n": n})
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_workspace_share_its_limit() {
    let policy = limited(
        r#"limits = [{ name = "all keys", requests = 3, per = "1h", of = "workspace" }, { name = "own", requests = 2, per = "1h" }]"#,
    );
    let world = World::with(&policy, "100", "");
    let other = world.new_key(&["--plan", "open"]);
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.paint().await.status, 200);
    let own = world.paint().await;
    assert!(own.json()["error"]["message"].as_str().unwrap().contains("`own`"), "{}", own.json());
    assert_eq!(world.post_as(&other, OPENAI, body.clone()).await.status, 200);
    let shared = world.post_as(&other, OPENAI, body).await;
    assert_eq!(shared.status, 429);
    let said = shared.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("`all keys`, which all keys of this workspace share"), "{said}");
    let fields = shared.header("ratelimit").unwrap();
    assert!(fields.contains("\"own\";r=1") && fields.contains("\"all keys\";r=0"), "{fields}");
    let metrics = world.metrics().await;
    let met = "pixelgate_limits_met_total{limit=\"all keys\",mode=\"refused\",of=\"workspace\"} 1";
    assert!(metrics.contains(met), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_has_limits_and_quotas_of_its_own() {
    let bound = r#"limits = [{ name = "studio", images = 4, per = "1h", of = "model" }]
quotas = [{ name = "fair share", images = 2, per = "day" }]
price = [{ image = "1" }]"#;
    let policy = PAINTED.replace("price = [{ image = \"1\" }]", bound);
    let world = World::with(&policy, "100", "");
    let other = world.new_key(&["--plan", "open"]);
    let ask = |n: u32| json!({"model": "paint", "prompt": "a fox", "size": "32x32", "n": n});
    assert_eq!(world.post(OPENAI, &ask(2)).await.status, 200);
    let over = world.post(OPENAI, &ask(1)).await;
    assert!(over.json()["error"]["message"].as_str().unwrap().contains("`fair share` of 2"));
    assert_eq!(world.post_as(&other, OPENAI, ask(2).to_string()).await.status, 200);
    let third = world.new_key(&["--plan", "open"]);
    let full = world.post_as(&third, OPENAI, ask(1).to_string()).await;
    assert_eq!(full.status, 429);
    assert!(full.json()["error"]["message"].as_str().unwrap().contains("`studio`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn megapixels_and_credits_are_counted_and_credits_by_what_was_spent() {
    let policy = limited(
        r#"limits = [{ name = "pixels", megapixels = 5, per = "1h" }, { name = "spend", credits = "4.5", per = "1h" }]"#,
    );
    let world = World::with(&policy, "100", "");
    assert_eq!(world.post(OPENAI, &large(3)).await.status, 200);
    let heavy = world.post(OPENAI, &large(6)).await;
    assert_eq!((heavy.status, heavy.header("retry-after")), (429, None));
    let pixels = world.post(OPENAI, &large(3)).await;
    let said = pixels.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("`pixels`") || said.contains("`spend`"), "{said}");
    let policy = pixels.header("ratelimit-policy").unwrap();
    assert!(policy.contains("\"pixels\";q=5;w=3600;qu=\"megapixels\""), "{policy}");
    assert!(policy.contains("\"spend\";q=4;w=3600;qu=\"credits\""), "{policy}");
    assert_eq!(pixels.header("x-ratelimit-limit-requests"), None, "neither counts requests");
    let state = pixels.header("ratelimit").unwrap();
    assert!(state.contains("\"pixels\";r=1") && state.contains("\"spend\";r=1"), "{state}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_and_cost_nothing_leaves_a_window_of_credits_as_it_was() {
    let failing = FakeVendor::start(Answers::Json(400, json!({"error": {"message": "no"}}))).await;
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let model = |name: &str, vendor: &str| {
        format!(
            "[models.{name}]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"{vendor}\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n"
        )
    };
    let policy = [
        limited(r#"limits = [{ name = "spend", credits = "3", per = "1h" }]"#),
        vendor.policy("acme", "openai"),
        failing.policy("broken", "openai"),
        model("remote", "acme"),
        model("failing", "broken"),
    ];
    let world = World::with(&policy.join("\n"), "100", "");
    let ask = |model: &str| json!({"model": model, "prompt": "a fox", "size": "64x64"});
    for _ in 0..5 {
        let failed = world.post(OPENAI, &ask("failing")).await.status;
        assert!(failed >= 400 && failed != 429, "{failed}");
    }
    assert_eq!(world.post(OPENAI, &ask("remote")).await.status, 200);
    assert_eq!(world.post(OPENAI, &ask("remote")).await.status, 429, "two of three are spent");
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(world.post(OPENAI, &ask("remote")).await.status, 429, "also after a restart");
    assert_eq!(world.paint().await.status, 200, "one is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn day_quotas_of_megapixels_and_credits_are_in_the_books() {
    let policy = limited(
        r#"quotas = [{ name = "sharp", megapixels = 4, per = "day", of = "workspace" }, { name = "spend", credits = "50", per = "month" }]"#,
    );
    let world = World::with(&policy, "100", "");
    assert_eq!(world.post(OPENAI, &large(2)).await.status, 200);
    let over = world.post(OPENAI, &large(2)).await;
    let said = over.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("`sharp` of 4 megapixels"), "{said}");
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(world.post(OPENAI, &large(2)).await.status, 429);
    assert_eq!(world.post(OPENAI, &large(1)).await.status, 200);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_every_scope_and_unit_survive_a_restart() {
    let scopes = [
        r#"{ name = "x", requests = 2, per = "1h", of = "workspace" }"#,
        r#"{ name = "x", images = 2, per = "1h", of = "plan" }"#,
        r#"{ name = "x", megapixels = 3, per = "1h" }"#,
        r#"{ name = "x", credits = "2", per = "1h", of = "workspace" }"#,
    ];
    for scope in scopes {
        let world = World::with(&limited(&format!("limits = [{scope}]")), "100", "");
        assert_eq!(world.post(OPENAI, &large(1)).await.status, 200, "{scope}");
        assert_eq!(world.post(OPENAI, &large(1)).await.status, 200, "{scope}");
        let world = tokio::task::block_in_place(|| world.kill_and_restart());
        assert_eq!(world.post(OPENAI, &large(1)).await.status, 429, "{scope}");
    }
    let bound = "limits = [{ name = \"x\", images = 2, per = \"1h\", of = \"model\" }]\nprice = [{ image = \"1\" }]";
    let world = World::with(&PAINTED.replace("price = [{ image = \"1\" }]", bound), "100", "");
    assert_eq!(world.post(OPENAI, &large(2)).await.status, 200);
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(world.post(OPENAI, &large(1)).await.status, 429, "by model");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_limit_counts_and_never_refuses() {
    let policy = limited(
        r#"limits = [{ name = "tomorrow", requests = 2, per = "1h", shadow = true }, { name = "today", requests = 100, per = "1h" }]"#,
    );
    let world = World::with(&policy, "100", "");
    for _ in 0..5 {
        let reply = world.paint().await;
        assert_eq!(reply.status, 200);
        assert!(!reply.header("ratelimit").unwrap().contains("tomorrow"));
        assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("100"));
    }
    world.log_line("a shadow limit would have refused a request");
    let metrics = world.metrics().await;
    let met = "pixelgate_limits_met_total{limit=\"tomorrow\",mode=\"shadow\",of=\"key\"} 3";
    assert!(metrics.contains(met), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_keys_is_refused_before_its_key_is_looked_at() {
    let config = "limits.wrong_keys_max = 3\n";
    let world = World::with(PAINTED, "100", config);
    let body = || json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    for _ in 0..10 {
        assert_eq!(world.post_as("pg_live_same", OPENAI, body()).await.status, 401);
    }
    assert_eq!(world.paint().await.status, 200, "one wrong key over and over is no guess");
    for number in 0..2 {
        assert_eq!(world.post_as(&format!("pg_live_{number}"), OPENAI, body()).await.status, 401);
    }
    let shut = world.paint().await;
    assert_eq!(shut.status, 429, "the right key is not looked at");
    assert_eq!(shut.json()["error"]["code"], json!("rate_limit_exceeded"));
    assert!(shut.header("retry-after").is_some());
    let passed = world.get("/passthrough/acme/v1/models").await;
    assert_eq!(passed.status, 429, "nor on any other path");
    world.log_line("a client address shows many wrong keys");
    assert!(world.metrics().await.contains("bounds_met_total{bound=\"wrong_keys_max\"} 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_client_guesses_for_itself_and_behind_none_a_header_is_no_way_out()
 {
    let body = || json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    let ask = async |world: &World, key: &str, client: &str| {
        let request = world.client.post(format!("{}{OPENAI}", world.public));
        let request = request.header("authorization", format!("Bearer {key}"));
        let request = request.header("x-forwarded-for", client).body(body());
        crate::world::read(request.header("content-type", "application/json")).await.status
    };
    let trusting = "limits.wrong_keys_max = 2\npublic.trusted_proxies = [\"127.0.0.0/8\"]\n";
    let world = World::with(PAINTED, "100", trusting);
    for guess in ["pg_live_1", "pg_live_2"] {
        assert_eq!(ask(&world, guess, "203.0.113.9").await, 401);
    }
    assert_eq!(ask(&world, &world.key, "203.0.113.9").await, 429);
    assert_eq!(ask(&world, &world.key, "203.0.113.10").await, 200);
    let world = World::with(PAINTED, "100", "limits.wrong_keys_max = 2\n");
    for (guess, client) in [("pg_live_1", "1.1.1.1"), ("pg_live_2", "1.1.1.2")] {
        assert_eq!(ask(&world, guess, client).await, 401);
    }
    assert_eq!(ask(&world, &world.key, "1.1.1.3").await, 429);
}
