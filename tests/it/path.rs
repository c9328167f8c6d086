//! The way of a request that goes well, in both client dialects and over every vendor side.

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, POSTEVERYWHERE, World, dimensions, from_base64, read};

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_client_gets_the_picture_it_asked_for() {
    let world = World::painted("10");
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "96x64", "n": 2, "output_format": "webp"});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let body = reply.json();
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    let picture = from_base64(&body["data"][0]["b64_json"]);
    assert_eq!(dimensions(&picture), (96, 64));
    assert_eq!(&picture[8..12], b"WEBP");
    assert_eq!(world.available(), "8");
    assert_eq!(reply.header("pixelgate-offering"), Some("paint/painter"));
    assert_eq!(reply.header("pixelgate-cost"), Some("0.02"));
    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_client_may_have_its_picture_at_an_address() {
    let world = World::painted("10");
    let asked =
        json!({"model": "paint", "prompt": "a fox", "size": "64x64", "response_format": "url"});
    let reply = world.post(OPENAI, &asked).await;
    let url = reply.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&world.public), "{url}");
    let picture = read(world.client.get(&url)).await;
    assert_eq!(dimensions(&picture.bytes), (64, 64));
    assert_eq!(picture.header("content-type"), Some("image/png"));
    let guessed = url.replace("original", "other");
    assert_eq!(read(world.client.get(&guessed)).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posteverywhere_client_gets_what_its_documentation_shows() {
    let world = World::painted("10");
    let asked = json!({"model": "paint", "prompt": "a fox", "aspect_ratio": "16:9"});
    let reply = world.post(POSTEVERYWHERE, &asked).await;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(body["data"]["model"], "paint");
    assert_eq!(body["data"]["credits_used"], 1);
    assert_eq!(body["data"]["credits_remaining"], 9);
    assert_eq!(body["data"]["status"], "completed");
    assert_eq!(body["data"]["media_id"].as_str().unwrap().len(), 36);
    assert!(body["meta"]["request_id"].as_str().unwrap().starts_with("req_"));
    let picture = read(world.client.get(body["data"]["image_url"].as_str().unwrap())).await;
    assert_eq!(picture.header("content-type"), Some("image/webp"));
    let (width, height) = dimensions(&picture.bytes);
    let ratio = f64::from(width) / f64::from(height);
    assert!((ratio - 16.0 / 9.0).abs() < 0.03, "{width}x{height}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_compatible_vendor_is_asked_in_its_own_words() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = format!(
        "{PAINTED}\n{}\n{}",
        vendor.policy("acme", "openai"),
        r#"
[models.remote]
price = [{ image = "2" }]
offerings = [{ vendor = "acme", model = "gpt-image-2", sizes = ["1024x1024"], count_max = 4, formats = ["png", "jpeg", "webp"], cost = [{ image = "0.05" }] }]
"#
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "1024x1024", "n": 2, "quality": "medium"});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(reply.json()["usage"]["total_tokens"], 30);
    let seen = vendor.last();
    assert_eq!(seen.path, "/v1/images/generations");
    assert_eq!(seen.body["model"], "gpt-image-2");
    assert_eq!(seen.body["n"], 2);
    assert!(!seen.headers.contains_key("authorization"), "no credential was configured");
    assert_eq!(world.available(), "6");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn our_credential_is_shown_to_the_vendor_and_the_callers_key_is_not() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "sk-of-ours\n").unwrap();
    let policy = format!(
        "{PAINTED}\n{}secret = \"file:{}\"\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai"),
        secret.display()
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    assert_eq!(world.post(OPENAI, &asked).await.status, 200);
    let seen = vendor.last();
    assert_eq!(seen.headers["authorization"], "Bearer sk-of-ours");
    let line = world.log_line("\"outcome\":\"ok\"");
    assert!(!line.contains("sk-of-ours"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_draws_one_at_a_time_so_two_are_asked_at_once_and_the_answer_says_so() {
    let vendor = FakeVendor::start(Answers::Gemini).await;
    let policy = format!(
        "{PAINTED}\n{}\n{}",
        vendor.policy("google", "gemini"),
        r#"
[models.banana]
price = [{ image = "3" }]
offerings = [{ vendor = "google", model = "gemini-3-pro-image", ratios = { "1:1" = "1024x1024", "16:9" = "1376x768" }, cost = [{ image = "0.134" }] }]
"#
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "banana", "prompt": "a fox", "size": "512x512", "n": 2, "output_format": "jpeg"});
    let reply = world.post(OPENAI, &asked).await;
    let body = reply.json();
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(vendor.calls(), 2);
    let picture = from_base64(&body["data"][1]["b64_json"]);
    assert_eq!((dimensions(&picture), &picture[..2]), ((512, 512), &[0xFF, 0xD8][..]));
    let changed = reply.header("pixelgate-changed").unwrap();
    for parameter in ["count=", "size=", "format="] {
        assert!(changed.contains(parameter), "{changed}");
    }
    assert_eq!(vendor.last().path, "/v1/models/gemini-3-pro-image:generateContent");
    assert_eq!(world.available(), "4");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_of_the_plan_are_listed() {
    let world = World::painted("0");
    let listed = world.get("/v1/models").await.json();
    assert_eq!(listed["object"], "list");
    assert_eq!(listed["data"][0]["id"], "paint");
    assert_eq!(world.get("/v1/models/paint").await.json()["id"], "paint");
    let unknown = world.get("/v1/models/nope").await;
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].clone()),
        (404, json!("model_not_found"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_leaves_one_log_line_and_is_counted() {
    let world = World::painted("10");
    assert_eq!(world.paint().await.status, 200);
    let line: serde_json::Value =
        serde_json::from_str(&world.log_line("\"outcome\":\"ok\"")).unwrap();
    assert_eq!(line["model"], "paint");
    assert_eq!(line["credits"], "1");
    assert!(line["overhead_us"].as_u64().unwrap() <= line["total_us"].as_u64().unwrap());
    assert!(!line.to_string().contains("a fox"), "a prompt is never logged");
    let metrics = world.metrics().await;
    for expected in [
        "pixelgate_requests_total{dialect=\"openai\",outcome=\"ok\"} 1",
        "pixelgate_images_total{model=\"paint\",offering=\"paint/painter\"} 1",
        "pixelgate_credits_total{model=\"paint\"} 1",
        "pixelgate_holds_open 0",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_served_on_the_same_port() {
    let world = World::painted("10");
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(format!("{}{OPENAI}", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .header("content-type", "application/json")
        .body(json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string());
    let response = request.send().await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_key_is_served_by_the_painter_and_pays_nothing() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "0", "");
    let key = world.new_key(&["--plan", "open", "--test"]);
    assert!(key.starts_with("pg_test_"));
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let reply = world.post_as(&key, OPENAI, asked.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(vendor.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_says_how_it_is() {
    let world = World::painted("0");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(read(world.client.get(format!("{}{path}", world.admin))).await.status, 200);
    }
    assert_eq!(read(world.client.get(format!("{}/x", world.admin))).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_finished_before_the_process_ends() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_millis(700));
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let mut world = World::with(&policy, "10", "");
    let request = world
        .client
        .post(format!("{}{OPENAI}", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .body(json!({"model": "remote", "prompt": "a fox", "size": "64x64"}).to_string());
    let asked = crate::vendor::spawn(read(request));
    while vendor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let ended = tokio::task::block_in_place(|| world.stop());
    assert!(ended.success(), "{ended}");
    assert_eq!(asked.await.unwrap().status, 200);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_fetched_from_its_vendor_and_from_nowhere_else() {
    let elsewhere = json!({"data": [{"url": "http://127.0.0.1:9/picture.png"}]});
    for (answers, status, left) in
        [(Answers::Address, 200, "8"), (Answers::Json(200, elsewhere), 502, "10")]
    {
        let vendor = FakeVendor::start(answers).await;
        let policy = format!(
            "{PAINTED}\n{}[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
            vendor.policy("acme", "openai")
        );
        let world = World::with(&policy, "10", "");
        let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
        let reply = world.post(OPENAI, &asked).await;
        assert_eq!((reply.status, world.available().as_str()), (status, left), "{}", reply.json());
        if status == 200 {
            assert_eq!(dimensions(&from_base64(&reply.json()["data"][0]["b64_json"])), (64, 64));
            assert!(!vendor.last().headers.contains_key("authorization"));
        } else {
            let line = world.log_line("an attempt failed");
            assert!(line.contains("picture_hosts"), "{line}");
        }
    }
}
