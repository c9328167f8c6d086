//! Apps that speak Google's dialects: where their key is, and refusals that are successes to them.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World, dimensions, from_base64, read};

const GENERATE: &str = "/v1beta/models/paint:generateContent";
const STREAM: &str = "/v1beta/models/paint:streamGenerateContent?alt=sse";
const PREDICT: &str = "/v1beta/models/paint:predict";

const KEY: &str = "x-goog-api-key";

fn asked(prompt: &str) -> Value {
    json!({ "contents": [{ "parts": [{ "text": prompt }] }] })
}

async fn post(world: &World, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
    let request = world.client.post(format!("{}{path}", world.public)).body(body.to_string());
    read(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// The same, with the world's key where these apps show it.
async fn ask(world: &World, path: &str, body: &Value) -> Reply {
    post(world, path, body, &[(KEY, &world.key)]).await
}

async fn get(world: &World, path: &str, header: (&str, &str)) -> Value {
    let request = world.client.get(format!("{}{path}", world.public));
    read(request.header(header.0, header.1)).await.json()
}

/// A world whose one model is served by this vendor.
fn before(vendor: &str) -> World {
    let policy = PAINTED
        .replace("[models.paint]", &format!("{vendor}[models.paint]\nstrategy = \"priority\""));
    let policy = policy.replace("vendor = \"painter\", sides", "vendor = \"acme\", sides");
    World::with(&policy, "10", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_its_header_or_in_the_query_and_nowhere_else() {
    let world = World::painted("10");
    let bearer = format!("Bearer {}", world.key);
    let no = post(&world, GENERATE, &asked("a fox"), &[("authorization", &bearer)]).await;
    assert_eq!((no.status, &no.json()["error"]["status"]), (401, &json!("UNAUTHENTICATED")));
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32"});
    let no = ask(&world, OPENAI, &body).await;
    assert_eq!((no.status, &no.json()["error"]["code"]), (401, &json!("invalid_api_key")));

    let path = format!("{GENERATE}?alt=json&key={}", world.key);
    let yes = post(&world, &path, &asked("a fox"), &[]).await;
    let content = &yes.json()["candidates"][0]["content"]["parts"][0]["inlineData"]["data"];
    assert_eq!(dimensions(&from_base64(content)), (1024, 1024));
    let line = world.log_line("\"dialect\":\"gemini\"");
    assert!(!line.contains(&world.key), "{line}");
    let no = post(&world, &format!("{GENERATE}?key=wrong"), &asked("a fox"), &[]).await;
    let reason = &no.json()["error"]["details"][0]["reason"];
    assert_eq!((no.status, reason), (400, &json!("API_KEY_INVALID")));
    assert_eq!(world.available(), "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_that_two_dialects_have_is_that_of_the_key_that_is_shown() {
    let world = World::painted("10");
    let bearer = ("authorization", &*format!("Bearer {}", world.key));
    let key = (KEY, &*world.key);
    assert_eq!(get(&world, "/v1/models", bearer).await["data"][0]["id"], "paint");
    for path in ["/v1/models", "/v1beta/models"] {
        assert_eq!(get(&world, path, key).await["models"][0]["name"], "models/paint", "{path}");
    }
    assert_eq!(get(&world, "/v1/models/paint", bearer).await["id"], "paint");
    assert_eq!(get(&world, "/v1/models/paint", key).await["name"], "models/paint");
    assert_eq!(get(&world, "/v1beta/models/nope", key).await["error"]["status"], "NOT_FOUND");
    // The same path with a method of the model is nobody's but Google's.
    let path = GENERATE.replace("v1beta", "v1");
    assert_eq!(ask(&world, &path, &asked("a fox")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_content_is_a_success_to_the_app_and_a_refusal_to_us() {
    let no =
        json!({"error": {"code": "moderation_blocked", "message": "no", "type": "user_error"}});
    let vendor = FakeVendor::start(Answers::Json(400, no)).await;
    let world = before(&vendor.policy("acme", "openai"));
    let reply = ask(&world, GENERATE, &asked("a fox")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["candidates"][0]["finishReason"], "IMAGE_SAFETY");
    assert_eq!(reply.json()["candidates"][0].get("content"), None);
    let body = json!({"instances": [{"prompt": "a fox"}], "parameters": {"sampleCount": 1}});
    let reply = ask(&world, PREDICT, &body).await;
    let reason = &reply.json()["predictions"][0]["raiFilteredReason"];
    assert!(reply.status == 200 && reason.is_string(), "{reason}");
    let streamed = ask(&world, STREAM, &asked("a fox")).await;
    let streamed = String::from_utf8(streamed.bytes).unwrap();
    assert!(streamed.contains("\"finishReason\":\"IMAGE_SAFETY\""), "{streamed}");

    let metrics = world.metrics().await;
    let refused = "pixelgate_refusals_total{blame=\"caller\",code=\"content_refused\"} 3";
    assert!(metrics.contains(refused), "{metrics}");
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_no_line_that_googles_package_would_stumble_over() {
    let world = World::painted("10");
    let mut body = asked("a fox");
    body["generationConfig"] = json!({ "temperature": 0.5, "imageConfig": { "imageSize": "512" } });
    let reply = ask(&world, STREAM, &body).await;
    assert!(reply.header("content-type").unwrap().starts_with("text/event-stream"));
    let text = String::from_utf8(reply.bytes).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let [line] = *lines else { panic!("not one line: {text}") };
    let chunk: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    let content = &chunk["candidates"][0]["content"]["parts"][0]["inlineData"]["data"];
    assert_eq!(dimensions(&from_base64(content)), (512, 512));
    let changed = json!([{ "parameter": "generationConfig.temperature", "how": "dropped" }]);
    assert_eq!(chunk["pixelgateChanged"], changed);
    assert_eq!(world.available(), "9");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_inside_a_stream_is_a_chunk_with_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let vendor =
        format!("[vendors.acme]\ndialect = \"openai\"\nbase_url = \"http://{address}/v1\"\n");
    let world = before(&vendor);
    let reply = ask(&world, STREAM, &asked("a fox")).await;
    let text = String::from_utf8(reply.bytes).unwrap();
    assert!(text.starts_with("data: {\"error\":{\"code\":503,"), "{text}");
    assert_eq!(world.available(), "10");
    world.verify();
}
