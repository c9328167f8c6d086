//! The console in a real browser, and what it is served as.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use super::Desk;
use crate::node;
use crate::world::{OPENAI, read};

/// The browser that `scripts/test` sees to.
const CHROMIUM: &str = "PIXELGATE_CHROMIUM";

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_shows_itself_in_a_browser_and_markup_in_a_request_does_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.world.paint().await.status, 200);
    let markup = "<img src=x onerror=window.wasHit=1>";
    let asked = json!({"model": markup, "prompt": "<script>window.wasHit=1</script>"});
    assert_eq!(desk.world.post(OPENAI, &asked).await.status, 404);
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    let chromium = std::env::var(CHROMIUM)
        .unwrap_or_else(|_| panic!("{CHROMIUM} is not set; run this test by `scripts/test`"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&folder).unwrap();
    let args = [
        chromium.as_str(),
        folder.to_str().unwrap(),
        &desk.world.admin,
        &desk.operator,
        &desk.viewer,
        &desk.world.workspace,
    ];
    tokio::task::block_in_place(|| node::must_be_good(node::start("console.mjs", &args), |_| {}));
    assert_eq!(desk.world.available(), "14", "a grant of the console is one grant");
    let audit = desk.get("/admin/v1/audit?limit=4").await;
    let rows = audit["items"].as_array().unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["key.create", "credits.grant", "offering.resume", "offering.drain"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_served_to_anybody_and_lets_a_browser_do_nothing_else() {
    let desk = Desk::new();
    let ask = async |method: Method, path: &str| {
        read(desk.world.client.request(method, format!("{}{path}", desk.world.admin))).await
    };
    let page = ask(Method::GET, "/console").await;
    assert_eq!(page.status, 200, "the way there is followed");
    let policy = page.header("content-security-policy").unwrap().to_owned();
    for guard in
        ["default-src 'none'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(guard), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(
        ask(Method::GET, "/console/console.js").await.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(ask(Method::GET, "/console/nothing.js").await.status, 404);
    assert_eq!(ask(Method::POST, "/console/").await.status, 405);
}
