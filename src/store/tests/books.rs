//! Credits, quotas, keys and usage: what every store promises.

use super::world::{self, World, credits, grant};
use super::*;

on_every_store! {
    of_two_hundred_at_once_exactly_as_many_hold_as_there_are_credits_for
    a_reopened_store_remembers_everything
    a_hold_that_a_crash_left_open_expires
    what_became_overdue_while_nobody_served_is_swept_at_the_start
    quotas_survive_a_restart_and_are_given_back_by_a_void
    when_too_much_waits_holds_are_refused_and_notes_let_go
    a_closed_store_says_so
    a_key_works_from_its_making_to_its_revoking
    the_last_use_of_a_key_is_written
    names_that_nobody_gave_out_are_refused
    recent_admissions_are_those_that_held_ended_or_not
    admissions_that_are_read_in_pages_are_each_told_once
    commands_travel_as_json_and_do_what_the_methods_do
}

async fn of_two_hundred_at_once_exactly_as_many_hold_as_there_are_credits_for(world: World) {
    world.grant(37).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, ask) = (world.store().clone(), world.ask(&format!("h{number}"), 1));
        tasks.spawn(async move { store.hold(ask).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 37);
    assert!(verdicts.iter().all(|verdict| matches!(
        verdict,
        Ok(_) | Err(StoreError::Ledger(LedgerError::Short { .. }))
    )));
    let balance = world.balance().await;
    assert_eq!((balance.available, balance.held), (credits(0), credits(37)));
    assert_eq!(world.open_holds().await, 37);
    world.must_balance().await;
}

async fn a_reopened_store_remembers_everything(mut world: World) {
    world.grant(10).await;
    let (_, text) = world.create_key().await;
    world.hold("h1", 4).await.unwrap();
    let settled = world.settle("h1", 3).await.unwrap();
    world.hold("h2", 2).await.unwrap();
    world.hold("h3", 1).await.unwrap();
    world.void("h3").await.unwrap();
    let before = world.balance().await;
    world.reopen().await;
    assert_eq!(world.balance().await, before);
    assert_eq!(before.spent, credits(3));
    assert_eq!(world.open_holds().await, 1);
    assert!(world.store().keys().authenticate(Some(&text), 0).is_ok());
    // What ended before the restart is answered as it was then, and written once.
    assert_eq!(world.settle("h1", 3).await.unwrap(), settled);
    assert!(matches!(
        world.settle("h1", 2).await,
        Err(StoreError::Ledger(LedgerError::AlreadyResolved))
    ));
    for known in ["h1", "h3"] {
        let again = world.hold(known, 5).await;
        assert!(matches!(again, Err(StoreError::Ledger(LedgerError::IdReused))), "{known}");
    }
    world.settle("h2", 2).await.unwrap();
    assert_eq!(world.count("SELECT count(*) AS n FROM usage").await, 3);
    world.must_balance().await;
}

#[tokio::test]
async fn a_hold_that_memory_has_forgotten_is_still_known() {
    let world = World::new().await;
    world.grant(10).await;
    // Names are not given out in their order.
    for first in ["m", "z", "a"] {
        world.hold(first, 1).await.unwrap();
        world.void(first).await.unwrap();
    }
    let hold_and_void = async |number: usize| {
        let ask = world.ask(&format!("n{number}"), 0);
        let hold = ask.hold.clone();
        world.store().hold(ask).await.unwrap();
        world.store().void(hold, world::receipt()).await.unwrap();
    };
    for first in (0..=ENDED_HOLDS_MAX).step_by(256) {
        join_all((first..first + 256).map(hold_and_void)).await;
    }
    for first in ["m", "z", "a"] {
        let again = world.hold(first, 5).await;
        assert!(matches!(again, Err(StoreError::Ledger(LedgerError::IdReused))), "{first}");
    }
}

async fn a_hold_that_a_crash_left_open_expires(mut world: World) {
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.crash().await;
    assert_eq!(world.balance().await.held, credits(4));
    world.clock.advance(Duration::from_mins(10));
    world.store().sweep().await.unwrap();
    assert_eq!(world.balance().await.available, credits(10));
    assert!(matches!(
        world.settle("h1", 4).await,
        Err(StoreError::Ledger(LedgerError::AlreadyResolved))
    ));
    world.must_balance().await;
}

async fn what_became_overdue_while_nobody_served_is_swept_at_the_start(mut world: World) {
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.clock.advance(Duration::from_mins(10));
    world.reopen().await;
    assert_eq!(world.balance().await.available, credits(10));
    world.must_balance().await;
}

async fn quotas_survive_a_restart_and_are_given_back_by_a_void(mut world: World) {
    world.grant(10).await;
    let mut ask = world.ask("h1", 1);
    ask.quotas = vec![world::pictures_of_the_day(3)];
    world.store().hold(ask).await.unwrap();
    world.reopen().await;
    assert_eq!(world.quota_used().await, 3);
    world.void("h1").await.unwrap();
    world.reopen().await;
    assert_eq!(world.quota_used().await, 0);
}

async fn when_too_much_waits_holds_are_refused_and_notes_let_go(world: World) {
    let store = world.store();
    let all = u32::try_from(QUEUE_MAX).unwrap();
    let places = Arc::clone(&store.places).try_acquire_many_owned(all).unwrap();
    assert_eq!(store.queue_depth(), QUEUE_MAX);
    assert!(matches!(world.hold("h1", 0).await, Err(StoreError::Busy)));
    assert!(!store.note(world::receipt()));
    drop(places);
    world.hold("h1", 0).await.unwrap();
}

async fn a_closed_store_says_so(world: World) {
    let other = world.store().clone();
    world.store().clone().close().await.unwrap();
    let refused = other.balance(&world.workspace).await;
    assert!(matches!(refused, Err(StoreError::Closed)));
}

async fn a_key_works_from_its_making_to_its_revoking(world: World) {
    let store = world.store();
    let (key, text) = world.create_key().await;
    let ask = || store.keys().authenticate(Some(&text), 0).map(|_| ());
    assert_eq!(ask(), Ok(()));
    store.set_key_status(key.clone(), KeyStatus::Suspended).await.unwrap();
    assert_eq!(ask(), Err(AuthError::Suspended));
    store.set_key_status(key.clone(), KeyStatus::Active).await.unwrap();
    store.suspend_workspace(world.workspace.clone(), true).await.unwrap();
    assert_eq!(ask(), Err(AuthError::WorkspaceSuspended));
    store.set_key_status(key.clone(), KeyStatus::Revoked).await.unwrap();
    let again = store.set_key_status(key, KeyStatus::Active).await;
    assert!(matches!(again, Err(StoreError::KeyRevoked { .. })));
    assert_eq!(ask(), Err(AuthError::Revoked));
}

async fn the_last_use_of_a_key_is_written(mut world: World) {
    let (key, _) = world.create_key().await;
    world.store().touch(&key);
    world.clock.advance(Duration::from_mins(2));
    world.reopen().await;
    let keys = world.store().list_keys(None).await.unwrap();
    assert_eq!(keys[0].last_used_at_ms, Some(world::START_MS));
}

async fn names_that_nobody_gave_out_are_refused(world: World) {
    let nobody = WorkspaceId::known("ws_nobody");
    let refused = world.store().grant(grant(&nobody, "g1", 1)).await;
    assert!(matches!(refused, Err(StoreError::Unknown { .. })));
    let taken = world.store().create_workspace("the shop".to_owned()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken { .. })));
}

async fn recent_admissions_are_those_that_held_ended_or_not(world: World) {
    world.grant(10).await;
    world.hold("h1", 1).await.unwrap();
    world.settle("h1", 1).await.unwrap();
    let mut ask = world.ask("h2", 1);
    ask.weighs = Weighed { model: Some("fox".to_owned()), images: 3, pixels: 300 };
    world.store().hold(ask).await.unwrap();
    assert!(world.store().note(world::receipt()));
    world.store().sweep().await.unwrap();
    assert_eq!(world.count("SELECT count(*) AS n FROM usage").await, 2);
    let told = admissions(&world, 0, 10).await;
    let weights: Vec<(u32, u64)> = told.iter().map(|a| (a.images, a.pixels)).collect();
    assert_eq!(weights, [(1, 200), (3, 300)]);
    let [settled, open] = [&told[0], &told[1]];
    assert_eq!((settled.model.as_deref(), &settled.open), (None, &None));
    assert_eq!(open.model.as_deref(), Some("fox"));
    assert_eq!(open.open, Some(HoldId::known("h2")));
    assert_eq!((settled.credits, open.credits), (credits(1), credits(1)));
    let later = world::START_MS + 1;
    assert_eq!(admissions(&world, later, 10).await, []);
}

/// The admissions since then, read so many at once.
async fn admissions(world: &World, since_unix_ms: i64, page_rows: usize) -> Vec<Admission> {
    let mut told = Vec::new();
    let tell = |admission| told.push(admission);
    let many = world.store().each_admission_by(page_rows, since_unix_ms, tell).await.unwrap();
    assert_eq!(many, told.len());
    told
}

async fn admissions_that_are_read_in_pages_are_each_told_once(world: World) {
    world.grant(30).await;
    for (hold, amount) in [("h1", 1), ("h2", 2), ("h3", 3), ("h4", 4), ("h5", 5), ("h6", 6)] {
        world.hold(hold, amount).await.unwrap();
    }
    world.clock.advance(Duration::from_millis(1));
    // Several end in one millisecond, so that a page ends among them; two stay open.
    for (hold, amount) in [("h6", 6), ("h2", 2), ("h3", 3)] {
        world.settle(hold, amount).await.unwrap();
    }
    world.clock.advance(Duration::from_millis(1));
    world.settle("h4", 4).await.unwrap();
    for page_rows in 1..=5 {
        let told = admissions(&world, 0, page_rows).await;
        let ended = told.iter().filter(|one| one.open.is_none()).map(|one| one.credits);
        assert_eq!(ended.collect::<Vec<_>>(), [6, 2, 3, 4].map(credits), "{page_rows} at once");
        let mut open: Vec<_> = told.iter().filter_map(|one| one.open.as_ref()).collect();
        open.sort();
        assert_eq!(open, [&HoldId::known("h1"), &HoldId::known("h5")], "{page_rows} at once");
    }
}

async fn commands_travel_as_json_and_do_what_the_methods_do(world: World) {
    for (sent, wanted) in [
        (r#"{"verb":"create_workspace","name":"two"}"#, "workspace_created"),
        (r#"{"verb":"list_workspaces"}"#, "workspaces"),
        (r#"{"verb":"list_keys","workspace":null}"#, "keys"),
        (r#"{"verb":"balance","workspace":"ws_none"}"#, "balance"),
        (r#"{"verb":"verify"}"#, "verified"),
    ] {
        let command: Command = serde_json::from_str(sent).unwrap();
        let outcome = world.store().run(command).await.unwrap();
        let told = serde_json::to_value(&outcome).unwrap();
        assert_eq!(told["outcome"], wanted);
        assert_eq!(serde_json::from_value::<Outcome>(told).unwrap(), outcome);
    }
    let (_, text) = world.create_key().await;
    assert!(text.starts_with("pg_test_"), "{:?}", Mode::Test);
}
