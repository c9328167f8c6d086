//! The allowance of a month: once, whoever asks and however often, and through a crash.

use super::world::{World, credits};
use super::*;
use crate::auth::Mode;

on_every_store! {
    of_a_thousand_at_once_only_the_first_brings_it
    a_balance_shows_it_before_anything_is_asked_for
    a_crash_does_not_bring_it_again
    a_new_month_brings_it_anew_and_what_was_left_is_gone
    the_largest_plan_of_the_live_keys_in_use_counts
    a_plan_that_gives_more_from_now_on_gives_the_rest_at_once
}

/// 2026-11-21T10:00:00Z
const NOVEMBER_MS: i64 = 1_795_255_200_000;

/// A shop on a plan with 500 credits a month.
async fn shop(world: World) -> World {
    let until_november = u64::try_from(NOVEMBER_MS - world::START_MS).unwrap();
    world.clock.advance(Duration::from_millis(until_november));
    key(&world, "growth", Mode::Live).await;
    plans(&world);
    world
}

fn plans(world: &World) {
    let plans = [("starter", 50), ("growth", 500), ("pro", 2_000)];
    let plans = plans.map(|(plan, whole)| (plan.to_owned(), credits(whole)));
    world.store().set_allowances(plans.into());
}

async fn key(world: &World, plan: &str, mode: Mode) -> KeyId {
    let new = NewKey {
        workspace: world.workspace.clone(),
        name: "another".to_owned(),
        plan: plan.to_owned(),
        scopes: Vec::new(),
        mode,
        expires_at_ms: None,
        prefix: None,
        joins_repeats: false,
    };
    world.store().create_key(new).await.unwrap().0
}

fn ask(world: &World, id: &str) -> HoldAsk {
    HoldAsk { expires_at_ms: i64::MAX, ..world.ask(id, 1) }
}

async fn of_a_thousand_at_once_only_the_first_brings_it(world: World) {
    let world = shop(world).await;
    let mut tasks = JoinSet::new();
    for number in 0..1_000 {
        let (store, ask) = (world.store().clone(), ask(&world, &format!("h{number}")));
        tasks.spawn(async move { store.hold(ask).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 500);
    assert_eq!(world.balance().await.granted, credits(500));
    assert_eq!(world.count("SELECT count(*) AS n FROM \"grant\"").await, 1);
    world.must_balance().await;
}

async fn a_balance_shows_it_before_anything_is_asked_for(world: World) {
    let world = shop(world).await;
    assert_eq!(world.balance().await.available, credits(500));
}

async fn a_crash_does_not_bring_it_again(world: World) {
    let mut world = shop(world).await;
    world.store().hold(ask(&world, "h1")).await.unwrap();
    world.settle("h1", 1).await.unwrap();
    world.crash().await;
    plans(&world);
    world.store().hold(ask(&world, "h2")).await.unwrap();
    let balance = world.balance().await;
    assert_eq!((balance.granted, balance.available), (credits(500), credits(498)));
    world.must_balance().await;
}

async fn a_new_month_brings_it_anew_and_what_was_left_is_gone(world: World) {
    let world = shop(world).await;
    world.store().hold(ask(&world, "h1")).await.unwrap();
    world.clock.advance(Duration::from_hours(24 * 10));
    let settled = world.settle("h1", 1).await.unwrap();
    assert_eq!(settled.remaining, credits(500), "what is left when December has begun");
    world.store().sweep().await.unwrap();
    let balance = world.balance().await;
    assert_eq!((balance.spent, balance.expired), (credits(1), credits(499)));
    assert_eq!((balance.granted, balance.available), (credits(1_000), credits(500)));
    world.must_balance().await;
}

async fn the_largest_plan_of_the_live_keys_in_use_counts(world: World) {
    let world = shop(world).await;
    key(&world, "starter", Mode::Live).await;
    key(&world, "pro", Mode::Test).await;
    assert_eq!(world.balance().await.available, credits(500));
    let pro = key(&world, "pro", Mode::Live).await;
    assert_eq!(world.balance().await.available, credits(2_000));
    world.store().set_key_status(pro, KeyStatus::Revoked).await.unwrap();
    assert_eq!(world.balance().await.available, credits(2_000), "what was given stays");
    world.clock.advance(Duration::from_hours(24 * 10));
    world.store().sweep().await.unwrap();
    assert_eq!(world.balance().await.available, credits(500));
    world.must_balance().await;
}

async fn a_plan_that_gives_more_from_now_on_gives_the_rest_at_once(world: World) {
    let world = shop(world).await;
    assert_eq!(world.balance().await.available, credits(500));
    world.store().set_allowances([("growth".to_owned(), credits(600))].into());
    assert_eq!(world.balance().await.available, credits(600));
    world.store().set_allowances(HashMap::new());
    assert_eq!(world.balance().await.available, credits(600));
}
