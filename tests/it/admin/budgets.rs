//! Budgets, credits that are taken back, and kept pictures, as operators see them: on one node and on a
//! store that nodes share.

use reqwest::Method;
use serde_json::{Value, json};

use super::Desk;
use crate::media::{address, keep};
use crate::nodes::Shared;
use crate::world::{OPENAI, PAINTED, World, read};

const BUDGETS: &str = r#"
[budgets.teams]
label = "team=*"
credits = 4
per = "month"
stop = true

[budgets.all]
credits = "100.5"
per = "day"
alert_at = [1, 90]
"#;

/// A gateway with these budgets, on a store of its own or on one that nodes share.
fn desk(config: &str) -> Desk {
    Desk::over(World::with(&format!("{PAINTED}{BUDGETS}"), "10", config))
}

async fn paint_for(desk: &Desk, team: &str) -> u16 {
    let asking = desk.world.client.post(format!("{}{OPENAI}", desk.world.public));
    let asking = asking.bearer_auth(&desk.world.key).header("pixelgate-labels", team);
    read(asking.json(&json!({"model": "paint", "prompt": "a fox", "size": "32x32"}))).await.status
}

async fn budgets_are_shown(desk: &Desk) {
    let all = desk.get("/admin/v1/budgets").await;
    assert_eq!(all["items"][0]["fullest"], json!([]), "nothing is spent yet");
    for team in ["team=red", "team=red", "team=blue", "team=red", "team=red"] {
        assert_eq!(paint_for(desk, team).await, 200);
    }
    assert_eq!(paint_for(desk, "team=red").await, 429, "it stops");
    let all = desk.get("/admin/v1/budgets").await;
    let [day, month] = [&all["items"][0], &all["items"][1]];
    assert_eq!(
        (&day["name"], &day["limit"], &day["per"]),
        (&json!("all"), &json!("100.5"), &json!("day"))
    );
    assert_eq!((&month["label"], &month["stops"]), (&json!("team=*"), &json!(true)));
    let counter = |of: &str, spent: &str, told: Value| json!({ "of": of, "spent": spent, "held": "0", "told_percent": told });
    assert_eq!(day["fullest"], json!([counter("", "5", json!(1))]));
    let [red, blue] =
        [counter("label:team=red", "4", json!(100)), counter("label:team=blue", "1", Value::Null)];
    assert_eq!(month["fullest"], json!([red, blue]), "the fullest first");
    let page = desk.get("/admin/v1/budgets/teams/counters?limit=1").await;
    assert_eq!(page["items"], json!([blue]), "by name");
    let next =
        format!("/admin/v1/budgets/teams/counters?cursor={}", page["next"].as_str().unwrap());
    assert_eq!(desk.get(&next).await["items"], json!([red]));

    let alerts = desk.get("/admin/v1/budget-alerts?limit=2").await;
    let told: Vec<(&Value, &Value)> = alerts["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["of"], &row["percent"]))
        .collect();
    let red = json!("label:team=red");
    assert_eq!(told, [(&red, &json!(100)), (&red, &json!(80))], "the newest first");
    let older = format!("/admin/v1/budget-alerts?cursor={}", alerts["next"].as_str().unwrap());
    let older = desk.get(&older).await;
    assert_eq!(older["items"].as_array().unwrap().len(), 2, "{older}");
    assert_eq!(older["items"][1]["budget"], "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_shows_whom_it_counts_what_is_spent_and_what_was_told() {
    budgets_are_shown(&desk("")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_of_a_shared_store_are_shown_alike_and_credits_taken_back() {
    let shared = Shared::new();
    let desk = desk(&shared.config);
    budgets_are_shown(&desk).await;
    take_back(&desk, "5").await;
}

async fn take_back(desk: &Desk, available: &str) {
    let own = format!("/admin/v1/workspaces/{}", desk.world.workspace);
    assert_eq!(desk.get(&format!("{own}/balance")).await["available"], available);
    let taking = json!({ "id": "adj_twice", "amount": "1.5", "memo": "charged <b>twice</b>" });
    let path = format!("{own}/adjustments");
    for _ in 0..2 {
        let reply = desk.ask(&desk.finance, (Method::POST, &path), Some(&taking)).await;
        assert_eq!((reply.status, &reply.json()["adjustment"]), (201, &json!("adj_twice")));
    }
    let other = json!({ "id": "adj_twice", "amount": "2", "memo": "another" });
    let reply = desk.ask(&desk.finance, (Method::POST, &path), Some(&other)).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (409, &json!("ledger_refused")));
    let entry = desk.get(&format!("{own}/entries?limit=1")).await["items"][0].clone();
    assert_eq!((&entry["kind"], &entry["to"]), (&json!("adjust"), &json!("expired")));
    assert_eq!((&entry["amount"], &entry["memo"]), (&json!("1.5"), &json!("charged <b>twice</b>")));
    let row = desk.get("/admin/v1/audit?limit=2").await["items"].clone();
    assert_eq!(
        (&row[0]["action"], &row[0]["subject"]),
        (&json!("credits.adjust"), &json!("adj_twice"))
    );
    assert_eq!(row[0]["after"]["memo"], "charged <b>twice</b>");
    assert_ne!(row[1]["action"], "credits.adjust", "what is repeated is no second deed");
    desk.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_taken_back_once_with_a_reason_that_is_kept() {
    let desk = Desk::new();
    take_back(&desk, "10").await;
    let own = format!("/admin/v1/workspaces/{}", desk.world.workspace);
    let grant =
        json!({ "id": "grant_memo", "amount": "3", "source": "refund", "memo": "said sorry" });
    desk.post(&format!("{own}/grants"), &grant).await;
    let audit = desk.get("/admin/v1/audit?limit=1").await["items"][0].clone();
    assert_eq!(audit["after"]["memo"], "said sorry");
    let entry = desk.get(&format!("{own}/entries?limit=1")).await["items"][0].clone();
    assert_eq!((&entry["kind"], &entry["memo"]), (&json!("grant"), &json!("said sorry")));
    let grants = desk.get(&format!("{own}/grants")).await;
    let memos: Vec<&Value> =
        grants["items"].as_array().unwrap().iter().map(|grant| &grant["memo"]).collect();
    assert!(memos.contains(&&json!("said sorry")), "{grants}");
    let exact = json!({ "amount": "3", "memo": "not after all", "grant": "grant_memo" });
    desk.post(&format!("{own}/adjustments"), &exact).await;
    let grants = desk.get(&format!("{own}/grants")).await;
    let left = grants["items"].as_array().unwrap().iter().find(|one| one["id"] == "grant_memo");
    assert_eq!(left.unwrap()["left"], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_wrongly_or_is_not_there_is_told_so() {
    let desk = Desk::new();
    let adjustments = format!("/admin/v1/workspaces/{}/adjustments", desk.world.workspace);
    for (body, status, code) in [
        (json!({ "amount": "0", "memo": "x" }), 400, "bad_field"),
        (json!({ "amount": "1" }), 400, "bad_body"),
        (json!({ "amount": "1", "memo": " " }), 400, "bad_field"),
        (json!({ "amount": "1", "memo": "x", "id": "1" }), 400, "bad_field"),
        (json!({ "amount": "11", "memo": "x" }), 409, "ledger_refused"),
    ] {
        let reply = desk.ask(&desk.operator, (Method::POST, &adjustments), Some(&body)).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
    }
    for path in ["/admin/v1/budgets/none/counters", "/admin/v1/pictures/none"] {
        let reply = desk.ask(&desk.operator, (Method::GET, path), None).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!("not_found")));
    }
    assert_eq!(desk.world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_pictures_are_shown_to_operators_with_their_addresses_and_never_what_was_asked() {
    let desk = Desk::new();
    let (older, newer) = (
        keep(&desk.world, &desk.world.key, "paint").await,
        keep(&desk.world, &desk.world.key, "paint").await,
    );
    let own = format!("/admin/v1/workspaces/{}/pictures", desk.world.workspace);
    let page = desk.get(&format!("{own}?limit=1")).await;
    let shown = &page["items"][0];
    assert_eq!((&shown["id"], &shown["model"]), (&json!(newer), &json!("paint")));
    assert!(!page.to_string().contains("fox"), "no prompts: {page}");
    let next = format!("{own}?cursor={}", page["next"].as_str().unwrap());
    assert_eq!(desk.get(&next).await["items"][0]["id"], json!(older));
    let public = address(&desk.world, &desk.world.key, &newer).await;
    let path = shown["address"].as_str().unwrap();
    let by_address = read(desk.world.client.get(format!("{}{path}", desk.world.public))).await;
    let theirs = read(desk.world.client.get(public)).await;
    let ours = format!("/admin/v1/pictures/{newer}");
    let here = desk.ask(&desk.operator, (Method::GET, &ours), None).await;
    assert_eq!((here.status, by_address.status), (200, 200));
    assert_eq!(here.header("x-content-type-options"), Some("nosniff"));
    assert!(here.bytes == theirs.bytes && by_address.bytes == theirs.bytes);
    assert_eq!(desk.ask(&desk.finance, (Method::GET, &ours), None).await.status, 403);
}
