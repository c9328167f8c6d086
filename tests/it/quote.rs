//! What a request would come to is what it then comes to, and asking costs nothing.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

const QUOTE: &str = "/v1/quote";

fn in_openai(request: &Value) -> Value {
    json!({ "dialect": "openai", "request": request })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_says_the_price_and_the_changes_that_the_picture_then_has() {
    let policy =
        PAINTED.replace("sides = { min = 16, max = 4096, step = 1 }", "sizes = [\"64x64\"]");
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "48x64", "n": 2});
    let quoted = world.post(QUOTE, &in_openai(&asked)).await;
    assert_eq!(quoted.status, 200, "{}", quoted.json());
    let quoted = quoted.json();
    let choice = &quoted["offerings"][0];
    assert_eq!((&quoted["price"], &choice["offering"]), (&json!("2"), &json!("paint/painter")));
    assert_eq!(choice["size"], "48x64");
    assert_eq!(quoted["credits"], json!({"remaining": "10", "is_enough": true}));
    assert_eq!(world.available(), "10");

    let drawn = world.post(OPENAI, &asked).await;
    let changed = &choice["changed"][0];
    let said = format!(
        "{}=\"{}\"",
        changed["parameter"].as_str().unwrap(),
        changed["how"].as_str().unwrap()
    );
    assert_eq!(drawn.header("pixelgate-changed"), Some(said.as_str()));
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_buys_nothing_and_takes_nothing_of_any_limit() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = format!(
        "{}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        PAINTED.replace(
            "concurrency_max = 1000",
            "concurrency_max = 1000\nlimits = [{ name = \"hour\", requests = 2, per = \"1h\" }]"
        ),
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "1", "");
    let asked = in_openai(&json!({"model": "remote", "prompt": "a fox", "size": "64x64"}));
    for _ in 0..5 {
        let quoted = world.post(QUOTE, &asked).await.json();
        assert_eq!(quoted["limits"][0]["remaining"], 2);
        assert_eq!(quoted["limits"][0]["is_near"], false);
        assert_eq!(quoted["credits"]["is_enough"], false);
    }
    assert_eq!(vendor.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_says_who_is_passed_over_and_why() {
    let down = FakeVendor::start(Answers::Json(503, json!({"error": {"message": "no"}}))).await;
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [\n{},\n{},\n]\n",
        down.policy("acme", "openai"),
        r#"{ vendor = "acme", sizes = ["64x64"], cost = [{ image = "1" }] }"#,
        r#"{ vendor = "painter", sizes = ["64x64"], prompt_chars_max = 3, cost = [{ image = "1" }] }"#,
    );
    let world = World::with(&policy, "100", "");
    let request = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    for _ in 0..5 {
        assert_eq!(world.post(OPENAI, &request).await.status, 503);
    }
    let quoted = world.post(QUOTE, &in_openai(&request)).await.json();
    assert_eq!(quoted["offerings"], json!([]));
    assert_eq!(quoted["refusal"]["code"], "unsupported");
    let why = |name: &str| {
        let over = quoted["passed_over"].as_array().unwrap();
        let over = over.iter().find(|over| over["offering"] == name).unwrap();
        over["why"].as_str().unwrap().to_owned()
    };
    assert!(why("remote/painter").contains("at most 3 characters"));
    assert!(why("remote/acme").contains("rests for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_dialect_refuses_has_no_quote() {
    let world = World::painted("1");
    let refused = world.post(QUOTE, &in_openai(&json!({"prompt": "x", "n": 11}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("n")));
    let unknown = in_openai(&json!({"prompt": "x", "model": "nobody"}));
    assert_eq!(world.post(QUOTE, &unknown).await.status, 404);
    let nobody = world.post_as("pg_live_nobody", QUOTE, unknown.to_string()).await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_quotes_a_folder_of_policy() {
    let world = World::painted("1");
    let request = world.folder.path().join("request.json");
    std::fs::write(&request, json!({"model": "paint", "prompt": "a fox"}).to_string()).unwrap();
    let folder = world.folder.path().join("policies");
    let (folder, request) = (folder.to_str().unwrap(), request.to_str().unwrap());
    let said =
        world.cli(&["quote", "--dialect", "openai", "--plan", "open", "--policy", folder, request]);
    let quoted: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(quoted["price"], "1");
    let no = world.try_cli(&[
        "quote",
        "--dialect",
        "openai",
        "--plan",
        "none",
        "--policy",
        folder,
        request,
    ]);
    assert!(!no.status.success());
    assert!(String::from_utf8_lossy(&no.stderr).contains("there are: open"));
}
