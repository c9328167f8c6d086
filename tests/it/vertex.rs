//! A vendor whose credential is a service account's key file, from policy to picture.

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

/// The key file of an account that exists in tests only.
const KEY_FILE: &str = include_str!("../fixtures/credentials/google-test-account.json");

/// A gateway whose model `remote` is drawn by `vertex` with what `endpoint` gives for the key file.
fn world(vertex: &FakeVendor, endpoint: &FakeVendor) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.json");
    let token_uri = format!("http://{}/token", endpoint.address);
    std::fs::write(&file, KEY_FILE.replace("{token_uri}", &token_uri)).unwrap();
    let policy = format!(
        "{PAINTED}\n[vendors.vertex]\ndialect = \"gemini\"\nauth = \"google-service-account\"\n\
         base_url = \"http://{}/v1/projects/p/locations/eu/publishers/google\"\nsecret = \"file:{}\"\n\
         [models.remote]\ndeadline = \"5s\"\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"vertex\", model = \"gemini-2.5-flash-image\", \
         ratios = {{ \"1:1\" = \"1024x1024\" }}, cost = [{{ image = \"0.039\" }}] }}]\n",
        vertex.address,
        file.display(),
    );
    (World::with(&policy, "10", ""), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_is_shown_the_token_that_the_key_file_is_exchanged_for() {
    let vertex = FakeVendor::start(Answers::Gemini).await;
    let granted = json!({"access_token": "ya29.test", "expires_in": 3600, "token_type": "Bearer"});
    let endpoint = FakeVendor::start(Answers::Json(200, granted)).await;
    let (world, _folder) = world(&vertex, &endpoint);
    for _ in 0..3 {
        let reply = world.post(OPENAI, &json!({"model": "remote", "prompt": "a fox"})).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
    }
    let seen = vertex.last();
    let path = "/v1/projects/p/locations/eu/publishers/google/models/gemini-2.5-flash-image";
    assert_eq!(seen.path, format!("{path}:generateContent"));
    assert_eq!(seen.headers["authorization"], "Bearer ya29.test");
    let asked = endpoint.last();
    assert_eq!(asked.path, "/token");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(asked.headers.get("authorization").is_none());
    assert_eq!((vertex.calls(), endpoint.calls(), world.available().as_str()), (3, 1, "4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_given_no_token_costs_nobody_anything() {
    let vertex = FakeVendor::start(Answers::Gemini).await;
    let endpoint = FakeVendor::start(Answers::Json(400, json!({"error": "invalid_grant"}))).await;
    let (world, _folder) = world(&vertex, &endpoint);
    let reply = world.post(OPENAI, &json!({"model": "remote", "prompt": "a fox"})).await;
    assert_eq!(reply.status, 500, "{}", reply.json());
    let line = world.log_line("an attempt failed");
    assert!(line.contains("invalid_grant") && !line.contains("PRIVATE KEY"), "{line}");
    assert_eq!((vertex.calls(), world.available().as_str()), (0, "10"));
}
