//! An app that speaks `ImageAPI`: pictures kept or handed over, batches, limits that say how long to
//! wait, what needs no key, and pages of other origins.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World, dimensions, from_base64, read};

mod named;
mod storage;

const GENERATE: &str = "/api/v1/generate";

/// The painted policy with these lines in the plan, and with the dialect's own default model.
pub(crate) fn planned(lines: &str) -> String {
    let flux = r#"
[models.flux-schnell]
title = "FLUX.1 Schnell"
description = "Fast; a good default."
price = [{ image = "1" }]
offerings = [{ vendor = "painter", sides = { min = 16, max = 1024, step = 1 }, formats = ["png"], can = ["seed"], cost = [{ image = "0.01" }] }]
"#;
    format!("{}{flux}", PAINTED.replace("show_offering = true", lines))
}

fn fox() -> Value {
    json!({"prompt": "a fox", "width": 256, "height": 256})
}

async fn without_key(world: &World, method: reqwest::Method, path: &str) -> Reply {
    read(world.client.request(method, format!("{}{path}", world.public))).await
}

fn content(image: &Value) -> Vec<u8> {
    let text = image.as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    from_base64(&json!(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_with_storage_answers_with_an_address_and_one_without_with_the_picture() {
    let policy = planned("storage = \"10 GB cloud storage\"")
        + "\n[plans.bare]\nmodels = [\"*\"]\nstorage = false\n";
    let world = World::with(&policy, "10", "");
    let asked = json!({"prompt": "a sunset over mountains", "negative_prompt": "blurry, low quality", "width": 512, "height": 256, "seed": 7});
    let kept = world.post(GENERATE, &asked).await;
    assert_eq!(kept.status, 200, "{}", kept.json());
    let kept_body = kept.json();
    assert_eq!(kept_body["success"], true);
    assert!(kept_body["request_id"].as_str().unwrap().starts_with("req_"));
    assert_eq!(kept_body["data"]["model"], "flux-schnell", "the dialect's own default");
    assert_eq!(
        kept_body["data"]["storage"],
        json!({"enabled": true, "stored": true, "plan": "10 GB cloud storage"})
    );
    let url = kept_body["data"]["image"].as_str().unwrap();
    let picture = read(world.client.get(url).header("origin", "https://shop.example")).await;
    assert_eq!(dimensions(&picture.bytes), (512, 256));
    assert_eq!(picture.header("access-control-allow-origin"), Some("*"));
    assert!(kept.header("pixelgate-changed").unwrap().contains("negative_prompt"));

    let bare = world.new_key(&["--plan", "bare"]);
    let inline = world.post_as(&bare, GENERATE, asked.to_string()).await.json();
    assert_eq!(inline["data"]["storage"], json!({"enabled": false, "stored": false, "plan": null}));
    assert_eq!(content(&inline["data"]["image"]), picture.bytes, "one seed draws one picture");
    assert_eq!(inline["data"]["seed"], 7);
    assert_eq!(world.available(), "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_nobody_gave_is_returned_and_draws_the_same_again() {
    let world = World::with(&planned("storage = false"), "10", "");
    let first = world.post(GENERATE, &fox()).await.json();
    let mut again = fox();
    again["seed"] = first["data"]["seed"].clone();
    let second = world.post(GENERATE, &again).await.json();
    assert_eq!(first["data"]["image"], second["data"]["image"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn products_and_logos_are_drawn_from_a_prompt_that_says_so() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"512x512\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    for (path, word) in [("product", "product photograph"), ("logo", "logo")] {
        let asked = json!({"prompt": "a fox", "model": "remote"});
        let reply = world.post(&format!("{GENERATE}/{path}"), &asked).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        let said = vendor.last().body["prompt"].as_str().unwrap().to_owned();
        assert!(said.starts_with("a fox\n") && said.contains(word), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_as_large_as_the_plan_allows_and_each_item_is_paid_for() {
    let lines = "storage = false\nbatch = { items_max = 3, concurrency_max = 2 }";
    let world = World::with(&planned(lines), "10", "");
    let batch = |count: usize| json!({"items": vec![fox(); count]});
    for count in [0, 4] {
        let refused = world.post(GENERATE, &batch(count)).await;
        assert_eq!((refused.status, &refused.json()["success"]), (400, &json!(false)));
        assert!(refused.json()["error"].as_str().unwrap().contains("`items`"));
    }
    assert_eq!(world.available(), "10");
    for (count, left) in [(1, "9"), (3, "6")] {
        let served = world.post(GENERATE, &batch(count)).await;
        assert_eq!(served.status, 200, "{}", served.json());
        let results = served.json()["data"]["results"].clone();
        assert_eq!(results.as_array().unwrap().len(), count);
        for result in results.as_array().unwrap() {
            assert_eq!(
                (&result["success"], &result["model"]),
                (&json!(true), &json!("flux-schnell"))
            );
            assert_eq!(dimensions(&content(&result["image"])), (256, 256));
            assert!(result["seed"].is_i64());
        }
        assert_eq!(world.available(), left);
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_fails_costs_nothing_and_the_rest_are_served_in_their_order() {
    let policy = planned("storage = false\nbatch = { items_max = 6, concurrency_max = 3 }")
        + "\n[[rules.denied_terms]]\nterm = \"weasel\"\nmessage = \"no weasels\"\n";
    let world = World::with(&policy, "2", "");
    let items = json!({"items": [
        {"prompt": "a weasel"}, fox(), {"width": 512}, {"prompt": "x", "model": "nobody"}, fox(), fox(),
    ]});
    let reply = world.post(GENERATE, &items).await;
    assert_eq!(reply.status, 200);
    let results = reply.json()["data"]["results"].clone();
    let codes: Vec<_> = (0..6).map(|at| results[at]["code"].as_str().unwrap_or("drawn")).collect();
    assert_eq!(codes[..4], ["content_refused", "drawn", "bad_request", "model_unknown"]);
    let mut last = codes[4..].to_vec();
    last.sort_unstable();
    assert_eq!(last, ["credits_short", "drawn"], "two credits draw two foxes");
    assert_eq!(results[0]["error"], "no weasels");
    assert_eq!(world.available(), "0");
    world.verify();
    let whole = reply.json()["request_id"].as_str().unwrap().to_owned();
    let line: Value = serde_json::from_str(&world.log_line(&format!("{whole}.5"))).unwrap();
    assert_eq!(line["message"], "request", "each item has a line of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_run_at_once_within_the_bound_of_the_plan() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_millis(700));
    let lines = "storage = false\nbatch = { items_max = 4, concurrency_max = 4 }";
    let policy = format!(
        "{}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"512x512\"], cost = [{{ image = \"1\" }}] }}]\n",
        planned(lines).replace("concurrency_max = 1000", "concurrency_max = 2"),
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let items = vec![json!({"prompt": "a fox", "model": "remote"}); 4];
    let began = tokio::time::Instant::now();
    let reply = world.post(GENERATE, &json!({ "items": items })).await.json();
    let took = began.elapsed();
    let results = reply["data"]["results"].as_array().unwrap().clone();
    assert!(results.iter().all(|result| result["success"] == true), "{results:?}");
    // One after the other would take 2.8 s, four at once 0.7 s.
    assert!((1_400..2_800).contains(&took.as_millis()), "not two at once: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_says_in_the_body_how_long_to_wait() {
    let tight = |lines: &str| planned(&format!("storage = false\n{lines}"));
    let cases = [
        (r#"limits = [{ name = "minute", requests = 1, per = "1m" }]"#, 50..=60),
        (r#"quotas = [{ name = "day", requests = 1, per = "day" }]"#, 1..=86_400),
        (r#"quotas = [{ name = "month", requests = 1, per = "month" }]"#, 1..=2_678_400),
    ];
    for (lines, waits) in cases {
        let world = World::with(&tight(lines), "10", "");
        let reply = world.post(GENERATE, &json!({"items": [fox(), fox()]})).await.json();
        let results = &reply["data"]["results"];
        let failed = results.as_array().unwrap().iter().find(|one| one["success"] == false);
        assert!(waits.contains(&failed.unwrap()["retry_after"].as_u64().unwrap()), "{failed:?}");
        let over = world.post(GENERATE, &fox()).await;
        let (status, body) = (over.status, over.json());
        assert_eq!((status, &body["success"]), (429, &json!(false)), "{lines}");
        let wait = body["retry_after"].as_u64().unwrap();
        assert!(waits.contains(&wait), "{lines}: {wait}");
        assert_eq!(over.header("retry-after"), Some(wait.to_string().as_str()));
        assert!(body["request_id"].as_str().unwrap().starts_with("req_"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_at_once_are_told_to_come_back() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_secs(1));
    let policy = format!(
        "{}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"512x512\"], cost = [{{ image = \"1\" }}] }}]\n",
        planned("storage = false").replace("concurrency_max = 1000", "concurrency_max = 1"),
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"prompt": "a fox", "model": "remote"});
    let replies =
        futures_util::future::join_all((0..2).map(|_| world.post(GENERATE, &asked))).await;
    let over = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(over.json()["code"], "concurrency_exceeded");
    assert_eq!(over.json()["retry_after"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_quota_survives_a_restart_and_usage_adds_up() {
    let lines = r#"title = "Free"
quotas = [{ name = "day", requests = 5, per = "day" }, { name = "month", requests = 3, per = "month" }]"#;
    let world = World::with(&planned(lines), "10", "");
    assert_eq!(world.post(GENERATE, &fox()).await.status, 200);
    let mut changed = fox();
    changed["num_inference_steps"] = json!(20);
    let batch = world.post(GENERATE, &json!({"items": [changed, {}]})).await;
    let said = batch.header("pixelgate-changed").unwrap();
    assert_eq!((batch.status, said), (200, "items.steps=\"left to the vendor\""));
    let first = batch.json()["data"]["results"][0].clone();
    assert_eq!(first["changed"], json!({"steps": "left to the vendor"}));
    assert_eq!(world.post("/api/v1/prompt/enhance", &json!({"prompt": "x"})).await.status, 200);
    assert_eq!(world.post(GENERATE, &json!({})).await.status, 400);
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    let usage = world.get("/api/v1/usage").await;
    assert_eq!(usage.status, 200);
    assert_eq!(
        usage.json()["data"],
        json!({
            "usage": {
                "today": {"requestCount": 2, "imageCount": 2},
                "this_month": {"requestCount": 2, "imageCount": 2},
            },
            "plan": {
                "name": "Free",
                "slug": "open",
                "requests_per_month": 3,
                "requests_per_day": 5,
                "remaining_today": 3,
                "remaining_month": 1,
            },
        })
    );
    assert_eq!(world.post(GENERATE, &fox()).await.status, 200);
    assert_eq!(world.post(GENERATE, &fox()).await.json()["code"], "quota_exhausted");
    let nobody = without_key(&world, reqwest::Method::GET, "/api/v1/usage").await;
    assert_eq!((nobody.status, nobody.json()["code"].clone()), (401, json!("key_missing")));
}

#[tokio::test(flavor = "multi_thread")]
async fn models_and_health_need_no_key() {
    let broken = FakeVendor::start(Answers::Json(503, json!({"error": {"message": "no"}}))).await;
    let policy = format!(
        "{}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"512x512\"], cost = [{{ image = \"1\" }}] }}]\n",
        planned(""),
        broken.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let models = without_key(&world, reqwest::Method::GET, "/api/v1/models").await;
    assert_eq!(models.status, 200);
    assert_eq!(
        models.json()["data"]["models"][0],
        json!({"slug": "flux-schnell", "name": "FLUX.1 Schnell", "description": "Fast; a good default."})
    );
    let health = without_key(&world, reqwest::Method::GET, "/api/v1/health").await;
    let well = json!({"store": "healthy", "queue": "healthy", "models": "healthy"});
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("healthy")));
    assert_eq!(health.json()["checks"], well);
    for _ in 0..5 {
        let asked = json!({"prompt": "a fox", "model": "remote"});
        let failed = world.post(GENERATE, &asked).await;
        assert_eq!((failed.status, failed.json()["code"].clone()), (500, json!("none_available")));
    }
    let health = without_key(&world, reqwest::Method::GET, "/api/v1/health").await.json();
    assert_eq!(
        (&health["status"], &health["checks"]["models"]),
        (&json!("degraded"), &json!("degraded"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_ask_and_read() {
    let world = World::with(&planned("storage = false"), "10", "");
    let url = format!("{}{GENERATE}", world.public);
    let question = world
        .client
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let allowed = read(question).await;
    assert_eq!((allowed.status, allowed.bytes.len()), (204, 0));
    assert_eq!(allowed.header("access-control-allow-origin"), Some("*"));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("authorization,content-type"));
    // A refusal must be readable too, or a page only learns that something failed.
    let refused = read(world.client.post(&url).header("origin", "https://shop.example")).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("*")));
    let elsewhere = world.paint().await;
    assert_eq!(elsewhere.header("access-control-allow-origin"), None, "{OPENAI} is for servers");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_origins_are_let_in_where_config_lists_them() {
    let config = "public.cors_origins = [\"https://shop.example\"]\n";
    let world = World::with(&planned("storage = false"), "10", config);
    for (origin, let_in) in [("https://shop.example", true), ("https://other.example", false)] {
        for method in [reqwest::Method::OPTIONS, reqwest::Method::POST] {
            let url = format!("{}{GENERATE}", world.public);
            let reply = read(world.client.request(method, url).header("origin", origin)).await;
            let allowed = reply.header("access-control-allow-origin");
            assert_eq!(allowed, let_in.then_some(origin));
            assert_eq!(reply.header("vary"), Some("origin"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_suspended_or_has_no_plan_is_forbidden() {
    let world = World::with(&planned("storage = false"), "10", "");
    let planless = world.new_key(&["--plan", "gone"]);
    let refused = world.post_as(&planless, GENERATE, fox().to_string()).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (403, json!("plan_missing")));
    let unknown = world.post_as("sk_live_nobody", GENERATE, fox().to_string()).await;
    assert_eq!((unknown.status, unknown.json()["code"].clone()), (401, json!("key_unknown")));
    world.cli(&["workspace", "suspend", &world.workspace]);
    let suspended = world.post(GENERATE, &fox()).await;
    assert_eq!(
        (suspended.status, suspended.json()["code"].clone()),
        (403, json!("workspace_suspended"))
    );
    world.cli(&["workspace", "resume", &world.workspace]);
    assert_eq!(world.post(GENERATE, &fox()).await.status, 200);
}

/// Policy of which a vendor of this answer writes prompts, at half a credit each.
fn written_by(writer: &FakeVendor, price: &str) -> String {
    format!(
        "{}\n{}\n[prompts]\nvendor = \"writer\"\nmodel = \"small\"\nprice = \"{price}\"\ncost = \"0.001\"\nextra = {{ max_tokens = 300 }}\n",
        planned("limits = [{ name = \"hour\", requests = 3, per = \"1h\" }]"),
        writer.policy("writer", "openai")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_model_writes_prompts_and_is_paid_for() {
    let said =
        json!({"choices": [{"message": {"content": "\"A brass robot reads by lamplight.\""}}]});
    let writer = FakeVendor::start(Answers::Json(200, said)).await;
    let world = World::with(&written_by(&writer, "0.5"), "10", "");
    let asked = json!({"prompt": "robot reading a book", "tone": "anime, cozy"});
    let reply = world.post("/api/v1/prompt/enhance", &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.json()["success"], true);
    assert_eq!(reply.json()["data"]["prompt"], "A brass robot reads by lamplight.");
    let seen = writer.last();
    assert_eq!(
        (seen.path.as_str(), &seen.body["model"]),
        ("/v1/chat/completions", &json!("small"))
    );
    assert_eq!(seen.body["max_tokens"], 300);
    assert_eq!(world.available(), "9.5");
    let test_key = world.new_key(&["--plan", "open", "--test"]);
    let build = json!({"subject": "fox"}).to_string();
    let by_rule = world.post_as(&test_key, "/api/v1/prompt/build", build).await;
    assert_eq!((by_rule.status, writer.calls()), (200, 1), "a test key reaches no vendor");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_written_by_rule_where_the_text_model_fails_and_is_free_then() {
    let writer = FakeVendor::start(Answers::Json(500, json!({}))).await;
    let world = World::with(&written_by(&writer, "0.5"), "10", "");
    let parts = json!({"subject": "fox in a scarf", "setting": "snowy forest", "mood": "cozy", "art_style": "watercolor"});
    let reply = world.post("/api/v1/prompt/build", &parts).await;
    let prompt = reply.json()["data"]["prompt"].as_str().unwrap().to_owned();
    assert_eq!(prompt, "fox in a scarf, set in snowy forest, cozy mood, watercolor style");
    assert!(reply.header("pixelgate-changed").unwrap().contains("by rule"));
    assert_eq!(world.available(), "10");
    for status in [200, 200, 429] {
        assert_eq!(world.post("/api/v1/prompt/build", &parts).await.status, status);
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_need_no_vendor() {
    let world = World::with(&planned(""), "0", "");
    let reply = world.post("/api/v1/prompt/enhance", &json!({"prompt": "robot"})).await;
    assert_eq!(reply.status, 200);
    assert!(reply.json()["data"]["prompt"].as_str().unwrap().starts_with("robot, "));
    assert_eq!(reply.header("pixelgate-changed"), None);
    assert_eq!(world.get("/api/v1/prompt/enhance").await.status, 405);
}
