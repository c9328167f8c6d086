//! Rules of policy: what they refuse, whom they send it to, what they change, and what it then costs.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};

fn ruled(rules: &str) -> World {
    World::with(&format!("{PAINTED}\n{rules}"), "100", "")
}

async fn ask(world: &World, more: Value) -> Reply {
    let mut asked = json!({"model": "paint", "prompt": "a fox", "size": "64x64"});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.post(OPENAI, &asked).await
}

async fn metric(world: &World, line: &str) -> bool {
    world.metrics().await.lines().any(|own| own == line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_denies_says_its_message_and_costs_nothing() {
    let world = ruled(
        r#"
[[rules.rule]]
name = "few"
if = 'caller.plan == "open" && request.count > 2 && request.labels.team != "press"'
deny = "two pictures at most; ask for fewer"
"#,
    );
    let denied = ask(&world, json!({"n": 3})).await;
    assert_eq!(denied.status, 403, "{}", denied.json());
    let error = &denied.json()["error"];
    assert_eq!(error["code"], "rule_denied");
    assert_eq!(error["message"], "two pictures at most; ask for fewer");
    assert_eq!(denied.header("x-should-retry"), Some("false"));
    assert_eq!(ask(&world, json!({"n": 2})).await.status, 200);
    let request = json!({"model": "paint", "prompt": "a fox", "size": "64x64", "n": 3});
    let labelled = world.post_with(OPENAI, &request, &[("pixelgate-labels", "team=press")]).await;
    assert_eq!(labelled.status, 200, "{}", labelled.json());
    assert_eq!(world.available(), "95");
    assert!(metric(&world, "pixelgate_rules_total{outcome=\"denied\",rule=\"few\"} 1").await);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_divides_by_zero_refuses_by_its_own_code_and_is_counted() {
    let world =
        ruled("[[rules.rule]]\nname = \"odd\"\nif = '100 / request.steps > 4'\ndeny = \"no\"\n");
    let failed = ask(&world, json!({})).await;
    assert_eq!(failed.status, 500);
    let error = &failed.json()["error"];
    assert_eq!(error["code"], "rule_failed");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("the rule `odd`") && said.contains("divides by zero"), "{said}");
    assert_eq!(world.available(), "100");
    assert!(metric(&world, "pixelgate_rules_total{outcome=\"failed\",rule=\"odd\"} 1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_sets_and_bounds_is_done_and_told() {
    let world = ruled(
        r#"
[[rules.rule]]
name = "webp"
if = 'true'
set = { format = "webp" }
most = { count = 2 }
"#,
    );
    let drawn = ask(&world, json!({"n": 4, "output_format": "png"})).await;
    assert_eq!(drawn.status, 200, "{}", drawn.json());
    assert_eq!(drawn.json()["data"].as_array().unwrap().len(), 2);
    let told = drawn.header("pixelgate-changed").unwrap();
    assert!(told.contains("format=\"webp, by the rule `webp`\""), "{told}");
    assert!(told.contains("count=\"2, by the rule `webp`\""), "{told}");
    assert_eq!(world.available(), "98");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_says_who_serves() {
    let (one, two) =
        (FakeVendor::start(Answers::OpenAi).await, FakeVendor::start(Answers::OpenAi).await);
    let policy = format!(
        "{PAINTED}\n{}\n{}\n{}",
        one.policy("one", "openai"),
        two.policy("two", "openai"),
        r#"
[models.remote]
strategy = "priority"
price = [{ image = "2" }]
offerings = [
  { vendor = "one", priority = 1, sizes = ["64x64"], cost = [{ image = "0.01" }] },
  { vendor = "two", priority = 2, sizes = ["64x64"], cost = [{ image = "0.02" }] },
]

[[rules.rule]]
name = "europe"
if = 'request.prompt.contains("secret")'
vendors = ["two"]

[[rules.rule]]
name = "draft"
if = 'request.quality == "low"'
model = "paint"

[[rules.rule]]
name = "nobody"
if = 'request.end_user == "nobody"'
offerings = ["paint/painter"]
"#
    );
    let world = World::with(&policy, "100", "");
    let remote = |more: Value| {
        let mut asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    let of = async |more| world.post(OPENAI, &remote(more)).await;
    let offering = |reply: &Reply| reply.header("pixelgate-offering").unwrap_or("").to_owned();
    assert_eq!(offering(&of(json!({})).await), "remote/one");
    assert_eq!(offering(&of(json!({"prompt": "a secret fox"})).await), "remote/two");
    let draft = of(json!({"quality": "low"})).await;
    assert_eq!(offering(&draft), "paint/painter");
    let told = draft.header("pixelgate-changed").unwrap();
    assert!(told.contains("model=\"paint, by the rule `draft`\""), "{told}");
    let nobody = of(json!({"user": "nobody"})).await;
    assert_eq!((nobody.status, &nobody.json()["error"]["code"]), (403, &json!("rule_denied")));
    assert_eq!((one.calls(), two.calls()), (1, 1));
    // Two of the remote model at 2, and one painted at 1.
    assert_eq!(world.available(), "95");
    let quoted = json!({"dialect": "openai", "request": remote(json!({"prompt": "a secret"}))});
    let quoted = world.post("/v1/quote", &quoted).await.json();
    assert_eq!(quoted["offerings"].as_array().unwrap().len(), 1, "{quoted}");
    assert_eq!(quoted["offerings"][0]["offering"], "remote/two");
}

/// At a fifth more, and half as much again where it is dear.
const PRICED: &str = r#"
[[rules.rule]]
name = "fifth"
if = 'request.labels.team == "guests"'
price = { percent = 120, image = "0.05" }

[[rules.rule]]
name = "dear"
if = 'quote.price > amount("3")'
price = { percent = 150 }
labels = { dear = "yes" }

[[rules.rule]]
name = "too-dear"
if = 'quote.price >= amount("6")'
deny = "that is too dear; ask for fewer pictures"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_changes_the_price_and_the_quote_alike_and_the_books_say_which() {
    let mut world = ruled(PRICED);
    let guests = [("pixelgate-labels", "team=guests")];
    let asked = |count| json!({"model": "paint", "prompt": "a fox", "size": "64x64", "n": count});
    let quote = json!({"dialect": "openai", "request": asked(4)});
    let quoted = world.post_with("/v1/quote", &quote, &guests).await.json();
    assert_eq!(quoted["price"], "7.5", "{quoted}");
    let parts = &quoted["offerings"][0]["price_parts"];
    assert_eq!(parts[1], json!({"part": "rules", "amount": "1"}), "{quoted}");
    let one = world.post_with(OPENAI, &asked(1), &guests).await;
    assert_eq!((one.status, world.available().as_str()), (200, "98.75"), "{}", one.json());
    let four = world.post_with(OPENAI, &asked(4), &guests).await;
    // (4 * 1.2 + 4 * 0.05) * 1.5
    assert_eq!((four.status, world.available().as_str()), (200, "91.25"), "{}", four.json());
    let plain = world.post(OPENAI, &asked(4)).await;
    assert_eq!((plain.status, world.available().as_str()), (200, "85.25"), "{}", plain.json());
    let six = world.post(OPENAI, &asked(6)).await;
    assert_eq!((six.status, &six.json()["error"]["code"]), (403, &json!("rule_denied")));
    assert_eq!(world.available(), "85.25");
    world.verify();
    tokio::task::block_in_place(|| world.stop());
    let database = rusqlite::Connection::open(world.folder.path().join("data/pixelgate.sqlite"));
    let database = database.unwrap();
    let mut rows = database
        .prepare(
            "SELECT price_version || ' ' || labels FROM usage WHERE charged_nanos > 0 ORDER BY seq",
        )
        .unwrap();
    let rows: Vec<String> =
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let ends = |row: &String, end: &str| row.ends_with(end);
    assert!(ends(&rows[0], "+fifth {\"team\":\"guests\"}"), "{rows:?}");
    assert!(ends(&rows[1], "+fifth+dear {\"dear\":\"yes\",\"team\":\"guests\"}"), "{rows:?}");
    assert!(ends(&rows[2], "+dear {\"dear\":\"yes\"}"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_priced_and_labelled_by_the_rules_that_it_was_accepted_under() {
    let world = ruled(PRICED);
    let asked = json!({"model": "paint", "prompt": "a fox", "size": "64x64", "n": 4});
    let headers = [("prefer", "respond-async"), ("pixelgate-labels", "team=guests")];
    let accepted = world.post_with(OPENAI, &asked, &headers).await;
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    let done = crate::jobs::ended(&world, &id).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(world.available(), "92.5");
    let export = world.cli(&["usage", "export", "--by", "label:dear,label:team"]);
    assert!(export.contains("yes,guests"), "{export}");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_rule_sends_to_another_model_is_treated_as_it_was_quoted() {
    let draft = "[models.draft]\nprice = [{ image = \"2\" }]\nofferings = [{ vendor = \"painter\", \
                 sizes = [\"64x64\"], count_max = 4, cost = [{ image = \"0\" }] }]\n";
    let rule = "[[rules.rule]]\nname = \"few\"\nif = 'request.model == \"draft\"'\n\
                model = \"paint\"\nmost = { count = 2 }\n";
    let world = ruled(&format!("{draft}\n{rule}"));
    let asked = json!({"model": "draft", "prompt": "a fox", "size": "64x64", "n": 4});
    let accepted = world.post_with(OPENAI, &asked, &[("prefer", "respond-async")]).await;
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    let done = crate::jobs::ended(&world, accepted.json()["id"].as_str().unwrap()).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["result"]["data"].as_array().map(Vec::len), Some(2), "{done}");
    assert_eq!(world.available(), "98");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_is_counted_and_nothing_follows() {
    let world = ruled(
        "[[rules.rule]]\nname = \"watch\"\nif = 'request.count > 1'\ndeny = \"no\"\nshadow = true\n",
    );
    assert_eq!(ask(&world, json!({"n": 2})).await.status, 200);
    assert_eq!(ask(&world, json!({"n": 1})).await.status, 200);
    assert!(metric(&world, "pixelgate_rules_total{outcome=\"shadow\",rule=\"watch\"} 1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_refuses_a_prompt_in_every_dialect() {
    let world = ruled(
        "[[rules.denied_patterns]]\npattern = '(?i)\\bpass(word|phrase)\\b'\nmessage = \"no secrets in prompts\"\n",
    );
    let refused = ask(&world, json!({"prompt": "my Password is on a cake"})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["message"], "no secrets in prompts");
    assert_eq!(ask(&world, json!({"prompt": "a passport"})).await.status, 200);
}

pub(crate) fn verdict(score: f64) -> Answers {
    let results = json!([{
        "flagged": score > 0.8, "categories": {"violence": score > 0.8},
        "category_scores": {"violence": score},
    }]);
    Answers::Json(200, json!({"id": "modr-1", "model": "omni", "results": results}))
}

fn moderated(vendor: &FakeVendor, more: &str) -> World {
    let policy = format!(
        "{PAINTED}\n{}\n[rules.moderation]\nvendor = \"checker\"\nmodel = \"omni\"\ncost = \"0.001\"\n\
         deny_from = {{ violence = 0.5 }}\nmessage = \"nothing violent\"\n{more}\n",
        vendor.policy("checker", "openai")
    );
    World::with(&policy, "10", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_moderation_model_finds_is_refused_at_our_cost() {
    let vendor = FakeVendor::start(verdict(0.6)).await;
    let mut world = moderated(&vendor, "");
    let refused = ask(&world, json!({"prompt": "a bloody fight"})).await;
    assert_eq!(refused.status, 400, "{}", refused.json());
    assert_eq!(refused.json()["error"]["message"], "nothing violent");
    assert_eq!(vendor.last().body, json!({"model": "omni", "input": ["a bloody fight"]}));
    let test = world.new_key(&["--plan", "open", "--test"]);
    let painted = json!({"model": "paint", "prompt": "a bloody fight", "size": "64x64"});
    assert_eq!(world.post_as(&test, OPENAI, painted.to_string()).await.status, 200);
    assert_eq!(vendor.calls(), 1);
    assert_eq!(world.available(), "10");
    let denied = "pixelgate_moderations_total{outcome=\"denied\"} 1";
    assert!(metric(&world, denied).await);
    world.verify();
    assert_eq!(booked(&mut world, "content_refused"), 1_000_000);

    let calm = FakeVendor::start(verdict(0.1)).await;
    let mut world = moderated(&calm, "");
    assert_eq!(ask(&world, json!({})).await.status, 200);
    assert_eq!((world.available().as_str(), calm.calls()), ("9", 1));
    // The check at a tenth of a cent, and the picture at a cent.
    assert_eq!(booked(&mut world, "ok"), 11_000_000);
}

/// What vendors charge for the requests that came to this, of a world that has stopped.
fn booked(world: &mut World, outcome: &str) -> i64 {
    tokio::task::block_in_place(|| world.stop());
    let database = rusqlite::Connection::open(world.folder.path().join("data/pixelgate.sqlite"));
    let sum = "SELECT sum(cost_nanos) FROM usage WHERE outcome = ?1 AND test = 0";
    database.unwrap().query_row(sum, [outcome], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_refuses_or_lets_go_as_policy_says() {
    let down = || Answers::Json(500, json!({"error": {"message": "no"}}));
    let vendor = FakeVendor::start(down()).await;
    let strict = moderated(&vendor, "");
    let refused = ask(&strict, json!({})).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    let said = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("could not be checked; nothing was charged"), "{said}");
    assert_eq!(strict.available(), "10");
    let open = moderated(&vendor, "on_failure = \"allow\"");
    assert_eq!(ask(&open, json!({})).await.status, 200);
    assert!(metric(&open, "pixelgate_moderations_total{outcome=\"failed\"} 1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prompt_of_a_job_is_checked_when_the_job_begins() {
    let vendor = FakeVendor::start(verdict(0.9)).await;
    let world = moderated(&vendor, "");
    let asked = json!({"model": "paint", "prompt": "a fight", "size": "64x64"});
    let accepted = world.post_with(OPENAI, &asked, &[("prefer", "respond-async")]).await;
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    let done = crate::jobs::ended(&world, accepted.json()["id"].as_str().unwrap()).await;
    assert_eq!(done["status"], "failed", "{done}");
    assert_eq!(done["error"]["code"], "content_refused", "{done}");
    assert_eq!(world.available(), "10");
    world.verify();
}
