//! The console in a real browser, and what it is served as.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::Desk;
use crate::clerk::Clerk;
use crate::jobs::{asked, ordering};
use crate::node;
use crate::world::{OPENAI, PAINTED, World, read};

/// The browser that `scripts/test` sees to.
const CHROMIUM: &str = "PIXELGATE_CHROMIUM";

/// The console's screens, by the names of their pictures; `tests/node/tab.mjs` has the same.
const SCREENS: [&str; 13] = [
    "overview",
    "spend",
    "budgets",
    "workspaces",
    "workspace-credits",
    "workspace-keys",
    "workspace-grants",
    "workspace-pictures",
    "offerings",
    "jobs",
    "policy",
    "audit",
    "sign-in",
];

/// Screens of which the manual shows the dark side too.
const DARK: [&str; 2] = ["overview", "budgets"];

/// Where it is.
pub(crate) fn chromium() -> String {
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    std::env::var(CHROMIUM)
        .unwrap_or_else(|_| panic!("{CHROMIUM} is not set; run this test by `scripts/test`"))
}

/// Runs a script of `tests/node` to its good end.
fn run(script: &str, args: &[&str]) {
    tokio::task::block_in_place(|| node::must_be_good(node::start(script, args), |_| {}));
}

/// Uses the console in a browser: this part of `console.mjs`.
fn uses(desk: &Desk, part: &str, more: &[&str]) {
    let chromium = chromium();
    let args = [part, &chromium, &desk.world.admin, &desk.operator];
    run("console.mjs", &[&args, more].concat());
}

/// A gateway that has been used for some days by a small company, and a workspace of it.
fn furnished() -> (Desk, String) {
    let policy = fixture("policy.toml");
    let world = World::with_environment(&policy, "0", "", &[("FARAWAY_KEY", "none")]);
    let desk = Desk::over(world);
    let args = [&desk.world.public, &desk.world.admin, &desk.operator].map(String::as_str);
    let mut shown = String::new();
    tokio::task::block_in_place(|| {
        node::must_be_good(node::start("furnish.mjs", &args), |line| {
            if line.starts_with("ws_") {
                line.clone_into(&mut shown);
            }
        });
    });
    let file = desk.world.folder.path().join("data/pixelgate.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    database.busy_timeout(Duration::from_mins(1)).unwrap();
    database.execute_batch(&fixture("days.sql")).unwrap();
    (desk, shown)
}

fn fixture(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/console");
    std::fs::read_to_string(folder.join(file)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_on_any_screen_overlaps_or_is_cut_off_at_a_desk_or_in_a_pocket_light_or_dark() {
    let (desk, shown) = furnished();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    std::fs::create_dir_all(&folder).unwrap();
    let (chromium, there) = (chromium(), folder.to_str().unwrap());
    run("screens.mjs", &[&chromium, there, &desk.world.admin, &desk.operator, &shown]);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    #[expect(clippy::disallowed_methods, reason = "how pictures of the manual are renewed")]
    let is_renewed = std::env::var("UPDATE_IMAGES").is_ok_and(|value| value == "1");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/console.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let light = SCREENS.iter().map(|name| (name, "light"));
    let mut named = BTreeSet::new();
    for (name, scheme) in light.chain(DARK.iter().map(|name| (name, "dark"))) {
        let file = format!("console-{name}-{scheme}.png");
        if is_renewed {
            let taken = folder.join(format!("manual-{name}-{scheme}.png"));
            std::fs::create_dir_all(&kept).unwrap();
            std::fs::copy(taken, kept.join(&file)).unwrap();
        }
        assert!(kept.join(&file).is_file(), "{file} is missing: run this with UPDATE_IMAGES=1");
        assert!(
            manual.contains(&format!("(images/{file})")),
            "docs/console.md does not show {file}"
        );
        named.insert(file);
    }
    for file in std::fs::read_dir(kept).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        assert!(!file.starts_with("console-") || named.contains(&file), "{file} is of no screen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_does_by_the_keyboard_alone_what_the_console_is_for() {
    let desk = Desk::new();
    assert_eq!(desk.world.paint().await.status, 200);
    uses(&desk, "deeds", &[&desk.world.workspace]);
    assert_eq!(desk.world.available(), "12", "what is confirmed is done once");
    let audit = desk.get("/admin/v1/audit?limit=7").await;
    let rows = audit["items"].as_array().unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    let expected = [
        "key.revoke",
        "key.rotate",
        "key.create",
        "credits.adjust",
        "credits.grant",
        "offering.resume",
        "offering.drain",
    ];
    assert_eq!(actions, expected);
    desk.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_from_the_console() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let desk = Desk::over(world);
    let (_first, second) = (asked(&desk.world).await, asked(&desk.world).await);
    clerk.is_asked().await;
    uses(&desk, "job", &[&second]);
    let job = desk.get(&format!("/admin/v1/jobs/{second}")).await;
    assert_eq!(job["state"], "cancelled");
    clerk.serve();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_is_told_so_and_a_forged_token_opens_nothing() {
    let desk = Desk::new();
    uses(&desk, "roles", &[&desk.viewer, &desk.finance, &desk.world.workspace]);
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_names_labels_memos_and_models_stays_text() {
    let markup = "<b>x</b><img src=x onerror=window.wasHit=1>";
    let budget = "[budgets.teams]\nlabel = \"team=*\"\ncredits = 10\nper = \"month\"\n";
    let world = World::with(&format!("{PAINTED}\n{budget}"), "10", "");
    let desk = Desk::over(world);
    let bobby = desk.post("/admin/v1/workspaces", &json!({ "name": markup })).await;
    let bobby = bobby["id"].as_str().unwrap();
    let grants = format!("/admin/v1/workspaces/{bobby}/grants");
    desk.post(&grants, &json!({ "amount": "20", "memo": markup })).await;
    let key = json!({ "workspace": bobby, "plan": "open", "name": markup });
    let key = desk.post("/admin/v1/keys", &key).await["secret"].as_str().unwrap().to_owned();
    for model in ["paint", markup] {
        let asking = desk.world.client.post(format!("{}{OPENAI}", desk.world.public));
        let asking = asking.bearer_auth(&key).header("pixelgate-labels", format!("team={markup}"));
        let asked = json!({ "model": model, "prompt": markup, "size": "32x32" });
        read(asking.json(&asked)).await;
    }
    uses(&desk, "markup", &[bobby, markup]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_nobody_used_says_on_each_screen_what_to_do() {
    let desk = Desk::new();
    uses(&desk, "empty", &[&desk.world.workspace]);
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
