//! Credits that come with a plan each month, and the models and prices that PostEverywhere documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{PAINTED, POSTEVERYWHERE, World, dimensions, read};

fn policy(monthly: u32) -> String {
    format!(
        "[defaults]\nmodel = \"paint\"\n{PAINTED}\n[plans.growth]\nmodels = [\"*\"]\nmonthly_credits = {monthly}\nconcurrency_max = 1000\n"
    )
}

/// A world whose one key is on a plan with an allowance.
fn world(monthly: u32) -> World {
    let mut world = World::with(&policy(monthly), "0", "");
    world.key = world.new_key(&["--plan", "growth"]);
    world
}

async fn draw(world: &World) -> (u16, Value) {
    let reply = world.post(POSTEVERYWHERE, &json!({"model": "paint", "prompt": "a fox"})).await;
    (reply.status, reply.json())
}

/// Name, amount and expiry of every grant, as the database has them.
fn grants(world: &World) -> Vec<(String, i64, Option<i64>)> {
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(file, flags).unwrap();
    let mut rows = database
        .prepare("SELECT id, amount_nanos / 1000000000, expires_at_ms FROM \"grant\" ORDER BY id")
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_first_calls_of_a_month_exactly_as_many_succeed_as_the_plan_brings() {
    let mut world = world(37);
    let replies = futures_util::future::join_all((0..200).map(|_| draw(&world))).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, _) in &replies {
        *statuses.entry(*status).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 37), (402, 163)]));
    assert_eq!(world.available(), "0");
    world.verify();
    tokio::task::block_in_place(|| world.stop());
    let grants = grants(&world);
    let [(name, amount, Some(ends_at_ms))] = grants.as_slice() else { panic!("{grants:?}") };
    assert!(name.starts_with(&format!("allowance/{}/20", world.workspace)), "{name}");
    assert_eq!((*amount, ends_at_ms % 86_400_000), (37, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_seen_before_the_first_call_and_brought_once_through_kill_9() {
    let mut world = world(50);
    assert_eq!(world.available(), "50");
    for left in [49, 48] {
        let (status, body) = draw(&world).await;
        assert_eq!((status, &body["data"]["credits_remaining"]), (200, &json!(left)), "{body}");
        world = tokio::task::block_in_place(|| world.kill_and_restart());
    }
    assert_eq!(world.available(), "48");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_may_be_the_first_call_of_the_month() {
    let world = world(3);
    let mut reply = world.post("/v1/images", &json!({"prompt": "a fox", "model": "paint"})).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
    let job = reply.header("location").unwrap().to_owned();
    while reply.header("retry-after").is_some() {
        reply = world.get(&job).await;
    }
    assert_eq!(reply.json()["status"], "completed", "{}", reply.json());
    assert_eq!(world.available(), "2");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_spent_after_the_month_and_lasts() {
    let mut world = world(2);
    world.cli(&["credits", "grant", &world.workspace, "10", "--source", "pack"]);
    assert_eq!(world.available(), "12");
    for _ in 0..3 {
        assert_eq!(draw(&world).await.0, 200);
    }
    let said = world.cli(&["credits", "balance", &world.workspace]);
    assert!(
        said.lines().any(|line| line.starts_with("9 of 10") && line.contains("pack")),
        "{said}"
    );
    assert!(!said.contains("allowance/"), "what is spent is not listed: {said}");
    tokio::task::block_in_place(|| world.stop());
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_grows_while_running_brings_the_rest_of_the_month_at_once() {
    let world = world(5);
    assert_eq!(draw(&world).await.0, 200);
    std::fs::write(world.policy_file(), policy(500)).unwrap();
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    assert_eq!(world.available(), "499");
    let said = world.cli(&["credits", "balance", &world.workspace]);
    assert!(said.contains(&format!("allowance/{}/", world.workspace)), "{said}");
    world.verify();
}

/// Files of the policy that is shipped.
fn shipped(files: &[&str]) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let texts = files.iter().map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
    texts.collect::<Vec<_>>().join("\n").replace("latency = \"150ms\"\n", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_plans_bring_what_is_documented_and_a_larger_one_adds_the_rest() {
    let world = World::with(&shipped(&["vendors.toml", "models.toml", "plans.toml"]), "0", "");
    assert_eq!(world.available(), "0");
    for (plan, credits) in [("starter", "50"), ("growth", "500"), ("pro", "2000")] {
        world.new_key(&["--plan", plan]);
        assert_eq!(world.available(), credits, "{plan}");
    }
    world.cli(&["credits", "grant", &world.workspace, "100", "--source", "pack"]);
    assert_eq!(world.available(), "2100");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_models_cost_what_is_documented_and_keep_their_largest_size() {
    let mut world = World::with(&shipped(&["vendors.toml", "models.toml", "plans.toml"]), "0", "");
    world.key = world.new_key(&["--plan", "growth", "--scopes", "ai"]);
    let models = [
        ("nano-banana-pro", 15, 2048),
        ("ideogram-v2", 8, 1024),
        ("gemini-3-pro", 5, 1536),
        ("flux-schnell", 1, 1024),
    ];
    let mut left = 500;
    for (model, credits, side) in models {
        let asked = json!({"model": model, "prompt": "a fox", "aspect_ratio": "16:9"});
        let reply = world.post(POSTEVERYWHERE, &asked).await;
        let body = reply.json();
        left -= credits;
        assert_eq!((reply.status, &body["data"]["credits_used"]), (200, &json!(credits)), "{body}");
        assert_eq!(body["data"]["credits_remaining"], left);
        let picture = read(world.client.get(body["data"]["image_url"].as_str().unwrap())).await;
        assert_eq!(picture.header("content-type"), Some("image/webp"));
        let (width, height) = dimensions(&picture.bytes);
        assert!(width <= side && height <= side, "{model} drew {width}x{height}");
    }
    let blocked = json!({"model": "flux-schnell", "prompt": "child pornography"});
    let rules = world.folder.path().join("policies/rules.toml");
    std::fs::write(rules, shipped(&["rules.toml"])).unwrap();
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    let reply = world.post(POSTEVERYWHERE, &blocked).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!("content_refused")));
    assert_eq!(world.available(), left.to_string());
}
