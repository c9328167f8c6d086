//! Requests whose clients do not wait.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clerk::Clerk;
use crate::nodes::Shared;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, POSTEVERYWHERE, Reply, World, dimensions, from_base64, read};

mod doubt;
mod restarts;

const IMAGES: &str = "/v1/images";

/// The painter, for apps that name no model.
fn painted(credits: &str, config: &str) -> World {
    World::with(&format!("[defaults]\nmodel = \"paint\"\n{PAINTED}"), credits, config)
}

/// A vendor that takes orders, at two credits a picture; its pictures are asked for by no name.
pub(crate) async fn ordering(clerk: Clerk, config: &str) -> (World, FakeVendor, Arc<Clerk>) {
    let clerk = Arc::new(clerk);
    let vendor = FakeVendor::start(Answers::Orders(Arc::clone(&clerk))).await;
    let policy = remote(&vendor.policy("later", "fal").replace("\"2s\"", "\"60s\""));
    (World::with(&policy, "10", config), vendor, clerk)
}

fn remote(vendor: &str) -> String {
    format!(
        r#"[defaults]
model = "remote"
{PAINTED}
{vendor}
[models.remote]
deadline = "60s"
price = [{{ image = "2" }}]
offerings = [{{ vendor = "later", model = "fal-ai/flux/dev", sides = {{ min = 16, max = 4096, step = 1 }}, cost = [{{ image = "0.5" }}] }}]
"#
    )
}

/// Asks for a job and returns its name.
pub(crate) async fn asked(world: &World) -> String {
    let reply = world.post(IMAGES, &json!({"prompt": "a fox"})).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn job(world: &World, id: &str) -> Value {
    let reply = world.get(&format!("/v1/jobs/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()
}

/// The job once it has ended.
pub(crate) async fn ended(world: &World, id: &str) -> Value {
    loop {
        let job = job(world, id).await;
        if job["status"] != "pending" && job["status"] != "processing" {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

async fn cancel(world: &World, id: &str) -> Value {
    let reply = world.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()
}

async fn get_as(world: &World, key: &str, path: &str) -> Reply {
    let request = world.client.get(format!("{}{path}", world.public));
    read(request.header("authorization", format!("Bearer {key}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_call_is_a_job_that_comes_to_a_picture() {
    let world = painted("10", "");
    let asked = json!({"prompt": "Serene yoga studio at dawn", "style": "photorealistic", "aspect_ratio": "16:9", "key": "hero.background"});
    let reply = world.post(IMAGES, &asked).await;
    let accepted = reply.json();
    assert_eq!(reply.status, 202, "{accepted}");
    let id = accepted["id"].as_str().unwrap();
    assert!(id.starts_with("job_"), "{id}");
    assert_eq!(reply.header("location"), Some(format!("/v1/jobs/{id}").as_str()));
    assert_eq!(
        (&accepted["type"], &accepted["status"]),
        (&json!("image.generate"), &json!("pending"))
    );
    let done = ended(&world, id).await;
    assert_eq!((&done["status"], &done["progress"]), (&json!("completed"), &json!(100)));
    let result = &done["result"];
    assert_eq!(result["key"], "hero.background");
    let picture =
        world.get(result["url"].as_str().unwrap().strip_prefix(&world.public).unwrap()).await;
    let (width, height) = dimensions(&picture.bytes);
    assert_eq!((&result["width"], &result["height"]), (&json!(width), &json!(height)));
    assert_eq!(world.available(), "9");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_the_latest_picture_and_remembers_those_before_it() {
    let world = painted("10", "");
    let named = |prompt: &str| json!({"prompt": prompt, "key": "hero"});
    let mut ids = Vec::new();
    for prompt in ["one", "two"] {
        let reply = world.post(IMAGES, &named(prompt)).await;
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        ended(&world, &id).await;
        ids.push(id);
    }
    let asset = world.get("/v1/images/hero").await.json();
    assert_eq!((&asset["key"], &asset["job_id"]), (&json!("hero"), &json!(ids[1])));
    assert_eq!(asset["url"], job(&world, &ids[1]).await["result"]["url"]);
    assert_eq!(asset["versions"].as_array().unwrap().len(), 2);
    assert_eq!(asset["versions"][1]["job_id"], json!(ids[0]));
    assert_eq!(world.get("/v1/images/villain").await.status, 404);
    let other = world.new_key(&["--plan", "open", "--test"]);
    assert_eq!(get_as(&world, &other, "/v1/images/hero").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_dialect_answers_later_when_it_is_asked_to() {
    let world = painted("10", "");
    let ask = |path: &str, body: Value| {
        let request = world.client.post(format!("{}{path}", world.public));
        let request = request.header("authorization", format!("Bearer {}", world.key));
        read(request.header("prefer", "wait=1, Respond-Async").body(body.to_string()))
    };
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "32x32"});
    let reply = ask(OPENAI, asked.clone()).await;
    assert_eq!((reply.status, reply.header("preference-applied")), (202, Some("respond-async")));
    let done = ended(&world, reply.json()["id"].as_str().unwrap()).await;
    let at_once = world.post(OPENAI, &asked).await.json();
    assert_eq!(dimensions(&from_base64(&done["result"]["data"][0]["b64_json"])), (32, 32));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&done["result"]), keys(&at_once));

    let reply = ask(POSTEVERYWHERE, json!({"model": "paint", "prompt": "a fox"})).await;
    let done = ended(&world, reply.json()["id"].as_str().unwrap()).await;
    assert_eq!(done["result"]["data"]["credits_remaining"], 7, "{done}");
    assert_eq!(world.available(), "7");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_refused_at_once_never_becomes_a_job() {
    let world = painted("0", "");
    let statuses = [
        (world.post(IMAGES, &json!({"prompt": "a fox"})).await.status, 402),
        (world.post(IMAGES, &json!({"prompt": " "})).await.status, 400),
        (world.post_as("ndsk_live_unknown", IMAGES, "{}".to_owned()).await.status, 401),
    ];
    assert!(statuses.iter().all(|(is, should)| is == should), "{statuses:?}");
    assert_eq!(world.get("/v1/jobs").await.json()["data"], json!([]));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_cancelled_at_once() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let (first, second) = (asked(&world).await, asked(&world).await);
    clerk.is_asked().await;
    assert_eq!(world.available(), "6");
    assert_eq!(cancel(&world, &second).await["status"], "cancelled");
    assert_eq!(ended(&world, &second).await["status"], "cancelled");
    assert_eq!((clerk.placed(), world.available()), (1, "8".to_owned()));
    clerk.serve();
    assert_eq!(ended(&world, &first).await["status"], "completed");
    assert_eq!(cancel(&world, &first).await["status"], "completed");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_vendor_takes_back_costs_nothing() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "").await;
    let id = asked(&world).await;
    clerk.is_asked().await;
    assert_eq!(cancel(&world, &id).await["status"], "processing");
    assert_eq!(ended(&world, &id).await["status"], "cancelled");
    assert_eq!((clerk.placed(), clerk.taken_back()), (1, 1));
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled_at_one_gateway_is_taken_back_by_the_other_that_works_on_it() {
    let shared = Shared::new();
    let (one, _vendor, clerk) = ordering(Clerk::default(), &shared.config).await;
    let other = one.another_node();
    let id = asked(&one).await;
    clerk.is_asked().await;
    assert_eq!(cancel(&other, &id).await["status"], "processing");
    assert_eq!(ended(&other, &id).await["status"], "cancelled");
    assert_eq!((clerk.placed(), clerk.taken_back()), (1, 1));
    assert_eq!(one.available(), "10");
    one.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_time_comes_while_the_database_is_away_end_when_it_is_back() {
    let shared = Shared::new();
    let config = format!("{}[jobs]\nrunning_max = 1\ntime_max = \"2s\"\n", shared.config);
    let (world, _vendor, clerk) = ordering(Clerk::default(), &config).await;
    let running = asked(&world).await;
    clerk.is_asked().await;
    let waiting = asked(&world).await;
    tokio::task::block_in_place(|| shared.goes_away());
    // The time of the one that waits is over: it is read, to be ended.
    tokio::task::block_in_place(|| world.log_line("a job cannot be read yet"));
    tokio::task::block_in_place(|| shared.comes_back());
    for id in [running, waiting] {
        assert_eq!(ended(&world, &id).await["status"], "failed");
    }
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_served_although_it_was_taken_back_is_paid_for() {
    let (world, _vendor, clerk) = ordering(Clerk::stubborn(), "").await;
    let id = asked(&world).await;
    clerk.is_asked().await;
    cancel(&world, &id).await;
    assert_eq!(ended(&world, &id).await["status"], "completed");
    assert_eq!((clerk.taken_back(), world.available()), (1, "8".to_owned()));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_turn_does_not_come_in_time_fails_and_costs_nothing() {
    let bounds = "[jobs]\nrunning_max = 1\ntime_max = \"2s\"\n";
    let (world, _vendor, clerk) = ordering(Clerk::default(), bounds).await;
    let (first, second) = (asked(&world).await, asked(&world).await);
    for id in [&first, &second] {
        assert_eq!(ended(&world, id).await["error"]["code"], "upstream_unavailable");
    }
    assert_eq!(clerk.placed(), 1);
    assert_eq!(world.available(), "10");
    assert!(world.metrics().await.contains("pixelgate_bounds_met_total{bound=\"time_max\"} 1"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_forgotten_when_its_time_is_over() {
    let world = painted("10", "[jobs]\nkept_for = \"1s\"\n");
    let id = asked(&world).await;
    let done = ended(&world, &id).await;
    assert!(done["expires_at"].is_string(), "{done}");
    while world.get(&format!("/v1/jobs/{id}")).await.status == 200 {
        tokio::task::yield_now().await;
    }
    let next = asked(&world).await;
    ended(&world, &next).await;
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let rows = rusqlite::Connection::open(file).unwrap();
    let left: u32 = rows.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_there_for_its_own_workspace_and_mode_only() {
    let world = painted("10", "");
    let id = asked(&world).await;
    ended(&world, &id).await;
    let path = format!("/v1/jobs/{id}");
    let test = world.new_key(&["--plan", "open", "--test"]);
    let workspace = world.cli(&["workspace", "create", "other"]);
    let said = world.cli(&["key", "create", workspace.trim(), "--plan", "open"]);
    let other = said.split_whitespace().find(|word| word.starts_with("pg_")).unwrap();
    for key in [test.as_str(), other] {
        assert_eq!(get_as(&world, key, &path).await.status, 404);
        assert_eq!(world.post_as(key, &format!("{path}/cancel"), String::new()).await.status, 404);
        assert_eq!(get_as(&world, key, &format!("/v1/jobs?cursor={id}")).await.status, 404);
        assert_eq!(get_as(&world, key, "/v1/jobs").await.json()["data"], json!([]));
    }
    assert_eq!(get_as(&world, "nobody", &path).await.status, 401);
    assert_eq!(world.get("/v1/jobs/job_unknown").await.json()["error"]["code"], "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_part_by_part() {
    let world = painted("10", "");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = asked(&world).await;
        ended(&world, &id).await;
        ids.insert(0, id);
    }
    let listed = |page: &Value| {
        let jobs = page["data"].as_array().unwrap().iter();
        jobs.map(|job| job["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = world.get("/v1/jobs?limit=2&status=completed").await.json();
    assert_eq!((listed(&first), &first["has_more"]), (ids[..2].to_vec(), &json!(true)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("/v1/jobs?limit=2&cursor={cursor}")).await.json();
    assert_eq!((listed(&rest), &rest["has_more"]), (ids[2..].to_vec(), &json!(false)));
    assert_eq!(listed(&world.get("/v1/jobs?status=failed").await.json()), Vec::<String>::new());
    for query in ["limit=0", "limit=101", "limit=x", "status=lost", "colour=red"] {
        let reply = world.get(&format!("/v1/jobs?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_key_never_reaches_a_vendor_and_costs_nothing() {
    let (mut world, vendor, _clerk) = ordering(Clerk::default(), "").await;
    world.key = world.new_key(&["--plan", "open", "--test", "--prefix", "ndsk"]);
    assert!(world.key.starts_with("ndsk_test_"), "the prefix is not that of the API");
    let id = asked(&world).await;
    assert_eq!(ended(&world, &id).await["status"], "completed");
    assert_eq!((vendor.calls(), world.available()), (0, "10".to_owned()));
    let live = world.new_key(&["--plan", "open", "--prefix", "ndsk"]);
    assert!(live.starts_with("ndsk_live_"));
    assert!(
        !world
            .try_cli(&["key", "create", &world.workspace, "--plan", "open", "--prefix", "A b"])
            .status
            .success()
    );
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_have_bounds() {
    let bounds = "[jobs]\nqueued_per_workspace_max = 1\ninput_bytes_max = \"1KiB\"\n";
    let (world, _vendor, clerk) = ordering(Clerk::default(), bounds).await;
    let id = asked(&world).await;
    let reply = world.post(IMAGES, &json!({"prompt": "a fox"})).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("5")));
    let reply = world.post(IMAGES, &json!({"prompt": "x".repeat(2000)})).await;
    assert_eq!(reply.status, 413);
    assert_eq!(world.available(), "8");
    let metrics = world.metrics().await;
    for line in [
        "pixelgate_jobs_open 1",
        "pixelgate_bounds_met_total{bound=\"queued_per_workspace_max\"} 1",
        "pixelgate_bounds_met_total{bound=\"input_bytes_max\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
    clerk.serve();
    ended(&world, &id).await;
    asked(&world).await;
}
