//! What operators change, seen through the gateway, and the log of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, new_token};
use crate::clerk::Clerk;
use crate::jobs::{asked, ordering};
use crate::world::{OPENAI, PAINTED, World};

async fn paints(desk: &Desk, key: &str) -> u16 {
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "32x32"});
    desk.world.post_as(key, OPENAI, asked.to_string()).await.status
}

/// The newest row of the audit log.
async fn last_deed(desk: &Desk) -> Value {
    desk.get("/admin/v1/audit?limit=1").await["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_in_the_log_with_who_what_before_after_and_from_where() {
    let desk = Desk::new();
    let shop = desk.post("/admin/v1/workspaces", &json!({ "name": "shop" })).await;
    let shop = shop["id"].as_str().unwrap();
    let row = last_deed(&desk).await;
    assert_eq!((&row["action"], &row["subject"]), (&json!("workspace.create"), &json!(shop)));
    assert_eq!((&row["name"], &row["role"]), (&json!("operator"), &json!("operator")));
    assert_eq!((&row["address"], &row["before"]), (&json!("127.0.0.1"), &Value::Null));
    assert_eq!(row["after"], json!({ "name": "shop" }));
    assert!(row["request"].as_str().unwrap().starts_with("req_"), "{row}");

    desk.post(&format!("/admin/v1/workspaces/{shop}/suspend"), &json!({})).await;
    let row = last_deed(&desk).await;
    assert_eq!(row["action"], "workspace.suspend");
    let flag = |suspended| json!({ "suspended": suspended });
    assert_eq!((&row["before"], &row["after"]), (&flag(false), &flag(true)));
    desk.post(&format!("/admin/v1/workspaces/{shop}/suspend"), &json!({})).await;
    assert_eq!(last_deed(&desk).await, row, "what changes nothing is no deed");
    desk.post(&format!("/admin/v1/workspaces/{shop}/resume"), &json!({})).await;

    let key = desk.post("/admin/v1/keys", &json!({ "workspace": shop, "plan": "open" })).await;
    let row = last_deed(&desk).await;
    assert_eq!((&row["action"], &row["after"]["plan"]), (&json!("key.create"), &json!("open")));
    assert!(!row.to_string().contains(key["secret"].as_str().unwrap()), "no secret is logged");
    let id = key["id"].as_str().unwrap();
    desk.post(&format!("/admin/v1/keys/{id}/rotate"), &json!({})).await;
    assert_eq!(last_deed(&desk).await["after"]["new"].as_str().unwrap().get(..4), Some("key_"));
    desk.post(&format!("/admin/v1/keys/{id}/revoke"), &json!({})).await;
    let row = last_deed(&desk).await;
    assert_eq!(
        (&row["before"]["status"], &row["after"]["status"]),
        (&json!("active"), &json!("revoked"))
    );

    let grants = format!("/admin/v1/workspaces/{shop}/grants");
    let grant = json!({ "id": "grant_4711", "amount": "2.5", "source": "pack" });
    desk.post(&grants, &grant).await;
    let row = last_deed(&desk).await;
    assert_eq!((&row["subject"], &row["after"]["amount"]), (&json!("grant_4711"), &json!("2.5")));
    let again = desk.post(&grants, &grant).await;
    assert_eq!(again["balance"]["granted"], "2.5", "the same grant is one grant");
    assert_eq!(last_deed(&desk).await, row);

    desk.post("/admin/v1/policy/reload", &json!({})).await;
    assert_eq!(last_deed(&desk).await["action"], "policy.reload");
    let lapsing = new_token(&desk.world, "viewer", &[]);
    assert!(lapsing.starts_with("pgadm_"));
    let row = last_deed(&desk).await;
    assert_eq!((&row["action"], &row["name"]), (&json!("token.create"), &json!("command line")));
    let token = row["subject"].as_str().unwrap();
    desk.post(&format!("/admin/v1/tokens/{token}/revoke"), &json!({})).await;
    assert_eq!(last_deed(&desk).await["action"], "token.revoke");

    let database = desk.world.folder.path().join("data/pixelgate.sqlite");
    let database = rusqlite::Connection::open(database).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    for lie in ["UPDATE audit SET name = 'nobody'", "DELETE FROM audit"] {
        let refused = database.execute_batch(lie).unwrap_err().to_string();
        assert!(refused.contains("a row of the audit log is never"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_and_its_successor_both_work_until_the_old_one_ends() {
    let desk = Desk::new();
    let (old, id) = desk.world.new_key_and_id(&["--plan", "open", "--name", "shop front"]);
    let made = desk.post(&format!("/admin/v1/keys/{id}/rotate"), &json!({})).await;
    let new = made["secret"].as_str().unwrap();
    assert_eq!((&made["name"], &made["plan"]), (&json!("shop front"), &json!("open")));
    assert_eq!((paints(&desk, &old).await, paints(&desk, new).await), (200, 200));
    let keys = desk.get(&format!("/admin/v1/keys?workspace={}", desk.world.workspace)).await;
    let shown = keys["items"].as_array().unwrap().iter().find(|key| key["id"] == id.as_str());
    assert!(shown.unwrap()["expires_at"].is_string(), "{keys}");
    assert!(!keys.to_string().contains(new), "a secret is shown once");

    // Rotated again with an end that is now: only the new ones are good.
    desk.world.cli(&["key", "rotate", &id, "--until", "1"]);
    assert_eq!((paints(&desk, &old).await, paints(&desk, new).await), (401, 200));
    let again = format!("/admin/v1/keys/{id}/rotate");
    let over = desk.ask(&desk.operator, (Method::POST, &again), Some(&json!({}))).await;
    assert_eq!(over.json()["error"]["code"], "conflict");
    let restarted = Desk { world: desk.world.kill_and_restart(), ..desk };
    assert_eq!((paints(&restarted, &old).await, paints(&restarted, new).await), (401, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_made_here_with_a_key_and_credits_buys_pictures() {
    let desk = Desk::new();
    let shop = desk.post("/admin/v1/workspaces", &json!({ "name": "shop" })).await;
    let shop = shop["id"].as_str().unwrap().to_owned();
    let key = desk.post("/admin/v1/keys", &json!({ "workspace": shop, "plan": "open" })).await;
    let key = key["secret"].as_str().unwrap();
    assert_eq!(paints(&desk, key).await, 402);
    let grants = format!("/admin/v1/workspaces/{shop}/grants");
    let granted =
        desk.ask(&desk.finance, (Method::POST, &grants), Some(&json!({ "amount": "2" }))).await;
    assert_eq!((granted.status, &granted.json()["balance"]["available"]), (201, &json!("2")));
    assert_eq!(paints(&desk, key).await, 200);
    let balance = desk.get(&format!("/admin/v1/workspaces/{shop}/balance")).await;
    assert_eq!((&balance["available"], &balance["spent"]), (&json!("1"), &json!("1")));
    desk.post(&format!("/admin/v1/workspaces/{shop}/suspend"), &json!({})).await;
    assert_eq!(paints(&desk, key).await, 403);
    desk.world.verify();
}

/// Two offerings, the cheaper of which gets everything.
const TWO: &str = r#"
[vendors.other]
dialect = "painter"
base_url = "painter:"
"#;

fn two_offerings() -> String {
    let dear = r#"{ vendor = "other", sides = { min = 16, max = 4096, step = 1 }, count_max = 10, formats = ["png"], cost = [{ image = "0.5" }] }, { vendor = "painter""#;
    PAINTED.replace(r#"{ vendor = "painter""#, dear) + TWO
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_offering_gets_no_new_requests_until_it_is_resumed_even_over_a_restart() {
    let mut desk = Desk::over(World::with(&two_offerings(), "100", ""));
    let served_by = async |desk: &Desk| {
        let reply = desk.world.paint().await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        reply.header("pixelgate-offering").map(str::to_owned)
    };
    assert_eq!(served_by(&desk).await.as_deref(), Some("paint/painter"));
    let drained = json!({ "offering": "paint/painter", "reason": "high error rate" });
    let told = desk.post("/admin/v1/offerings/drain", &drained).await;
    assert_eq!((&told["state"], &told["drain"]["by"]), (&json!("drained"), &json!("operator")));
    assert_eq!(served_by(&desk).await.as_deref(), Some("paint/other"));
    desk = Desk { world: desk.world.kill_and_restart(), ..desk };
    assert_eq!(served_by(&desk).await.as_deref(), Some("paint/other"));
    desk.post("/admin/v1/offerings/drain", &json!({ "offering": "paint/other" })).await;
    let none = desk.world.paint().await;
    assert_eq!(none.status, 503, "{}", none.json());
    for offering in ["paint/other", "paint/painter"] {
        desk.post("/admin/v1/offerings/resume", &json!({ "offering": offering })).await;
    }
    assert_eq!(served_by(&desk).await.as_deref(), Some("paint/painter"));
    let log = desk.get("/admin/v1/audit?limit=4").await;
    let actions: Vec<&str> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    let expected = ["offering.resume", "offering.resume", "offering.drain", "offering.drain"];
    assert_eq!(actions, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn policy_is_checked_and_read_again_and_a_bad_one_is_told_fault_by_fault() {
    let desk = Desk::new();
    let before = desk.get("/admin/v1/policy").await["version"].clone();
    let checked = async |text: &str| {
        let body = json!({ "files": { "policy.toml": text } });
        desk.post("/admin/v1/policy/check", &body).await
    };
    let good = checked(&(PAINTED.to_owned() + "\n[plans.more]\nmodels = [\"*\"]\n")).await;
    assert_eq!(good["good"], true, "{good}");
    assert_ne!(good["policy"]["version"], before);
    let bad = PAINTED.replace("vendor = \"painter\"", "vendor = \"nobody\"")
        + "\n[plans.x]\nmodels = [\"none\"]\n";
    let told = checked(&bad).await;
    assert_eq!(
        (&told["good"], told["faults"].as_array().unwrap().len()),
        (&json!(false), 2),
        "{told}"
    );
    assert!(told["faults"][0]["line"].as_u64().unwrap() > 0);
    assert_eq!(desk.get("/admin/v1/policy").await["version"], before, "checking changes nothing");

    std::fs::write(desk.world.policy_file(), &bad).unwrap();
    let reload = (Method::POST, "/admin/v1/policy/reload");
    let kept = desk.ask(&desk.operator, reload, Some(&json!({}))).await;
    assert_eq!((kept.status, kept.json()["error"]["details"].as_array().unwrap().len()), (422, 2));
    assert_eq!(paints(&desk, &desk.world.key).await, 200, "the policy before it stays in force");
    std::fs::write(desk.world.policy_file(), PAINTED.to_owned() + "\n# again\n").unwrap();
    let told = desk.post("/admin/v1/policy/reload", &json!({})).await;
    assert_eq!(told["policy"]["version"], desk.get("/admin/v1/policy").await["version"]);
    assert_ne!(told["policy"]["version"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_named_by_a_posted_policy_is_not_looked_for() {
    let desk = Desk::new();
    let file = desk.world.folder.path().join("no such secret");
    let text = PAINTED.to_owned()
        + &format!(
            "\n[vendors.probe]\ndialect = \"openai\"\nbase_url = \"https://api.example\"\nauth = \"bearer\"\nsecret = \"file:{}\"\n",
            file.display()
        );
    let checked =
        desk.post("/admin/v1/policy/check", &json!({ "files": { "p.toml": text } })).await;
    let said = checked.to_string();
    assert!(!said.contains("no such secret"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_anybody_is_listed_without_its_prompt_and_can_be_cancelled() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let desk = Desk::over(world);
    let (first, second) = (asked(&desk.world).await, asked(&desk.world).await);
    clerk.is_asked().await;
    let jobs = desk.get("/admin/v1/jobs").await;
    let ids: Vec<&str> = list(&jobs).iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&second, &first], "the newest first");
    assert_eq!(jobs["items"][0]["workspace"], desk.world.workspace.as_str());
    assert!(!jobs.to_string().contains("fox"), "{jobs}");
    let queued = desk.get("/admin/v1/jobs?state=queued").await;
    assert_eq!(list(&queued).len(), 1);

    let path = |id: &str| format!("/admin/v1/jobs/{id}");
    let cancelled = desk.post(&format!("{}/cancel", path(&second)), &json!({})).await;
    assert_eq!(cancelled["state"], "cancelled");
    let row = last_deed(&desk).await;
    assert_eq!((&row["action"], &row["subject"]), (&json!("job.cancel"), &json!(second)));
    assert_eq!((clerk.placed(), desk.world.available()), (1, "8".to_owned()));
    clerk.serve();
    let first_path = path(&first);
    let ends = completed(&desk, &first_path);
    let ended = tokio::time::timeout(Duration::from_mins(1), ends).await.unwrap();
    assert_eq!((&ended["images"], &ended["charged"]), (&json!(1), &json!("2")));
    let again = format!("{first_path}/cancel");
    let over = desk.ask(&desk.operator, (Method::POST, &again), None).await;
    assert_eq!((over.status, &over.json()["error"]["code"]), (409, &json!("conflict")));
    desk.world.verify();
}

/// The job at this path once it is completed.
async fn completed(desk: &Desk, path: &str) -> Value {
    loop {
        let job = desk.get(path).await;
        if job["state"] == "completed" {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

fn list(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap()
}
