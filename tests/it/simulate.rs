//! Recorded usage, judged again: under the same policy it is what it was, to the last nano-unit.

use serde_json::{Value, json};

use crate::day;
use crate::jobs::ended;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

/// Models priced by the picture, by size and quality, and by tokens; a rule that changes the price;
/// a quota and a window that refuse some.
fn policy(vendor: &str) -> String {
    let limits = r#"limits = [{ name = "minute", images = 13, per = "1h" }]
quotas = [{ name = "day", requests = 40, per = "day" }]
"#;
    let painted = PAINTED.replace("concurrency_max = 1000\n", limits);
    let offering = painted.lines().find(|line| line.starts_with("offerings")).unwrap();
    format!(
        r#"{painted}
{vendor}
[models.sized]
fidelity = "lenient"
price = [{{ quality = "high", image = "3.000000007" }}, {{ image = "0.5" }}]
{offering}
[models.remote]
price.tokens.text_in = {{ million = "1000", max = 50 }}
price.tokens.image_out = {{ million = "5000", max = 100 }}
[[models.remote.offerings]]
vendor = "acme"
sizes = ["64x64"]
cost.tokens.image_out = {{ million = "30", max = 100 }}
[[rules.rule]]
name = "wide"
if = "request.width > 40 && request.model == 'paint'"
price = {{ percent = 125 }}
"#
    )
}

/// Mixed traffic; some of it refused, failed, batched or answered later.
async fn play(world: &World) {
    let ask = |model: &str, more: Value| {
        let mut body = json!({"model": model, "prompt": "a fox — 狐", "size": "32x32"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for body in [
        ask("paint", json!({})),
        ask("paint", json!({"size": "64x64", "n": 2})),
        ask("paint", json!({"output_format": "webp"})),
        ask("sized", json!({"quality": "high"})),
        ask("sized", json!({"quality": "low", "n": 3})),
        ask("remote", json!({"size": "64x64"})),
    ] {
        let reply = world.post(OPENAI, &body).await;
        assert_eq!(reply.status, 200, "{body}: {}", reply.json());
    }
    let refused = ask("paint", json!({"size": "9999x9999"}));
    assert_eq!(world.post(OPENAI, &refused).await.status, 400);
    assert_eq!(world.post(OPENAI, &ask("nope", json!({}))).await.status, 404);
    let async_ = [("prefer", "respond-async")];
    let job = world.post_with(OPENAI, &ask("paint", json!({})), &async_).await;
    assert_eq!(job.status, 202, "{}", job.json());
    let job = ended(world, job.json()["id"].as_str().unwrap()).await;
    assert_eq!(job["status"], "completed", "{job}");
    // Ten pictures are counted; these three still fit, and no more do.
    for status in [200, 200, 200, 429, 429] {
        let reply = world.post(OPENAI, &ask("paint", json!({}))).await;
        assert_eq!(reply.status, status, "{}", reply.json());
    }
    let test = world.new_key(&["--plan", "open", "--test"]);
    let body = ask("paint", json!({})).to_string();
    assert_eq!(world.post_as(&test, OPENAI, body).await.status, 200);
}

fn simulated(world: &World, policy: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let folder = folder.path().to_str().unwrap();
    let said = world.cli(&["simulate", "--policy", folder, "--since", "1d", "--format", "json"]);
    serde_json::from_str(&said).unwrap()
}

async fn played() -> (World, String, FakeVendor) {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let policy = policy(&vendor.policy("acme", "openai"));
    let mut world = World::with(&policy, "100", "");
    play(&world).await;
    tokio::task::block_in_place(|| world.stop());
    (world, policy, vendor)
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_same_policy_everything_is_as_it_was() {
    let (world, policy, _vendor) = played().await;
    let said = simulated(&world, &policy);
    for row in said["rows"].as_array().unwrap() {
        assert_eq!(row["was"], row["would"], "{row:#}");
    }
    let total = &said["total"]["was"];
    assert_eq!(*total, said["total"]["would"], "{said:#}");
    assert_eq!(total["refusals"]["rate_limited"], 2, "{total}");
    assert!(total["spend_nanos"].as_i64().unwrap() > 10_000_000_000, "{total}");
    assert_eq!(said["notes"]["estimated"], 0, "{said:#}");
    assert!(said["notes"]["judged"].as_u64().unwrap() >= 14, "{said:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_price_limit_or_vendor_counts_as_the_judges_say() {
    let (world, policy, _vendor) = played().await;
    let of = |said: &Value, model: &str| {
        let rows = said["rows"].as_array().unwrap().iter();
        rows.clone().find(|row| row["model"] == model).unwrap_or_else(|| panic!("{said:#}")).clone()
    };
    let dearer = policy.replace("image = \"1\"", "image = \"2\"");
    let row = of(&simulated(&world, &dearer), "paint");
    let spend = |sums: &Value| sums["spend_nanos"].as_i64().unwrap();
    assert_eq!(spend(&row["would"]), 2 * spend(&row["was"]), "{row:#}");
    assert_eq!(row["would"]["cost_nanos"], row["was"]["cost_nanos"]);

    // Only what five pictures leave room for.
    let tighter = policy.replace("images = 13", "images = 5");
    let said = simulated(&world, &tighter);
    let sums = &said["total"]["would"];
    assert!(sums["refusals"]["rate_limited"].as_u64().unwrap() > 2, "{sums}");
    // The test key's windows are its own.
    assert_eq!(sums["images"], 6, "{sums}");

    // With room for all, what was refused counts with the most that it may come to.
    let wider = policy.replace("images = 13", "images = 100");
    let said = simulated(&world, &wider);
    assert_eq!(said["notes"]["estimated"], 2, "{said:#}");
    assert_eq!(said["total"]["would"]["refusals"].get("rate_limited"), None, "{said:#}");

    let gone = policy.replace("[models.sized]", "[models.other]");
    let row = of(&simulated(&world, &gone), "sized");
    assert_eq!(row["would"]["refusals"]["model_unknown"], 2, "{row:#}");
    assert_eq!(row["would"]["spend_nanos"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_a_table_and_what_they_must_know_of_it() {
    let (world, policy, _vendor) = played().await;
    let folder = tempfile::tempdir().unwrap();
    let words =
        "[[rules.rule]]\nname = \"cats\"\nif = \"request.prompt.contains('cat')\"\ndeny = \"no\"\n";
    std::fs::write(folder.path().join("policy.toml"), format!("{policy}\n{words}")).unwrap();
    let folder = folder.path().to_str().unwrap();
    let done = world.try_cli(&["simulate", "--policy", folder, "--workspace", "test"]);
    let (said, aside) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{aside}");
    for line in ["test / paint", "in all", "spend, credits", "refused rate_limited"] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert!(aside.contains("what prompts say is not kept"), "{aside}");
    for bad in [["--since", "tomorrow"], ["--policy", "/nowhere"]] {
        let args = [&["simulate"], &bad[..]].concat();
        assert!(!world.try_cli(&args).status.success(), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_in_a_store_comes_to_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    day::record(folder.path(), 2_000).await;
    let said = day::simulated(folder.path());
    for row in said["rows"].as_array().unwrap() {
        assert_eq!(row["was"], row["would"], "{row:#}");
    }
    let total = &said["total"];
    assert_eq!(total["was"], total["would"], "{said:#}");
    assert_eq!(total["was"]["requests"], 2_000, "{total:#}");
    assert_eq!(total["was"]["refusals"]["rate_limited"], 40, "{total:#}");
    assert_eq!(total["was"]["offerings"]["paint/two"], 200, "{total:#}");
    assert_eq!(said["notes"]["judged"], 2_000, "{said:#}");
}
