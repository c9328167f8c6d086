//! What is shown: the same sums as on the command line, pages that miss nothing, live figures.

use reqwest::Method;
use serde_json::{Value, json};

use super::Desk;
use crate::jobs::ended;
use crate::world::{OPENAI, read};

/// Two pictures for each of these labels, and one refusal.
async fn history(desk: &Desk) {
    for labels in ["team=red", "team=red", "team=blue"] {
        let asking = desk.world.client.post(format!("{}{OPENAI}", desk.world.public));
        let asking = asking.bearer_auth(&desk.world.key).header("pixelgate-labels", labels);
        let asked = json!({"model": "paint", "prompt": "a fox", "size": "32x32", "n": 2});
        assert_eq!(read(asking.json(&asked)).await.status, 200);
    }
    let unknown = json!({"model": "<b>no</b>", "prompt": "<script>x</script>"});
    assert_eq!(desk.world.post(OPENAI, &unknown).await.status, 404);
    // Whoever asks the writer is answered after what was noted before.
    assert_eq!(desk.world.available(), "4");
}

/// All rows of a list, page by page.
async fn all(desk: &Desk, path: &str, limit: u32) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = desk.get(&format!("{path}?limit={limit}{cursor}")).await;
        rows.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return rows };
        cursor = format!("&cursor={next}");
        assert!(rows.len() < 1_000, "a list without an end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_the_same_sums_as_on_the_command_line_in_json_and_in_csv() {
    let desk = Desk::new();
    history(&desk).await;
    for by in ["label:team", "workspace,model", "outcome", "vendor,day", "month,plan,key,dialect"] {
        let exported = desk.world.cli(&["usage", "export", "--by", by, "--format", "jsonl"]);
        let exported: Vec<Value> =
            exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let usage = desk.get(&format!("/admin/v1/usage?by={by}")).await;
        assert_eq!(usage["rows"], json!(exported), "{by}");
        let csv = (Method::GET, &*format!("/admin/v1/usage?by={by}&format=csv"));
        let csv = desk.ask(&desk.finance, csv, None).await;
        assert_eq!(csv.bytes, desk.world.cli(&["usage", "export", "--by", by]).into_bytes());
    }
    let own = desk.get(&format!("/admin/v1/usage?workspace={}", desk.world.workspace)).await;
    let total = json!({ "requests": 4, "images": 6, "charged": "6", "cost_dollars": "0.06" });
    assert_eq!(own["total"], total, "{own}");
    let none = desk.get("/admin/v1/usage?workspace=ws_none&by=model").await;
    assert_eq!((&none["rows"], &none["total"]["requests"]), (&json!([]), &json!(0)));
    let month = own["since"].as_str().unwrap().get(..7).unwrap().to_owned();
    let statement = desk.get(&format!("/admin/v1/statements?month={month}")).await;
    let lines = statement["rows"].as_array().unwrap();
    let closing = lines.iter().find(|line| line["line"] == "closing").unwrap();
    assert_eq!(closing["credits"], "4");
    assert_eq!(desk.get("/admin/v1/forecast").await["forecast"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_has_a_running_balance_that_ends_where_the_balance_is() {
    let desk = Desk::new();
    history(&desk).await;
    let path = format!("/admin/v1/workspaces/{}/entries", desk.world.workspace);
    let whole = all(&desk, &path, 500).await;
    assert_eq!(all(&desk, &path, 1).await, whole, "pages of any size are the same list");
    assert_eq!(all(&desk, &path, 3).await, whole);
    let (newest, oldest) = (&whole[0], whole.last().unwrap());
    assert_eq!((&newest["available_after"], &newest["held_after"]), (&json!("4"), &json!("0")));
    assert_eq!((&oldest["kind"], &oldest["available_after"]), (&json!("grant"), &json!("10")));
    let numbers: Vec<i64> = whole.iter().map(|row| row["number"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, other| one > other), "{numbers:?}");
    assert_eq!(whole.iter().filter(|row| row["to"] == "spent").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_page_by_page_and_miss_nothing() {
    let desk = Desk::new();
    for name in ["b", "c", "d", "e"] {
        desk.post("/admin/v1/workspaces", &json!({ "name": name })).await;
        let key = json!({ "workspace": desk.world.workspace, "plan": "open", "name": name });
        desk.post("/admin/v1/keys", &key).await;
        let grants = format!("/admin/v1/workspaces/{}/grants", desk.world.workspace);
        desk.post(&grants, &json!({ "amount": "1" })).await;
    }
    let grants = format!("/admin/v1/workspaces/{}/grants", desk.world.workspace);
    let lists = ["/admin/v1/workspaces", "/admin/v1/keys", "/admin/v1/balances", &grants];
    for path in lists {
        let whole = all(&desk, path, 500).await;
        assert_eq!(whole.len(), 5, "{path}");
        assert_eq!(all(&desk, path, 2).await, whole, "{path}");
    }
    assert_eq!(all(&desk, "/admin/v1/audit", 3).await, all(&desk, "/admin/v1/audit", 500).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_minutes_show_outcomes_and_refusals_without_prompts() {
    let desk = Desk::new();
    history(&desk).await;
    let reply = desk.ask(&desk.viewer, (Method::GET, "/admin/v1/live"), None).await;
    let live = reply.json();
    let spans = live["spans"].as_array().unwrap();
    let count = |outcome: &str| -> u64 {
        spans.iter().filter_map(|span| span["outcomes"][outcome].as_u64()).sum()
    };
    assert_eq!((count("ok"), count("model_unknown")), (3, 1), "{live}");
    let refusal = &live["refusals"][0];
    assert_eq!((&refusal["code"], &refusal["blame"]), (&json!("model_unknown"), &json!("caller")));
    assert_eq!(refusal["workspace"], desk.world.workspace.as_str());
    assert!(!live.to_string().contains("script"), "no prompt is shown: {live}");
    assert!(!live.to_string().contains("charged"), "a viewer sees no money");

    let offerings = desk.get("/admin/v1/offerings").await;
    let offering = &offerings["items"][0];
    assert_eq!(
        (&offering["offering"], &offering["state"]),
        (&json!("paint/painter"), &json!("closed"))
    );
    assert!(offering["expected_ms"].as_f64().is_some(), "{offering}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_jobs_and_refusals_without_their_amounts() {
    let desk = Desk::new();
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "32x32", "n": 4});
    let later = [("prefer", "respond-async")];
    let accepted = desk.world.post_with(OPENAI, &asked, &later).await.json();
    let id = accepted["id"].as_str().unwrap();
    assert_eq!(ended(&desk.world, id).await["status"], "completed");
    let too_many = json!({"model": "paint", "prompt": "a fox", "size": "32x32", "n": 7});
    assert_eq!(desk.world.post(OPENAI, &too_many).await.status, 402);
    let unknown = json!({"model": "no", "prompt": "x"});
    assert_eq!(desk.world.post(OPENAI, &unknown).await.status, 404);

    let job = format!("/admin/v1/jobs/{id}");
    for (token, sees_money) in
        [(&desk.viewer, false), (&desk.finance, true), (&desk.operator, true)]
    {
        let shown = async |path: &str| desk.ask(token, (Method::GET, path), None).await.json();
        for job in [shown(&job).await, shown("/admin/v1/jobs").await["items"][0].clone()] {
            assert_eq!((&job["state"], &job["images"]), (&json!("completed"), &json!(4)));
            let amounts = sees_money.then(|| json!("4"));
            assert_eq!(
                (job.get("quote"), job.get("charged")),
                (amounts.as_ref(), amounts.as_ref())
            );
        }
        let refusals = shown("/admin/v1/live").await["refusals"].clone();
        let message = |code: &str| {
            let mut all = refusals.as_array().unwrap().iter();
            let found = all.find(|refusal| refusal["code"] == code).unwrap();
            found.get("message").map(ToString::to_string)
        };
        let short = message("credits_short");
        assert_eq!(short.is_some_and(|said| said.contains("6 are left")), sees_money, "{refusals}");
        assert!(message("model_unknown").is_some(), "what names no amount is shown to everyone");
    }
}
