//! What is quoted, held, paid and booked by components, by formulas and by dated versions.

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};

/// A model of one vendor, with these lines for its price and its offering's cost.
fn remote(vendor: &str, prices: &str, cost: &str) -> String {
    format!(
        "{PAINTED}\n{vendor}\n[models.remote]\n{prices}\n[[models.remote.offerings]]\n\
         vendor = \"acme\"\nsizes = [\"64x64\"]\n{cost}\n"
    )
}

async fn asked(world: &World) -> Reply {
    world.post(OPENAI, &json!({"model": "remote", "prompt": "a fox", "size": "64x64"})).await
}

/// The one usage row of a world that has stopped, as text.
fn usage(world: &mut World, columns: &str) -> String {
    tokio::task::block_in_place(|| world.stop());
    let database = rusqlite::Connection::open(world.folder.path().join("data/pixelgate.sqlite"));
    let row = format!("SELECT {columns} FROM usage JOIN hold ON hold.id = usage.hold");
    database.unwrap().query_row(&row, [], |row| row.get(0)).unwrap()
}

/// The vendor reports ten tokens of text in and twenty of pictures out.
const BY_TOKENS: &str = "price.tokens.text_in = { million = \"1000\", max = 50 }\n\
                         price.tokens.image_out = { million = \"5000\", max = 100 }";

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_held_by_their_bound_and_paid_as_the_vendor_reports_them() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let cost = "cost.tokens.image_out = { million = \"30\", max = 100 }";
    let policy = remote(&vendor.policy("acme", "openai"), BY_TOKENS, cost);
    let mut world = World::with(&policy, "10", "");
    let request = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let request = json!({"dialect": "openai", "request": request});
    let quoted = world.post("/v1/quote", &request).await.json();
    assert_eq!(quoted["price"], "0.55", "{quoted}");
    let parts = json!([
        {"part": "tokens.text_in", "amount": "0.05"},
        {"part": "tokens.image_out", "amount": "0.5"},
    ]);
    let choice = &quoted["offerings"][0];
    assert_eq!((&choice["price_parts"], &choice["cost"]), (&parts, &json!("0.003")));
    assert!(quoted["price_version"].as_str().unwrap().starts_with("always."));

    let drawn = asked(&world).await;
    assert_eq!(drawn.status, 200, "{}", drawn.json());
    assert_eq!(drawn.header("pixelgate-cost"), Some("0.0006"));
    assert_eq!(world.available(), "9.89");
    world.verify();
    let row = "hold.amount_nanos || ' ' || usage.charged_nanos || ' ' || usage.cost_nanos || ' ' \
               || (usage.price_version = hold.price_version) || ' ' || usage.price_version \
               || ' ' || usage.cost_version";
    let row = usage(&mut world, row);
    let named = format!(
        "550000000 110000000 600000 1 {} {}",
        quoted["price_version"].as_str().unwrap(),
        choice["cost_version"].as_str().unwrap()
    );
    assert_eq!(row, named);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_goes_beyond_its_bound_is_paid_in_full_by_us_alone() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let prices = "price.tokens.image_out = { million = \"100000\", max = 5 }";
    let cost = "cost.tokens.image_out = { million = \"30\", max = 5 }";
    let policy = remote(&vendor.policy("acme", "openai"), prices, cost);
    let world = World::with(&policy, "10", "");
    let drawn = asked(&world).await;
    assert_eq!((drawn.status, drawn.header("pixelgate-cost")), (200, Some("0.0006")));
    assert_eq!(world.available(), "9.5");
    let metrics = world.metrics().await;
    assert!(metrics.contains("pixelgate_price_overruns_total{model=\"remote\"} 1"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_formula_has_no_answer_to_is_refused_and_counted() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    // Whoever reads the policy asks for the ends of what is drawn, and they have an answer.
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = {{ expression = \"1000 / (width - 112)\" }}\n\
         [[models.remote.offerings]]\nvendor = \"acme\"\ncost = [{{ image = \"1\" }}]\n\
         sides = {{ min = 64, max = 512, step = 4 }}\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(&policy, "10", "");
    let request = json!({"model": "remote", "prompt": "a fox", "size": "112x64"});
    let refused = world.post(OPENAI, &request).await;
    assert_eq!((refused.status, vendor.calls()), (503, 0), "{}", refused.json());
    let metrics = world.metrics().await;
    assert!(metrics.contains("pixelgate_unpriced_total{model=\"remote\",what=\"price\"} 1"));
    assert!(metrics.contains("pixelgate_refusals_total{blame=\"us\",code=\"unpriced\"} 1"));
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_the_vendor_bills_is_booked_and_nobody_pays_for_it() {
    let taken = json!({
        "data": [{"respect_moderation": false}],
        "usage": {"cost_in_usd_ticks": 200_000_000},
    });
    let vendor = FakeVendor::start(Answers::Json(200, taken)).await;
    let prices = "price = [{ image = \"2\" }]";
    let cost = "cost = { images = [{ image = \"0.05\" }], refused = \"0.01\" }";
    let policy = remote(&vendor.policy("acme", "xai"), prices, cost)
        .replace("sizes = [\"64x64\"]\ncost", "ratios = { \"1:1\" = \"64x64\" }\ncost");
    let mut world = World::with(&policy, "10", "");
    assert_eq!(asked(&world).await.status, 400);
    assert_eq!(world.available(), "10");
    let row = "usage.outcome || ' ' || usage.charged_nanos || ' ' || usage.cost_nanos";
    assert_eq!(usage(&mut world, row), "content_refused 0 20000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_whose_bill_nobody_says_is_booked_as_policy_says() {
    let no = json!({"error": {"message": "no", "code": "moderation_blocked", "type": "image_generation_user_error"}});
    let vendor = FakeVendor::start(Answers::Json(400, no)).await;
    let cost = "cost = { images = [{ image = \"0.05\" }], refused = \"0.01\" }";
    let policy = remote(&vendor.policy("acme", "openai"), "price = [{ image = \"2\" }]", cost);
    let mut world = World::with(&policy, "10", "");
    assert_eq!(asked(&world).await.status, 400);
    let row = "usage.outcome || ' ' || usage.charged_nanos || ' ' || usage.cost_nanos";
    assert_eq!(usage(&mut world, row), "content_refused 0 10000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_that_has_begun_counts_and_is_named() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let prices = "price = [{ image = \"1\" }]\nlater_prices = [\n\
                  { from = \"2999-01-01\", images = [{ image = \"9\" }] },\n\
                  { from = \"2026-01-01\", images = [{ image = \"3\" }] },\n]";
    let policy = remote(&vendor.policy("acme", "openai"), prices, "cost = [{ image = \"1\" }]");
    let mut world = World::with(&policy, "10", "");
    assert_eq!(asked(&world).await.status, 200);
    assert_eq!(world.available(), "7");
    let named = usage(&mut world, "hold.price_version");
    assert!(named.starts_with("2026-01-01."), "{named}");
}
