//! Finance reads what the ledger says: exports, statements and invoices agree to the nano-unit.

use std::collections::BTreeMap;

use pixelgate::credits::Credits;
use serde_json::{Value, json};

use crate::world::{OPENAI, PAINTED, Reply, World, read};

const PRICED: &str = r#"price = [{ image = "0.333333333" }]"#;

fn world() -> World {
    World::with(&PAINTED.replace(r#"price = [{ image = "1" }]"#, PRICED), "100", "")
}

async fn paint(world: &World, labels: Option<&str>) -> Reply {
    let mut asking = world.client.post(format!("{}{OPENAI}", world.public)).bearer_auth(&world.key);
    if let Some(labels) = labels {
        asking = asking.header("pixelgate-labels", labels);
    }
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "64x64", "n": 2});
    read(asking.json(&asked)).await
}

fn month() -> String {
    let now = std::process::Command::new("date").args(["-u", "+%Y-%m"]).output().unwrap();
    String::from_utf8(now.stdout).unwrap().trim().to_owned()
}

fn lines(jsonl: &str) -> Vec<Value> {
    jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn credits(text: &Value) -> Credits {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_sums_and_the_ledger_agree_to_the_last_nano_credit() {
    let world = world();
    for labels in [Some("team=red, campaign=autumn"), Some("team=red"), Some("team=blue"), None] {
        assert_eq!(paint(&world, labels).await.status, 200);
    }
    let refused = world.post(OPENAI, &json!({"model": "nothing", "prompt": "a fox"})).await;
    assert_eq!(refused.status, 404);
    // Whoever asks the writer is answered after what was noted before.
    assert_eq!(world.available(), "97.333333336");

    let all = lines(&world.cli(&["usage", "export", "--format", "jsonl"]));
    assert_eq!(all.len(), 5, "the refusal is a line too");
    assert_eq!(all[0]["labels"], json!({"campaign": "autumn", "team": "red"}));
    let charged = all.iter().map(|line| credits(&line["charged"])).fold(Credits::ZERO, plus);
    assert_eq!(charged, "2.666666664".parse().unwrap());

    let sums =
        lines(&world.cli(&["usage", "export", "--by", "label:team,outcome", "--format", "jsonl"]));
    let by_team: BTreeMap<(String, String), &Value> = sums
        .iter()
        .map(|sum| ((sum["label:team"].to_string(), sum["outcome"].to_string()), &sum["charged"]))
        .collect();
    let team = |team: &str, outcome: &str| by_team[&(team.to_owned(), outcome.to_owned())];
    assert_eq!(team("\"red\"", "\"ok\""), "1.333333332");
    assert_eq!(team("null", "\"model_unknown\""), "0");
    assert_eq!(sums.iter().map(|sum| credits(&sum["charged"])).fold(Credits::ZERO, plus), charged);

    let statement =
        lines(&world.cli(&["usage", "statement", "--month", &month(), "--format", "jsonl"]));
    let line = |name: &str| {
        let found = statement.iter().find(|line| line["line"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {statement:?}"))["credits"].clone()
    };
    assert_eq!(line("granted (manual)"), "100");
    assert_eq!(line("spent"), "-2.666666664");
    assert_eq!(line("closing"), world.available());
    world.verify();
}

fn plus(sum: Credits, more: Credits) -> Credits {
    sum.plus(more).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_made_again_has_the_same_bytes_in_every_form() {
    let world = world();
    assert_eq!(paint(&world, Some("team==cmd()")).await.status, 200);
    for form in ["csv", "jsonl", "parquet"] {
        let files = ["a", "b"].map(|name| {
            let file = world.folder.path().join(format!("{name}.{form}"));
            let path = file.to_str().unwrap();
            world.cli(&["usage", "export", "--format", form, "--out", path]);
            std::fs::read(file).unwrap()
        });
        assert!(!files[0].is_empty());
        assert_eq!(files[0], files[1], "{form}");
    }
    let focus = world.cli(&["usage", "export", "--focus", "--issuer", "Acme"]);
    let (header, row) = focus.split_once('\n').unwrap();
    assert!(header.starts_with("BilledCost,BillingAccountId,"), "{header}");
    assert!(row.starts_with("0.666666666,Acme,"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_are_none_are_refused_and_cost_nothing() {
    let world = world();
    let reply = paint(&world, Some("team")).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json()["error"]["param"], "Pixelgate-Labels");
    assert_eq!(world.available(), "100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_keeps_its_labels_through_a_restart() {
    let world = world();
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "64x64"});
    let asking = world.client.post(format!("{}{OPENAI}", world.public)).bearer_auth(&world.key);
    let asking = asking.header("prefer", "respond-async").header("pixelgate-labels", "team=red");
    let accepted = read(asking.json(&asked)).await;
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    world.log_line("\"status\":200");
    let all = lines(&world.cli(&["usage", "export", "--format", "jsonl"]));
    let drawn = all.iter().find(|line| line["images"] == 1);
    assert_eq!(drawn.unwrap()["labels"], json!({"team": "red"}), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_held_against_the_books_line_by_line() {
    let world = world();
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(paint(&world, None).await.header("x-request-id").unwrap().to_owned());
    }
    let invoice = world.folder.path().join("invoice.csv");
    let path = invoice.to_str().unwrap();
    let reconcile = |more: &[&str]| {
        let args = [&["reconcile", "--vendor", "painter", "--invoice", path], more].concat();
        let output = world.try_cli(&args);
        let said = String::from_utf8(output.stdout).unwrap();
        let failed = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said, failed)
    };

    let day = world.cli(&["usage", "export", "--by", "day", "--format", "jsonl"]);
    let day = lines(&day)[0]["day"].as_str().unwrap().to_owned();
    std::fs::write(&invoice, format!("date,cost\n{day}T10:00:00Z,0.04\n{day},0.02\n")).unwrap();
    let (code, said, _) = reconcile(&[]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "1 agree, 0 differ; booked 0.06 dollars, invoiced 0.06\n")
    );

    let [one, two, three] = requests.try_into().unwrap();
    std::fs::write(&invoice, format!("id,cost\n{one},0.02\n{two},$0.05\nreq_other,0.01\n"))
        .unwrap();
    let (code, said, _) = reconcile(&["--request-column", "id"]);
    assert_eq!(code, Some(3));
    let told: Vec<&str> = said.lines().collect();
    assert_eq!(
        told[0],
        format!(
            "{two}: booked 0.02 (1 lines), invoiced 0.05 (1 lines): as many lines at another price"
        )
    );
    assert!(
        told[1..3].contains(
            &format!("{three}: booked 0.02 (1 lines), invoiced nothing: booked, and not billed")
                .as_str()
        ),
        "{said}"
    );
    assert!(
        told[1..3].contains(
            &"req_other: booked nothing, invoiced 0.01 (1 lines): billed, and not in the books"
        ),
        "{said}"
    );

    std::fs::write(&invoice, "day,price\n").unwrap();
    let (code, _, failed) = reconcile(&[]);
    assert_eq!(code, Some(1));
    assert!(failed.contains("has no column `cost`; it has: day, price"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_are_proved_while_the_gateway_runs_and_a_lie_in_them_is_told() {
    let config = "store.audit_every = \"100ms\"\n";
    let world = World::with(PAINTED, "10", config);
    assert_eq!(world.paint().await.status, 200);
    until(&world, "pixelgate_ledger_audits_total{result=\"balanced\"} 1").await;
    assert!(world.metrics().await.contains("pixelgate_ledger_audit_faults 0"));
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    database.execute_batch("UPDATE usage SET charged_nanos = charged_nanos + 1").unwrap();
    until(&world, "pixelgate_ledger_audit_faults 1").await;
    let told = tokio::task::block_in_place(|| world.log_line("the books do not balance"));
    assert!(told.contains("ERROR"), "{told}");
}

/// Waits until the metrics say so; a machine that never gets there fails by the test's own time.
async fn until(world: &World, line: &str) {
    let asking = async {
        while !world.metrics().await.contains(line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), asking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_that_were_given_by_mistake_are_taken_back_once_and_stated() {
    let world = world();
    let take = |amount: &str, id: &str| {
        let args = ["credits", "take", &world.workspace, amount, "--memo", "twice", "--id", id];
        world.try_cli(&args).status.success()
    };
    assert!(take("40", "fix-1"));
    assert!(take("40", "fix-1"), "asking again is answered as the first time");
    assert!(!take("41", "fix-1"), "another amount is another adjustment");
    assert!(!take("60.1", "fix-2"), "no more than is available");
    let refund = ["--source", "refund", "--memo", "two tails", "--id", "refund-1"];
    for _ in 0..2 {
        world.cli(&[&["credits", "grant", &world.workspace, "2.5"], &refund[..]].concat());
    }
    assert_eq!(world.available(), "62.5");
    let statement =
        lines(&world.cli(&["usage", "statement", "--month", &month(), "--format", "jsonl"]));
    let stated: Vec<(&str, &str)> = statement
        .iter()
        .map(|line| (line["line"].as_str().unwrap(), line["credits"].as_str().unwrap()))
        .collect();
    for line in [("granted (refund)", "2.5"), ("adjusted", "-40"), ("closing", "62.5")] {
        assert!(stated.contains(&line), "{line:?} in {stated:?}");
    }
    world.verify();
}
