//! An app that speaks `NearIQ`, against the whole gateway.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{NEARIQ, OPENAI, PAINTED, POSTEVERYWHERE, Reply, World, dimensions, read};

const PLANS: &str = r#"
[defaults]
model = "paint"

[presets.blog_hero]
frame = "16:9"
prompt_suffix = "Wide and calm."

[presets.social_graphic]
frame = "1:1"

[plans.growth]
models = ["*"]
quotas = [{ name = "day", images = 3, per = "day", of = "workspace" }]

[plans.starter]
models = ["*"]
without_dialects = ["neariq"]
"#;

fn world() -> World {
    World::with(&format!("{PAINTED}{PLANS}"), "100", "")
}

async fn ask(world: &World, key: &str, body: &str) -> Reply {
    let request = world.client.post(format!("{}{NEARIQ}", world.public));
    let request = request.header("x-neariq-key", key).header("content-type", "application/json");
    read(request.body(body.to_owned())).await
}

/// Fields of an object, in the order they are written.
fn fields(text: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(text).unwrap();
    let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_call_is_answered_field_for_field() {
    let world = world();
    let key = world.new_key(&["--plan", "growth", "--scopes", "content:write"]);
    let prompt = "Modern gym interior with natural light and branded wall signage";
    let asked = json!({"prompt": prompt, "preset": "social_graphic", "style": "photorealistic"});
    let reply = ask(&world, &key, &asked.to_string()).await;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    let text = String::from_utf8(reply.bytes.clone()).unwrap();
    let documented = ["url", "prompt", "preset", "watermarked", "disclaimer", "usage", "_receipt"];
    assert_eq!(fields(&text), documented);
    assert_eq!((&body["prompt"], &body["preset"]), (&json!(prompt), &json!("social_graphic")));
    assert_eq!((&body["watermarked"], &body["disclaimer"]), (&json!(false), &Value::Null));
    let usage = &body["usage"];
    assert_eq!(
        (&usage["used"], &usage["limit"], &usage["remaining"]),
        (&json!(1), &json!(3), &json!(2))
    );
    assert!(usage["resetsAt"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{usage}");
    let receipt = &body["_receipt"];
    assert_eq!(receipt["requestId"].as_str(), reply.header("x-request-id"));
    assert!(receipt["generatedAt"].as_str() < usage["resetsAt"].as_str(), "{body}");
    let picture = read(world.client.get(body["url"].as_str().unwrap())).await;
    let (width, height) = dimensions(&picture.bytes);
    assert_eq!(width, height);
}

/// A gateway whose default model is drawn by this vendor.
fn remote(vendor: &FakeVendor) -> World {
    let policy = format!(
        "{PAINTED}{}{}{}",
        PLANS.replace("model = \"paint\"", "model = \"remote\""),
        vendor.policy("acme", "openai"),
        r#"
[models.remote]
price = [{ image = "1" }]
offerings = [{ vendor = "acme", model = "m", sizes = ["1024x576", "512x512"], prompt_chars_max = 1010, can = ["style"], cost = [{ image = "0" }] }]
"#
    );
    World::with(&policy, "100", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_is_a_frame_and_words_for_the_prompt_and_the_answer_shows_what_was_asked() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = remote(&vendor);
    let reply = ask(&world, &world.key, r#"{"prompt": "a fox", "preset": "blog_hero"}"#).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(vendor.last().body["prompt"], "a fox\nWide and calm.");
    assert_eq!(vendor.last().body["size"], "1024x576");
    assert_eq!(reply.json()["prompt"], "a fox");
    assert_eq!(reply.header("pixelgate-changed"), None, "it was kept");

    // The longest prompt leaves no room for the preset's words: that is said.
    let longest = "雪".repeat(1000);
    let asked = json!({"prompt": longest, "preset": "blog_hero"}).to_string();
    let reply = ask(&world, &world.key, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(vendor.last().body["prompt"], json!(longest));
    assert!(reply.header("pixelgate-changed").unwrap().starts_with("preset="));
    let reply = ask(&world, &world.key, r#"{"prompt": "a fox", "preset": "gbp_post"}"#).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert!(reply.header("pixelgate-changed").unwrap().starts_with("preset="));
    assert_eq!(
        ask(&world, &world.key, &json!({"prompt": format!("{longest}雪")}).to_string())
            .await
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_is_opened_once_for_jobs_quotes_and_repeats_too() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = remote(&vendor);
    let key = world.new_key(&["--plan", "growth", "--scopes", "content:write"]);
    let asked = json!({"prompt": "a fox", "preset": "blog_hero"});
    let with = async |name: &'static str, value: &'static str| {
        let request = world.client.post(format!("{}{NEARIQ}", world.public));
        let request = request.header("x-neariq-key", &key).header(name, value);
        let request = request.header("content-type", "application/json");
        read(request.body(asked.to_string())).await
    };
    let treated = json!("a fox\nWide and calm.");

    let mut reply = with("prefer", "respond-async").await;
    assert_eq!(reply.status, 202, "{}", reply.json());
    // The key that asked may ask after the job, although it may speak no other dialect.
    let job = reply.header("location").unwrap().to_owned();
    while reply.header("retry-after").is_some() {
        let request = world.client.get(format!("{}{job}", world.public));
        reply = read(request.header("authorization", format!("Bearer {key}"))).await;
        assert!(reply.status < 300, "{}", reply.json());
    }
    let done = reply.json();
    assert_eq!((vendor.last().body["prompt"].clone(), vendor.calls()), (treated.clone(), 1));
    assert_eq!(vendor.last().body["size"], "1024x576");
    let result = &done["result"];
    assert_eq!(
        (&result["prompt"], &result["preset"], &result["watermarked"]),
        (&json!("a fox"), &json!("blog_hero"), &json!(false))
    );
    assert_eq!((&result["usage"]["used"], &result["usage"]["limit"]), (&json!(1), &json!(3)));

    let first = with("idempotency-key", "one").await;
    assert_eq!((first.status, &first.json()["usage"]["used"]), (200, &json!(2)));
    assert_eq!(vendor.last().body["prompt"], treated);
    let again = with("idempotency-key", "one").await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.bytes, vendor.calls()), (first.bytes, 2));

    let quote = json!({"dialect": "neariq", "request": asked});
    let quote = world.post("/v1/quote", &quote).await.json();
    let choice = &quote["offerings"][0];
    assert_eq!((&choice["size"], &choice["changed"]), (&json!("1024x576"), &json!([])), "{quote}");
    assert_eq!(vendor.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_plan_refuses_a_preset_that_cannot_be_kept() {
    let policy =
        format!("{PAINTED}{PLANS}[plans.strict]\nmodels = [\"*\"]\nfidelity = \"strict\"\n");
    let world = World::with(&policy, "100", "");
    let key = world.new_key(&["--plan", "strict"]);
    let reply = ask(&world, &key, r#"{"prompt": "a fox", "preset": "gbp_post"}"#).await;
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!((reply.status, message.contains("`preset`")), (400, true), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_is_counted_for_all_keys_of_the_account_and_ends_in_a_429() {
    let world = world();
    let keys = [world.new_key(&["--plan", "growth"]), world.new_key(&["--plan", "growth"])];
    for (key, used) in [(&keys[0], 1), (&keys[1], 2), (&keys[0], 3)] {
        let body = ask(&world, key, r#"{"prompt": "a fox"}"#).await.json();
        assert_eq!(body["usage"]["used"], used, "{body}");
    }
    let reply = ask(&world, &keys[1], r#"{"prompt": "a fox"}"#).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["error"]["code"]), (429, &json!("quota_exhausted")));
    assert_eq!(body["usage"]["remaining"], 0);
    assert!(body["usage"]["resetsAt"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{body}");
    assert!(reply.header("retry-after").is_some());
    assert_eq!(world.available(), "97");
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_scope_and_membership_are_each_a_403_and_a_suspended_business_too() {
    let world = world();
    let asked = r#"{"prompt": "a fox"}"#;
    for (options, status) in [
        (["--plan", "starter", "--scopes", "content:write"], 403),
        (["--plan", "growth", "--scopes", "images"], 403),
        (["--plan", "growth", "--scopes", "content:write,member"], 403),
        (["--plan", "growth", "--scopes", "content:write,member,images"], 200),
        (["--plan", "growth", "--scopes", "content:write"], 200),
    ] {
        let key = world.new_key(&options);
        let reply = ask(&world, &key, asked).await;
        assert_eq!(reply.status, status, "{options:?} {}", reply.json());
    }
    // A plan without this dialect still has the others.
    let starter = world.new_key(&["--plan", "starter"]);
    let openai = json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    assert_eq!(world.post_as(&starter, OPENAI, openai).await.status, 200);
    world.cli(&["workspace", "suspend", &world.workspace]);
    let reply = ask(&world, &world.key, asked).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]["code"]),
        (403, &json!("workspace_suspended"))
    );
    world.cli(&["workspace", "resume", &world.workspace]);
    assert_eq!(ask(&world, &world.key, asked).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_another_dialects_header_is_no_key_here() {
    let world = world();
    let reply = world.post_as(&world.key, NEARIQ, r#"{"prompt": "a fox"}"#.to_owned()).await;
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(reply.status, 401);
    assert!(message.contains("X-NearIQ-Key"), "{message}");
    let request = world.client.post(format!("{}{POSTEVERYWHERE}", world.public));
    let reply = read(request.header("x-neariq-key", &world.key).body("{}")).await;
    assert_eq!((reply.status, reply.json()["meta"]["request_id"].is_string()), (401, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_default_model_it_is_not_configured() {
    let world = World::painted("10");
    let reply = ask(&world, &world.key, r#"{"prompt": "a fox"}"#).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (503, &json!("not_configured")));
    assert_eq!(ask(&world, &world.key, r#"{"prompt": ""}"#).await.status, 400);
}
